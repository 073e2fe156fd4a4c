//! THE table: one row an option, one file a chapter. Parser, help, reference page and reports are all made from it.

mod aside;
mod cheaper;
pub(crate) mod declined;
mod emperor;
mod files;
mod general;
mod hooks;
mod limits;
mod loggers;
mod logging;
mod monitoring;
mod process;
mod python;
mod reload;
mod router;
mod sandbox;
mod sockets;
mod statics;
mod stats;
mod timetable;
mod workers;

use crate::option::Opt;

/// All rows, chapter by chapter in the order of the manual.
pub(crate) fn rows() -> impl Iterator<Item = &'static Opt> {
    let chapters = [
        sockets::ROWS,
        router::ROWS,
        workers::ROWS,
        cheaper::ROWS,
        aside::ROWS,
        timetable::ROWS,
        hooks::ROWS,
        python::ROWS,
        limits::ROWS,
        logging::ROWS,
        loggers::ROWS,
        process::ROWS,
        sandbox::ROWS,
        reload::ROWS,
        stats::ROWS,
        monitoring::ROWS,
        statics::ROWS,
        emperor::ROWS,
        files::ROWS,
        general::ROWS,
    ];
    chapters.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use serde_json::Value as Json;

    use super::*;
    use crate::config::Config;
    use crate::draft::Draft;
    use crate::lookup::{Known, find};
    use crate::option::{Act, Arg};
    use crate::origin::{Origin, Place};
    use crate::value::Value;

    /// All of uWSGI's option names with what follows them on the command line.
    const UPSTREAM: &str = include_str!("upstream.tsv");

    fn shown(field: &Json, unit: &str) -> String {
        let amounts = ["seconds", "milliseconds", "bytes", "KiB", "MiB", "number", "percent", "format"];
        match field {
            Json::Null if !amounts.contains(&unit) => "none".into(),
            Json::Null | Json::Bool(false) => "off".into(),
            Json::Bool(true) => "on".into(),
            Json::String(text) => text.clone(),
            Json::Array(list) if list.is_empty() => "none".into(),
            other => other.to_string(),
        }
    }

    #[test]
    fn names_and_letters_are_unique() {
        let (mut names, mut letters) = (HashSet::new(), HashSet::new());
        for opt in rows() {
            assert!(opt.names().all(|name| names.insert(name)), "{} is named twice", opt.name);
            assert!(opt.short.is_none_or(|letter| letters.insert(letter)), "-{:?} is used twice", opt.short);
        }
        for declined in declined::DECLINED {
            assert!(declined.names.split(' ').all(|name| names.insert(name)), "{} is named twice", declined.names);
            assert!(declined.short.is_none_or(|letter| letters.insert(letter)), "-{:?} is used twice", declined.short);
        }
    }

    #[test]
    fn every_option_of_uwsgi_is_known_and_takes_the_same_values() {
        for line in UPSTREAM.lines() {
            let (name, arg) = line.split_once('\t').unwrap();
            let known = find(name).unwrap_or_else(|| panic!("{name} is neither a row nor declined"));
            let arg = match arg {
                "none" => Arg::None,
                "optional" => Arg::Optional,
                _ => Arg::Required,
            };
            assert_eq!(known.arg(), arg, "{name}");
        }
    }

    #[test]
    fn every_name_is_an_option_of_uwsgi_or_marked_as_own() {
        let upstream: HashSet<_> = UPSTREAM.lines().filter_map(|line| line.split('\t').next()).collect();
        for opt in rows() {
            assert_eq!(!upstream.contains(opt.name), opt.own, "{}", opt.name);
        }
        for name in declined::DECLINED.iter().flat_map(|row| row.names.split(' ')) {
            assert!(upstream.contains(name), "{name}");
        }
    }

    #[test]
    fn docs_have_a_summary_and_a_unit() {
        for opt in rows() {
            assert!(opt.summary().ends_with('.'), "{}: {}", opt.name, opt.summary());
            assert!(opt.summary().len() <= 140, "{}: {}", opt.name, opt.summary());
            assert!(
                opt.arg != Arg::Required || !opt.unit.is_empty() || opt.example.ends_with(" true"),
                "{} has no unit",
                opt.name
            );
        }
        for declined in declined::DECLINED {
            assert!(!declined.text.is_empty() && !declined.text.ends_with('.'), "{}", declined.names);
        }
    }

    #[test]
    fn defaults_are_those_of_the_configuration() {
        let defaults = serde_json::to_value(Config::default()).unwrap();
        // What these are when nothing is said follows from other options.
        let following = ["no-new-privs", "sandbox-write"];
        for opt in rows().filter(|opt| !opt.field.is_empty() && !following.contains(&opt.name)) {
            let field = defaults.pointer(opt.field).unwrap_or_else(|| panic!("{}: no field {}", opt.name, opt.field));
            // A few switches turn a field off.
            let turned = opt.name == "disable-logging";
            let expected = if turned { "off".into() } else { shown(field, opt.unit) };
            assert_eq!(opt.default, expected, "{}", opt.name);
        }
    }

    #[test]
    fn every_example_is_accepted_and_changes_something() {
        let defaults = serde_json::to_value(Config::default()).unwrap();
        for opt in rows() {
            let (key, text) = opt.example.split_once('=').unwrap_or_else(|| panic!("{} has no example", opt.name));
            assert!(opt.names().any(|name| name == key.trim()), "{}: the example is of {key}", opt.name);
            let text = text.trim().replace("%%", "%");
            let value = Value::new(&text);
            let Act::Set(set) = &opt.act else { continue };
            let mut draft = Draft::default();
            draft.enter(opt.name, &Origin::whole(Place::Argument(1), opt.example, None));
            set(&mut draft, &value).unwrap_or_else(|fault| panic!("{}: {}", opt.name, fault.problem));
            assert_eq!(value.into_remarks(), [], "{}", opt.name);
            let (config, messages) = draft.resolve();
            // A farm needs the mules that it names, a route its logger, a number of workers that changes a number that it
            // stays below.
            let needs_others =
                ["farm", "log-route", "log-req-route"].contains(&opt.name) || opt.name.starts_with("cheaper");
            assert!(!opt.built || needs_others || messages.is_empty(), "{}: {messages:?}", opt.name);
            let changed = serde_json::to_value(&config).unwrap();
            // These say what is so anyway, or act together with others.
            let same = [
                "http-modifier1",
                "http-modifier2",
                "http-socket-modifier1",
                "https-socket-modifier1",
                "fastcgi-modifier1",
                "scgi-modifier1",
                "enable-threads",
            ];
            if !opt.field.is_empty() && !same.contains(&opt.name) {
                assert_ne!(changed.pointer(opt.field), defaults.pointer(opt.field), "{}", opt.name);
            }
        }
    }

    #[test]
    fn nothing_is_the_default_where_0_would_forbid_everything() {
        let defaults = serde_json::to_value(Config::default()).unwrap();
        let names = [
            "max-fd",
            "limit-as",
            "limit-nproc",
            "threads-stacksize",
            "log-slow",
            "log-big",
            "http-timeout",
            "http-headers-timeout",
            "http-connect-timeout",
            "chunked-input-timeout",
            "so-send-timeout",
            "response-headers-limit",
            "socket-sndbuf",
            "socket-rcvbuf",
            "tcp-fast-open",
            "cheaper-initial",
        ];
        for name in names {
            let Some(Known::Row(Opt { act: Act::Set(set), field, .. })) = find(name) else { panic!("{name}") };
            let mut draft = Draft::default();
            set(&mut draft, &Value::new("7")).unwrap();
            set(&mut draft, &Value::new("0")).unwrap();
            let changed = serde_json::to_value(draft.resolve().0).unwrap();
            assert_eq!(changed.pointer(field), defaults.pointer(field), "{name}");
        }
    }

    #[test]
    fn every_difference_is_in_the_list_of_differences() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/differences.md");
        let page = std::fs::read_to_string(path).unwrap();
        for opt in rows().filter(|opt| !opt.differs.is_empty()) {
            assert!(page.contains(&format!("`{}`", opt.name)), "{} is not in docs/differences.md", opt.name);
        }
    }

    #[test]
    fn every_alias_finds_its_row() {
        let by_name: HashMap<_, _> = rows().map(|opt| (opt.name, opt)).collect();
        for opt in rows() {
            for name in opt.names() {
                assert!(
                    matches!(find(name), Some(Known::Row(found)) if std::ptr::eq(found, by_name[opt.name])),
                    "{name}"
                );
            }
        }
    }
}
