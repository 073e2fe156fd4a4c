//! Options about the process itself: directories, files, names, rights.

use crate::config::EnvChange;
use crate::option::{Act, Arg, Group, OPT, Opt, Tier};

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "chdir",
        tier: Tier::Quickstart,
        group: Group::Process,
        unit: "directory",
        default: "none",
        field: "/process/chdir",
        example: "chdir = /srv/shop",
        doc: "Changes to this directory before the application is loaded.",
        act: Act::Set(|d, v| {
            d.config.process.chdir = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "chdir2",
        group: Group::Process,
        unit: "directory",
        default: "none",
        field: "/process/chdir2",
        example: "chdir2 = /srv/shop/run",
        doc: "Changes to this directory after the application was loaded.",
        act: Act::Set(|d, v| {
            d.config.process.chdir2 = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "force-cwd",
        group: Group::Process,
        unit: "directory",
        field: "/start_dir",
        example: "force-cwd = /srv/shop",
        doc: "Takes this as the directory of the start.",
        act: Act::Set(|d, v| {
            d.config.start_dir = v.path()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "env",
        tier: Tier::Quickstart,
        group: Group::Process,
        unit: "KEY=VALUE",
        default: "none",
        field: "/env",
        example: "env = DJANGO_SETTINGS_MODULE=shop.settings",
        doc: "Sets an environment variable before the application is loaded; without `=` removes it.",
        act: Act::Set(|d, v| {
            d.config.env.push(env_change(v.text()));
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "unenv",
        group: Group::Process,
        unit: "name",
        default: "none",
        field: "/env",
        example: "unenv = HTTP_PROXY",
        doc: "Removes an environment variable.",
        act: Act::Set(|d, v| {
            d.config.env.push(EnvChange::Unset(v.word()?));
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "pidfile",
        group: Group::Process,
        unit: "file",
        default: "none",
        field: "/process/pidfile",
        example: "pidfile = /run/shop.pid",
        doc: "Writes the pid of the master to this file, before rights are dropped.",
        act: Act::Set(|d, v| {
            d.config.process.pidfile = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "pidfile2",
        group: Group::Process,
        unit: "file",
        default: "none",
        field: "/process/pidfile2",
        example: "pidfile2 = /run/shop.pid",
        doc: "Writes the pid of the master to this file, after rights are dropped.",
        act: Act::Set(|d, v| {
            d.config.process.pidfile2 = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "safe-pidfile",
        group: Group::Process,
        unit: "file",
        default: "none",
        field: "/process/safe_pidfile",
        example: "safe-pidfile = /run/shop.pid",
        doc: "Writes the pid of the master to this file once the start has succeeded.",
        act: Act::Set(|d, v| {
            d.config.process.safe_pidfile = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "safe-pidfile2",
        group: Group::Process,
        unit: "file",
        default: "none",
        field: "/process/safe_pidfile2",
        example: "safe-pidfile2 = /run/shop.pid",
        doc: "Writes the pid of the master to this file once the start has succeeded and rights are dropped.",
        act: Act::Set(|d, v| {
            d.config.process.safe_pidfile2 = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "vacuum",
        arg: Arg::None,
        group: Group::Process,
        default: "off",
        field: "/process/vacuum",
        example: "vacuum = true",
        doc: "Removes unix sockets and pid files at the end.",
        act: Act::Set(|d, v| {
            d.config.process.vacuum = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "die-on-term",
        arg: Arg::None,
        group: Group::Process,
        default: "on",
        field: "/process/die_on_term",
        example: "die-on-term = false",
        differs: "on unless turned off; uWSGI reloads on SIGTERM",
        doc: "Makes SIGTERM stop the instance.\n\nOn unless turned off: uWSGI reloads on SIGTERM.",
        act: Act::Set(|d, v| {
            d.config.process.die_on_term = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "exit-on-reload",
        arg: Arg::None,
        group: Group::Process,
        default: "off",
        field: "/process/exit_on_reload",
        example: "exit-on-reload = true",
        doc: "Makes SIGHUP stop the instance instead of reloading it.",
        act: Act::Set(|d, v| {
            d.config.process.exit_on_reload = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "no-orphans",
        arg: Arg::None,
        group: Group::Process,
        default: "off",
        field: "/process/no_orphans",
        example: "no-orphans = true",
        doc: "Ends the workers when their master is gone, even when it was killed.",
        act: Act::Set(|d, v| {
            d.config.process.no_orphans = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "auto-procname",
        arg: Arg::None,
        group: Group::Process,
        default: "off",
        field: "/process/auto_procname",
        example: "auto-procname = true",
        doc: "Names the processes by their role, such as `rsgi worker 1`.",
        act: Act::Set(|d, v| {
            d.config.process.auto_procname = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "procname",
        group: Group::Process,
        unit: "title",
        default: "none",
        field: "/process/procname",
        example: "procname = shop",
        doc: "Sets the title of every process.",
        act: Act::Set(|d, v| {
            d.config.process.procname = v.given();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "procname-prefix",
        group: Group::Process,
        unit: "text",
        default: "none",
        field: "/process/procname_prefix",
        example: "procname-prefix = shop-",
        doc: "Puts a text in front of the title of every process.",
        act: Act::Set(|d, v| {
            d.config.process.procname_prefix = v.given();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "procname-prefix-spaced",
        group: Group::Process,
        unit: "text",
        default: "none",
        field: "/process/procname_prefix",
        example: "procname-prefix-spaced = shop",
        doc: "Puts a text and a blank in front of the title of every process.",
        act: Act::Set(|d, v| {
            d.config.process.procname_prefix = v.given().map(|prefix| prefix + " ");
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "procname-append",
        group: Group::Process,
        unit: "text",
        default: "none",
        field: "/process/procname_append",
        example: "procname-append = (blue)",
        doc: "Puts a text behind the title of every process.",
        act: Act::Set(|d, v| {
            d.config.process.procname_append = v.given();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "procname-master",
        group: Group::Process,
        unit: "title",
        default: "none",
        field: "/process/procname_master",
        example: "procname-master = shop master",
        doc: "Sets the title of the master.",
        act: Act::Set(|d, v| {
            d.config.process.procname_master = v.given();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "umask",
        group: Group::Process,
        unit: "mode",
        default: "none",
        field: "/process/umask",
        example: "umask = 022",
        doc: "Takes these bits from the mode of new files.",
        act: Act::Set(|d, v| {
            d.config.process.umask = Some(v.umask()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "uid",
        tier: Tier::Quickstart,
        group: Group::Process,
        unit: "user",
        default: "none",
        field: "/process/uid",
        example: "uid = www-data",
        doc: "Runs as this user, once sockets are bound.",
        act: Act::Set(|d, v| {
            d.config.process.uid = Some(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "gid",
        tier: Tier::Quickstart,
        group: Group::Process,
        unit: "group",
        default: "none",
        field: "/process/gid",
        example: "gid = www-data",
        doc: "Runs as this group, once sockets are bound.",
        act: Act::Set(|d, v| {
            d.config.process.gid = Some(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "add-gid",
        group: Group::Process,
        unit: "group",
        default: "none",
        field: "/process/add_gid",
        example: "add-gid = docker",
        doc: "Adds a group to those of the processes.",
        act: Act::Set(|d, v| {
            d.config.process.add_gid.push(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "no-initgroups",
        arg: Arg::None,
        group: Group::Process,
        default: "off",
        field: "/process/no_initgroups",
        example: "no-initgroups = true",
        doc: "Leaves the further groups of the user aside.",
        act: Act::Set(|d, v| {
            d.config.process.no_initgroups = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cap",
        group: Group::Process,
        unit: "names",
        default: "none",
        field: "/process/cap",
        example: "cap = net_bind_service",
        doc: "Keeps these capabilities when rights are dropped.",
        act: Act::Set(|d, v| {
            d.config.process.cap.extend(v.list()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "no-new-privs",
        arg: Arg::None,
        group: Group::Process,
        default: "on when rights are dropped",
        field: "/process/no_new_privs",
        example: "no-new-privs = true",
        own: true,
        doc: "Keeps every process from gaining rights by running a program (setuid bits do nothing).\n\nWho gives up the rights of root \
              by `uid` wants them to stay away, so then it is the default; `no-new-privs = false` is for an application that runs \
              `sudo` or the like. Under `master-as-root` the master and its daemons keep theirs.",
        act: Act::Set(|d, v| {
            d.config.process.no_new_privs = Some(v.switch());
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "chroot",
        group: Group::Process,
        unit: "directory",
        default: "none",
        field: "/process/chroot",
        example: "chroot = /srv/jail",
        doc: "Makes this the root directory of routers, zygote and workers, before the application is looked at.\n\nPaths of the \
              application, of sockets other than `shared-socket`, of static files, `pidfile2` and `logto2` lie inside; \
              configuration, certificates, `pidfile`, `logto` and a plugin outside. The interpreter's library folder has to be \
              inside. The master stays outside, as the user of `uid`, so that a reload finds the configuration again.",
        act: Act::Set(|d, v| {
            d.config.process.chroot = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "master-as-root",
        arg: Arg::None,
        group: Group::Process,
        default: "off",
        field: "/process/master_as_root",
        example: "master-as-root = true",
        doc: "Leaves the master its rights.",
        act: Act::Set(|d, v| {
            d.config.process.master_as_root = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "master-fifo",
        group: Group::Process,
        unit: "file",
        default: "none",
        field: "/process/master_fifo",
        example: "master-fifo = /run/shop.fifo",
        implies_master: true,
        doc: "Takes one-letter commands from this pipe; of several pipes, the digits choose the one that is read.\n\n`r` reload (as do `R w W c f`: there is one kind), `q` stop, `Q` stop at once, `p` pause or go on, `l` open the log anew, `L` rotate it, `s` tell of the workers in the log, `P` write the pid files again, `+` and `-` a worker more or less.",
        differs: "every kind of reload is a new generation that takes over when it serves",
        act: Act::Set(|d, v| {
            d.config.process.master_fifo.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "no-server",
        arg: Arg::None,
        group: Group::Process,
        default: "off",
        field: "/no_server",
        example: "no-server = true",
        doc: "Loads everything, then ends with code 0 without serving.",
        act: Act::Set(|d, v| {
            d.config.no_server = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "honour-stdin",
        arg: Arg::None,
        group: Group::Process,
        default: "off",
        field: "/process/honour_stdin",
        example: "honour-stdin = true",
        doc: "Leaves the application the standard input of the server, for debuggers such as `pdb`.",
        act: Act::Set(|d, v| {
            d.config.process.honour_stdin = v.switch();
            Ok(())
        }),
        ..OPT
    },
];

fn env_change(text: &str) -> EnvChange {
    match text.split_once('=') {
        Some((key, value)) => EnvChange::Set(key.trim().into(), value.into()),
        None => EnvChange::Unset(text.into()),
    }
}
