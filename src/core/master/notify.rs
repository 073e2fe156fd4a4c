//! What the service manager is told: ready, reloading, stopping, how it goes, and that the master is alive.
//!
//! Source: sd_notify(3), systemd.service(5) `Type=notify`, `notify-reload` and `WatchdogSec=`. Without `NOTIFY_SOCKET` in the
//! environment nothing is sent.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::warn;

use super::fleet::Mood;

/// Tells the service manager what is new.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    told: Option<Mood>,
    status: String,
    failed: bool,
}

impl Notifier {
    /// Tells how the instance is, when that has changed.
    pub(crate) fn tell(&mut self, mood: Mood, status: String) {
        if self.told == Some(mood) && self.status == status {
            return;
        }
        let mut news = Vec::with_capacity(3);
        if self.told != Some(mood) {
            match mood {
                Mood::Starting => {}
                Mood::Serving => news.push(NotifyState::Ready),
                Mood::Reloading => {
                    news.push(NotifyState::Reloading);
                    // `Type=notify-reload` needs the moment, to tell this reload from an earlier one.
                    news.extend(NotifyState::monotonic_usec_now().ok());
                }
                Mood::Stopping => news.push(NotifyState::Stopping),
            }
        }
        news.push(NotifyState::Status(&status));
        self.send(&news);
        self.told = Some(mood);
        self.status = status;
    }

    /// The sign of life that `WatchdogSec=` wants.
    pub(crate) fn is_alive(&mut self) {
        self.send(&[NotifyState::Watchdog]);
    }

    fn send(&mut self, news: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(news)
            && !std::mem::replace(&mut self.failed, true)
        {
            warn!("the service manager cannot be told: {error}");
        }
    }
}

/// How often the service manager wants a sign of life: half of what it allows.
pub(crate) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|allowed| allowed / 2).filter(|pause| !pause.is_zero())
}
