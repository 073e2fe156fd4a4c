# The quickstart, line by line, as a user types it, with the program that `nix run` runs.
{ ... }:
{
  nodes.machine =
    { config, pkgs, ... }:
    let
      rsgi = config.services.rsgi.package;
    in
    {
      environment.systemPackages = [
        (rsgi.withPlugins (_: [ (rsgi.pluginFor pkgs.python3) ]))
      ];
    };

  testScript = ''
    import json

    run = "systemd-run --collect --unit app --property Type=notify --working-directory ${./app} rsgi"

    def served(options, ask="curl --fail --silent --retry 9 --retry-connrefused http://localhost:9090/"):
        machine.succeed(f"{run} {options}")
        answer = machine.succeed(ask)
        assert "hello from Python" in answer, answer

    machine.wait_for_unit("multi-user.target")
    machine.succeed("rsgi --version")
    with subtest("one process"):
        served("--http :9090 --wsgi-file app.py")
        machine.succeed("systemctl stop app")
    with subtest("processes, threads and stats"):
        served("--http :9090 --wsgi-file app.py --master --processes 4 --threads 2 --stats 127.0.0.1:9191")
        stats = json.loads(machine.succeed("rsgi stats --json 127.0.0.1:9191"))
        assert len(stats["workers"]) == 4, stats
        machine.succeed("systemctl stop app")
    with subtest("no router"):
        served("--http-socket :9090 --wsgi-file app.py")
        machine.succeed("systemctl stop app")
    with subtest("an ini file"):
        machine.succeed("printf '[uwsgi]\nhttp = :9090\nmodule = app\nmaster = true\nprocesses = 2\n' > /tmp/app.ini")
        served("/tmp/app.ini")
        machine.succeed("systemctl stop app")
    with subtest("what is not there is named"):
        machine.fail("rsgi --http :9090 --wsgi-file nowhere.py")
  '';
}
