# Two names of one option contradict each other in silence.
{
  says = "services.rsgi.instances.web.settings: processes and workers are one option";
  configuration.services.rsgi = {
    enable = true;
    instances.web.settings.processes = 4;
    instances.web.settings.workers = 8;
  };
}
