//! The resolved configuration: what every process of a running instance is told. Immutable and free of option texts, except
//! [`Config::options`], which repeats them for `--show-config` and `uwsgi.opt`. The defaults of all options live here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::hooks::{Hook, HookAct};
use crate::loggers::{LogEncoder, LogRoute, Logger};
use crate::network::Network;
use crate::timetable::{Cron, Daemon};

/// A whole number of seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seconds(pub u64);

impl Seconds {
    /// For ever, as far as anybody who waits is concerned: a hundred years, which can be added to any moment.
    const FOR_EVER: u64 = 100 * 365 * 24 * 60 * 60;

    /// The same span for the standard library, as far as that can be added to a moment.
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0.min(Self::FOR_EVER))
    }
}

/// Everything an instance was told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The directory that the command was given in (or `force-cwd`); relative paths of the start are relative to it.
    pub start_dir: PathBuf,
    /// Sockets that the workers serve themselves, in the order written.
    pub sockets: Vec<Socket>,
    /// The protocol of sockets that the process was started with; uwsgi when not given.
    pub protocol: Option<Protocol>,
    /// Sockets bound first and named `=0`, `=1`… by others.
    pub shared_sockets: Vec<Address>,
    /// How often the configuration was read again; who reads it for a reload says so.
    pub reloads: u32,
    /// Paths of sockets are names of the abstract name space.
    pub abstract_sockets: bool,
    /// The HTTP router.
    pub router: Router,
    /// Worker processes and their life.
    pub workers: Workers,
    /// The number of workers follows the load.
    pub cheaper: Cheaper,
    /// Processes beside the workers.
    pub aside: Aside,
    /// What is done at the phases of the instance's life, in the order written.
    pub hooks: Vec<Hook>,
    /// Commands that the master keeps running.
    pub daemons: Vec<Daemon>,
    /// Commands at set times.
    pub crons: Vec<Cron>,
    /// Seconds that such a command may run.
    pub cron_harakiri: Option<u64>,
    /// Sizes and deadlines of connections and requests.
    pub limits: Limits,
    /// Where and what to log.
    pub log: Logging,
    /// The process itself: directories, files, names, rights.
    pub process: Process,
    /// What applications are confined to.
    pub sandbox: Sandbox,
    /// Files that reload the instance when touched.
    pub reload: Reload,
    /// The stats server.
    pub stats: Stats,
    /// What is told to those who watch from outside.
    pub monitoring: Monitoring,
    /// Static files.
    pub statics: Statics,
    /// The emperor.
    pub emperor: Emperor,
    /// Changes to the environment, in the order written.
    pub env: Vec<EnvChange>,
    /// Language plugins.
    pub plugins: Plugins,
    /// What the language plugin is told.
    pub app: App,
    /// The configuration files read, in order.
    pub files: Vec<PathBuf>,
    /// Every option in effect, by the name written, in order; a flag without value is `true`.
    pub options: Vec<(String, String)>,
    /// Load everything, then stop without serving (`no-server`).
    pub no_server: bool,
    /// Print the effective configuration at the start and go on (`show-config`).
    pub show_config: bool,
}

/// A socket that workers serve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Socket {
    /// What is spoken on it.
    pub protocol: Protocol,
    /// Where it listens.
    pub address: Address,
    /// Certificate and key of an encrypted socket.
    pub tls: Option<Tls>,
    /// The value as written.
    pub text: String,
}

/// What is spoken on a worker's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// The uwsgi protocol.
    Uwsgi,
    /// HTTP (`http-socket`).
    Http,
    /// HTTP that keeps connections (`http11-socket`).
    Http11,
    /// HTTP over TLS (`https-socket`).
    Https,
    /// FastCGI, answers begin with `Status:`.
    Fastcgi,
    /// FastCGI, answers begin with a status line.
    FastcgiNph,
    /// SCGI, answers begin with `Status:`.
    Scgi,
    /// SCGI, answers begin with a status line.
    ScgiNph,
    /// The uwsgi protocol with several requests a connection.
    Puwsgi,
    /// The uwsgi protocol over TLS.
    Suwsgi,
    /// No protocol: the application gets the connection.
    Raw,
}

/// Certificate and key of an encrypted socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// PEM file with the certificate chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
    /// Ciphers in OpenSSL's words.
    pub ciphers: Option<String>,
    /// PEM file with the authorities that client certificates are checked against.
    pub client_ca: Option<PathBuf>,
    /// A client without a valid certificate is refused (`!` before the file).
    pub client_required: bool,
}

/// Named sets of protocol versions and ciphers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsProfile {
    /// TLS 1.2 and 1.3.
    #[default]
    Intermediate,
    /// TLS 1.3 only.
    Modern,
}

