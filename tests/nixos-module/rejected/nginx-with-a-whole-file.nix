# What socket a configuration file names is not known here.
{
  says = "services.rsgi.instances.web.nginx.virtualHost: there is no socket that is a file";
  configuration.services.rsgi = {
    enable = true;
    instances.web.configFile = "/srv/old/uwsgi.ini";
    instances.web.nginx.virtualHost = "example.org";
  };
}
