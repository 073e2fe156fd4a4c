//! The roles one binary plays, how a process learns its role, and how it is titled.

use rsgi_config::Process;
use serde::{Deserialize, Serialize};

/// What a process of an instance does. Workers are not among them: they are forks of their zygote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Loads the language and the application, then forks workers.
    Zygote,
    /// Speaks HTTP to clients and hands requests to idle cores.
    Router,
}

impl Role {
    /// The hidden first argument that gives a process its role.
    #[must_use]
    pub const fn argument(self) -> &'static str {
        match self {
            Self::Zygote => "--rsgi-role=zygote",
            Self::Router => "--rsgi-role=router",
        }
    }

    /// What process `id` of this role is titled as.
    #[must_use]
    pub const fn titled(self, id: u32) -> Titled {
        match self {
            Self::Zygote => Titled::Zygote,
            Self::Router => Titled::Router(id),
        }
    }

    /// The role behind a first argument.
    #[must_use]
    pub fn from_argument(argument: &std::ffi::OsStr) -> Option<Self> {
        [Self::Zygote, Self::Router].into_iter().find(|role| argument == role.argument())
    }
}

/// A process that has a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Titled {
    /// The master.
    Master,
    /// The master of vassals.
    Emperor,
    /// The zygote of a generation.
    Zygote,
    /// A worker by number.
    Worker(u32),
    /// A mule by number.
    Mule(u32),
    /// A spooler by number.
    Spooler(u32),
    /// A router by number.
    Router(u32),
    /// The one that checks a new generation.
    Probe,
}

/// The title of a process, or `None` where its command line stays as it is.
///
/// Source: uWSGI 2.0, options `procname*` and `auto-procname`. Processes other than the master are always named by their
/// role, because their own command line would tell nothing.
#[must_use]
pub fn title(process: &Process, which: Titled) -> Option<String> {
    let by_role = match which {
        Titled::Master => "rsgi master".to_owned(),
        Titled::Emperor => "rsgi emperor".to_owned(),
        Titled::Zygote => "rsgi zygote".to_owned(),
        Titled::Worker(number) => format!("rsgi worker {number}"),
        Titled::Mule(number) => format!("rsgi mule {number}"),
        Titled::Spooler(number) => format!("rsgi spooler {number}"),
        Titled::Router(number) => format!("rsgi http {number}"),
        Titled::Probe => "rsgi probe".to_owned(),
    };
    let is_emperor = which == Titled::Emperor;
    let is_master = is_emperor || which == Titled::Master;
    let emperors = process.procname_emperor.as_ref().filter(|_| is_emperor);
    let chosen = emperors.or(process.procname_master.as_ref().filter(|_| is_master)).or(process.procname.as_ref());
    let decorated = process.procname_prefix.is_some() || process.procname_append.is_some();
    let body = match chosen {
        Some(name) => name.clone(),
        None if is_master && !process.auto_procname && !decorated => return None,
        None => by_role,
    };
    let (before, after) = (process.procname_prefix.as_deref(), process.procname_append.as_deref());
    Some(format!("{}{body}{}", before.unwrap_or_default(), after.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hidden_argument_names_the_role() {
        assert_eq!(Role::from_argument("--rsgi-role=router".as_ref()), Some(Role::Router));
        assert_eq!(Role::from_argument(Role::Zygote.argument().as_ref()), Some(Role::Zygote));
        assert_eq!(Role::from_argument("--http".as_ref()), None);
    }

    #[test]
    fn titles_follow_the_options() {
        let mut process = Process::default();
        assert_eq!(title(&process, Titled::Master), None);
        assert_eq!(title(&process, Titled::Worker(2)).as_deref(), Some("rsgi worker 2"));
        process.auto_procname = true;
        assert_eq!(title(&process, Titled::Master).as_deref(), Some("rsgi master"));
        process.procname_prefix = Some("shop ".into());
        process.procname_append = Some(" (live)".into());
        assert_eq!(title(&process, Titled::Router(1)).as_deref(), Some("shop rsgi http 1 (live)"));
        process.procname = Some("app".into());
        process.procname_master = Some("boss".into());
        assert_eq!(title(&process, Titled::Master).as_deref(), Some("shop boss (live)"));
        assert_eq!(title(&process, Titled::Zygote).as_deref(), Some("shop app (live)"));
        assert_eq!(title(&process, Titled::Emperor).as_deref(), Some("shop boss (live)"));
        process.procname_emperor = Some("Caesar".into());
        assert_eq!(title(&process, Titled::Emperor).as_deref(), Some("shop Caesar (live)"));
    }
}
