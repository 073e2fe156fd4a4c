//! Counts the behaviours of applications that the tests ask for (`tests/apps/pep3333`), for docs/security.md.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Doors that each is asked through.
const DOORS: usize = 4;

/// Themes and their numbers of behaviours, by name.
fn count() -> Vec<(String, usize)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/apps/pep3333");
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut themes: Vec<(String, usize)> = files
        .filter_map(|file| {
            let name = file.file_name().into_string().ok()?.strip_suffix(".py")?.to_owned();
            let text = fs::read_to_string(file.path()).ok()?;
            let count = text.lines().filter(|line| line.starts_with("@behaviour(")).count();
            (count > 0).then_some((name, count))
        })
        .collect();
    themes.sort();
    themes
}

/// The table.
pub(crate) fn table() -> String {
    let themes = count();
    let mut page = "<!-- Written by `cargo dev generate`. -->\n\n\
        Behaviours of WSGI applications (`tests/apps/pep3333`), each through `socket`, `http-socket`, `http` and FastCGI:\n\n\
        | theme | behaviours |\n|---|---|\n"
        .to_owned();
    for (theme, count) in &themes {
        let _ = writeln!(page, "| {theme} | {count} |");
    }
    let sum: usize = themes.iter().map(|(_, count)| count).sum();
    let _ = writeln!(page, "| **all** | **{sum}** (× {DOORS} doors) |");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_enough() {
        let themes = count();
        let sum: usize = themes.iter().map(|(_, count)| count).sum();
        assert!(sum >= 150, "{themes:?}");
    }
}
