# A port that there is not.
{
  says = "is not of type `16 bit unsigned integer";
  configuration.services.rsgi = {
    enable = true;
    instances.web.ports = [ 70000 ];
    instances.web.openFirewall = true;
  };
}
