# A secret reaches the application, and nobody else.
{ ... }:
{
  nodes.machine =
    { ... }:
    {
      systemd.tmpfiles.rules = [ "f /var/keys/secret 0400 root root - s3cret" ];
      services.rsgi.instances.web = {
        settings.chdir = ./app;
        settings.module = "app";
        settings.http = "127.0.0.1:9090";
        credentials.secret = "/var/keys/secret";
        environment.GREETING = "hello";
      };
    };

  testScript = ''
    machine.wait_for_unit("rsgi-web.service")
    machine.succeed("curl --fail --silent http://127.0.0.1:9090/secret | grep s3cret")
    machine.succeed("curl --fail --silent http://127.0.0.1:9090/greeting | grep hello")
    machine.fail("grep --recursive s3cret /etc/rsgi /proc/$(systemctl show --value --property MainPID rsgi-web.service)/environ")
  '';
}
