//! Reads the commands and files out of a page of the documentation, so that a rung runs what people are told to type.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::setup;

/// What is between two fences.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The word behind the fence, as `sh`.
    pub(crate) language: String,
    /// The lines.
    pub(crate) text: String,
}

impl Block {
    /// The file that a block is, when its first line is a comment that names one: `# /etc/rsgi/hello.ini`.
    pub(crate) fn file(&self) -> Option<&str> {
        let first = self.text.lines().next()?.strip_prefix("# ")?;
        first.starts_with('/').then_some(first)
    }
}

/// The blocks below a heading of `page` (a path from the top of the repository), up to the next heading.
///
/// # Errors
/// When there is no such page or heading, or no block below it: then a rung would prove nothing.
pub(crate) fn blocks(page: &str, heading: &str) -> Result<Vec<Block>> {
    let text = fs::read_to_string(setup::root().join(page)).with_context(|| format!("cannot read {page}"))?;
    let found = below(&text, heading);
    if found.is_empty() {
        bail!("{page} has nothing to run below the heading {heading:?}");
    }
    Ok(found)
}

/// The texts of all blocks of `page` whose fence is followed by `language`, as `yaml adapter`.
///
/// # Errors
/// When there is no such page.
pub(crate) fn marked(page: &str, language: &str) -> Result<Vec<String>> {
    let text = fs::read_to_string(setup::root().join(page)).with_context(|| format!("cannot read {page}"))?;
    Ok(all(&text).into_iter().map(|(_, block)| block).filter(|b| b.language == language).map(|b| b.text).collect())
}

fn below(text: &str, heading: &str) -> Vec<Block> {
    all(text).into_iter().filter(|(above, _)| above == heading).map(|(_, block)| block).collect()
}

/// Every block, with the heading above it.
fn all(text: &str) -> Vec<(String, Block)> {
    let mut blocks: Vec<(String, Block)> = Vec::new();
    let (mut heading, mut is_within) = (String::new(), false);
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            is_within = !is_within;
            if is_within {
                blocks.push((heading.clone(), Block { language: language.to_owned(), text: String::new() }));
            }
        } else if is_within {
            if let Some((_, block)) = blocks.last_mut() {
                block.text.push_str(line);
                block.text.push('\n');
            }
        } else if line.starts_with('#') {
            line.trim_start_matches('#').trim().clone_into(&mut heading);
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_by_their_heading() {
        let page = "# Page\n\n```sh\nno\n```\n## One\ntext\n```sh\n# comment\na\n```\n```ini\n# /etc/x.ini\nb = 1\n```\n## Two\n```sh\nc\n```\n";
        let found = below(page, "One");
        assert_eq!(
            found.iter().map(|block| block.text.as_str()).collect::<Vec<_>>(),
            ["# comment\na\n", "# /etc/x.ini\nb = 1\n"]
        );
        assert_eq!(found[0].file(), None);
        assert_eq!((found[1].language.as_str(), found[1].file()), ("ini", Some("/etc/x.ini")));
        assert_eq!(below(page, "Three"), []);
    }
}
