//! How a name finds its option: in full, by a letter, by its beginning, or by being near.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::option::{Act, Arg, Declined, Opt};
use crate::options::{declined, rows};

/// What a name means.
#[derive(Clone, Copy)]
pub(crate) enum Known {
    /// An option with a row.
    Row(&'static Opt),
    /// An option of uWSGI without one.
    Declined(&'static Declined),
}

impl Known {
    /// Whether a value follows on the command line.
    pub(crate) fn arg(self) -> Arg {
        match self {
            Self::Row(opt) => opt.arg,
            Self::Declined(declined) => declined.arg,
        }
    }

    fn same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Row(one), Self::Row(two)) => std::ptr::eq(one, two),
            (Self::Declined(one), Self::Declined(two)) => std::ptr::eq(one, two),
            _ => false,
        }
    }
}

static NAMES: LazyLock<HashMap<&'static str, Known>> = LazyLock::new(|| {
    let built = rows().flat_map(|opt| opt.names().map(move |name| (name, Known::Row(opt))));
    let others = declined::DECLINED.iter();
    built.chain(others.flat_map(|row| row.names.split(' ').map(move |name| (name, Known::Declined(row))))).collect()
});

/// Finds an option by its full name or an alias.
pub(crate) fn find(name: &str) -> Option<Known> {
    NAMES.get(name).copied()
}

/// Whether two names mean the same option.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    one == other || matches!((find(one), find(other)), (Some(one), Some(other)) if one.same(other))
}

/// The first name of an option that the language plugin reads.
pub(crate) fn first_name_of_plugin(name: &str) -> Option<&'static str> {
    match find(name) {
        Some(Known::Row(opt)) if matches!(opt.act, Act::App(_)) => Some(opt.name),
        _ => None,
    }
}

/// Finds an option by its full name or an alias, with the table's own copy of that name.
pub(crate) fn find_named(name: &str) -> Option<(&'static str, Known)> {
    NAMES.get_key_value(name).map(|(name, known)| (*name, *known))
}

/// Finds an option by its letter.
pub(crate) fn find_short(letter: char) -> Option<(&'static str, Known)> {
    let built = rows().find(|opt| opt.short == Some(letter)).map(|opt| (opt.name, Known::Row(opt)));
    built.or_else(|| {
        let row = declined::DECLINED.iter().find(|row| row.short == Some(letter))?;
        Some((row.names.split(' ').next()?, Known::Declined(row)))
    })
}

/// All names of uWSGI's options that begin with `prefix`, sorted; only one if they all name the same option.
pub(crate) fn by_prefix(prefix: &str) -> Vec<(&'static str, Known)> {
    // Our own options take no part: a beginning that is unique under uWSGI stays so.
    let own = |known: &Known| matches!(known, Known::Row(opt) if opt.own);
    let named = NAMES.iter().filter(|(name, known)| name.starts_with(prefix) && !own(known));
    let mut found: Vec<_> = named.map(|(name, known)| (*name, *known)).collect();
    found.sort_by_key(|(name, _)| *name);
    match found.split_first() {
        Some((first, rest)) if rest.iter().all(|(_, known)| known.same(first.1)) => found.truncate(1),
        _ => {}
    }
    found
}

/// The known names nearest to `word`, best first, at most three.
pub(crate) fn nearest(word: &str) -> Vec<&'static str> {
    crate::nearest::nearest(word, NAMES.iter().map(|(name, known)| (*name, matches!(known, Known::Row(_)))))
}
