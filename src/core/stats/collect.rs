//! Where the stats come from: the scoreboard, the kernel, the configuration. Nobody is asked, nothing is waited for.

use std::os::fd::AsFd;

use rsgi_config::{Address, Config, Protocol};

use super::model::{App, Core, Instance, Mule, Reloads, RequestInfo, Socket, Spooler, Worker};
use crate::harakiri;
use crate::logging::usage::Usage;
use crate::master::sockets::{Bound, Sockets};
use crate::memory::core_slot::CoreSlot;
use crate::memory::scoreboard::{APPS, Scoreboard, WorkerSlot};

/// Looks at everything. `errors` counts how often a listen queue was found full.
pub fn instance(config: &Config, sockets: &Sockets, board: Scoreboard, errors: &mut u64) -> Instance {
    let sockets = listeners(config, sockets);
    let is_full = |socket: &&Socket| socket.max_queue > 0 && socket.queue >= socket.max_queue;
    *errors += sockets.iter().filter(is_full).count() as u64;
    let waiting = sockets.iter().map(|socket| socket.queue).max().unwrap_or(0);
    Instance {
        version: env!("CARGO_PKG_VERSION"),
        listen_queue: waiting,
        listen_queue_errors: *errors,
        signal_queue: 0,
        load: waiting,
        pid: std::process::id(),
        uid: nix::unistd::geteuid().as_raw(),
        gid: nix::unistd::getegid().as_raw(),
        cwd: config.start_dir.to_string_lossy().into_owned(),
        locks: Vec::new(),
        sockets,
        workers: workers(board, config.stats.no_cores),
        spoolers: Vec::new(),
        crons: Vec::new(),
        mules: Vec::new(),
        generation: 0,
        reloads: Reloads::default(),
    }
}

/// Looks at the workers.
pub fn workers(board: Scoreboard, no_cores: bool) -> Vec<Worker> {
    board.workers().filter_map(|id| worker(board, id, no_cores)).collect()
}

/// Looks at the spoolers; `board` is theirs.
pub fn spoolers(config: &Config, board: Scoreboard) -> Vec<Spooler> {
    let Config { start_dir, aside, .. } = config;
    let own = aside.spoolers.iter().filter(|spooler| !spooler.is_external);
    let directories = own.flat_map(|spooler| std::iter::repeat_n(spooler, aside.spooler_processes as usize));
    let spooler = |(id, spooler): (u32, &rsgi_config::Spooler)| {
        let block = board.worker(id)?;
        Some(Spooler {
            dir: start_dir.join(&spooler.directory).to_string_lossy().into_owned(),
            pid: block.pid(),
            tasks: block.requests(),
            respawns: block.spawns().saturating_sub(1),
            running: u8::from(board.core(id, 0).is_some_and(|slot| slot.busy_since().is_some())),
        })
    };
    (1..).zip(directories).filter_map(spooler).collect()
}

/// Looks at the mules; `board` is theirs.
pub fn mules(board: Scoreboard) -> Vec<Mule> {
    board.workers().filter_map(|id| mule(board, id)).collect()
}

fn mule(board: Scoreboard, id: u32) -> Option<Mule> {
    let block = board.worker(id)?;
    let pid = block.pid();
    let Usage { rss, vsz } = if pid == 0 { Usage::default() } else { Usage::of(pid).unwrap_or_default() };
    let is_busy = board.core(id, 0).is_some_and(|slot| slot.busy_since().is_some());
    Some(Mule {
        id,
        pid,
        status: status(pid, is_busy),
        messages: block.requests(),
        harakiri_count: block.harakiris(),
        rss,
        vsz,
        last_spawn: block.spawned(),
        respawn_count: block.spawns(),
    })
}

const fn status(pid: u64, is_busy: bool) -> &'static str {
    match (pid, is_busy) {
        (0, _) => "cheap",
        (_, true) => "busy",
        (_, false) => "idle",
    }
}

fn listeners(config: &Config, sockets: &Sockets) -> Vec<Socket> {
    let workers = sockets.workers.iter().zip(&config.sockets);
    let workers = workers.map(|(bound, socket)| (bound, protocol(socket.protocol), &socket.address, true));
    let router = sockets.router.iter().zip(&config.router.binds);
    let router =
        router.map(|(bound, bind)| (bound, if bind.tls.is_some() { "https" } else { "http" }, &bind.address, false));
    workers.chain(router).map(|(bound, proto, address, ours)| listener(config, bound, proto, address, ours)).collect()
}

fn listener(config: &Config, bound: &Bound, proto: &'static str, address: &Address, of_workers: bool) -> Socket {
    // A kernel that cannot tell (unix sockets without sock_diag) leaves what was configured.
    let backlog = rsgi_sys::backlog::of(bound.fd.as_fd()).ok();
    Socket {
        name: bound.name.clone(),
        proto,
        queue: backlog.map_or(0, |backlog| backlog.waiting),
        max_queue: backlog.map_or(config.limits.listen, |backlog| backlog.room),
        shared: u8::from(matches!(address, Address::Shared(_))),
        // Workers send files over it, and the kernel can.
        can_offload: u8::from(of_workers && config.workers.offload_threads > 0 && !is_encrypted(proto)),
    }
}

fn is_encrypted(proto: &str) -> bool {
    matches!(proto, "https" | "suwsgi")
}

const fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Uwsgi => "uwsgi",
        Protocol::Puwsgi => "puwsgi",
        Protocol::Suwsgi => "suwsgi",
        Protocol::Http => "http",
        Protocol::Http11 => "http11",
        Protocol::Https => "https",
        Protocol::Fastcgi => "fastcgi",
        Protocol::FastcgiNph => "fastcgi-nph",
        Protocol::Scgi => "scgi",
        Protocol::ScgiNph => "scgi-nph",
        Protocol::Raw => "raw",
    }
}

fn worker(board: Scoreboard, id: u32, no_cores: bool) -> Option<Worker> {
    let slot = board.worker(id)?;
    let pid = slot.pid();
    let Usage { rss, vsz } = if pid == 0 { Usage::default() } else { Usage::of(pid).unwrap_or_default() };
    let cores = cores(board, id);
    let is_busy = cores.iter().any(|core| core.in_request != 0);
    Some(Worker {
        id,
        pid,
        accepting: u8::from(slot.is_accepting()),
        requests: slot.requests(),
        delta_requests: slot.delta_requests(),
        exceptions: slot.exceptions(),
        harakiri_count: slot.harakiris(),
        signals: 0,
        signal_queue: 0,
        status: status(pid, is_busy),
        rss,
        vsz,
        running_time: slot.running_time(),
        last_spawn: slot.spawned(),
        respawn_count: slot.spawns(),
        tx: slot.sent(),
        avg_rt: slot.average_time(),
        apps: (0..APPS as u32).map_while(|app| self::app(board, slot, app)).collect(),
        cores: (!no_cores).then_some(cores),
    })
}

/// Looks at the cores of a worker.
pub fn cores(board: Scoreboard, worker: u32) -> Vec<Core> {
    board.cores(worker).map(|(number, slot)| core(number, slot)).collect()
}

fn app(board: Scoreboard, worker: WorkerSlot, id: u32) -> Option<App> {
    let (mountpoint, micros) = board.app(id)?;
    let (requests, exceptions) = worker.app_counts(id);
    Some(App {
        id,
        modifier1: 0,
        mountpoint: String::from_utf8_lossy(&mountpoint).into_owned(),
        startup_time: micros / 1_000_000,
        requests,
        exceptions,
        chdir: "",
    })
}

fn core(id: u32, slot: CoreSlot) -> Core {
    let (serial, since) = (slot.serial(), slot.busy_since());
    let mut vars = Vec::new();
    if since.is_some() {
        vars.extend(slot.variables().iter().map(|one| String::from_utf8_lossy(one).into_owned()));
        vars.push(String::new());
    }
    // One request's variables must not stand beside the time of another.
    let since = since.filter(|_| slot.serial() == serial);
    if since.is_none() {
        vars.clear();
    }
    Core {
        id,
        requests: slot.requests(),
        static_requests: slot.statics(),
        routed_requests: 0,
        offloaded_requests: slot.offloaded(),
        write_errors: slot.write_errors(),
        read_errors: slot.read_errors(),
        in_request: u8::from(since.is_some()),
        vars,
        req_info: RequestInfo { request_start: since.map(|since| harakiri::epoch(since) / 1_000_000) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_request_is_shown_and_a_finished_one_is_not() {
        let fd = Scoreboard::create(2, 2).unwrap();
        let board = Scoreboard::map(fd.as_fd(), 2, 2).unwrap();
        let (slot, core) = (board.worker(1).unwrap(), board.core(1, 1).unwrap());
        board.publish_app(0, b"/shop", 1_500_000);
        slot.born(std::process::id(), 77);
        core.describe([(&b"PATH_INFO"[..], &b"/a"[..])].into_iter(), false, &mut Vec::new());
        core.begin(harakiri::now().saturating_sub(5_000_000), None);
        let start = harakiri::epoch(core.busy_since().unwrap());
        let mut errors = 3;
        let seen = instance(&Config::default(), &Sockets::default(), board, &mut errors);
        let worker = &seen.workers[0];
        let shown = &worker.cores.as_ref().unwrap()[1];
        // The two were not looked at in the same moment.
        let apart = shown.req_info.request_start.unwrap().abs_diff(start / 1_000_000);
        assert!(shown.in_request == 1 && apart <= 1, "{apart} seconds beside the start");
        assert_eq!(shown.vars, ["PATH_INFO=/a", ""]);
        assert_eq!((worker.status, worker.last_spawn, worker.respawn_count), ("busy", 77, 1));
        assert!(worker.rss > 0 && worker.vsz >= worker.rss, "{} {}", worker.rss, worker.vsz);
        assert_eq!((worker.apps[0].mountpoint.as_str(), worker.apps[0].startup_time), ("/shop", 1));
        assert_eq!((seen.workers[1].status, seen.listen_queue_errors), ("cheap", 3));

        core.end();
        slot.count_app(0, 1);
        let seen = instance(&Config::default(), &Sockets::default(), board, &mut errors);
        let worker = &seen.workers[0];
        let core = &worker.cores.as_ref().unwrap()[1];
        assert_eq!((core.in_request, core.requests, core.vars.len(), worker.status), (0, 1, 0, "idle"));
        assert_eq!((worker.apps[0].requests, worker.apps[0].exceptions), (1, 1));
    }

    #[test]
    fn cores_can_be_left_out() {
        let fd = Scoreboard::create(1, 1).unwrap();
        let board = Scoreboard::map(fd.as_fd(), 1, 1).unwrap();
        let mut config = Config::default();
        config.stats.no_cores = true;
        assert!(instance(&config, &Sockets::default(), board, &mut 0).workers[0].cores.is_none());
    }
}
