//! Processes and sockets as the kernel lists them in /proc.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// Environment variable that marks every process of one server; its value is unique to that server.
pub(crate) const MARK: &str = "LAB_RUN";

/// One running process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub pid: i32,
    pub parent: i32,
    /// One letter as in ps(1): R, S, D, Z…
    pub state: char,
    /// Arguments, or the title the process has given itself.
    pub title: String,
}

/// The living processes that carry `mark` in their environment or belong to process group `group`.
pub(crate) fn of(mark: &str, group: i32) -> Vec<Process> {
    let wanted = format!("{MARK}={mark}");
    pids()
        .into_iter()
        .filter_map(|pid| {
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let marked = environ.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes());
            let (process, pgid) = describe(pid)?;
            ((marked || pgid == group) && process.state != 'Z').then_some(process)
        })
        .collect()
}

/// Addresses on which some process listens (IPv4).
pub(crate) fn listeners() -> Vec<SocketAddrV4> {
    tcp().into_iter().filter(|socket| socket.state == 0x0A).map(|socket| socket.local).collect()
}

/// Whether some process listens on the unix socket `path`.
pub(crate) fn listens_on(path: &Path) -> bool {
    let table = fs::read("/proc/net/unix").unwrap_or_default();
    table.split(|byte| *byte == b'\n').any(|line| {
        // Flag 0x10000 marks a socket that accepts connections.
        line.ends_with(path.as_os_str().as_bytes()) && line.windows(10).any(|word| word == b" 00010000 ")
    })
}

/// Length of the backlog that the kernel keeps for the listener on `address`, as `ss` shows it.
pub(crate) fn backlog(address: SocketAddrV4) -> u32 {
    let output = std::process::Command::new("ss").args(["-Hltn", "src", &address.to_string()]).output().expect("ss");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let word = text.split_whitespace().nth(2).unwrap_or_else(|| panic!("nobody listens on {address}: {text}"));
    word.parse().expect("a number")
}

/// Which processes hold the server's end of an open connection from `client` to `server`.
pub(crate) fn holders(server: SocketAddrV4, client: SocketAddrV4) -> Vec<i32> {
    let Some(socket) = tcp().into_iter().find(|s| s.local == server && s.remote == client) else { return Vec::new() };
    let link = format!("socket:[{}]", socket.inode);
    let holds = |pid: &i32| {
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        entries.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| target.as_os_str() == link.as_str())
    };
    pids().into_iter().filter(holds).collect()
}

/// Memory of one process in KiB: the part only it uses (USS), and its fair share of all it uses (PSS).
pub(crate) fn memory(pid: i32) -> (u64, u64) {
    try_memory(pid).expect("smaps_rollup of a living process")
}

/// Memory of one process that is resident, in KiB: now, and at its highest since it was last [`forget_highest`].
pub(crate) fn resident(pid: i32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("the status of a living process");
    let field = |name: &str| -> u64 {
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
        line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// From now on the highest memory of a process counts anew (proc(5), `clear_refs`).
pub(crate) fn forget_highest(pid: i32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("the kernel forgets");
}

/// Open descriptors of one process.
pub(crate) fn descriptors(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("the descriptors of a living process").count()
}

/// Processor time of one process so far.
pub(crate) fn processor(pid: i32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a living process");
    let fields: Vec<_> = text.rsplit(')').next().expect("a name").split_whitespace().collect();
    // Fields 14 and 15 of proc(5), in hundredths of a second on every Linux of the field.
    let ticks = [fields[11], fields[12]].iter().map(|field| field.parse::<u64>().expect("a number")).sum::<u64>();
    Duration::from_millis(10 * ticks)
}

/// [`memory`] of a process that may have ended.
pub(crate) fn try_memory(pid: i32) -> Option<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let field = |name: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number of kB")
    };
    Some((field("Private_Clean:") + field("Private_Dirty:"), field("Pss:")))
}

struct Socket {
    local: SocketAddrV4,
    remote: SocketAddrV4,
    state: u8,
    inode: u64,
}

fn tcp() -> Vec<Socket> {
    let table = fs::read_to_string("/proc/net/tcp").expect("/proc/net/tcp");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            Some(Socket {
                local: endpoint(words.get(1)?)?,
                remote: endpoint(words.get(2)?)?,
                state: u8::from_str_radix(words.get(3)?, 16).ok()?,
                inode: words.get(9)?.parse().ok()?,
            })
        })
        .collect()
}

/// `0100007F:2382` is 127.0.0.1:9090: the address in the machine's byte order, the port as a plain number.
fn endpoint(word: &str) -> Option<SocketAddrV4> {
    let (ip, port) = word.split_once(':')?;
    let ip = Ipv4Addr::from(u32::from_str_radix(ip, 16).ok()?.to_ne_bytes());
    Some(SocketAddrV4::new(ip, u16::from_str_radix(port, 16).ok()?))
}

fn pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn describe(pid: i32) -> Option<(Process, i32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let title = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let title = String::from_utf8_lossy(&title).replace('\0', " ").trim().to_owned();
    let process = Process { pid, state: fields.first()?.chars().next()?, parent: fields.get(1)?.parse().ok()?, title };
    Some((process, fields.get(2)?.parse().ok()?))
}
