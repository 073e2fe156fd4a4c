//! Finds the known names that a mistyped one was probably meant to be.

/// The names nearest to `word` within a small edit distance, at most three; those marked `true` come first, then the
/// alphabet decides.
pub(crate) fn nearest<'a>(word: &str, names: impl Iterator<Item = (&'a str, bool)>) -> Vec<&'a str> {
    let word = word.to_lowercase().replace('_', "-");
    let limit = match word.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    let letters = letters_of(&word);
    let mut close: Vec<_> = names
        .filter(|(name, _)| name.len().abs_diff(word.len()) <= limit.max(2))
        // Most names are out of reach at a glance, which matters where a file has a thousand unknown keys.
        .filter(|(name, _)| apart(letters, letters_of(name)) <= limit.max(2))
        .filter_map(|(name, preferred)| {
            // A plural, a singular or a cut word is nearer than any swap of letters.
            let kin = word.len() > 3
                && name.len().abs_diff(word.len()) <= 2
                && (name.starts_with(&word) || word.starts_with(name));
            let far = if kin { 1 } else { distance(&word, name) };
            (far <= limit).then_some((far, !preferred, name))
        })
        .collect();
    close.sort_unstable();
    let best = close.first().map_or(0, |(far, ..)| *far);
    close.retain(|(far, ..)| *far == best);
    close.into_iter().map(|(_, _, name)| name).take(3).collect()
}

/// Which characters occur, as bits; some share one.
fn letters_of(word: &str) -> u64 {
    word.chars().fold(0, |set, letter| set | 1 << (u32::from(letter) % u64::BITS))
}

/// No distance is smaller: one edit takes away and adds one character at most.
fn apart(one: u64, two: u64) -> usize {
    (one & !two).count_ones().max((two & !one).count_ones()) as usize
}

/// Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours cost 1 each.
#[expect(clippy::indexing_slicing, reason = "rows of one more than the second word, asked for places in it")]
fn distance(one: &str, two: &str) -> usize {
    let (one, two): (Vec<char>, Vec<char>) = (one.chars().collect(), two.chars().collect());
    let mut before = vec![0; two.len() + 1];
    let mut last: Vec<usize> = (0..=two.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1; two.len() + 1];
        for (j, b) in two.iter().enumerate() {
            let change = last[j] + usize::from(a != b);
            row[j + 1] = change.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == two[j - 1] && one[i - 1] == *b {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[two.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [(&str, bool); 6] = [
        ("vacuum", true),
        ("daemonize", true),
        ("processes", true),
        ("process-group", false),
        ("socket", true),
        ("st", false),
    ];

    #[test]
    fn common_slips_find_the_option() {
        for (word, expected) in [
            ("vaccum", "vacuum"),
            ("deamonize", "daemonize"),
            ("process", "processes"),
            ("Socket", "socket"),
            ("sokcet", "socket"),
        ] {
            assert_eq!(nearest(word, NAMES.into_iter()).first(), Some(&expected), "{word}");
        }
    }

    #[test]
    fn strangers_find_nothing() {
        for word in ["x", "project", "django-settings", ""] {
            assert_eq!(nearest(word, NAMES.into_iter()), Vec::<&str>::new(), "{word}");
        }
    }

    #[test]
    fn a_glance_never_says_farther_than_it_is() {
        let words = ["vaccum", "vacuum", "socket", "sokcet", "st", "", "ä", "größe", "http-socket", "htttp-sock"];
        for (one, two) in words.iter().flat_map(|one| words.map(|two| (*one, two))) {
            assert!(apart(letters_of(one), letters_of(two)) <= distance(one, two), "{one} {two}");
        }
    }

    #[test]
    fn swaps_of_neighbours_cost_one() {
        assert_eq!(distance("vaccum", "vacuum"), 1);
        assert_eq!(distance("deamonize", "daemonize"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