/// The HTTP router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Router {
    /// Where it listens, in the order written; empty means no router.
    pub binds: Vec<Bind>,
    /// Servers to forward to instead of our own workers (`http-to`).
    pub to: Vec<Address>,
    /// Router processes.
    pub processes: u16,
    /// Inactivity of client or worker before a connection is closed.
    pub timeout: Seconds,
    /// Time for a request head; the timeout when not given.
    pub headers_timeout: Seconds,
    /// Time for reaching a backend; the timeout when not given.
    pub connect_timeout: Seconds,
    /// Requests that may wait for an idle core.
    pub queue_length: usize,
    /// How long they may; `None`: as long as `timeout`.
    pub queue_timeout: Option<Seconds>,
    /// Paths whose requests always may, and come first.
    pub queue_exempt: Vec<String>,
    /// Idle time of a kept client connection. `None`: connections are not kept between requests.
    pub keepalive: Option<Seconds>,
    /// Chunked coding for answers without length, so that the connection can be kept.
    pub auto_chunked: bool,
    /// gzip for answers that ask for it with `uWSGI-Encoding: gzip`.
    pub auto_gzip: bool,
    /// Websocket upgrades pass.
    pub websockets: bool,
    /// Bodies are forwarded as they come.
    pub raw_body: bool,
    /// Chunked request bodies are forwarded.
    pub chunked_input: bool,
    /// `Expect: 100-continue` is answered by the router, up to this many bytes of body (0 = any).
    pub manage_expect: Option<u64>,
    /// Variables added to every request.
    pub vars: Vec<(String, String)>,
    /// First modifier of forwarded requests.
    pub modifier1: u8,
    /// Second modifier of forwarded requests.
    pub modifier2: u8,
    /// `SERVER_NAME` is the Host header.
    pub server_name_as_http_host: bool,
    /// Connection errors are not logged.
    pub quiet: bool,
    /// Longest time of one request through the router.
    pub harakiri: Option<Seconds>,
    /// User of the router processes.
    pub uid: Option<String>,
    /// Group of the router processes.
    pub gid: Option<String>,
    /// A PROXY line from the client names the real address.
    pub proxy_protocol: bool,
    /// Client certificates are handed to the application.
    pub export_cert: bool,
    /// What handshakes may be.
    pub tls_profile: TlsProfile,
    /// Seconds for which browsers are to use https only (`https-hsts`).
    pub hsts: Option<u64>,
    /// Certificates by server name, `*.` and a name, or `~` and a pattern.
    pub sni: Vec<(String, Tls)>,
    /// Directory with a certificate per server name.
    pub sni_dir: Option<PathBuf>,
}

impl Default for Router {
    fn default() -> Self {
        Self {
            binds: Vec::new(),
            to: Vec::new(),
            processes: 1,
            timeout: Seconds(60),
            headers_timeout: Seconds(60),
            connect_timeout: Seconds(60),
            queue_length: 4096,
            queue_timeout: None,
            queue_exempt: Vec::new(),
            keepalive: Some(Seconds(75)),
            auto_chunked: false,
            auto_gzip: false,
            websockets: false,
            raw_body: false,
            chunked_input: false,
            manage_expect: None,
            vars: Vec::new(),
            modifier1: 0,
            modifier2: 0,
            server_name_as_http_host: false,
            quiet: false,
            harakiri: None,
            uid: None,
            gid: None,
            proxy_protocol: false,
            export_cert: false,
            tls_profile: TlsProfile::default(),
            hsts: None,
            sni: Vec::new(),
            sni_dir: None,
        }
    }
}

/// One address of the router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bind {
    /// Where it listens.
    pub address: Address,
    /// Certificate and key; `None` for plain HTTP.
    pub tls: Option<Tls>,
    /// Every request is redirected to https.
    pub to_https: bool,
    /// The value as written.
    pub text: String,
}

/// Worker processes and their life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workers {
    /// Worker processes; 0 runs none.
    pub processes: u32,
    /// Cores (threads that serve) of each worker.
    pub threads: u32,
    /// `master` was asked for, or an option that needs it was given. A supervisor runs either way.
    pub master: bool,
    /// Each worker imports the application after its birth.
    pub lazy_apps: bool,
    /// Threads of the application run between requests. Always so; the option is accepted.
    pub enable_threads: bool,
    /// Locks of the application (`uwsgi.lock`) after the first, which is always there.
    pub locks: u32,
    /// Stack of a core's thread in KiB; `None` leaves the system's size.
    pub threads_stacksize: Option<u64>,
    /// Time that a router may take to end its connections.
    pub reload_mercy: Seconds,
    /// Time that a daemon may take to end, when it was given.
    pub daemon_mercy: Option<Seconds>,
    /// Time that one worker may take to end before it is killed.
    pub worker_reload_mercy: Seconds,
    /// Pause after workers died too fast; 0 = none.
    pub forkbomb_delay: Seconds,
    /// Requests after which a worker is replaced.
    pub max_requests: Option<u64>,
    /// Added to `max_requests` for each worker before it.
    pub max_requests_delta: u64,
    /// Age before which no worker is recycled.
    pub min_lifetime: Seconds,
    /// Age at which a worker is recycled.
    pub max_lifetime: Option<Seconds>,
    /// Added to `max_lifetime` for each worker before it.
    pub max_lifetime_delta: Seconds,
    /// Address space in MiB at which a worker is recycled after a request.
    pub reload_on_as: Option<u64>,
    /// Resident memory in MiB at which a worker is recycled after a request.
    pub reload_on_rss: Option<u64>,
    /// Address space in MiB at which a worker is killed.
    pub evil_reload_on_as: Option<u64>,
    /// Time between two looks at the memory of workers.
    pub memory_period: Seconds,
    /// Resident memory in MiB at which a worker is killed.
    pub evil_reload_on_rss: Option<u64>,
    /// Longest time of a request.
    pub harakiri: Option<Seconds>,
    /// More about a worker killed by harakiri in the log.
    pub harakiri_verbose: bool,
    /// Time between the gentle and the hard end of a request that takes too long.
    pub harakiri_graceful_timeout: Option<Seconds>,
    /// Harakiri only while so many clients wait, in a router or before a socket.
    pub harakiri_queue_threshold: Option<u32>,
    /// Number of the signal for the gentle end.
    pub harakiri_graceful_signal: i32,
    /// Time between an exception raised in a request that takes too long and the end of its worker.
    pub harakiri_graceful: Option<Seconds>,
    /// Threads per worker that send files for the cores.
    pub offload_threads: u32,
    /// Niceness of the processes.
    pub prio: Option<i32>,
    /// Processors per worker.
    pub cpu_affinity: Option<u32>,
    /// Pause between looks of the master at its processes.
    pub check_interval: Seconds,
}

