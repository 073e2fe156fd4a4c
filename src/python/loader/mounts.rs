//! The values of `mount`: `/mountpoint=what`, where *what* is a file, `module:callable`, a module, or a Paste file.

use super::source::Source;

/// Mountpoint and source of one value.
pub(super) fn parse(value: &str) -> Result<(&str, Source<'_>), &'static str> {
    let Some((mountpoint, what)) = value.split_once('=') else {
        return Err("expected /mountpoint=application");
    };
    let (mountpoint, what) = (mountpoint.trim(), what.trim());
    if !(mountpoint.is_empty() || mountpoint.starts_with('/')) {
        return Err("a mountpoint starts with a slash");
    }
    if what.is_empty() {
        return Err("no application behind the equals sign");
    }
    let source = if what.starts_with("config:") || what.starts_with("egg:") {
        Source::paste(what)
    } else if has_suffix(what, "ini") {
        Source::ini_paste(what)
    } else if has_suffix(what, "py") || has_suffix(what, "wsgi") {
        Source::file(what)
    } else {
        Source::module(what)
    };
    Ok((mountpoint, source))
}

/// A mountpoint as it is compared: without a trailing slash, the root empty.
pub(super) fn normal(mountpoint: &str) -> &str {
    mountpoint.trim_end_matches('/')
}

fn has_suffix(path: &str, suffix: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|extension| extension == suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_the_value_names_the_loader() {
        let name = |value| parse(value).map(|(at, source)| format!("{at} {source:?}")).unwrap_or_else(str::to_owned);
        assert_eq!(name("/a=/srv/app.py"), "/a File(\"/srv/app.py\")");
        assert_eq!(name("/a = x.wsgi"), "/a File(\"x.wsgi\")");
        assert_eq!(name("/a=shop.web:app"), "/a Module(\"shop.web:app\")");
        assert_eq!(name("/a=shop"), "/a Module(\"shop\")");
        assert_eq!(name("/a=p.ini"), "/a IniPaste(\"p.ini\")");
        assert_eq!(name("=x:y"), " Module(\"x:y\")");
        assert_eq!(name("nothing"), "expected /mountpoint=application");
        assert_eq!(name("a=b:c"), "a mountpoint starts with a slash");
        assert_eq!(name("/a="), "no application behind the equals sign");
    }
}
