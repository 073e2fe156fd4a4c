# An instance that gives no sign of life is replaced.
{ ... }:
{
  nodes.machine.services.rsgi.instances.web = {
    settings.chdir = ./app;
    settings.module = "app";
    settings.http = "127.0.0.1:9090";
    watchdogSec = 3;
  };

  testScript = ''
    machine.wait_for_unit("rsgi-web.service")
    pid = machine.succeed("systemctl show --value --property MainPID rsgi-web.service").strip()
    machine.succeed("sleep 5; systemctl is-active rsgi-web.service")
    assert pid == machine.succeed("systemctl show --value --property MainPID rsgi-web.service").strip()
    machine.succeed(f"kill -STOP {pid}")
    machine.wait_until_succeeds("test $(systemctl show --value --property NRestarts rsgi-web.service) -ge 1")
    machine.wait_until_succeeds("curl --fail --silent http://127.0.0.1:9090/ | grep hello")
  '';
}
