# Two Pythons on one machine, one program.
{ ... }:
{
  nodes.machine =
    { pkgs, ... }:
    {
      services.rsgi.instances = {
        older = {
          python = pkgs.python312;
          settings.chdir = ./app;
          settings.module = "app";
          settings.http = "127.0.0.1:9312";
        };
        newer = {
          python = pkgs.python313;
          settings.chdir = ./app;
          settings.module = "app";
          settings.http = "127.0.0.1:9313";
        };
      };
    };

  testScript = ''
    for name, port, version in [("older", 9312, "3.12"), ("newer", 9313, "3.13")]:
        machine.wait_for_unit(f"rsgi-{name}.service")
        answer = machine.succeed(f"curl --fail --silent http://127.0.0.1:{port}/")
        assert answer.startswith(f"hello from Python {version}"), answer
  '';
}
