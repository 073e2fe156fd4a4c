# An application behind nginx, started by its first request.
{
  services.rsgi = {
    enable = true;
    instances.web = {
      settings = {
        chdir = "/srv/web";
        module = "app:application";
        processes = 2;
        reload-check = "/";
      };
      socketActivation.enable = true;
      socketActivation.onDemand = true;
      credentials.secret = "/run/keys/secret";
      environment.GREETING = "hello \"world\"";
      watchdogSec = 10;
      nginx.virtualHost = "web.example.org";
    };
  };
  services.nginx.group = "www-data";
}
