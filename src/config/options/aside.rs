//! Options of the processes beside the workers.

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
];
