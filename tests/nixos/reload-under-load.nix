# A load that does not stop, and reloads meanwhile: not one request fails.
{ pkgs, ... }:
{
  nodes.machine.services.rsgi.instances.web.settings = {
    chdir = ./app;
    module = "app";
    http = "127.0.0.1:9090";
    processes = 2;
    threads = 4;
  };

  testScript = ''
    machine.wait_for_unit("rsgi-web.service")
    machine.succeed("systemd-run --unit load --remain-after-exit ${pkgs.runtimeShell} -c '${pkgs.apacheHttpd}/bin/ab -k -l -c 8 -n 20000 http://127.0.0.1:9090/ > /tmp/load'")
    for _ in range(10):
        machine.succeed("systemctl reload rsgi-web.service")
    machine.wait_until_succeeds("grep 'Complete requests' /tmp/load", timeout=300)
    report = machine.succeed("cat /tmp/load")
    assert "Failed requests:        0" in report, report
    assert "Non-2xx" not in report, report
  '';
}
