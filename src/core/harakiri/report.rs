//! The words for the log: uWSGI's lines, and what rsgi knows beyond them.

use super::epoch;
use super::watch::Sight;
use crate::master::fleet::Kind;
use crate::memory::core_slot::CoreSlot;
use crate::memory::variables::redacted;

/// A request, or a message to a mule, as the log names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accused {
    /// What the process is.
    pub kind: Kind,
    /// Number of the core.
    pub core: u32,
    /// Beginning of the request, seconds since the epoch.
    pub since: u64,
    /// The core's thread as tracebacks name it, 0 when it is not known.
    pub thread: u64,
    /// Its variables, secrets hidden; none when nobody has asked for them to be written.
    pub variables: Vec<Vec<u8>>,
}

impl Accused {
    /// The request that a core is in.
    #[must_use]
    pub fn of(kind: Kind, core: u32, slot: CoreSlot) -> Option<Self> {
        let since = epoch(slot.busy_since()?) / 1_000_000;
        Some(Self { kind, core, since, thread: slot.thread().0, variables: redacted(slot.variables()) })
    }

    fn value(&self, key: &str) -> String {
        let value = |one: &Vec<u8>| one.strip_prefix(key.as_bytes())?.strip_prefix(b"=").map(shown);
        self.variables.iter().find_map(value).filter(|value| !value.is_empty()).unwrap_or_else(|| "-".into())
    }

    /// uWSGI's line about a core.
    #[must_use]
    pub fn line(&self) -> String {
        let [client, method, uri] = ["REMOTE_ADDR", "REQUEST_METHOD", "REQUEST_URI"].map(|key| self.value(key));
        let label = self.label();
        match self.kind {
            Kind::Worker | Kind::Probe => {
                format!("HARAKIRI [{label}] {client} - {method} {uri} since {}", self.since)
            }
            Kind::Spooler => format!("HARAKIRI [{label}] {} since {}", self.value("TASK"), self.since),
            Kind::Mule => format!("HARAKIRI [{label}] to {} since {}", self.value("TO"), self.since),
        }
    }

    /// What the lines about it begin with.
    fn label(&self) -> String {
        match self.kind {
            Kind::Worker | Kind::Probe => format!("core {}", self.core),
            Kind::Mule => "message".to_owned(),
            Kind::Spooler => "task".to_owned(),
        }
    }

    /// What rsgi adds: which thread of the traceback it is, and every variable of the request.
    pub fn details(&self) -> impl Iterator<Item = String> {
        let thread = (self.thread != 0).then(|| format!("HARAKIRI [{}] thread 0x{:016x}", self.label(), self.thread));
        let variables = self.variables.iter().map(|one| format!("HARAKIRI [{}] {}", self.label(), shown(one)));
        thread.into_iter().chain(variables)
    }
}

/// Everything that is said when a process is accused. `accused` are all its busy cores.
#[must_use]
pub fn accusation(sight: &Sight, attempt: u32, gently: bool, accused: &[Accused]) -> Vec<String> {
    let Sight { kind, number, core, pid, by_user, .. } = *sight;
    let yes = if gently { "yes" } else { "no" };
    let loud = kind.to_string().to_uppercase();
    let mut lines = vec![
        format!("*** HARAKIRI ON {loud} {number} (pid: {pid}, try: {attempt}, graceful: {yes}) ***"),
        format!("HARAKIRI !!! {kind} {number} status !!!"),
    ];
    for one in accused {
        lines.push(one.line());
        if one.core == core {
            lines.extend(one.details());
        }
    }
    lines.push(format!("HARAKIRI !!! end of {kind} {number} status !!!"));
    let whose = if by_user { " (user)" } else { "" };
    let place = if kind == Kind::Worker { format!(" core {core}") } else { String::new() };
    lines.push(format!("HARAKIRI{whose} triggered by {kind} {number}{place} !!!"));
    lines
}

/// What a thread is at in the kernel, with `harakiri-verbose`.
#[must_use]
pub fn kernel(pid: u32, thread: u64) -> Vec<String> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/task/{thread}/{name}")).ok();
    let line = |name: &str| read(name).map(|text| format!("HARAKIRI: -- {name}> {}", text.trim_end()));
    ["syscall", "wchan"].into_iter().filter_map(line).collect()
}

/// Text of a client in the log: what could mislead a reader is escaped.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_graphic() || byte == b' ' {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accused(core: u32, variables: &[&str]) -> Accused {
        let variables = variables.iter().map(|one| one.as_bytes().to_vec()).collect();
        Accused {
            kind: Kind::Worker,
            core,
            since: 1_795_374_121,
            thread: 0x7f12_0000_0000 + u64::from(core),
            variables,
        }
    }

    fn sight(number: u32, pid: u32, core: u32) -> Sight {
        let kind = Kind::Worker;
        Sight { generation: 0, kind, number, core, pid, serial: 1, deadline: 0, by_user: false, stacks: 1 }
    }

    #[test]
    fn a_message_is_named_with_its_mule() {
        let message = Accused { kind: Kind::Mule, ..accused(0, &["TO=farm mails", "MESSAGE=go\0"]) };
        let sight = Sight { kind: Kind::Mule, ..sight(3, 17330, 0) };
        insta::assert_snapshot!(accusation(&sight, 1, false, &[message]).join("\n"), @r"
        *** HARAKIRI ON MULE 3 (pid: 17330, try: 1, graceful: no) ***
        HARAKIRI !!! mule 3 status !!!
        HARAKIRI [message] to farm mails since 1795374121
        HARAKIRI [message] thread 0x00007f1200000000
        HARAKIRI [message] TO=farm mails
        HARAKIRI [message] MESSAGE=go\x00
        HARAKIRI !!! end of mule 3 status !!!
        HARAKIRI triggered by mule 3 !!!
        ");
    }

    #[test]
    fn a_request_is_named_with_all_that_is_known() {
        let all = [
            accused(0, &["REQUEST_METHOD=GET", "REQUEST_URI=/sleep?6", "REMOTE_ADDR=127.0.0.1", "HTTP_X=a\n\u{e9}"]),
            accused(1, &["REQUEST_METHOD=POST", "REQUEST_URI=/other", "REMOTE_ADDR=192.0.2.1"]),
        ];
        insta::assert_snapshot!(accusation(&sight(1, 17330, 0), 1, false, &all).join("\n"));
    }

    #[test]
    fn without_variables_only_the_core_is_known() {
        let sight = Sight { by_user: true, ..sight(2, 5, 3) };
        insta::assert_snapshot!(accusation(&sight, 2, true, &[accused(3, &[])]).join("\n"));
    }

    #[test]
    fn the_kernel_knows_this_thread() {
        let pid = std::process::id();
        assert!(kernel(pid, u64::from(pid)).iter().all(|line| line.starts_with("HARAKIRI: -- ")));
        assert_eq!(kernel(u32::MAX, 1), Vec::<String>::new());
    }
}
