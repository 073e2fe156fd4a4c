# Nothing runs as root.
{
  says = "services.rsgi.instances.web.user: rsgi is not run as root here";
  configuration.services.rsgi = {
    enable = true;
    instances.web.user = "root";
  };
}
