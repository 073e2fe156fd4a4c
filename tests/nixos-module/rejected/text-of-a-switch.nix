# An option that takes a text is no switch.
{
  says = "services.rsgi.instances.web.settings.module takes a text, not true";
  configuration.services.rsgi = {
    enable = true;
    instances.web.settings.module = true;
  };
}