impl Default for Workers {
    fn default() -> Self {
        Self {
            processes: 1,
            threads: 1,
            master: false,
            lazy_apps: false,
            enable_threads: true,
            locks: 0,
            threads_stacksize: None,
            reload_mercy: Seconds(60),
            daemon_mercy: None,
            worker_reload_mercy: Seconds(60),
            forkbomb_delay: Seconds(2),
            max_requests: None,
            max_requests_delta: 0,
            min_lifetime: Seconds(10),
            max_lifetime: None,
            max_lifetime_delta: Seconds(0),
            reload_on_as: None,
            reload_on_rss: None,
            evil_reload_on_as: None,
            memory_period: Seconds(3),
            evil_reload_on_rss: None,
            harakiri: None,
            harakiri_verbose: false,
            harakiri_queue_threshold: None,
            harakiri_graceful_timeout: None,
            harakiri_graceful_signal: 15,
            harakiri_graceful: None,
            offload_threads: 0,
            prio: None,
            cpu_affinity: None,
            check_interval: Seconds(1),
        }
    }
}

/// When workers are added and stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algo {
    /// All busy for a while: more; more than one idle for a while: one less.
    #[default]
    Spare,
    /// So many are to be idle.
    Spare2,
    /// By the number of requests that wait.
    Backlog,
    /// By the share of time that workers are busy.
    Busyness,
    /// When somebody says so.
    Manual,
}

impl Algo {
    const NAMED: [(&str, Self); 5] = [
        ("spare", Self::Spare),
        ("spare2", Self::Spare2),
        ("backlog", Self::Backlog),
        ("busyness", Self::Busyness),
        ("manual", Self::Manual),
    ];

    /// All names, in the order of the manual.
    #[must_use]
    pub fn names() -> [&'static str; 5] {
        Self::NAMED.map(|(name, _)| name)
    }

    /// The algorithm of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMED.iter().find(|(known, _)| *known == name).map(|(_, algo)| *algo)
    }
}

/// The number of workers follows the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cheaper {
    /// Fewest workers; `None` keeps all of them running.
    pub min: Option<u32>,
    /// Workers at the start; the minimum when not given.
    pub initial: Option<u32>,
    /// Workers started at a time.
    pub step: u32,
    /// When workers are added and stopped.
    pub algo: Algo,
    /// Looks that a load has to last (spare), waiting requests (backlog), or seconds that are looked at as one (busyness).
    pub overload: u64,
    /// Looks with too many idle workers before one is stopped (spare2).
    pub spare_idle: u64,
    /// Total resident bytes above which no worker is added.
    pub rss_limit_soft: Option<u64>,
    /// Total resident bytes above which workers are stopped.
    pub rss_limit_hard: Option<u64>,
    /// Percent of busy time above which workers are added.
    pub busyness_max: u64,
    /// Percent of busy time below which workers are stopped.
    pub busyness_min: u64,
    /// Calm cycles before a worker is stopped.
    pub busyness_multiplier: u64,
    /// Cycles added to the multiplier when a stopped worker was needed at once.
    pub busyness_penalty: u64,
    /// The algorithm logs its decisions.
    pub busyness_verbose: bool,
    /// Connections waiting that start emergency workers.
    pub busyness_backlog_alert: u32,
    /// Calm cycles before a worker is stopped while emergency workers run.
    pub busyness_backlog_multiplier: u64,
    /// Emergency workers at a time.
    pub busyness_backlog_step: u32,
    /// Time of waiting requests that adds workers.
    pub busyness_backlog_nonzero: Seconds,
    /// No worker until the first connection.
    pub cheap: bool,
    /// Time without requests after which all workers are stopped.
    pub idle: Option<Seconds>,
    /// The instance ends instead when idle.
    pub die_on_idle: bool,
}

impl Cheaper {
    /// Workers at the start, of `processes` at most.
    #[must_use]
    pub fn first(&self, processes: u32) -> u32 {
        self.min.map_or(processes, |min| self.initial.unwrap_or(min).clamp(min, processes.max(min)))
    }

    /// All workers may be stopped for a while.
    #[must_use]
    pub const fn may_rest(&self) -> bool {
        self.cheap || (self.idle.is_some() && !self.die_on_idle)
    }
}

