//! XML: elements below `<uwsgi>`, or below the `<uwsgi id="…">` that was asked for.

use roxmltree::{Document, Node};

use super::file::Loaded;
use super::located::{Item, Located};
use super::{Halt, Reader};
use crate::magic::FileNames;
use crate::origin::Origin;

impl Reader<'_> {
    /// Takes the elements of the section that was asked for.
    pub(super) fn read_xml(&mut self, file: &Loaded, names: &FileNames, from: &Origin) -> Result<(), Halt> {
        let located = Located { file, text: file.text(from)?, names, from };
        let document = Document::parse(located.text).map_err(|error| {
            let place = error.pos();
            let lines = located.text.split_inclusive('\n').take(place.row.saturating_sub(1) as usize).map(str::len);
            let at = lines.sum::<usize>() + place.col.saturating_sub(1) as usize;
            let problem = error.to_string();
            let problem = problem.split(" at ").next().unwrap_or_default().to_owned();
            located.error(problem, at..at + 1, "write <uwsgi><http>:9090</http></uwsgi>")
        })?;
        let wanted = |node: &Node<'_, '_>| {
            node.has_tag_name("uwsgi") && (file.section.is_empty() || node.attribute("id") == Some(&file.section))
        };
        let Some(section) = document.descendants().find(wanted) else {
            let shown =
                if file.section.is_empty() { "<uwsgi>".into() } else { format!("<uwsgi id=\"{}\">", file.section) };
            self.no_section(&shown, &file.name, from);
            return Ok(());
        };
        for node in section.children().filter(Node::is_element) {
            let text = node.text().map(str::trim).unwrap_or_default();
            // `<app mountpoint="/x">module</app>` mounts an application.
            let (key, value) = match node.attribute("mountpoint") {
                Some(prefix) if node.has_tag_name("app") => ("mount", format!("{prefix}={text}")),
                _ if text.is_empty() => (node.tag_name().name(), "1".into()),
                _ => (node.tag_name().name(), text.into()),
            };
            let name = node.range().start + 1..node.range().start + 1 + node.tag_name().name().len();
            let range = node.first_child().map_or(name.clone(), |child| child.range());
            self.take_item(&located, (key, name), (Item::One(value), range))?;
        }
        Ok(())
    }
}
