# What rsgi refuses at the start is refused here.
{
  says = "services.rsgi.instances.web.settings.allowed-modifiers is refused: requests with other modifiers would not be refused";
  configuration.services.rsgi = {
    enable = true;
    instances.web.settings.allowed-modifiers = "0";
  };
}
