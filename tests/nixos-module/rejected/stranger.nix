# What is near to nothing is probably meant as a placeholder.
{
  says = "there is no option `project-colour`; a placeholder is set by";
  configuration.services.rsgi = {
    enable = true;
    instances.web.settings.project-colour = "blue";
  };
}
