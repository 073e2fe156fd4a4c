# Vassals of one emperor, each with its virtual host; one that is not sound leaves the others alone.
{ ... }:
{
  nodes.machine.services.rsgi.vassals = {
    blog = {
      settings.chdir = ./app;
      settings.module = "app";
      nginx.virtualHost = "blog.localhost";
    };
    wiki = {
      settings.chdir = ./app;
      settings.module = "app";
      nginx.virtualHost = "wiki.localhost";
    };
    broken.settings.module = "nowhere";
  };

  testScript = ''
    machine.wait_for_unit("rsgi-emperor.service")
    machine.wait_for_unit("nginx.service")
    for name in ["blog", "wiki"]:
        machine.wait_until_succeeds(f"curl --fail --silent --header 'Host: {name}.localhost' http://localhost/ | grep hello")
    machine.wait_until_succeeds("journalctl --unit rsgi-emperor.service | grep nowhere")
    machine.succeed("systemctl is-active rsgi-emperor.service")
  '';
}
