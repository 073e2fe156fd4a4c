# nginx in front, by the uwsgi protocol, with a socket that systemd opens.
{ ... }:
{
  nodes.machine.services.rsgi.instances.web = {
    settings.chdir = ./app;
    settings.module = "app";
    socketActivation.enable = true;
    nginx.virtualHost = "localhost";
  };

  testScript = ''
    machine.wait_for_unit("rsgi-web.service")
    machine.wait_for_unit("nginx.service")
    answer = machine.succeed("curl --fail --silent http://localhost/")
    assert answer.startswith("hello from Python 3."), answer
    machine.succeed("systemctl show --property StatusText rsgi-web.service | grep serving")
  '';
}
