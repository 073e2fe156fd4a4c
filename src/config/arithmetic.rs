//! `%(a b + 3)`: words separated by blanks, worked off from left to right.

/// Computes an expression of several words. `lookup` gives the value of a name.
///
/// Words that stand side by side are joined (`a b` with 5 and 5 gives `55`), an operator takes what is there so far and
/// the next word, `++` and `--` act on what is there so far. A word that is neither a number nor a known name is nothing:
/// empty where words are joined, 0 to an operator. A division by zero is 0 too.
///
/// Source: observed on uWSGI 2.0.31.
pub(crate) fn compute<E>(words: &str, mut lookup: impl FnMut(&str) -> Result<Option<String>, E>) -> Result<String, E> {
    let mut so_far = String::new();
    let mut operator: Option<fn(i64, i64) -> i64> = None;
    for word in words.split_ascii_whitespace() {
        operator = match word {
            "+" => Some(i64::saturating_add),
            "-" => Some(i64::saturating_sub),
            "*" => Some(i64::saturating_mul),
            "/" => Some(|a, b| a.checked_div(b).unwrap_or(0)),
            "++" | "--" if so_far.is_empty() => operator,
            "++" => step(&mut so_far, 1),
            "--" => step(&mut so_far, -1),
            _ => {
                let known = lookup(word)?;
                let value = known.unwrap_or_else(|| if is_number(word) { word.into() } else { String::new() });
                match operator {
                    Some(act) => so_far = act(number(&so_far), number(&value)).to_string(),
                    None => so_far.push_str(&value),
                }
                None
            }
        }
    }
    Ok(so_far)
}

fn step(so_far: &mut String, by: i64) -> Option<fn(i64, i64) -> i64> {
    *so_far = number(so_far).saturating_add(by).to_string();
    None
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The leading digits of a text, as C's `atoi`.
fn number(text: &str) -> i64 {
    let text = text.trim();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse::<i64>().map_or(0, |number| sign * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_those_of_uwsgi() {
        let lookup = |name: &str| Ok::<_, ()>((name == "p").then(|| "5".to_owned()));
        for (words, result) in [
            ("nope + 3", "3"),
            ("p p", "55"),
            ("p +", "5"),
            ("3 - 5", "-2"),
            ("7 / 0", "0"),
            ("p ++", "6"),
            ("-- p", "5"),
            ("p -- 2", "42"),
            ("p foo", "5"),
            ("p * foo", "0"),
            ("p / foo", "0"),
            ("p - foo", "5"),
            ("foo * p", "0"),
            ("p * foo + 2", "2"),
            ("p + foo 3", "53"),
            ("2 + 3 * 4", "20"),
            ("p + 3", "8"),
            ("9223372036854775807 + 1", "9223372036854775807"),
            ("99999999999999999999 + 1", "1"),
        ] {
            assert_eq!(compute(words, lookup).unwrap(), result, "{words}");
        }
    }
}
