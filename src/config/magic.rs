//! Magic variables: `%n`, `%d`, `%k`… are replaced while a file is read, before anything else looks at the text.
//!
//! Source: uWSGI 2.0, "How uWSGI parses config files: magic variables".

use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

use crate::machine::Machine;

/// What the variables about a file stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileNames {
    given: String,
    absolute: String,
    directory: String,
    base: String,
    stem: String,
    extension: String,
    parent: String,
    section: String,
    inode: u64,
}

impl FileNames {
    /// The names of the file given as `given`, of which `section` was asked (empty for the default one).
    pub(crate) fn of(given: &str, section: &str, machine: &Machine) -> Self {
        if given == "-" {
            return Self { given: given.into(), section: section.into(), ..Self::default() };
        }
        // The directory is resolved, the file itself is not: a vassal that is a link goes by the link's name.
        let written = machine.path(given);
        let parent = written.parent().and_then(|parent| std::fs::canonicalize(parent).ok());
        let path = match (parent, written.file_name()) {
            (Some(parent), Some(name)) => parent.join(name),
            _ => written,
        };
        let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let parent = path.parent().unwrap_or(Path::new("/"));
        let mut directory = parent.to_string_lossy().into_owned();
        if !directory.ends_with('/') {
            directory.push('/');
        }
        Self {
            given: given.into(),
            absolute: path.to_string_lossy().into_owned(),
            directory,
            base: text(path.file_name()),
            stem: text(path.file_stem()),
            extension: text(path.extension()),
            parent: text(parent.file_name()),
            section: section.into(),
            inode: std::fs::metadata(&path).map(|data| data.ino()).unwrap_or_default(),
        }
    }

    /// The same names for a text that is no file.
    pub(crate) fn given_as(self, given: &str, section: &str) -> Self {
        Self { given: given.into(), section: section.into(), ..self }
    }

    fn get(&self, letter: char) -> Option<String> {
        Some(match letter {
            'o' => self.given.clone(),
            'p' => self.absolute.clone(),
            'd' => self.directory.clone(),
            's' => self.base.clone(),
            'n' => self.stem.clone(),
            'e' => self.extension.clone(),
            'c' => self.parent.clone(),
            'x' => self.section.clone(),
            'i' => self.inode.to_string(),
            'j' => hash(self.absolute.as_bytes()),
            _ => return None,
        })
    }

    /// The n-th part of the directory, from the root.
    fn part(&self, number: u32) -> String {
        let parts = Path::new(&self.directory).components().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        });
        parts.into_iter().nth(number as usize).unwrap_or_default()
    }
}

/// The text of `%j`: djb33x, lowest byte first.
fn hash(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(5381_u32, |hash, byte| hash.wrapping_mul(33) ^ u32::from(*byte));
    format!("{:08X}", hash.swap_bytes())
}

/// Replaces every magic variable of `text`; `first` are the names of the first file read. Also returns the letters that
/// mean nothing: they are dropped together with their `%`, as in uWSGI.
pub(crate) fn replace(text: &str, file: &FileNames, first: &FileNames, machine: &Machine) -> (String, Vec<char>) {
    let (mut out, mut unknown) = (String::with_capacity(text.len()), Vec::new());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match rest.next() {
            None => {}
            Some('%') => out.push('%'),
            Some('(') => out.push_str("%("),
            Some(letter) => match one(letter, file, first, machine) {
                Some(value) => out.push_str(&value),
                None => unknown.push(letter),
            },
        }
    }
    (out, unknown)
}

fn one(letter: char, file: &FileNames, first: &FileNames, machine: &Machine) -> Option<String> {
    Some(match letter {
        '0'..='9' => file.part(letter.to_digit(10)?),
        'v' => machine.cwd.to_string_lossy().into_owned(),
        'h' => machine.host.clone(),
        'V' => env!("CARGO_PKG_VERSION").into(),
        'k' => machine.cpus.to_string(),
        't' => machine.now.as_secs().to_string(),
        'T' => machine.now.as_micros().to_string(),
        'u' => machine.user.0.to_string(),
        'U' => machine.user.1.clone(),
        'g' => machine.group.0.to_string(),
        'G' => machine.group.1.clone(),
        'b' => machine.program.to_string_lossy().into_owned(),
        '[' => "\u{1b}".into(),
        'O' | 'D' | 'S' | 'P' | 'C' | 'E' | 'N' | 'X' | 'I' | 'J' => first.get(letter.to_ascii_lowercase())?,
        other => file.get(other)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_of_a_file_has_its_value() {
        let root = tempfile::tempdir().unwrap();
        let dir = std::fs::canonicalize(root.path()).unwrap();
        std::fs::create_dir_all(dir.join("conf/a.b")).unwrap();
        std::fs::write(dir.join("conf/a.b/t.ini"), "").unwrap();
        let machine = Machine {
            cwd: dir.clone(),
            host: "web1".into(),
            cpus: 3,
            user: (33, "www-data".into()),
            group: (7, "ops".into()),
            now: std::time::Duration::from_millis(1_500),
            ..Machine::default()
        };
        let file = FileNames::of("conf/a.b/t.ini", "beta", &machine);
        let first = FileNames::of("conf/first.ini", "", &machine);
        let replaced = |text: &str| replace(text, &file, &first, &machine).0;
        let path = dir.to_str().unwrap();
        let first_part = path.split('/').nth(1).unwrap();
        for (text, expected) in [
            ("%o", "conf/a.b/t.ini".to_owned()),
            ("%p", format!("{path}/conf/a.b/t.ini")),
            ("%d", format!("{path}/conf/a.b/")),
            ("%s %n %e %c", "t.ini t ini a.b".into()),
            ("%x|%X", "beta|".into()),
            ("%0", first_part.into()),
            ("%9|", "|".into()),
            ("%S %N", "first.ini first".into()),
            ("%v %h %k %t %T", format!("{path} web1 3 1 1500000")),
            ("%u %U %g %G", "33 www-data 7 ops".into()),
            ("100%% %(name) %z|", "100% %(name) |".into()),
            ("end%", "end".into()),
        ] {
            assert_eq!(replaced(text), expected, "{text}");
        }
        assert_eq!(replace("%Y-%m", &file, &first, &machine).1, ['Y', 'm']);
    }

    #[test]
    fn a_link_goes_by_its_own_name_in_the_real_directory() {
        let root = tempfile::tempdir().unwrap();
        let dir = std::fs::canonicalize(root.path()).unwrap();
        std::fs::create_dir_all(dir.join("available")).unwrap();
        std::fs::write(dir.join("available/shop.ini"), "").unwrap();
        std::os::unix::fs::symlink("shop.ini", dir.join("available/link.ini")).unwrap();
        std::os::unix::fs::symlink("available", dir.join("enabled")).unwrap();
        let machine = Machine { cwd: dir.clone(), ..Machine::default() };
        let names = |given: &str| {
            let file = FileNames::of(given, "", &machine);
            replace("%n %c %p", &file, &file, &machine).0
        };
        let path = dir.display();
        assert_eq!(names("enabled/link.ini"), format!("link available {path}/available/link.ini"));
        assert_eq!(names("enabled/../available/shop.ini"), format!("shop available {path}/available/shop.ini"));
        assert_eq!(names("-"), "  ");
    }

    #[test]
    fn the_hash_is_that_of_uwsgi() {
        // Seen from uWSGI 2.0.31: `%J` of this path.
        assert_eq!(hash(b"/tmp/dc/q3.ini"), "667F0B23");
    }
}
