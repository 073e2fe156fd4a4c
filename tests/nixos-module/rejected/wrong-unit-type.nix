# A unit that systemd would not start.
{
  says = "`systemd.services.rsgi-web.serviceConfig' is not of type";
  configuration.services.rsgi = {
    enable = true;
    instances.web.serviceConfig.Type = "simpl";
  };
}
