//! Health checks: paths that say whether the server lives, and whether requests are served. No application is asked, nothing
//! waits in a queue, and nothing is logged or counted.

use rsgi_config::Config;

/// The paths of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probes {
    live: Option<Box<[u8]>>,
    ready: Option<Box<[u8]>>,
}

/// What a request wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Whether there is anybody.
    Live,
    /// Whether requests are served.
    Ready,
}

/// How those are who are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Requests are served.
    Ready,
    /// No worker has served yet.
    Starting,
    /// Nothing new is taken for now.
    Paused,
    /// Nothing new is taken any more.
    Stopping,
    /// There is nobody to serve requests.
    NoWorker,
}

/// The answer to a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// 200 or 503.
    pub code: u16,
    /// Code and reason.
    pub status: &'static str,
    /// A word on it.
    pub text: &'static str,
}

/// Header lines of every answer.
pub const LINES: &str = "Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n";

impl Probes {
    /// Those that the options name.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let path = |path: &Option<String>| path.as_ref().map(|path| path.as_bytes().into());
        Self { live: path(&config.monitoring.live), ready: path(&config.monitoring.ready) }
    }

    /// What a request with this method and path wants to know; `None`: it is for the application.
    #[must_use]
    pub fn find(&self, method: &[u8], path: &[u8]) -> Option<Probe> {
        let is_it = |probe: &Option<Box<[u8]>>| probe.as_ref().is_some_and(|probe| **probe == *path);
        let probe = match () {
            () if is_it(&self.live) => Probe::Live,
            () if is_it(&self.ready) => Probe::Ready,
            () => return None,
        };
        matches!(method, b"GET" | b"HEAD").then_some(probe)
    }

    /// Whether there is any.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.live.is_none() && self.ready.is_none()
    }
}

impl Probe {
    /// The answer, when things are so.
    #[must_use]
    pub const fn answer(self, state: State) -> Verdict {
        let text = match (self, state) {
            (Self::Live, _) | (Self::Ready, State::Ready) => {
                return Verdict { code: 200, status: "200 OK", text: "ok\n" };
            }
            (Self::Ready, State::Starting) => "starting\n",
            (Self::Ready, State::Paused) => "paused\n",
            (Self::Ready, State::Stopping) => "stopping\n",
            (Self::Ready, State::NoWorker) => "no worker\n",
        };
        Verdict { code: 503, status: "503 Service Unavailable", text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_paths_are_probes() {
        let mut config = Config::default();
        assert!(Probes::of(&config).is_empty());
        config.monitoring.live = Some("/healthz".into());
        config.monitoring.ready = Some("/readyz".into());
        let probes = Probes::of(&config);
        assert_eq!(probes.find(b"GET", b"/healthz"), Some(Probe::Live));
        assert_eq!(probes.find(b"HEAD", b"/readyz"), Some(Probe::Ready));
        for (method, path) in [("POST", "/readyz"), ("GET", "/readyz/"), ("GET", "/"), ("GET", ""), ("", "/healthz")] {
            assert_eq!(probes.find(method.as_bytes(), path.as_bytes()), None, "{method} {path}");
        }
    }

    #[test]
    fn who_lives_is_not_always_ready() {
        let states = [State::Ready, State::Starting, State::Paused, State::Stopping, State::NoWorker];
        assert!(states.iter().all(|&state| Probe::Live.answer(state).code == 200));
        let codes = states.map(|state| Probe::Ready.answer(state).code);
        assert_eq!(codes, [200, 503, 503, 503, 503]);
    }
}
