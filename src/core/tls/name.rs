//! The names that a certificate is shown for: one, those one label below another, or all that a pattern fits.

use regex::Regex;

/// Which server names are meant.
#[derive(Clone, Debug)]
pub(super) enum Name {
    /// This one.
    Exact(String),
    /// One more label before this (which begins with the dot).
    Below(String),
    /// All that fit.
    Pattern(Regex),
}

impl Name {
    /// Reads a name as configured: `example.org`, `*.example.org`, or `~` and a regular expression.
    pub(super) fn of(text: &str) -> Option<Self> {
        if let Some(pattern) = text.strip_prefix('~') {
            return Regex::new(&format!("(?i){pattern}")).ok().map(Self::Pattern);
        }
        let text = text.to_ascii_lowercase();
        Some(
            text.strip_prefix('*')
                .filter(|rest| rest.starts_with('.'))
                .map(|rest| Self::Below(rest.to_owned()))
                .unwrap_or(Self::Exact(text)),
        )
    }

    /// How closely it fits `name`, in lower case: 0 is the closest; `None`: not at all.
    pub(super) fn fits(&self, name: &str) -> Option<u8> {
        match self {
            Self::Exact(known) => (known == name).then_some(0),
            Self::Below(parent) => {
                let label = name.strip_suffix(parent.as_str())?;
                (!label.is_empty() && !label.contains('.')).then_some(1)
            }
            Self::Pattern(pattern) => pattern.is_match(name).then_some(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(name: &str, host: &str) -> Option<u8> {
        Name::of(name).unwrap().fits(host)
    }

    #[test]
    fn a_name_is_itself_in_any_case() {
        assert_eq!(fits("Example.org", "example.org"), Some(0));
        assert_eq!(fits("example.org", "a.example.org"), None);
    }

    #[test]
    fn a_star_is_one_label() {
        assert_eq!(fits("*.example.org", "a.example.org"), Some(1));
        for host in ["example.org", "a.b.example.org", ".example.org", "aexample.org"] {
            assert_eq!(fits("*.example.org", host), None, "{host}");
        }
    }

    #[test]
    fn a_pattern_fits_in_any_case() {
        assert_eq!(fits(r"~^Shop\d+\.Example\.org$", "shop7.example.org"), Some(2));
        assert_eq!(fits(r"~^Shop\D\.", "shop7.example.org"), None);
        assert!(Name::of("~[").is_none());
    }
}
