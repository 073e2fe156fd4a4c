//! Exit codes: uWSGI's numbers with their meaning, so that supervisors and scripts read them as before.

/// How a process of the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A normal end, whichever signal asked for it.
    Ok,
    /// The configuration is wrong, or something it names cannot be had (a port, a file, a user).
    Config,
    /// A worker ends because its generation is being replaced.
    Reload,
    /// No application could be loaded, and one was needed.
    NoApp,
    /// A worker ends because it was asked to.
    WorkerEnd,
    /// The application of a new generation has not passed its check. A number of our own, beside uWSGI's.
    Unhealthy,
    /// A hook of a forked process has failed (`hook-accepting`, `hook-post-fork`). A number of our own as well.
    Hook,
    /// The application asked for the end of its process with this code.
    App(i32),
    /// A number decided elsewhere.
    Raw(i32),
}

impl Exit {
    /// The number given to `exit`.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Ok => 0,
            Self::Config => 1,
            Self::Reload => 17,
            Self::NoApp => 22,
            Self::WorkerEnd => 30,
            Self::Unhealthy => 40,
            Self::Hook => 41,
            Self::App(code) => code & 0xff,
            Self::Raw(code) => code,
        }
    }
}
