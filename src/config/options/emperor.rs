//! Options of the emperor.

use crate::option::{Act, Arg, Group, OPT, Opt, Tier};

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "emperor",
        group: Group::Emperor,
        unit: "directory",
        default: "none",
        field: "/emperor/sources",
        example: "emperor = /etc/rsgi/vassals",
        doc: "Runs one instance for each configuration file in a directory or matching a pattern.",
        act: Act::Set(|d, v| {
            d.config.emperor.sources.push(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-freq",
        group: Group::Emperor,
        unit: "seconds",
        default: "3",
        field: "/emperor/freq",
        example: "emperor-freq = 10",
        doc: "Sets the pause between two looks at the vassals' files.",
        act: Act::Set(|d, v| {
            d.config.emperor.freq = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-tyrant",
        arg: Arg::None,
        group: Group::Emperor,
        default: "off",
        field: "/emperor/tyrant",
        example: "emperor-tyrant = true",
        doc: "Runs each vassal as the owner of its file.",
        act: Act::Set(|d, v| {
            d.config.emperor.tyrant = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-nofollow",
        arg: Arg::None,
        group: Group::Emperor,
        default: "off",
        field: "/emperor/nofollow",
        example: "emperor-nofollow = true",
        doc: "Looks at the time of links, not of the files they name.",
        act: Act::Set(|d, v| {
            d.config.emperor.nofollow = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-throttle",
        group: Group::Emperor,
        unit: "milliseconds",
        default: "1000",
        field: "/emperor/throttle_ms",
        example: "emperor-throttle = 500",
        doc: "Sets the first pause before a bad vassal is started again.",
        act: Act::Set(|d, v| {
            d.config.emperor.throttle_ms = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-max-throttle",
        group: Group::Emperor,
        unit: "milliseconds",
        default: "180000",
        field: "/emperor/max_throttle_ms",
        example: "emperor-max-throttle = 60000",
        doc: "Sets the longest pause before a bad vassal is started again.",
        act: Act::Set(|d, v| {
            d.config.emperor.max_throttle_ms = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-on-demand-extension",
        aliases: &["emperor-on-demand-ext"],
        group: Group::Emperor,
        unit: "ending",
        default: "none",
        field: "/emperor/on_demand_extension",
        example: "emperor-on-demand-extension = .socket",
        doc: "Starts a vassal only when its socket, named in a file with this ending, is asked.",
        act: Act::Set(|d, v| {
            d.config.emperor.on_demand_extension = Some(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-on-demand-directory",
        aliases: &["emperor-on-demand-dir"],
        tier: Tier::Rare,
        group: Group::Emperor,
        unit: "directory",
        default: "none",
        field: "/emperor/on_demand_directory",
        example: "emperor-on-demand-directory = /run/vassals",
        doc: "Starts a vassal only when its socket in this directory is asked: `NAME.socket` for `NAME.ini`.",
        act: Act::Set(|d, v| {
            d.config.emperor.on_demand_directory = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-on-demand-exec",
        tier: Tier::Rare,
        group: Group::Emperor,
        unit: "command",
        default: "none",
        field: "/emperor/on_demand_exec",
        example: "emperor-on-demand-exec = /usr/local/bin/socket-of",
        doc: "Starts a vassal only when its socket is asked, which this command prints; its argument is the vassal's file.",
        act: Act::Set(|d, v| {
            d.config.emperor.on_demand_exec = Some(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "vassal-set",
        aliases: &["vassals-set"],
        group: Group::Emperor,
        unit: "KEY=VALUE",
        default: "none",
        field: "/emperor/set",
        example: "vassal-set = die-on-term=true",
        doc: "Sets an option in every vassal.",
        act: Act::Set(|d, v| {
            d.config.emperor.set.push(v.pair()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "vassals-inherit",
        group: Group::Emperor,
        unit: "file",
        default: "none",
        field: "/emperor/inherit",
        example: "vassals-inherit = /etc/rsgi/base.ini",
        doc: "Makes every vassal inherit this file.",
        act: Act::Set(|d, v| {
            d.config.emperor.inherit.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "vassals-include",
        group: Group::Emperor,
        unit: "file",
        default: "none",
        field: "/emperor/include",
        example: "vassals-include = /etc/rsgi/base.ini",
        doc: "Makes every vassal include this file after its own: what it says wins.",
        act: Act::Set(|d, v| {
            d.config.emperor.include.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-pidfile",
        group: Group::Emperor,
        unit: "file",
        default: "none",
        field: "/emperor/pidfile",
        example: "emperor-pidfile = /run/emperor.pid",
        doc: "Writes the pid of the emperor to this file.",
        act: Act::Set(|d, v| {
            d.config.emperor.pidfile = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-stats",
        aliases: &["emperor-stats-server"],
        group: Group::Emperor,
        unit: "address",
        default: "none",
        field: "/emperor/stats",
        example: "emperor-stats = 127.0.0.1:9292",
        doc: "Serves the state of the emperor as JSON on this address.",
        act: Act::Set(|d, v| {
            d.config.emperor.stats = Some(v.address()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-required-heartbeat",
        group: Group::Emperor,
        unit: "seconds",
        default: "30",
        field: "/emperor/required_heartbeat",
        example: "emperor-required-heartbeat = 60",
        doc: "Replaces a vassal that was silent for so long, if it sends heartbeats.",
        act: Act::Set(|d, v| {
            d.config.emperor.required_heartbeat = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "heartbeat",
        group: Group::Emperor,
        unit: "seconds",
        default: "off",
        field: "/emperor/heartbeat",
        example: "heartbeat = 10",
        doc: "Tells the emperor every so many seconds that this vassal lives.\n\nAn emperor that has heard nothing for `emperor-required-heartbeat` replaces the vassal.",
        act: Act::Set(|d, v| {
            d.config.emperor.heartbeat = v.seconds_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "vassals-inherit-before",
        tier: Tier::Rare,
        group: Group::Emperor,
        unit: "file",
        default: "none",
        field: "/emperor/inherit_before",
        example: "vassals-inherit-before = /etc/rsgi/base.ini",
        doc: "Makes every vassal inherit this file before its own is read.",
        act: Act::Set(|d, v| {
            d.config.emperor.inherit_before.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "vassals-include-before",
        tier: Tier::Rare,
        group: Group::Emperor,
        unit: "file",
        default: "none",
        field: "/emperor/include_before",
        example: "vassals-include-before = /etc/rsgi/base.ini",
        doc: "Makes every vassal include this file before its own, which may then say otherwise.",
        act: Act::Set(|d, v| {
            d.config.emperor.include_before.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-extra-extension",
        aliases: &["emperor-extra-ext"],
        tier: Tier::Rare,
        group: Group::Emperor,
        unit: "ending",
        default: "none",
        field: "/emperor/extra_extensions",
        example: "emperor-extra-extension = .vassal",
        doc: "Takes files with this ending for vassals too.",
        act: Act::Set(|d, v| {
            d.config.emperor.extra_extensions.push(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-curse-tolerance",
        tier: Tier::Rare,
        group: Group::Emperor,
        unit: "seconds",
        default: "75",
        field: "/emperor/curse_tolerance",
        example: "emperor-curse-tolerance = 30",
        differs: "75 seconds unless given, for a vassal has a mercy of 60",
        doc: "Kills a vassal that was told to leave and is still there so much later.",
        act: Act::Set(|d, v| {
            d.config.emperor.curse_tolerance = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-no-blacklist",
        arg: Arg::None,
        tier: Tier::Rare,
        group: Group::Emperor,
        default: "off",
        field: "/emperor/no_blacklist",
        example: "emperor-no-blacklist = true",
        doc: "Lets a vassal that fails again and again rest no longer than `emperor-throttle` each time.",
        act: Act::Set(|d, v| {
            d.config.emperor.no_blacklist = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-tyrant-nofollow",
        arg: Arg::None,
        tier: Tier::Rare,
        group: Group::Emperor,
        default: "off",
        field: "/emperor/tyrant_nofollow",
        example: "emperor-tyrant-nofollow = true",
        doc: "Runs a vassal whose file is a link as the owner of the link, not of the file it names.",
        act: Act::Set(|d, v| {
            d.config.emperor.tyrant_nofollow = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-procname",
        tier: Tier::Rare,
        group: Group::Emperor,
        unit: "text",
        default: "none",
        field: "/process/procname_emperor",
        example: "emperor-procname = emperor of shops",
        doc: "Sets the title of the emperor's process.",
        act: Act::Set(|d, v| {
            d.config.process.procname_emperor = Some(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-wrapper",
        tier: Tier::Rare,
        group: Group::Emperor,
        unit: "file",
        default: "none",
        field: "/emperor/wrapper",
        example: "emperor-wrapper = /usr/local/bin/vassal",
        doc: "Runs each vassal by this program, which gets the vassal's arguments and has to run rsgi with them.\n\nIt must hand descriptor 3 on, by which the vassal talks to its emperor.",
        act: Act::Set(|d, v| {
            d.config.emperor.wrapper = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-wrapper-override",
        tier: Tier::Rare,
        group: Group::Emperor,
        unit: "file",
        default: "none",
        field: "/emperor/wrapper_override",
        example: "emperor-wrapper-override = /opt/rsgi/bin/vassal",
        doc: "Runs each vassal by this program rather than by `emperor-wrapper` or rsgi itself, if it is there.",
        act: Act::Set(|d, v| {
            d.config.emperor.wrapper_override.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "emperor-wrapper-fallback",
        tier: Tier::Rare,
        group: Group::Emperor,
        unit: "file",
        default: "none",
        field: "/emperor/wrapper_fallback",
        example: "emperor-wrapper-fallback = /usr/bin/vassal",
        doc: "Runs each vassal by this program when `emperor-wrapper` is not there.",
        act: Act::Set(|d, v| {
            d.config.emperor.wrapper_fallback.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "vassals-start-hook",
        group: Group::Emperor,
        unit: "file",
        default: "none",
        field: "/emperor/start_hook",
        example: "vassals-start-hook = /usr/local/bin/vassal-starts",
        doc: "Runs this program when a vassal has been started, with the name of the vassal's file, in the file's directory.",
        act: Act::Set(|d, v| {
            d.config.emperor.start_hook = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "vassals-stop-hook",
        group: Group::Emperor,
        unit: "file",
        default: "none",
        field: "/emperor/stop_hook",
        example: "vassals-stop-hook = /usr/local/bin/vassal-stops",
        doc: "Runs this program when a vassal has ended, with the name of the vassal's file, in the file's directory.",
        act: Act::Set(|d, v| {
            d.config.emperor.stop_hook = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
];
