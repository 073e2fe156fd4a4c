# An option that the module does not have.
{
  says = "`services.rsgi.instances.web.wsgiFile' does not exist";
  configuration.services.rsgi = {
    enable = true;
    instances.web.wsgiFile = "app.py";
  };
}
