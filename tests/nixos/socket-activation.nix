# The first connection starts the instance; reloads and restarts keep the socket, and refuse nobody.
{ ... }:
{
  nodes.machine.services.rsgi.instances.web = {
    settings.chdir = ./app;
    settings.module = "app";
    settings.protocol = "http";
    socketActivation.enable = true;
    socketActivation.onDemand = true;
    socketActivation.listenStreams = [ "127.0.0.1:9090" ];
  };

  testScript = ''
    ask = "curl --fail --silent --max-time 20 http://127.0.0.1:9090/"
    machine.wait_for_unit("rsgi-web.socket")
    machine.fail("systemctl is-active rsgi-web.service")
    machine.succeed(f"{ask} | grep hello")
    pid = machine.succeed("systemctl show --value --property MainPID rsgi-web.service")
    for _ in range(2):
        machine.succeed("systemctl reload rsgi-web.service")
        machine.succeed(f"{ask} | grep hello")
    assert pid == machine.succeed("systemctl show --value --property MainPID rsgi-web.service")
    machine.succeed("systemctl restart rsgi-web.service & " + ask)
    machine.succeed("systemctl stop rsgi-web.service")
    machine.succeed(f"{ask} | grep hello")
  '';
}
