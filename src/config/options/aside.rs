//! Options of the processes beside the workers.

use crate::config::{Seconds, Spooler};
use crate::option::{Act, Arg, Group, OPT, Opt, Tier};

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "mule",
        arg: Arg::Optional,
        group: Group::Aside,
        unit: "file or module:function",
        default: "none",
        field: "/aside/mules",
        example: "mule = jobs.py",
        implies_master: true,
        doc: "Adds a mule: a process beside the workers that handles messages, or runs a file or a function of its own.\n\nA mule has loaded the application as workers have. Without a value it calls `uwsgi.mule_msg_hook` for each message (the decorators of `uwsgidecorators` are built on that). A program that ends is started again.",
        act: Act::Set(|d, v| {
            d.config.aside.mules.push(v.given());
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "mules",
        group: Group::Aside,
        unit: "number",
        example: "mules = 4",
        implies_master: true,
        doc: "Adds so many mules without a program of their own.",
        act: Act::Set(|d, v| {
            let count = v.count_as::<u16>()?;
            d.config.aside.mules.extend(std::iter::repeat_n(None, count.into()));
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "farm",
        group: Group::Aside,
        unit: "NAME:MULE,MULE…",
        default: "none",
        field: "/aside/farms",
        example: "farm = mails:1,2",
        implies_master: true,
        doc: "Names a group of mules; a message to it is taken by one of them.",
        act: Act::Set(|d, v| {
            d.config.aside.farms.push(v.farm()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "mule-msg-size",
        arg: Arg::Optional,
        tier: Tier::Rare,
        group: Group::Aside,
        unit: "bytes",
        default: "off",
        field: "/aside/mule_msg_size",
        example: "mule-msg-size = 131072",
        implies_master: true,
        doc: "Sets the room of each queue of messages to mules.\n\nThe kernel may grant less (`net.core.wmem_max`). No message can be longer than the room.",
        act: Act::Set(|d, v| {
            d.config.aside.mule_msg_size = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "mule-harakiri",
        group: Group::Aside,
        unit: "seconds",
        default: "off",
        field: "/aside/mule_harakiri",
        example: "mule-harakiri = 300",
        differs: "counts for each message; uWSGI counts for signals only",
        doc: "Kills and replaces a mule that spends longer than this on one message.\n\nThe log names the message and shows the stacks of the mule. A program of its own is watched from the moment it has got a message until it asks for the next one.",
        act: Act::Set(|d, v| {
            d.config.aside.mule_harakiri = v.seconds_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "mule-reload-mercy",
        group: Group::Aside,
        unit: "seconds",
        default: "60",
        field: "/aside/mule_reload_mercy",
        example: "mule-reload-mercy = 10",
        doc: "Sets how long a mule may take to end before it is killed.",
        act: Act::Set(|d, v| {
            d.config.aside.mule_reload_mercy = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "spooler",
        short: Some('Q'),
        implies_master: true,
        group: Group::Aside,
        unit: "directory",
        default: "none",
        field: "/aside/spoolers",
        example: "spooler = /var/spool/shop",
        doc: "Runs the tasks in a directory: each is a file that `uwsgi.spool` has written.\n\nA task that the application has not confirmed (`SPOOL_OK`) stays and is tried again, also after a crash. The files are uWSGI's, so that either server runs what the other has written.",
        act: Act::Set(|d, v| {
            d.config.aside.spoolers.push(Spooler { directory: v.path()?, is_external: false });
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "spooler-external",
        implies_master: true,
        group: Group::Aside,
        unit: "directory",
        example: "spooler-external = /var/spool/shop",
        doc: "Lets tasks be written to a directory whose tasks another instance runs.",
        act: Act::Set(|d, v| {
            d.config.aside.spoolers.push(Spooler { directory: v.path()?, is_external: true });
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "spooler-processes",
        group: Group::Aside,
        unit: "number",
        default: "1",
        field: "/aside/spooler_processes",
        example: "spooler-processes = 4",
        doc: "Sets how many processes run the tasks of each directory.",
        act: Act::Set(|d, v| {
            d.config.aside.spooler_processes = v.count_as::<u16>()?.max(1).into();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "spooler-frequency",
        aliases: &["spooler-freq"],
        group: Group::Aside,
        unit: "seconds",
        default: "30",
        field: "/aside/spooler_frequency",
        example: "spooler-frequency = 10",
        doc: "Sets the pause before a task that failed is tried again, and between looks for tasks that nobody has announced.\n\nNew tasks wake a spooler at once.",
        act: Act::Set(|d, v| {
            d.config.aside.spooler_frequency = Seconds(v.seconds()?.0.max(1));
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "spooler-max-tasks",
        group: Group::Aside,
        unit: "number",
        default: "off",
        field: "/aside/spooler_max_tasks",
        example: "spooler-max-tasks = 1000",
        doc: "Replaces a spooler after so many tasks.",
        act: Act::Set(|d, v| {
            d.config.aside.spooler_max_tasks = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "spooler-ordered",
        differs: "tasks with a priority run without it too",
        arg: Arg::None,
        group: Group::Aside,
        default: "off",
        field: "/aside/spooler_ordered",
        example: "spooler-ordered = true",
        doc: "Runs tasks in the order of their file names.\n\nOtherwise the oldest comes first. Tasks with a `priority` come before those without, the lowest number first, either way.",
        act: Act::Set(|d, v| {
            d.config.aside.spooler_ordered = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "spooler-quiet",
        arg: Arg::None,
        group: Group::Aside,
        default: "off",
        field: "/aside/spooler_quiet",
        example: "spooler-quiet = true",
        doc: "Leaves the beginning and the end of tasks out of the log.",
        act: Act::Set(|d, v| {
            d.config.aside.spooler_quiet = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "spooler-chdir",
        group: Group::Aside,
        unit: "directory",
        default: "none",
        field: "/aside/spooler_chdir",
        example: "spooler-chdir = /srv/shop",
        doc: "Changes to this directory before each task.\n\nOtherwise tasks run in the directory of their files.",
        act: Act::Set(|d, v| {
            d.config.aside.spooler_chdir = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "spooler-harakiri",
        group: Group::Aside,
        unit: "seconds",
        default: "off",
        field: "/aside/spooler_harakiri",
        example: "spooler-harakiri = 600",
        doc: "Kills and replaces a spooler whose task takes longer than this.\n\nThe log names the task and shows the stacks of the spooler. The task stays and is tried again after `spooler-frequency`.",
        act: Act::Set(|d, v| {
            d.config.aside.spooler_harakiri = v.seconds_or_off()?;
            Ok(())
        }),
        ..OPT
    },
];
