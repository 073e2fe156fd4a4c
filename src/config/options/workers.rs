//! Options of worker processes and their life.

use crate::config::Seconds;
use crate::option::{Act, Arg, Group, OPT, Opt, Tier};
use crate::value::Fault;

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "processes",
        aliases: &["workers"],
        short: Some('p'),
        tier: Tier::Quickstart,
        group: Group::Workers,
        unit: "number",
        default: "1",
        field: "/workers/processes",
        example: "processes = 4",
        doc: "Sets how many worker processes run.",
        act: Act::Set(|d, v| {
            d.config.workers.processes = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "threads",
        tier: Tier::Quickstart,
        group: Group::Workers,
        unit: "number",
        default: "1",
        field: "/workers/threads",
        example: "threads = 2",
        doc: "Sets how many requests each worker serves at once, each in a thread of its own.",
        act: Act::Set(|d, v| {
            d.config.workers.threads = v.count_as::<u32>()?.max(1);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "master",
        short: Some('M'),
        arg: Arg::None,
        tier: Tier::Quickstart,
        group: Group::Workers,
        default: "off",
        field: "/workers/master",
        example: "master = true",
        differs: "a supervisor always runs",
        doc: "Runs a master process that supervises the workers.\n\nHere there always is one; `false` is accepted.",
        act: Act::Set(|d, v| {
            d.config.workers.master = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "lazy-apps",
        arg: Arg::None,
        group: Group::Workers,
        default: "off",
        field: "/workers/lazy_apps",
        example: "lazy-apps = true",
        doc: "Imports the application in each worker, instead of once before they are born.\n\nCosts memory and start time; helps applications that open connections or start threads at import. A worker that is replaced (`max-requests` and the like) serves until the next one has imported the application.",
        act: Act::Set(|d, v| {
            d.config.workers.lazy_apps = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "lazy",
        arg: Arg::None,
        group: Group::Workers,
        default: "off",
        field: "/workers/lazy_apps",
        example: "lazy = true",
        differs: "a reload is the same as without it",
        doc: "Imports the application in each worker, as `lazy-apps` does.\n\nuWSGI also reloads differently; here a reload is the same with both.",
        act: Act::Set(|d, v| {
            d.config.workers.lazy_apps = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "enable-threads",
        short: Some('T'),
        arg: Arg::None,
        tier: Tier::Quickstart,
        group: Group::Workers,
        default: "on",
        field: "/workers/enable_threads",
        example: "enable-threads = true",
        differs: "always on",
        doc: "Lets threads of the application run between requests.\n\nHere they always do; the option is accepted.",
        act: Act::Set(|d, v| {
            d.config.workers.enable_threads = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "threads-stacksize",
        aliases: &["thread-stacksize", "thread-stack-size", "threads-stack-size"],
        group: Group::Workers,
        unit: "KiB",
        default: "off",
        field: "/workers/threads_stacksize",
        example: "threads-stacksize = 512",
        doc: "Sets the stack of each serving thread; 0 for the default.",
        act: Act::Set(|d, v| {
            d.config.workers.threads_stacksize = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "reload-mercy",
        group: Group::Workers,
        unit: "seconds",
        default: "60",
        field: "/workers/reload_mercy",
        example: "reload-mercy = 8",
        doc: "Sets how long routers, and daemons (without it 10 seconds), may take to end. Workers have `worker-reload-mercy`.",
        act: Act::Set(|d, v| {
            d.config.workers.reload_mercy = v.seconds()?;
            d.config.workers.daemon_mercy = Some(d.config.workers.reload_mercy);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "worker-reload-mercy",
        group: Group::Workers,
        unit: "seconds",
        default: "60",
        field: "/workers/worker_reload_mercy",
        example: "worker-reload-mercy = 30",
        doc: "Sets how long a worker may take to end before it is killed.",
        act: Act::Set(|d, v| {
            d.config.workers.worker_reload_mercy = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "forkbomb-delay",
        group: Group::Workers,
        unit: "seconds",
        default: "2",
        field: "/workers/forkbomb_delay",
        example: "forkbomb-delay = 5",
        implies_master: true,
        doc: "Sets the pause after workers died too fast; 0 for none.",
        act: Act::Set(|d, v| {
            d.config.workers.forkbomb_delay = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "max-requests",
        short: Some('R'),
        group: Group::Workers,
        unit: "number",
        default: "off",
        field: "/workers/max_requests",
        example: "max-requests = 5000",
        doc: "Replaces a worker after so many requests; 0 for never.",
        act: Act::Set(|d, v| {
            d.config.workers.max_requests = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "max-requests-delta",
        group: Group::Workers,
        unit: "number",
        default: "0",
        field: "/workers/max_requests_delta",
        example: "max-requests-delta = 100",
        doc: "Adds so many to `max-requests` for each worker before it, so that they do not end together.",
        act: Act::Set(|d, v| {
            d.config.workers.max_requests_delta = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "min-worker-lifetime",
        group: Group::Workers,
        unit: "seconds",
        default: "10",
        field: "/workers/min_lifetime",
        example: "min-worker-lifetime = 30",
        doc: "Sets the age before which no worker is replaced.",
        act: Act::Set(|d, v| {
            d.config.workers.min_lifetime = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "max-worker-lifetime",
        group: Group::Workers,
        unit: "seconds",
        default: "off",
        field: "/workers/max_lifetime",
        example: "max-worker-lifetime = 3600",
        doc: "Replaces a worker at this age; 0 for never.",
        act: Act::Set(|d, v| {
            d.config.workers.max_lifetime = v.seconds_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "max-worker-lifetime-delta",
        group: Group::Workers,
        unit: "seconds",
        default: "0",
        field: "/workers/max_lifetime_delta",
        example: "max-worker-lifetime-delta = 60",
        doc: "Adds so much to `max-worker-lifetime` for each worker before it.",
        act: Act::Set(|d, v| {
            d.config.workers.max_lifetime_delta = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "harakiri",
        short: Some('t'),
        tier: Tier::Quickstart,
        group: Group::Workers,
        unit: "seconds",
        default: "off",
        field: "/workers/harakiri",
        example: "harakiri = 30",
        differs: "each request has its own deadline, also with threads; the log has the traceback; a 504 through the router",
        doc: "Kills a worker whose request takes longer than this.\n\nThe log names the request with its variables and shows what every thread is at. 0 turns it off.",
        act: Act::Set(|d, v| {
            d.config.workers.harakiri = v.seconds_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "harakiri-verbose",
        arg: Arg::None,
        group: Group::Workers,
        default: "off",
        field: "/workers/harakiri_verbose",
        example: "harakiri-verbose = true",
        doc: "Logs more about a worker killed by harakiri.",
        act: Act::Set(|d, v| {
            d.config.workers.harakiri_verbose = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "harakiri-queue-threshold",
        group: Group::Workers,
        unit: "number",
        default: "off",
        field: "/workers/harakiri_queue_threshold",
        example: "harakiri-queue-threshold = 20",
        differs: "the router's queue counts as well",
        doc: "Ends requests that take too long only while so many clients wait, or more.\n\nClients wait in the queue of a router process, or in the kernel before one of the sockets: the longest of these queues counts. A request that was let go on is ended as soon as the queue is that long. `harakiri-graceful` interrupts it whatever the queue. 0 is off.",
        act: Act::Set(|d, v| {
            d.config.workers.harakiri_queue_threshold = Some(v.count_as()?).filter(|least| *least > 0);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "harakiri-graceful-timeout",
        group: Group::Workers,
        unit: "seconds",
        default: "off",
        field: "/workers/harakiri_graceful_timeout",
        example: "harakiri-graceful-timeout = 5",
        doc: "Asks the worker of a request that takes too long to leave, and kills it only so much later.",
        act: Act::Set(|d, v| {
            d.config.workers.harakiri_graceful_timeout = v.seconds_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "harakiri-graceful-signal",
        group: Group::Workers,
        unit: "number",
        default: "15",
        field: "/workers/harakiri_graceful_signal",
        example: "harakiri-graceful-signal = 1",
        doc: "Sets the signal by which `harakiri-graceful-timeout` asks a worker to leave.",
        act: Act::Set(|d, v| {
            let signal = v.signed()?;
            if !(1..=31).contains(&signal) {
                return Err(Fault::bare(format!("{signal} is no signal: 15 is SIGTERM, 1 is SIGHUP")));
            }
            d.config.workers.harakiri_graceful_signal = signal;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "harakiri-graceful",
        group: Group::Workers,
        unit: "seconds",
        default: "off",
        field: "/workers/harakiri_graceful",
        example: "harakiri-graceful = 5",
        own: true,
        doc: "Raises `uwsgi.DeadlineExceeded` in a request that takes too long, and kills its worker only if it has not ended so much later.\n\nThe client gets 504, and the other requests of the worker go on. An exception cannot interrupt a system call: a request that waits for the network goes on until that ends.",
        act: Act::Set(|d, v| {
            d.config.workers.harakiri_graceful = v.seconds_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "reload-on-as",
        group: Group::Workers,
        unit: "MiB",
        default: "off",
        field: "/workers/reload_on_as",
        example: "reload-on-as = 1024",
        doc: "Replaces a worker whose address space has grown to this, after the request.",
        act: Act::Set(|d, v| {
            d.config.workers.reload_on_as = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "reload-on-rss",
        group: Group::Workers,
        unit: "MiB",
        default: "off",
        field: "/workers/reload_on_rss",
        example: "reload-on-rss = 512",
        doc: "Replaces a worker whose resident memory has grown to this, after the request.",
        act: Act::Set(|d, v| {
            d.config.workers.reload_on_rss = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "evil-reload-on-as",
        group: Group::Workers,
        unit: "MiB",
        default: "off",
        field: "/workers/evil_reload_on_as",
        example: "evil-reload-on-as = 2048",
        implies_master: true,
        doc: "Kills a worker whose address space has grown to this.",
        act: Act::Set(|d, v| {
            d.config.workers.evil_reload_on_as = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "evil-reload-on-rss",
        group: Group::Workers,
        unit: "MiB",
        default: "off",
        field: "/workers/evil_reload_on_rss",
        example: "evil-reload-on-rss = 1024",
        implies_master: true,
        doc: "Kills a worker whose resident memory has grown to this.",
        act: Act::Set(|d, v| {
            d.config.workers.evil_reload_on_rss = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "mem-collector-freq",
        group: Group::Workers,
        unit: "seconds",
        default: "3",
        field: "/workers/memory_period",
        example: "mem-collector-freq = 10",
        doc: "Seconds between two looks at the memory of workers, for `evil-reload-on-as` and `evil-reload-on-rss`.",
        act: Act::Set(|d, v| {
            d.config.workers.memory_period = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "offload-threads",
        aliases: &["offload-thread"],
        tier: Tier::Quickstart,
        group: Group::Workers,
        unit: "number",
        default: "0",
        field: "/workers/offload_threads",
        example: "offload-threads = 2",
        differs: "a core sends what the socket takes at once; only what is left goes to a thread",
        doc: "Sets how many threads of each worker send files to slow clients, so that no core waits for them.\n\n\
              Concerns the workers' own sockets (`socket`, `http-socket`, FastCGI, SCGI). What comes over `http` needs no core \
              for files in any case. A client that takes nothing for `socket-timeout` is left.",
        act: Act::Set(|d, v| {
            d.config.workers.offload_threads = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "prio",
        group: Group::Workers,
        unit: "number",
        default: "off",
        field: "/workers/prio",
        example: "prio = -5",
        doc: "Sets the niceness of all processes: from -20, served first, to 19; less than now takes root.",
        act: Act::Set(|d, v| {
            d.config.workers.prio = Some(v.signed()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cpu-affinity",
        group: Group::Workers,
        unit: "number",
        default: "off",
        field: "/workers/cpu_affinity",
        example: "cpu-affinity = 1",
        differs: "only processors that the instance may use count",
        doc: "Ties each worker to so many processors, in turn.",
        act: Act::Set(|d, v| {
            d.config.workers.cpu_affinity = Some(v.count_as()?).filter(|processors| *processors > 0);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "locks",
        group: Group::Workers,
        unit: "number",
        default: "0",
        field: "/workers/locks",
        example: "locks = 4",
        doc: "Adds so many locks for the application: `uwsgi.lock(1)` and so on.\n\nLock 0 is always there. A lock belongs to one thread of one process at a time, over all workers, mules and spoolers; the kernel frees it when that process dies.",
        act: Act::Set(|d, v| {
            d.config.workers.locks = v.count_as::<u16>()?.into();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "check-interval",
        group: Group::Workers,
        unit: "seconds",
        default: "1",
        field: "/workers/check_interval",
        example: "check-interval = 2",
        implies_master: true,
        doc: "Sets the pause between two looks of the master at its workers, watched files, set times and daemons.",
        act: Act::Set(|d, v| {
            d.config.workers.check_interval = Seconds(v.seconds()?.0.max(1));
            Ok(())
        }),
        ..OPT
    },
];
