//! What an option is. The rows are in [`crate::options`]; [`crate::lookup`] finds them by name.

use crate::draft::Draft;
use crate::source::Directive;
use crate::value::{Fault, Value};

/// One option. [`OPT`] gives the fields that a row leaves out.
pub(crate) struct Opt {
    /// The canonical name.
    pub name: &'static str,
    /// Other names that mean the same.
    pub aliases: &'static [&'static str],
    /// The one-letter form of the command line.
    pub short: Option<char>,
    /// Whether a value follows on the command line.
    pub arg: Arg,
    /// How often it is needed.
    pub tier: Tier,
    /// Its chapter in the manual.
    pub group: Group,
    /// What the value is: `seconds`, `bytes`, `file`… Empty for flags.
    pub unit: &'static str,
    /// The default as text, compared with [`crate::Config::default`] by a test.
    pub default: &'static str,
    /// JSON pointer of the field of [`crate::Config`] it sets; empty when it sets none.
    pub field: &'static str,
    /// An ini line that works.
    pub example: &'static str,
    /// The option exists in rsgi only.
    pub own: bool,
    /// `false`: read and remembered, but nothing acts on it yet; a run says so.
    pub built: bool,
    /// Giving it asks for a master, as under uWSGI.
    pub implies_master: bool,
    /// How a built option differs from uWSGI's on purpose; empty if it does not.
    pub differs: &'static str,
    /// What it does, in Markdown. The first line is the short help.
    pub doc: &'static str,
    /// How it acts.
    pub act: Act,
}

/// The fields that a row leaves out.
pub(crate) const OPT: Opt = Opt {
    name: "",
    aliases: &[],
    short: None,
    arg: Arg::Required,
    tier: Tier::Common,
    group: Group::General,
    unit: "",
    default: "",
    field: "",
    example: "",
    own: false,
    built: true,
    implies_master: false,
    differs: "",
    doc: "",
    act: Act::Set(|_, _| Ok(())),
};

/// How an option acts.
pub(crate) enum Act {
    /// Writes its value into the draft, after all sources were read, in the order written.
    Set(fn(&mut Draft, &Value<'_>) -> Result<(), Fault>),
    /// Hands its value to the language plugin under the canonical name.
    App(AppValue),
    /// Acts while the sources are read: loads a file, repeats lines, defines a placeholder…
    Read(Directive),
}

/// How the value of an option of the language plugin is handed over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AppValue {
    /// As text.
    Text,
    /// As `true` or `false`.
    Switch,
    /// As a whole number.
    Count,
    /// As text of the form `KEY=VALUE`.
    Pair,
}

/// Whether a value follows on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arg {
    /// Never.
    None,
    /// Only after `=`.
    Optional,
    /// Always.
    Required,
}

/// How often an option is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    /// The quickstart uses it.
    Quickstart,
    /// Common.
    Common,
    /// The tail.
    Rare,
}

/// A chapter of the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// Sockets of the workers.
    Sockets,
    /// The HTTP router.
    Http,
    /// Workers and their life.
    Workers,
    /// Processes beside the workers.
    Aside,
    /// What is done at the phases of an instance's life.
    Hooks,
    /// The application and its Python.
    Python,
    /// Sizes and deadlines.
    Limits,
    /// Logs.
    Logging,
    /// The process, its files, its rights.
    Process,
    /// Reloading.
    Reload,
    /// Statistics.
    Stats,
    /// Static files.
    Static,
    /// The emperor.
    Emperor,
    /// Configuration files and their logic.
    Files,
    /// What fits nowhere else.
    General,
}

impl Group {
    /// All chapters in the order of the manual.
    pub(crate) const ALL: [Self; 15] = [
        Self::Sockets,
        Self::Http,
        Self::Workers,
        Self::Aside,
        Self::Hooks,
        Self::Python,
        Self::Limits,
        Self::Logging,
        Self::Process,
        Self::Reload,
        Self::Stats,
        Self::Static,
        Self::Emperor,
        Self::Files,
        Self::General,
    ];

    /// The title of the chapter.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Sockets => "Sockets",
            Self::Http => "HTTP router",
            Self::Workers => "Workers",
            Self::Aside => "Beside the workers",
            Self::Hooks => "Hooks",
            Self::Python => "Application and Python",
            Self::Limits => "Limits and deadlines",
            Self::Logging => "Logging",
            Self::Process => "Process, files and rights",
            Self::Reload => "Reloading",
            Self::Stats => "Statistics",
            Self::Static => "Static files",
            Self::Emperor => "Emperor",
            Self::Files => "Configuration files",
            Self::General => "General",
        }
    }
}

impl Opt {
    /// The first line of the documentation.
    pub(crate) fn summary(&self) -> &'static str {
        self.doc.split('\n').next().unwrap_or_default()
    }

    /// The name followed by the aliases.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// An option of uWSGI that has no row here.
#[derive(Debug)]
pub(crate) struct Declined {
    /// Its names, separated by blanks; the first is the canonical one.
    pub names: &'static str,
    /// The one-letter form of the command line.
    pub short: Option<char>,
    /// Whether a value follows on the command line.
    pub arg: Arg,
    /// What happens to it.
    pub verdict: Verdict,
    /// What it does under uWSGI, or, when ignored or refused, why.
    pub text: &'static str,
}

/// What happens to an option without a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not built; a warning names what it would have done.
    NotBuilt,
    /// Accepted, and meaningless here.
    Ignored,
    /// An error: going on without it would be wrong.
    Refused,
}
