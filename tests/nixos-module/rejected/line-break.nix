# A line break would smuggle an option in.
{
  says = "has a line break";
  configuration.services.rsgi = {
    enable = true;
    instances.web.settings.module = "app\nuid = root";
  };
}
