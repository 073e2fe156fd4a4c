//! The words for the log: uWSGI's lines, and what rsgi knows beyond them.

use crate::memory::core_slot::CoreSlot;
use crate::memory::variables::redacted;

/// A request as the log names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accused {
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
    pub fn of(core: u32, slot: CoreSlot) -> Option<Self> {
        let since = slot.busy_since()? / 1_000_000;
        Some(Self { core, since, thread: slot.thread().0, variables: redacted(slot.variables().read()) })
    }

    fn value(&self, key: &str) -> String {
        let value = |one: &Vec<u8>| one.strip_prefix(key.as_bytes())?.strip_prefix(b"=").map(shown);
        self.variables.iter().find_map(value).filter(|value| !value.is_empty()).unwrap_or_else(|| "-".into())
    }

    /// uWSGI's line about a core.
    #[must_use]
    pub fn line(&self) -> String {
        let [client, method, uri] = ["REMOTE_ADDR", "REQUEST_METHOD", "REQUEST_URI"].map(|key| self.value(key));
        format!("HARAKIRI [core {}] {client} - {method} {uri} since {}", self.core, self.since)
    }

    /// What rsgi adds: which thread of the traceback it is, and every variable of the request.
    pub fn details(&self) -> impl Iterator<Item = String> {
        let thread = (self.thread != 0).then(|| format!("HARAKIRI [core {}] thread 0x{:016x}", self.core, self.thread));
        let variables = self.variables.iter().map(|one| format!("HARAKIRI [core {}] {}", self.core, shown(one)));
        thread.into_iter().chain(variables)
    }
}

/// Everything that is said when a worker is accused. `accused` are all its busy cores, `core` is the one it is about.
#[must_use]
pub fn accusation(
    worker: u32,
    pid: u32,
    attempt: u32,
    gently: bool,
    core: u32,
    by_user: bool,
    accused: &[Accused],
) -> Vec<String> {
    let yes = if gently { "yes" } else { "no" };
    let mut lines = vec![
        format!("*** HARAKIRI ON WORKER {worker} (pid: {pid}, try: {attempt}, graceful: {yes}) ***"),
        format!("HARAKIRI !!! worker {worker} status !!!"),
    ];
    for one in accused {
        lines.push(one.line());
        if one.core == core {
            lines.extend(one.details());
        }
    }
    lines.push(format!("HARAKIRI !!! end of worker {worker} status !!!"));
    let whose = if by_user { " (user)" } else { "" };
    lines.push(format!("HARAKIRI{whose} triggered by worker {worker} core {core} !!!"));
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
        Accused { core, since: 1_795_374_121, thread: 0x7f12_0000_0000 + u64::from(core), variables }
    }

    #[test]
    fn a_request_is_named_with_all_that_is_known() {
        let all = [
            accused(0, &["REQUEST_METHOD=GET", "REQUEST_URI=/sleep?6", "REMOTE_ADDR=127.0.0.1", "HTTP_X=a\n\u{e9}"]),
            accused(1, &["REQUEST_METHOD=POST", "REQUEST_URI=/other", "REMOTE_ADDR=192.0.2.1"]),
        ];
        insta::assert_snapshot!(accusation(1, 17330, 1, false, 0, false, &all).join("\n"));
    }

    #[test]
    fn without_variables_only_the_core_is_known() {
        insta::assert_snapshot!(accusation(2, 5, 2, true, 3, true, &[accused(3, &[])]).join("\n"));
    }

    #[test]
    fn the_kernel_knows_this_thread() {
        let pid = std::process::id();
        assert!(kernel(pid, u64::from(pid)).iter().all(|line| line.starts_with("HARAKIRI: -- ")));
        assert_eq!(kernel(u32::MAX, 1), Vec::<String>::new());
    }
}
