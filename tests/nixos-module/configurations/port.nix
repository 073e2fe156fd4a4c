# A user of its own, and a port below 1024.
{
  services.rsgi = {
    enable = true;
    instances.api = {
      user = "api";
      settings = {
        chdir = "/srv/api";
        wsgi-file = "app.py";
        http = ":80";
        threads = 4;
      };
      capabilities = [ "CAP_NET_BIND_SERVICE" ];
      ports = [ 80 ];
      openFirewall = true;
    };
  };
}
