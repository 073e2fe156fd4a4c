//! `UWSGI_X_Y=v` and `RSGI_X_Y=v` in the environment are the option `x-y = v`.

use super::{Halt, Reader};
use crate::diagnostic::Diagnostic;
use crate::origin::{Origin, Place, Span};

/// Variables that begin alike but are no options: they pass between processes of one instance or its tools.
const OTHERS: [&str; 12] = [
    "RELOADS",
    "VASSALS_DIR",
    "EMPEROR_FD",
    "EMPEROR_FD_CONFIG",
    "EMPEROR_PROXY",
    "BROODLORD_NUM",
    "JAIL_PID",
    "ORIGINAL_PROC_NAME",
    "UNDER_TEST",
    "ROLE",
    "LOG",
    "SOURCE",
];

impl Reader<'_> {
    /// Reads the options of the environment, those of `UWSGI_` first.
    pub(crate) fn read_environment(&mut self) -> Result<(), Halt> {
        for prefix in ["UWSGI_", "RSGI_"] {
            for (name, value) in &self.machine.env {
                let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(prefix)) else { continue };
                if rest.is_empty() || OTHERS.contains(&rest) {
                    continue;
                }
                let key = rest.to_lowercase().replace('_', "-");
                let place = Place::Variable(format!("{prefix}{rest}").into());
                let Some(value) = value.to_str() else {
                    let line = format!("{prefix}{rest}={}", value.to_string_lossy());
                    let error = Diagnostic::error(format!("{key}: the value is not UTF-8"));
                    return Err(error.at_value(&Origin::whole(place, &line, None)).into());
                };
                let line = format!("{prefix}{rest}={value}");
                let key_span = Span::new(0, prefix.len() + rest.len());
                let value_span = Span::new(key_span.end + 1, value.len());
                self.add(
                    &key,
                    value,
                    Origin { place, line: line.into(), key: key_span, value: value_span, from: None },
                )?;
            }
        }
        self.close_block();
        Ok(())
    }
}
