//! What somebody asks of the running emperor: by a signal, by a letter in its pipe, by touching a file.

use rsgi_config::{HookAct, Phase};
use tracing::{info, warn};

use super::court::Event;
use super::{Reign, ceremony};
use crate::hooks;
use crate::logging;
use crate::master::Errand;
use crate::master::fleet::Mood;

impl Reign {
    /// Does what is asked. What that means to the court: nothing new, mostly.
    pub(super) fn run_errand(&mut self, errand: Errand) -> Event {
        let config = &self.started.config;
        match errand {
            Errand::Reload if config.process.exit_on_reload => return Event::Stop,
            Errand::Reload => return self.reload(),
            Errand::Look => return Event::Seen(self.look()),
            Errand::Stop => return Event::Stop,
            Errand::Quit => return Event::Quit,
            Errand::Status => info!("[emperor] {}", self.status()),
            Errand::ReopenLog => logging::reopen(config),
            Errand::RotateLog => {
                if !logging::collector::rotate() {
                    warn!("the log is not rotated: that takes log-master or log-maxsize");
                }
            }
            Errand::Run(command) => self.chores.start(&command, config),
            Errand::Hook(HookAct::Exec(command) | HookAct::SafeExec(command)) => self.chores.start(&command, config),
            Errand::Hook(act) => hooks::run_beside(config, "touch", act),
            Errand::WritePids => {
                if let Err(error) = self.started.write_pid_files_again() {
                    warn!("{error}");
                }
            }
            Errand::Slot(slot) => self.chores.open_fifo(config, slot),
            Errand::RollingReload | Errand::Pause | Errand::Grow | Errand::Shrink | Errand::Rest | Errand::Raise(_) => {
                warn!("{errand:?}: this is for workers, and an emperor has none");
            }
            Errand::Unknown(what) => warn!("the command {what} means nothing here"),
        }
        Event::Tick
    }

    /// Every vassal is to reload, and daemons begin anew.
    fn reload(&mut self) -> Event {
        ceremony::hold(&self.started.config, Phase::EmperorReload);
        self.chores.renew(&self.started.config);
        self.mood = if self.mood == Mood::Serving { Mood::Reloading } else { self.mood };
        // Looked at first: who was given another owner is not to read its file as the one before.
        Event::Renewed(self.look())
    }
}
