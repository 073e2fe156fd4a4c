# Settings of vassals are looked at like those of instances.
{
  says = "services.rsgi.vassals.blog.settings: there is no option `vaccum`; did you mean `vacuum`?";
  configuration.services.rsgi = {
    enable = true;
    vassals.blog.settings.vaccum = true;
  };
}
