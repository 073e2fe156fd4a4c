//! The names of all options with what their values are, as JSON: what the NixOS module checks settings against.

use serde_json::{Map, Value as Json, json};

use crate::option::{Arg, Opt, Verdict};
use crate::options::{declined::DECLINED, rows};

/// Units that are amounts: their values are numbers.
const AMOUNTS: [&str; 8] = ["number", "seconds", "milliseconds", "bytes", "KiB", "MiB", "percent", "code"];

/// The whole list, sorted, with its last newline.
///
/// `options` holds what is built, under every name: `means` the canonical name, `value` one of `flag`, `number` and `text`, and
/// `bare` where the value may be left out. `others` holds what uWSGI has beyond that: its `verdict` and a `text` about it.
#[must_use]
pub fn option_list() -> String {
    let built = rows().filter(|opt| opt.built);
    let options: Map<String, Json> =
        built.flat_map(|opt| opt.names().map(move |name| (name.to_owned(), entry(opt)))).collect();
    let unbuilt = rows().filter(|opt| !opt.built).flat_map(|opt| opt.names().map(|name| (name, opt.summary())));
    let unbuilt = unbuilt.map(|(name, text)| (name.to_owned(), other("not built", text)));
    let declined = DECLINED.iter().flat_map(|row| {
        let verdict = match row.verdict {
            Verdict::NotBuilt => "not built",
            Verdict::Ignored => "ignored",
            Verdict::Refused => "refused",
        };
        row.names.split(' ').map(move |name| (name.to_owned(), other(verdict, row.text)))
    });
    let others: Map<String, Json> = unbuilt.chain(declined).collect();
    format!("{{\n\"options\": {},\n\"others\": {}\n}}\n", lines(&options), lines(&others))
}

/// One line an option, so that a change is one line too.
fn lines(entries: &Map<String, Json>) -> String {
    let lines: Vec<_> = entries.iter().map(|(name, entry)| format!("  {}: {entry}", json!(name))).collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}

fn entry(opt: &Opt) -> Json {
    let value = match (opt.arg, opt.unit) {
        // Some take a number in files and nothing on the command line.
        (_, unit) if AMOUNTS.contains(&unit) => "number",
        (Arg::None, _) | (_, "" | "switch") => "flag",
        _ => "text",
    };
    let bare = opt.arg == Arg::Optional || (opt.arg == Arg::None && value == "flag");
    json!({ "means": opt.name, "value": value, "bare": bare })
}

fn other(verdict: &str, text: &str) -> Json {
    json!({ "verdict": verdict, "text": text.trim_end_matches('.') })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_in_the_module_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../nixos-module/options.json");
        let list = std::fs::read_to_string(path).unwrap_or_default();
        assert!(list == option_list(), "nixos-module/options.json is out of date: run cargo dev generate");
    }

    #[test]
    fn every_name_says_what_it_means() {
        let list: Json = serde_json::from_str(&option_list()).unwrap();
        assert_eq!(list["options"]["workers"], json!({ "means": "processes", "value": "number", "bare": false }));
        assert_eq!(list["options"]["virtualenv"]["means"], "home");
        assert_eq!(list["options"]["vacuum"]["value"], "flag");
        assert_eq!(list["options"]["http"]["value"], "text");
        let number = json!({ "means": "so-send-timeout", "value": "number", "bare": false });
        assert_eq!(list["options"]["so-write-timeout"], number);
        assert!(list["others"].as_object().unwrap().values().any(|other| other["verdict"] == "refused"));
    }
}
