//! The applications of this process, and which of them answers a request.

use std::sync::OnceLock;

use pyo3::prelude::*;

/// One loaded application.
pub(crate) struct App {
    /// The WSGI callable.
    pub(crate) callable: Py<PyAny>,
    /// Where it is mounted: empty for the root, else `/x` without a trailing slash.
    pub(crate) mountpoint: String,
}

/// All of them; the index is the application's number.
pub(crate) struct Apps {
    list: Vec<App>,
    /// The application at the root.
    root: Option<usize>,
    /// Requests that no mountpoint claims go to application 0.
    has_default: bool,
    /// `manage-script-name`: the mountpoint is taken from PATH_INFO.
    manage_script_name: bool,
}

/// What a request says about where it wants to go.
#[derive(Default, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) app_id: Option<&'a [u8]>,
    pub(crate) script_name: &'a [u8],
    pub(crate) path_info: &'a [u8],
}

/// The application that answers, and with `manage-script-name` what SCRIPT_NAME and PATH_INFO become.
pub(crate) struct Choice<'a> {
    pub(crate) number: usize,
    pub(crate) app: &'a App,
    pub(crate) split: Option<usize>,
}

static APPS: OnceLock<Apps> = OnceLock::new();

/// Publishes the applications once they are loaded.
pub(crate) fn publish(list: Vec<App>, has_default: bool, manage_script_name: bool) {
    // A second set cannot come: applications are loaded once in a process's life.
    let root = list.iter().position(|app| app.mountpoint.is_empty());
    let _ = APPS.set(Apps { list, root, has_default, manage_script_name });
}

/// The application for a request.
pub(crate) fn choose(target: Target<'_>) -> Option<Choice<'static>> {
    APPS.get()?.choose(target)
}

impl Apps {
    fn choose(&self, target: Target<'_>) -> Option<Choice<'_>> {
        let key = target.app_id.unwrap_or(target.script_name);
        let key = key.strip_suffix(b"/").unwrap_or(key);
        if self.manage_script_name && key.is_empty() {
            let claims = |app: &App| is_below(target.path_info, app.mountpoint.as_bytes());
            let claiming = self.list.iter().enumerate().filter(|(_, app)| claims(app));
            if let Some((number, app)) = claiming.max_by_key(|(_, app)| app.mountpoint.len()) {
                let split = (!app.mountpoint.is_empty()).then_some(app.mountpoint.len());
                return Some(Choice { number, app, split });
            }
        }
        let exact = match key {
            b"" => self.root,
            key => self.list.iter().position(|app| app.mountpoint.as_bytes() == key),
        };
        let number = exact.or(self.has_default.then_some(0))?;
        Some(Choice { number, app: self.list.get(number)?, split: None })
    }
}

/// Whether `path` is `mountpoint` or lies below it.
fn is_below(path: &[u8], mountpoint: &[u8]) -> bool {
    path.strip_prefix(mountpoint).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn mountpoints_end_at_slashes() {
        assert!(is_below(b"/a", b"/a") && is_below(b"/a/b", b"/a") && is_below(b"/x", b""));
        assert!(!is_below(b"/ab", b"/a") && !is_below(b"/", b"/a"));
    }
}
