//! One list of options, written as ini, YAML, JSON and XML: all four are the same configuration. (In TOML no key comes twice.)
//!
//! The input is a line for each option: its name, a blank, its value. Only what all formats can say alike is taken: plain names, and
//! values without quotes, brackets and comment signs.

use rsgi_config::Config;

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let pairs: Vec<(&str, &str)> = text.lines().filter_map(pair).collect();
    let lines = |open: &str, each: &dyn Fn(&str, &str) -> String, between: &str, close: &str| {
        let lines: Vec<_> = pairs.iter().map(|(key, value)| each(key, value)).collect();
        format!("{open}{}{close}", lines.join(between))
    };
    let files = [
        ("t.ini", lines("[uwsgi]\n", &|key, value| format!("{key} = {value}"), "\n", "\n")),
        ("t.yaml", lines("uwsgi:\n", &|key, value| format!("  {key}: \"{value}\""), "\n", "\n")),
        ("t.json", lines("{\"uwsgi\": {", &|key, value| format!("\"{key}\": \"{value}\""), ", ", "}}")),
        ("t.xml", lines("<uwsgi>", &|key, value| format!("<{key}>{value}</{key}>"), "\n", "</uwsgi>")),
    ];
    let mut first: Option<Option<Config>> = None;
    for (name, text) in files {
        let config = crate::config::file(name, text.as_bytes());
        let config = config.map(|config| Config { files: Vec::new(), ..config });
        match &first {
            None => first = Some(config),
            Some(first) => assert!(*first == config, "{name} is not as t.ini: {text}"),
        }
    }
}

/// Name and value, when every format can say them.
fn pair(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(' ')?;
    let is_name = key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "./:_=,-+*%() ".contains(c);
    // A file's own name differs from format to format.
    let is_value = !value.is_empty() && value.trim() == value && value.chars().all(is_plain);
    let is_here = value.starts_with(':') || value.contains("t.") || value.contains('%');
    (is_name && is_value && !is_here).then_some((key, value))
}
