# The score, and what is really denied behind it.
{ ... }:
{
  nodes.machine.services.rsgi.instances.web.settings = {
    chdir = ./app;
    module = "app";
    http = "127.0.0.1:9090";
  };

  testScript = ''
    ask = "curl --fail --silent http://127.0.0.1:9090"
    machine.wait_for_unit("rsgi-web.service")
    machine.succeed("systemd-analyze security --no-pager --threshold=15 rsgi-web.service")
    for place in ["/etc/motd", "/var/lib/other", "/usr/x", "/root/x"]:
        machine.succeed(f"{ask}/write{place} | grep denied")
    machine.succeed(f"{ask}/write/var/lib/rsgi/web/file | grep written")
    pid = machine.succeed("systemctl show --value --property MainPID rsgi-web.service").strip()
    status = machine.succeed(f"cat /proc/{pid}/status")
    for line in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"]:
        assert line in status, status
    machine.succeed("install -D /dev/null /home/visitor/file; ls /home | grep visitor")
    machine.fail(f"nsenter --target {pid} --mount ls /home | grep visitor")
  '';
}
