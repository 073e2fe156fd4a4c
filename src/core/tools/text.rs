//! Numbers and names as people read them.

/// Bytes: `118 MiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let (mut value, mut unit) = (bytes, 0);
    let mut tenths = 0;
    while value >= 1024 && unit + 1 < units.len() {
        tenths = value % 1024 * 10 / 1024;
        value /= 1024;
        unit += 1;
    }
    let unit_name = units.get(unit).copied().unwrap_or_default();
    if value < 10 && unit > 0 { format!("{value}.{tenths} {unit_name}") } else { format!("{value} {unit_name}") }
}

/// Microseconds: `85 µs`, `1.2 ms`, `3.4 s`, `5:06`, `2:03:04`.
#[must_use]
pub fn span(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{}.{} ms", micros / 1000, micros % 1000 / 100),
        10_000..1_000_000 => format!("{} ms", micros / 1000),
        1_000_000..60_000_000 => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
        _ => age(micros / 1_000_000),
    }
}

/// Seconds: `12 s`, `5:06`, `2:03:04`, `4 d 2 h`.
#[must_use]
pub fn age(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60 % 60, seconds / 3600 % 24, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes}:{:02}", seconds % 60),
        3600..86_400 => format!("{hours}:{minutes:02}:{:02}", seconds % 60),
        _ => format!("{days} d {hours} h"),
    }
}

/// Text of others, with what could steer a terminal made visible.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter }).collect()
}

/// The end of a text, `width` characters at most: of a path the end tells more.
#[must_use]
pub fn end(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    std::iter::once('…').chain(text.chars().skip(count - kept)).take(width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(
            [0, 1023, 1024, 1_600, 10_240, 123_456_789].map(size).join(", "),
            "0 B, 1023 B, 1.0 KiB, 1.5 KiB, 10 KiB, 117 MiB"
        );
        assert_eq!(size(u64::MAX), "15 EiB");
    }

    #[test]
    fn times() {
        let spans = [7, 1_234, 85_000, 3_450_000, 306_000_000].map(span).join(", ");
        assert_eq!(spans, "7 µs, 1.2 ms, 85 ms, 3.4 s, 5:06");
        assert_eq!([5, 65, 7384, 90_000].map(age).join(", "), "5 s, 1:05, 2:03:04, 1 d 1 h");
    }

    #[test]
    fn texts() {
        assert_eq!(
            (end("/srv/shop/views.py:12", 12).as_str(), end("ab", 2).as_str(), end("ab", 0).as_str()),
            ("…views.py:12", "ab", "")
        );
        assert_eq!(printable("a\x1b[2Jb"), "a\u{fffd}[2Jb");
    }
}
