# What leaves systemd's hands is no service.
{
  says = "systemd keeps the process; leave daemonize out";
  configuration.services.rsgi = {
    enable = true;
    instances.web.settings.daemonize = "/var/log/web.log";
  };
}
