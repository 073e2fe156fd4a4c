# nginx needs a socket to connect to.
{
  says = "services.rsgi.instances.web.nginx.virtualHost: there is no socket that is a file";
  configuration.services.rsgi = {
    enable = true;
    instances.web.socket = null;
    instances.web.nginx.virtualHost = "example.org";
  };
}
