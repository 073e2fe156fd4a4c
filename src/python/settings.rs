//! The settings this plugin reads, by their first names: aliases are folded here and nowhere else.

use std::collections::HashMap;

use rsgi_abi::types::Setting;

/// Settings by name; a repeated one keeps all its values in order.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    values: HashMap<String, Vec<String>>,
    /// Every pair as given, for `uwsgi.opt`; those whose name begins with `=` are for that alone.
    all: Vec<(String, String)>,
}

impl Settings {
    /// Takes what the core hands to `init`.
    pub(crate) fn new(given: &[Setting<'_>]) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut settings = Self::default();
        for setting in given {
            let (key, value) = (text(setting.key()), text(setting.value()));
            if let Some(written) = key.strip_prefix('=') {
                settings.all.push((written.to_owned(), value));
                continue;
            }
            settings.values.entry(first_name(&key).to_owned()).or_default().push(value.clone());
            settings.all.push((key, value));
        }
        settings
    }

    /// The value that counts: the last one.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.last().map(String::as_str)
    }

    /// All values in order.
    pub(crate) fn list(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a flag is on: given, and not as `false`, `off`, `no` or `0`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        let off = |value: &str| ["false", "off", "no", "0"].iter().any(|word| value.eq_ignore_ascii_case(word));
        self.value(name).is_some_and(|value| !off(value))
    }

    /// Every pair in the order given.
    pub(crate) fn all(&self) -> &[(String, String)] {
        &self.all
    }
}

/// The name that this plugin uses for an option.
fn first_name(key: &str) -> &str {
    match key {
        "wsgi" => "module",
        "file" => "wsgi-file",
        "virtualenv" | "venv" | "pyhome" => "home",
        "python-path" | "pp" => "pythonpath",
        "pyimport" | "py-import" | "python-import" => "import",
        "shared-pyimport" | "shared-py-import" | "shared-python-import" => "shared-import",
        "py-program-name" => "py-programname",
        "py-sys-executable" => "py-executable",
        "wsgi-accept-buffers" => "wsgi-accept-buffer",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsgi_abi::types::{UNKNOWN, Var};

    fn settings(given: &[(&'static str, &'static str)]) -> Settings {
        let vars: Vec<_> = given.iter().map(|(k, v)| Var::new(k.as_bytes(), v.as_bytes(), UNKNOWN)).collect();
        Settings::new(&vars)
    }

    #[test]
    fn the_last_value_counts_and_lists_keep_all() {
        let given = settings(&[("module", "a"), ("pp", "/1"), ("wsgi", "b"), ("pythonpath", "/2")]);
        assert_eq!(given.value("module"), Some("b"));
        assert_eq!(given.list("pythonpath"), ["/1", "/2"]);
        assert_eq!(given.value("home"), None);
    }

    #[test]
    fn flags_know_their_four_words_for_off() {
        for (value, on) in [("", true), ("true", true), ("1", true), ("x", true), ("False", false), ("0", false)] {
            assert_eq!(settings(&[("no-site", value)]).flag("no-site"), on, "{value:?}");
        }
        assert!(!settings(&[]).flag("no-site"));
    }
}
