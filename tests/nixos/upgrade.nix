# A switch to a configuration with other settings reloads the instance: the process stays, the answer is the new one's.
{ ... }:
{
  nodes.machine =
    { lib, ... }:
    {
      services.rsgi.instances.web.settings = {
        chdir = ./app;
        module = "app";
        http = "127.0.0.1:9090";
        env = lib.mkDefault "GREETING=old";
      };
      specialisation.new.configuration.services.rsgi.instances.web.settings.env = "GREETING=new";
    };

  testScript = ''
    ask = "curl --fail --silent http://127.0.0.1:9090/greeting"
    machine.wait_for_unit("rsgi-web.service")
    machine.succeed(f"{ask} | grep old")
    pid = machine.succeed("systemctl show --value --property MainPID rsgi-web.service")
    machine.succeed("/run/current-system/specialisation/new/bin/switch-to-configuration test")
    machine.wait_until_succeeds(f"{ask} | grep new")
    assert pid == machine.succeed("systemctl show --value --property MainPID rsgi-web.service")
  '';
}