impl Default for Cheaper {
    fn default() -> Self {
        Self {
            min: None,
            initial: None,
            step: 1,
            algo: Algo::default(),
            overload: 3,
            spare_idle: 10,
            rss_limit_soft: None,
            rss_limit_hard: None,
            busyness_max: 50,
            busyness_min: 25,
            busyness_multiplier: 10,
            busyness_penalty: 2,
            busyness_verbose: false,
            busyness_backlog_alert: 33,
            busyness_backlog_multiplier: 3,
            busyness_backlog_step: 1,
            busyness_backlog_nonzero: Seconds(60),
            cheap: false,
            idle: None,
            die_on_idle: false,
        }
    }
}

/// Processes beside the workers, which serve no requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aside {
    /// Mules in the order written, each with the program it runs: a file, `module:function`, or none.
    pub mules: Vec<Option<String>>,
    /// Names of groups of mules, and the numbers (1…) of their mules.
    pub farms: Vec<(String, Vec<u32>)>,
    /// Room of a queue of messages to mules in bytes; `None` leaves the system's.
    pub mule_msg_size: Option<u64>,
    /// Longest time a mule may spend on one message.
    pub mule_harakiri: Option<Seconds>,
    /// Time that a mule may take to end before it is killed.
    pub mule_reload_mercy: Seconds,
    /// Directories of tasks, in the order written.
    pub spoolers: Vec<Spooler>,
    /// Processes for each directory.
    pub spooler_processes: u32,
    /// Pause between looks into a directory in which nothing happens, and before a task is tried again.
    pub spooler_frequency: Seconds,
    /// Tasks after which a spooler is replaced.
    pub spooler_max_tasks: Option<u64>,
    /// Tasks are run in the order of their names.
    pub spooler_ordered: bool,
    /// Tasks are not logged.
    pub spooler_quiet: bool,
    /// Directory to change to before each task; `None`: that of the tasks.
    pub spooler_chdir: Option<PathBuf>,
    /// Longest time of a task.
    pub spooler_harakiri: Option<Seconds>,
}

/// A directory of tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spooler {
    /// The directory.
    pub directory: PathBuf,
    /// Another instance runs its tasks.
    pub is_external: bool,
}

impl Aside {
    /// Spooler processes of all directories.
    pub fn spooler_count(&self) -> u32 {
        let own = self.spoolers.iter().filter(|spooler| !spooler.is_external).count();
        u32::try_from(own).unwrap_or(u32::MAX).saturating_mul(self.spooler_processes)
    }
}

impl Default for Aside {
    fn default() -> Self {
        Self {
            mules: Vec::new(),
            farms: Vec::new(),
            mule_msg_size: None,
            mule_harakiri: None,
            mule_reload_mercy: Seconds(60),
            spoolers: Vec::new(),
            spooler_processes: 1,
            spooler_frequency: Seconds(30),
            spooler_max_tasks: None,
            spooler_ordered: false,
            spooler_quiet: false,
            spooler_chdir: None,
            spooler_harakiri: None,
        }
    }
}

/// Sizes and deadlines of connections and requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Largest request head (HTTP) or packet (uwsgi) in bytes, at least [`Limits::MIN_BUFFER_SIZE`].
    pub buffer_size: usize,
    /// Bodies of at least this many bytes are read to a temporary file before the application runs; 0 = off.
    pub post_buffering: usize,
    /// Bytes read at a time while buffering a body.
    pub post_buffering_bufsize: usize,
    /// Largest body in bytes; `None` = any.
    pub limit_post: Option<u64>,
    /// Most variables of a request.
    pub max_vars: usize,
    /// Inactivity of a client connection of a worker.
    pub socket_timeout: Seconds,
    /// Idle time of a kept connection of a worker's HTTP socket.
    pub keepalive_timeout: Seconds,
    /// Time for a whole request head on a worker's HTTP socket.
    pub header_timeout: Seconds,
    /// Least rate at which a client sends and takes, in bytes a second; 0 = any.
    pub min_rate: u64,
    /// Time in which a client may be slower than that.
    pub min_rate_grace: Seconds,
    /// Most client connections of a process; 0 = any number.
    pub max_connections: usize,
    /// The same of one address.
    pub max_connections_per_ip: usize,
    /// Connections that may wait to be accepted, per socket.
    pub listen: u32,
    /// Probes on idle client connections (`SO_KEEPALIVE`).
    pub so_keepalive: bool,
    /// Several processes may bind the same address (`SO_REUSEPORT`).
    pub reuse_port: bool,
    /// Small packets leave at once (`TCP_NODELAY`).
    pub tcp_nodelay: bool,
    /// Connections are handed over before their first byte (no `TCP_DEFER_ACCEPT`).
    pub no_defer_accept: bool,
    /// Addresses may be bound that the machine does not have yet (`IP_FREEBIND`).
    pub freebind: bool,
    /// Queue of `TCP_FASTOPEN`; `None` = off.
    pub tcp_fast_open: Option<u32>,
    /// Kernel's send buffer in bytes.
    pub socket_sndbuf: Option<u64>,
    /// Kernel's receive buffer in bytes.
    pub socket_rcvbuf: Option<u64>,
    /// Time for a blocked write; `socket_timeout` when not given.
    pub so_send_timeout: Option<Seconds>,
    /// A PROXY header on HTTP sockets names the real address.
    pub proxy_protocol: bool,
    /// Who sends PROXY headers; everybody when there is nobody here. For workers and router.
    pub proxy_protocol_from: Vec<Network>,
    /// Largest head of an answer in bytes.
    pub response_headers: Option<usize>,
    /// Largest chunk of a chunked request body in bytes.
    pub chunked_input_limit: u64,
    /// Time for a piece of a chunked request body; `socket_timeout` when not given.
    pub chunked_input_timeout: Option<Seconds>,
    /// Silence of a websocket's client after which it is pinged; 0 = never.
    pub websockets_ping_freq: Seconds,
    /// Time that the client has to answer.
    pub websockets_pong_tolerance: Seconds,
    /// Largest message of a websocket in KiB.
    pub websockets_max_size: u64,
    /// Open files per process (`RLIMIT_NOFILE`).
    pub max_fd: Option<u64>,
    /// Address space per process in MiB (`RLIMIT_AS`).
    pub address_space: Option<u64>,
    /// Processes of the user (`RLIMIT_NPROC`).
    pub nproc: Option<u64>,
    /// First modifier of requests of HTTP sockets. There is only plugin 0: others are answered with 501.
    pub http_modifier1: u8,
    /// The same of HTTPS sockets.
    pub https_modifier1: u8,
    /// The same of FastCGI sockets.
    pub fastcgi_modifier1: u8,
    /// The same of SCGI sockets.
    pub scgi_modifier1: u8,
}

