# A whole file leaves no room for settings.
{
  says = "services.rsgi.instances.web: configFile stands for settings and extraConfig";
  configuration.services.rsgi = {
    enable = true;
    instances.web.configFile = "/etc/uwsgi.ini";
    instances.web.settings.module = "app";
  };
}
