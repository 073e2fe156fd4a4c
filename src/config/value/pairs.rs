//! `KEY=VALUE,KEY=VALUE`, the form of options that take several things at once.

use super::Fault;

/// The pairs of a list. A backslash takes what follows it as it is, so that `\\,` is a comma of a value.
///
/// Source: observed on uWSGI 2.0.31.
pub(crate) fn pairs(text: &str) -> Result<Vec<(String, String)>, Fault> {
    words(text).iter().filter(|word| !word.trim().is_empty()).map(|word| pair(word)).collect()
}

fn pair(word: &str) -> Result<(String, String), Fault> {
    let (key, value) =
        word.split_once('=').ok_or_else(|| Fault::bare(format!("expected KEY=VALUE, found \"{}\"", word.trim())))?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// The text split at its commas.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match sign {
            ',' => words.push(std::mem::take(&mut word)),
            '\\' => word.extend(signs.next()),
            sign => word.push(sign),
        }
    }
    words.push(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_behind_a_backslash_belong_to_the_value() {
        let read = |text: &str| {
            let pairs = pairs(text).map_err(|fault| fault.problem)?;
            Ok::<_, String>(pairs.iter().map(|(key, value)| format!("{key}:{value}")).collect::<Vec<_>>().join("|"))
        };
        for (text, result) in [
            ("a=1,b=2", "a:1|b:2"),
            (r"cmd=celery -Q a\,b worker,stopsignal=2", "cmd:celery -Q a,b worker|stopsignal:2"),
            (r"a=1\\,b=\x=y\", r"a:1\|b:x=y"),
            (" a = 1 ,, b=2,", "a:1|b:2"),
            ("", ""),
        ] {
            assert_eq!(read(text).as_deref(), Ok(result), "{text}");
        }
        assert_eq!(read("a=1,b").unwrap_err(), "expected KEY=VALUE, found \"b\"");
    }
}
