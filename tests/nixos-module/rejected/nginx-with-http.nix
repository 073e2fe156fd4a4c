# With a socket of its own for HTTP there is none that nginx could connect to.
{
  says = "services.rsgi.instances.web.nginx.virtualHost: there is no socket that is a file";
  configuration.services.rsgi = {
    enable = true;
    instances.web.settings.http = ":8080";
    instances.web.nginx.virtualHost = "example.org";
  };
}
