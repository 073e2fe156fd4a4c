# A request that takes too long is ended with a report, and the next one is answered.
{ ... }:
{
  nodes.machine.services.rsgi.instances.web.settings = {
    chdir = ./app;
    module = "app";
    http = "127.0.0.1:9090";
    harakiri = 2;
  };

  testScript = ''
    machine.wait_for_unit("rsgi-web.service")
    status = machine.succeed("curl --silent --output /dev/null --write-out '%{http_code}' http://127.0.0.1:9090/sleep")
    assert status == "504", status
    machine.succeed("journalctl --unit rsgi-web.service | grep -i harakiri")
    machine.succeed("journalctl --unit rsgi-web.service | grep app.py")
    machine.succeed("curl --fail --silent http://127.0.0.1:9090/ | grep hello")
  '';
}
