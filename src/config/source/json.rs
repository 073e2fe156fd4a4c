//! JSON: an object of texts, numbers, switches and lists below the name of the section.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::file::Loaded;
use super::located::{Item, Located, within};
use super::{Halt, Reader};
use crate::magic::FileNames;
use crate::origin::Origin;

/// The members of an object in their order, repeats included, with the values as written.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((Cow::Owned(key), value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

impl Reader<'_> {
    /// Takes the members of the object that was asked for.
    pub(super) fn read_json(&mut self, file: &Loaded, names: &FileNames, from: &Origin) -> Result<(), Halt> {
        let asked = if file.section.is_empty() { "uwsgi" } else { &file.section };
        let located = Located { file, text: file.text(from)?, names, from };
        let sections = members(&located, located.text)?;
        let Some((_, section)) = sections.0.iter().find(|(name, _)| name == asked) else {
            self.no_section(&format!("\"{asked}\""), &file.name, from);
            return Ok(());
        };
        for (key, value) in members(&located, section.get())?.0 {
            let range = within(located.text, value.get());
            // The key is what stands before the value; a library that keeps its place would keep no more.
            let before = located.text.get(..range.start).unwrap_or_default();
            let key_range =
                before.rfind(&format!("\"{key}\"")).map_or(range.clone(), |start| start + 1..start + 1 + key.len());
            let item = item(located.text, value.get(), 0);
            self.take_item(&located, (&key, key_range), (item, range))?;
        }
        Ok(())
    }
}

fn members<'a>(located: &Located<'_>, text: &'a str) -> Result<Members<'a>, Halt> {
    serde_json::from_str(text).map_err(|error| {
        let whole = within(located.text, text).start;
        let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
        let at = (whole + lines + error.column().saturating_sub(1)).min(located.text.len().saturating_sub(1));
        let problem = error.to_string();
        let problem = problem.split(" at line ").next().unwrap_or_default().to_owned();
        located.error(problem, at..at + 1, "write {\"uwsgi\": {\"http\": \":9090\"}}")
    })
}

fn item<'a>(text: &str, value: &'a str, depth: usize) -> Item<'a> {
    match value.as_bytes().first() {
        Some(b'"') => Item::One(serde_json::from_str(value).unwrap_or_default()),
        Some(b'n') => Item::One(String::new()),
        Some(b'{') => Item::Wrong("an object"),
        Some(b'[') if depth > 0 => Item::Wrong("a list in a list"),
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(value).unwrap_or_default();
            let items = items.into_iter().map(|one| (item(text, one.get(), depth + 1), within(text, one.get())));
            Item::Many(items.collect())
        }
        _ => Item::One(value.into()),
    }
}