impl Limits {
    /// Smallest accepted `buffer-size`: a request line and a Host header must fit.
    pub const MIN_BUFFER_SIZE: usize = 512;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            buffer_size: 65536,
            post_buffering: 0,
            post_buffering_bufsize: 8192,
            limit_post: None,
            max_vars: 1024,
            socket_timeout: Seconds(4),
            keepalive_timeout: Seconds(60),
            header_timeout: Seconds(30),
            min_rate: 240,
            min_rate_grace: Seconds(20),
            max_connections: 0,
            max_connections_per_ip: 0,
            listen: 100,
            so_keepalive: false,
            reuse_port: false,
            tcp_nodelay: true,
            no_defer_accept: false,
            freebind: false,
            tcp_fast_open: None,
            socket_sndbuf: None,
            socket_rcvbuf: None,
            so_send_timeout: None,
            proxy_protocol: false,
            proxy_protocol_from: Vec::new(),
            response_headers: None,
            chunked_input_limit: 1_048_576,
            chunked_input_timeout: None,
            websockets_ping_freq: Seconds(30),
            websockets_pong_tolerance: Seconds(3),
            websockets_max_size: 1024,
            max_fd: None,
            address_space: None,
            nproc: None,
            http_modifier1: 0,
            https_modifier1: 0,
            fastcgi_modifier1: 0,
            scgi_modifier1: 0,
        }
    }
}

/// Where and what to log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logging {
    /// File or `udp:host:port`, opened before rights are dropped (`logto`).
    pub to: Option<PathBuf>,
    /// The same, opened after rights are dropped (`logto2`).
    pub to2: Option<PathBuf>,
    /// Detach from the terminal and log to this file.
    pub daemonize: Option<PathBuf>,
    /// The same, but after the application was loaded.
    pub daemonize2: Option<PathBuf>,
    /// One line a request. `false` with `disable-logging`; the conditions below then choose.
    pub requests: bool,
    /// Log requests answered with 400 to 499.
    pub log_4xx: bool,
    /// Log requests answered with 500 to 599.
    pub log_5xx: bool,
    /// Log requests slower than this many milliseconds.
    pub slow: Option<u64>,
    /// Log requests with an empty answer.
    pub zero: bool,
    /// Log answers larger than this many bytes.
    pub big: Option<u64>,
    /// Log requests answered by sendfile.
    pub sendfile: bool,
    /// Log requests that ended in an I/O error.
    pub ioerror: bool,
    /// Times in microseconds.
    pub micros: bool,
    /// `strftime` format in front of every line; empty = the standard date.
    pub date: Option<String>,
    /// The client's address is taken from `X-Forwarded-For`.
    pub x_forwarded_for: bool,
    /// Memory use on every request line.
    pub memory_report: bool,
    /// Template of a request line; `None` = uWSGI's default line.
    pub format: Option<String>,
    /// Request lines and the server's own lines are JSON objects (`log-json`).
    pub json: bool,
    /// The template passes through `strftime`.
    pub format_strftime: bool,
    /// The master writes the log of its workers.
    pub master: bool,
    /// Places that records go to besides or instead of the log.
    pub loggers: Vec<Logger>,
    /// Which records go to named ones.
    pub routes: Vec<LogRoute>,
    /// Regular expressions: only matching records are kept.
    pub filters: Vec<String>,
    /// Regular expressions: matching records are dropped.
    pub drains: Vec<String>,
    /// How records are changed on their way.
    pub encoders: Vec<LogEncoder>,
    /// The log is emptied at the start.
    pub truncate: bool,
    /// The log is opened anew at each reload.
    pub reopen: bool,
    /// Bytes at which the log is rotated.
    pub max_size: Option<u64>,
    /// Name of the rotated log.
    pub backup_name: Option<PathBuf>,
    /// Mode of the log file.
    pub file_mode: Option<u32>,
    /// The log file belongs to the user of the workers.
    pub file_chown: bool,
    /// Broken connections are not logged.
    pub ignore_sigpipe: bool,
    /// Failed writes to clients are not logged.
    pub ignore_write_errors: bool,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            to: None,
            to2: None,
            daemonize: None,
            daemonize2: None,
            requests: true,
            log_4xx: false,
            log_5xx: false,
            slow: None,
            zero: false,
            big: None,
            sendfile: false,
            ioerror: false,
            micros: false,
            date: None,
            x_forwarded_for: false,
            memory_report: false,
            format: None,
            json: false,
            loggers: Vec::new(),
            routes: Vec::new(),
            filters: Vec::new(),
            drains: Vec::new(),
            encoders: Vec::new(),
            format_strftime: false,
            master: false,
            truncate: false,
            reopen: false,
            max_size: None,
            backup_name: None,
            file_mode: None,
            file_chown: false,
            ignore_sigpipe: false,
            ignore_write_errors: false,
        }
    }
}

