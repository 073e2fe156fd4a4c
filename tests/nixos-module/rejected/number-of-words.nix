# A number is a number, or a text with a placeholder in it.
{
  says = "services.rsgi.instances.web.settings.processes takes a number, not \"many\"";
  configuration.services.rsgi = {
    enable = true;
    instances.web.settings.processes = "many";
    instances.other.settings.processes = "%k";
  };
}
