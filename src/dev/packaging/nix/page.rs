//! The page of the module's options, docs/deploy/nixos-options.md, made from the options as Nix evaluates them.

use std::fmt::Write;

use anyhow::Result;
use serde::Deserialize;

use super::evaluated;

/// Where the page lies.
pub(super) const PLACE: &str = "docs/deploy/nixos-options.md";

/// What is below an instance.
const INSTANCE: &str = "services.rsgi.instances.<name>.";
/// What is below those that have a part of an instance's options.
const OTHERS: [&str; 2] = ["services.rsgi.emperor.", "services.rsgi.vassals.<name>."];

/// One option as `tests/nixos-module` tells it.
#[derive(Deserialize)]
struct Entry {
    name: String,
    r#type: String,
    default: Option<String>,
    example: Option<String>,
    description: String,
}

/// The whole page; `None` without nixpkgs' `lib`.
pub(super) fn make(digest: &str) -> Result<Option<String>> {
    let Some(found) = evaluated("tests.options")? else { return Ok(None) };
    let entries: Vec<Entry> = serde_json::from_value(found)?;
    let mut page = format!(
        "<!-- Made by `cargo dev render-units` from {digest}. Change it in nixos-module/. -->\n\n\
         # Options of the NixOS module\n\n\
         [nixos.md](nixos.md) says how to use them. What stands in `settings` is in [the options of rsgi](../options.md).\n"
    );
    for entry in entries.iter().filter(|entry| model(entry, &entries).is_none()) {
        write_entry(&mut page, entry);
        let alike: Vec<_> =
            entries.iter().filter(|other| other.is_below(entry)).filter_map(|other| model(other, &entries)).collect();
        if !alike.is_empty() {
            let _ = write!(page, "\nAs in an instance: {}.\n", alike.join(", "));
        }
    }
    Ok(Some(page))
}

fn write_entry(page: &mut String, entry: &Entry) {
    let _ = write!(page, "\n## `{}`\n\n{}\n\nType: {}.\n", entry.name, prose(&entry.description), entry.r#type);
    for (title, value) in [("Default", &entry.default), ("Example", &entry.example)] {
        let Some(value) = value.as_deref().map(str::trim_end) else { continue };
        let _ = if value.contains('\n') {
            write!(page, "\n{title}:\n\n```nix\n{value}\n```\n")
        } else {
            write!(page, "\n{title}: `{value}`\n")
        };
    }
}

/// The name of the option of an instance that `entry`, of a vassal or the emperor, is the same as.
fn model(entry: &Entry, entries: &[Entry]) -> Option<String> {
    let own = OTHERS.iter().find_map(|others| entry.name.strip_prefix(others))?;
    let name = format!("{INSTANCE}{own}");
    let is_same = |other: &&Entry| {
        (&other.name, &other.r#type, &other.default, &other.description)
            == (&name, &entry.r#type, &entry.default, &entry.description)
    };
    entries.iter().find(is_same).map(|_| format!("`{own}`"))
}

impl Entry {
    /// Whether it is an option of what `group` holds.
    fn is_below(&self, group: &Self) -> bool {
        let rest = self.name.strip_prefix(&group.name);
        rest.is_some_and(|rest| rest.starts_with('.')) && OTHERS.iter().any(|others| others.starts_with(&group.name))
    }
}

/// NixOS marks files as {file}`name`; other readers of Markdown do not know that.
fn prose(description: &str) -> String {
    description.trim().replace("{file}", "")
}
