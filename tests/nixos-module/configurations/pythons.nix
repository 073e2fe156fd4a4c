# Two Pythons on one machine, one instance with a file that was written for uWSGI.
{ pkgs, ... }:
{
  services.rsgi = {
    enable = true;
    instances.old = {
      python = pkgs.python311;
      pythonPackages = ps: [ ps.flask ];
      configFile = "/srv/old/uwsgi.ini";
      denyNetwork = true;
    };
    instances.new = {
      python = pkgs.python313;
      settings = {
        chdir = "/srv/new";
        module = "app:application";
        cpu-affinity = 1;
        http-socket = "127.0.0.1:8013";
      };
      allowJit = true;
      fullProc = true;
      watchdogSec = null;
      writablePaths = [ "/srv/new/media" ];
      serviceConfig.Restart = "always";
    };
  };
}
