# The type of an option of the module.
{
  says = "`services.rsgi.instances.web.watchdogSec' is not of type";
  configuration.services.rsgi = {
    enable = true;
    instances.web.watchdogSec = "soon";
  };
}
