//! The option reference as Markdown, made from the table: docs/options.md.

use std::fmt::Write;

use crate::option::{Arg, Declined, Group, Opt, Tier, Verdict};
use crate::options::{declined::DECLINED, rows};

/// The whole page.
pub fn reference() -> String {
    let mut page = String::from(
        "<!-- Made by `cargo dev generate` from src/config/options/. Change it there. -->\n\n\
         # Options\n\n\
         An option `name` is the line `name = value` of a configuration file, `--name value` on the command line, and\n\
         `UWSGI_NAME=value` (or `RSGI_NAME`, upper case, `_` for `-`) in the environment. A flag is on without a value and\n\
         with any value but `false`, `off`, `no` and `0`. Where an option may be given several times, all values are kept in\n\
         order; otherwise the last one wins. `rsgi explain NAME` prints the entry of one option.\n\n",
    );
    let built = rows().filter(|opt| opt.built).count();
    let _ = writeln!(
        page,
        "Of uWSGI's options {built} are built; [others](#known-but-not-built) are known by name, and a run that meets one \
         says what it\nwould have done. ★ marks what the quickstart uses.\n"
    );
    for group in Group::ALL {
        let _ = writeln!(page, "## {}\n", group.title());
        rows().filter(|opt| opt.group == group).for_each(|opt| entry(&mut page, opt));
    }
    others(&mut page);
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn entry(page: &mut String, opt: &Opt) {
    let star = if opt.tier == Tier::Quickstart { " ★" } else { "" };
    let _ = writeln!(page, "### `{}`{star}\n", opt.name);
    if !opt.built {
        page.push_str("*Read, but not built yet: it has no effect.*\n\n");
    }
    let _ = writeln!(page, "{}\n\n```ini\n{}\n```\n", opt.doc, opt.example);
    let short = opt.short.map(|letter| format!("`-{letter}`"));
    let names: Vec<_> = short.into_iter().chain(opt.aliases.iter().map(|alias| format!("`{alias}`"))).collect();
    let value = match (opt.arg, opt.unit) {
        (Arg::None, _) => "flag",
        (_, "") => "switch",
        (_, unit) => unit,
    };
    let optional = if opt.arg == Arg::Optional { " (may be left out)" } else { "" };
    let mut facts = vec![format!("Value: {value}{optional}")];
    if !opt.default.is_empty() {
        facts.push(format!("default: {}", opt.default));
    }
    if !names.is_empty() {
        facts.push(format!("also: {}", names.join(", ")));
    }
    if opt.implies_master {
        facts.push("asks for a master".into());
    }
    if opt.own {
        facts.push("rsgi's own".into());
    }
    let _ = writeln!(page, "{}.\n", facts.join("; "));
    if !opt.differs.is_empty() {
        let _ = writeln!(page, "Differs from uWSGI: {}.\n", opt.differs);
    }
}

fn others(page: &mut String) {
    page.push_str("## Known, but not built\n\nUnder uWSGI these do what is said here; rsgi warns and goes on.\n\n");
    table(page, "What it is", Verdict::NotBuilt);
    page.push_str("\n## Accepted without effect\n\n");
    table(page, "Why", Verdict::Ignored);
    page.push_str("\n## Refused\n\nGoing on without these would be wrong, so the start ends.\n\n");
    table(page, "Why, or what instead", Verdict::Refused);
}

fn table(page: &mut String, title: &str, verdict: Verdict) {
    let _ = writeln!(page, "| Option | {title} |\n|---|---|");
    for Declined { names, text, .. } in DECLINED.iter().filter(|declined| declined.verdict == verdict) {
        let names: Vec<_> = names.split(' ').map(|name| format!("`{name}`")).collect();
        let _ = writeln!(page, "| {} | {} |", names.join(", "), text.replace('|', "\\|"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_docs_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/options.md");
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == reference(), "docs/options.md is out of date: run cargo dev generate");
    }
}
