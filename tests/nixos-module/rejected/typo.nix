# A slip of the fingers is found before anything is built.
{
  says = "services.rsgi.instances.web.settings: there is no option `proceses`; did you mean `processes`?";
  configuration.services.rsgi = {
    enable = true;
    instances.web.settings.proceses = 4;
  };
}