/// The process itself: directories, files, names, rights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Directory to change to before the application is loaded.
    pub chdir: Option<PathBuf>,
    /// Directory to change to after the application was loaded.
    pub chdir2: Option<PathBuf>,
    /// File for the master's pid, written before rights are dropped.
    pub pidfile: Option<PathBuf>,
    /// File for the master's pid, written after rights are dropped.
    pub pidfile2: Option<PathBuf>,
    /// File for the master's pid, written when the start has succeeded.
    pub safe_pidfile: Option<PathBuf>,
    /// The same, written after rights are dropped.
    pub safe_pidfile2: Option<PathBuf>,
    /// Unix sockets and pid files are removed at the end.
    pub vacuum: bool,
    /// SIGTERM stops the instance. Always so, unless `die-on-term = false` asks for uWSGI's reload.
    pub die_on_term: bool,
    /// SIGHUP stops the instance.
    pub exit_on_reload: bool,
    /// Processes are named by their role.
    pub auto_procname: bool,
    /// Title of every process.
    pub procname: Option<String>,
    /// Text before every title; the blank of `procname-prefix-spaced` is part of it.
    pub procname_prefix: Option<String>,
    /// Text after every title.
    pub procname_append: Option<String>,
    /// Title of the master.
    pub procname_master: Option<String>,
    /// Configuration to start anew with when the instance ends with code 1.
    pub fallback_config: Option<PathBuf>,
    /// The application keeps the standard input of the server.
    pub honour_stdin: bool,
    /// Title of an emperor.
    pub procname_emperor: Option<String>,
    /// User to become.
    pub uid: Option<String>,
    /// Group to become.
    pub gid: Option<String>,
    /// Further groups.
    pub add_gid: Vec<String>,
    /// The groups of the user are not taken over.
    pub no_initgroups: bool,
    /// Capabilities to keep.
    pub cap: Vec<String>,
    /// No process may gain rights by running a program (`PR_SET_NO_NEW_PRIVS`); `None`: when rights are dropped.
    pub no_new_privs: Option<bool>,
    /// Directory to lock the processes in.
    pub chroot: Option<PathBuf>,
    /// The master keeps its rights.
    pub master_as_root: bool,
    /// Bits taken from the mode of new files.
    pub umask: Option<u32>,
    /// Mode of unix sockets.
    pub chmod_socket: Option<u32>,
    /// Owner of unix sockets, `user` or `user:group`.
    pub chown_socket: Option<String>,
    /// Workers die with their master, even when it is killed.
    pub no_orphans: bool,
    /// The instance ends (code 22) when no application could be loaded.
    pub need_app: bool,
    /// Unknown keys are errors.
    pub strict: bool,
    /// Pipes for one-letter commands to the master.
    pub master_fifo: Vec<PathBuf>,
}

impl Default for Process {
    fn default() -> Self {
        Self {
            chdir: None,
            chdir2: None,
            pidfile: None,
            pidfile2: None,
            safe_pidfile: None,
            safe_pidfile2: None,
            vacuum: false,
            die_on_term: true,
            exit_on_reload: false,
            auto_procname: false,
            procname: None,
            procname_prefix: None,
            procname_append: None,
            procname_master: None,
            fallback_config: None,
            honour_stdin: false,
            procname_emperor: None,
            uid: None,
            gid: None,
            add_gid: Vec::new(),
            no_initgroups: false,
            cap: Vec::new(),
            no_new_privs: None,
            chroot: None,
            master_as_root: false,
            umask: None,
            chmod_socket: None,
            chown_socket: None,
            no_orphans: false,
            need_app: true,
            strict: false,
            master_fifo: Vec::new(),
        }
    }
}

/// What a sandbox leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxProfile {
    /// There is none.
    #[default]
    Off,
    /// What an application on the web needs.
    Web,
}

/// What applications are confined to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sandbox {
    /// What it leaves.
    pub profile: SandboxProfile,
    /// What may be read beside the code.
    pub read: Vec<PathBuf>,
    /// What may be written; shared memory and temporary files when this is empty.
    pub write: Vec<PathBuf>,
    /// Programs that may be run.
    pub exec: Vec<PathBuf>,
}

/// How a reload changes from the old workers to the new ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReloadMode {
    /// All new ones serve before the first old one leaves: twice as many for a moment.
    #[default]
    Overlap,
    /// One after the other: never more than one too many.
    Rolling,
}

