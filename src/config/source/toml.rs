//! TOML: a table of texts, numbers, switches and lists with the name of the section.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::Loaded;
use super::located::{Item, Located};
use super::{Halt, Reader};
use crate::magic::FileNames;
use crate::origin::Origin;

impl Reader<'_> {
    /// Takes the keys of the table that was asked for.
    pub(super) fn read_toml(&mut self, file: &Loaded, names: &FileNames, from: &Origin) -> Result<(), Halt> {
        let asked = if file.section.is_empty() { "uwsgi" } else { &file.section };
        let located = Located { file, text: file.text(from)?, names, from };
        let document = DeTable::parse(located.text).map_err(|error| {
            located.error(
                error.message().to_owned(),
                error.span().unwrap_or(0..1),
                "write [uwsgi] and lines such as http = \":9090\"",
            )
        })?;
        let section = document.get_ref().iter().find(|(name, _)| name.get_ref() == asked);
        let Some(DeValue::Table(table)) = section.map(|(_, value)| value.get_ref()) else {
            self.no_section(&format!("[{asked}]"), &file.name, from);
            return Ok(());
        };
        // The library sorts keys by name; order matters here.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            self.take_item(&located, (key.get_ref(), key.span()), (item(value), value.span()))?;
        }
        Ok(())
    }
}

fn item<'a>(value: &Spanned<DeValue<'_>>) -> Item<'a> {
    match value.get_ref() {
        DeValue::String(text) => Item::One(text.clone().into_owned()),
        DeValue::Integer(number) => Item::One(number.to_string()),
        DeValue::Float(number) => Item::One(number.to_string()),
        DeValue::Boolean(switch) => Item::One(switch.to_string()),
        DeValue::Datetime(time) => Item::One(time.to_string()),
        DeValue::Array(items) => {
            let items = items.iter().map(|one| match one.get_ref() {
                DeValue::Array(_) => (Item::Wrong("a list in a list"), one.span()),
                _ => (item(one), one.span()),
            });
            Item::Many(items.collect::<Vec<(Item<'a>, Range<usize>)>>())
        }
        DeValue::Table(_) => Item::Wrong("a table"),
    }
}