/// How the instance reloads, and what makes it do so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reload {
    /// How the workers are changed.
    pub mode: ReloadMode,
    /// What a new generation is asked before it serves: path and query.
    pub check: Option<String>,
    /// Time that it has for the answer.
    pub check_timeout: Seconds,
    /// Files and directories whose changes the kernel tells of.
    pub watched: Vec<PathBuf>,
    /// Reload everything.
    pub touch: Vec<PathBuf>,
    /// Reload the workers only.
    pub touch_workers: Vec<PathBuf>,
    /// Reload mules and spoolers.
    pub touch_aside: Vec<PathBuf>,
    /// Reload the workers one after the other.
    pub touch_chain: Vec<PathBuf>,
    /// Rotate the log.
    pub touch_logrotate: Vec<PathBuf>,
    /// Open the log anew.
    pub touch_logreopen: Vec<PathBuf>,
    /// Do something else.
    pub touch_hook: Vec<(PathBuf, HookAct)>,
    /// Run a shell command.
    pub touch_exec: Vec<(PathBuf, String)>,
    /// Raise signals of the application.
    pub touch_signal: Vec<(PathBuf, u8)>,
}

impl Default for Reload {
    fn default() -> Self {
        Self {
            mode: ReloadMode::Overlap,
            check: None,
            check_timeout: Seconds(30),
            watched: Vec::new(),
            touch: Vec::new(),
            touch_workers: Vec::new(),
            touch_aside: Vec::new(),
            touch_chain: Vec::new(),
            touch_logrotate: Vec::new(),
            touch_logreopen: Vec::new(),
            touch_hook: Vec::new(),
            touch_exec: Vec::new(),
            touch_signal: Vec::new(),
        }
    }
}

/// The stats server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Where it listens; `None` = none.
    pub address: Option<Address>,
    /// Answers carry an HTTP head.
    pub http: bool,
    /// JSON without blanks.
    pub minified: bool,
    /// No list of cores.
    pub no_cores: bool,
    /// No metrics.
    pub no_metrics: bool,
    /// Cookies and passwords of running requests are shown.
    pub secrets: bool,
    /// The control socket is there too; `None` = only under the master's process id.
    pub control: Option<PathBuf>,
    /// There is no control socket.
    pub no_control: bool,
}

/// Metrics, health checks, traces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Monitoring {
    /// Where metrics are served; `None` = nowhere.
    pub metrics: Option<Address>,
    /// The path that tells whether the server lives.
    pub live: Option<String>,
    /// The path that tells whether requests are served.
    pub ready: Option<String>,
    /// A request without a trace gets one.
    pub trace_context: bool,
}

impl Monitoring {
    /// Whether those who serve do the same under `other`: only the master knows where metrics are served.
    #[must_use]
    pub fn looks_like(&self, other: &Self) -> bool {
        let all_but_the_address = |one: &Self| Self { metrics: None, ..one.clone() };
        self.metrics.is_some() == other.metrics.is_some() && all_but_the_address(self) == all_but_the_address(other)
    }
}

/// How the server in front learns which file to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServeMode {
    /// `X-Sendfile` with a path: Apache, lighttpd.
    XSendfile,
    /// `X-Accel-Redirect` with a path: nginx.
    XAccelRedirect,
}

/// Static files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statics {
    /// Prefix and directory; the prefix is cut off (`static-map`).
    pub map: Vec<(String, PathBuf)>,
    /// Prefix and directory; the prefix stays part of the path (`static-map2`).
    pub map2: Vec<(String, PathBuf)>,
    /// Directories in which any path may be a file.
    pub check: Vec<PathBuf>,
    /// File names that answer for a directory.
    pub index: Vec<String>,
    /// Endings that are never served.
    pub skip_ext: Vec<String>,
    /// Directories that links may lead to.
    pub safe: Vec<PathBuf>,
    /// Files with MIME types.
    pub mime_files: Vec<PathBuf>,
    /// Pattern of the file name and seconds to keep.
    pub expires: Vec<(String, u64)>,
    /// Pattern of the request's URI and seconds to keep.
    pub expires_uri: Vec<(String, u64)>,
    /// Pattern of the path and seconds to keep.
    pub expires_path_info: Vec<(String, u64)>,
    /// MIME type and seconds to keep.
    pub expires_type: Vec<(String, u64)>,
    /// Patterns of files with a compressed neighbour.
    pub gzip: Vec<String>,
    /// Any file may have a compressed neighbour.
    pub gzip_all: bool,
    /// Range requests are honoured.
    pub honour_range: bool,
    /// The server in front sends the files.
    pub serve_mode: Option<ServeMode>,
    /// Directories whose files an application may name in `X-Sendfile`.
    pub x_sendfile: Vec<PathBuf>,
    /// Prefix and directory of the files that an application may name in `X-Accel-Redirect`.
    pub x_accel_redirect: Vec<(String, PathBuf)>,
}

/// The emperor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Emperor {
    /// Directories, globs or other sources of vassals.
    pub sources: Vec<String>,
    /// Pause between scans.
    pub freq: Seconds,
    /// Vassals run as the owner of their file.
    pub tyrant: bool,
    /// The times of links count, not those of the files they name.
    pub nofollow: bool,
    /// First pause after a bad vassal in milliseconds.
    pub throttle_ms: u64,
    /// Longest pause after a bad vassal in milliseconds.
    pub max_throttle_ms: u64,
    /// Ending of the file that holds the socket of a vassal started on demand.
    pub on_demand_extension: Option<String>,
    /// Directory of the sockets of vassals, all of them started on demand.
    pub on_demand_directory: Option<PathBuf>,
    /// Command that prints the socket of a vassal started on demand.
    pub on_demand_exec: Option<String>,
    /// `key=value` for every vassal.
    pub set: Vec<(String, String)>,
    /// Files that every vassal inherits.
    pub inherit: Vec<PathBuf>,
    /// Files that every vassal includes.
    pub include: Vec<PathBuf>,
    /// Files that every vassal inherits before its own is read.
    pub inherit_before: Vec<PathBuf>,
    /// Files that every vassal includes before its own is read.
    pub include_before: Vec<PathBuf>,
    /// Further endings of vassals' files, with or without the dot.
    pub extra_extensions: Vec<String>,
    /// Time after which a vassal that was told to leave is killed.
    pub curse_tolerance: Seconds,
    /// The pauses of bad vassals do not grow.
    pub no_blacklist: bool,
    /// The owner of a link counts, not that of the file it names.
    pub tyrant_nofollow: bool,
    /// Program that is run in place of this one for each vassal.
    pub wrapper: Option<PathBuf>,
    /// Programs that are preferred to it, where they are there.
    pub wrapper_override: Vec<PathBuf>,
    /// Programs that take its place, where it is not there.
    pub wrapper_fallback: Vec<PathBuf>,
    /// Program that is run, with the name of the vassal's file, when a vassal starts.
    pub start_hook: Option<PathBuf>,
    /// The same when it is gone.
    pub stop_hook: Option<PathBuf>,
    /// `option=value` of what each vassal does first.
    pub vassal_hooks: Vec<(String, String)>,
    /// File for the emperor's pid.
    pub pidfile: Option<PathBuf>,
    /// Stats server of the emperor.
    pub stats: Option<Address>,
    /// Time without a heartbeat after which a vassal is replaced.
    pub required_heartbeat: Seconds,
    /// How often this instance, a vassal, tells its emperor that it lives.
    pub heartbeat: Option<Seconds>,
}

impl Default for Emperor {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            freq: Seconds(3),
            tyrant: false,
            nofollow: false,
            throttle_ms: 1000,
            max_throttle_ms: 180_000,
            on_demand_extension: None,
            on_demand_directory: None,
            on_demand_exec: None,
            set: Vec::new(),
            inherit: Vec::new(),
            include: Vec::new(),
            inherit_before: Vec::new(),
            include_before: Vec::new(),
            extra_extensions: Vec::new(),
            curse_tolerance: Seconds(75),
            no_blacklist: false,
            tyrant_nofollow: false,
            wrapper: None,
            wrapper_override: Vec::new(),
            wrapper_fallback: Vec::new(),
            start_hook: None,
            stop_hook: None,
            vassal_hooks: Vec::new(),
            pidfile: None,
            stats: None,
            required_heartbeat: Seconds(30),
            heartbeat: None,
        }
    }
}

/// One change to the environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnvChange {
    /// Sets a variable.
    Set(String, String),
    /// Removes a variable.
    Unset(String),
}

/// Language plugins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plugins {
    /// Directories searched for them, in order, before the default ones.
    pub dirs: Vec<PathBuf>,
    /// Names or paths, in order.
    pub names: Vec<String>,
    /// Names or paths without which the instance must not start.
    pub needed: Vec<String>,
    /// What to build instead of serving: a source and a name or an interpreter.
    pub build: Option<String>,
}

/// What the language plugin is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct App {
    /// Canonical option name and value of every option of the plugin, in order; a flag is `true` or `false`.
    pub settings: Vec<(String, String)>,
}

impl Config {
    /// Where a path leads, seen from outside, that is meant after `chroot`. Without one: from the start directory.
    #[must_use]
    pub fn inside(&self, path: &Path) -> PathBuf {
        match &self.process.chroot {
            None => self.start_dir.join(path),
            Some(root) => self.start_dir.join(root).join(path.strip_prefix("/").unwrap_or(path)),
        }
    }

    /// What the language plugin is told: its own options as resolved, then all others in effect, for `uwsgi.opt`.
    ///
    /// A name that begins with `=` is for `uwsgi.opt` alone: an option of the plugin by the alias that was written.
    pub fn for_plugin(&self) -> Vec<(String, String)> {
        let others = self.options.iter().filter_map(|(name, value)| match crate::lookup::first_name_of_plugin(name) {
            None => Some((name.clone(), value.clone())),
            Some(first) => (first != name).then(|| (format!("={name}"), value.clone())),
        });
        self.app.settings.iter().cloned().chain(others).collect()
    }
}

impl App {
    /// The last value given for an option, by its canonical name.
    pub fn last(&self, name: &str) -> Option<&str> {
        self.settings.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a flag is on, by its canonical name.
    pub fn is_on(&self, name: &str) -> bool {
        self.last(name) == Some("true")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_seconds_can_be_added_to_a_moment() {
        for seconds in [0, 1, u64::MAX] {
            let _ = std::time::Instant::now() + Seconds(seconds).duration();
            let _ = std::time::SystemTime::now() + Seconds(seconds).duration();
        }
        assert_eq!(Seconds(60).duration(), Duration::from_secs(60));
    }
}
