//! Local time as text, by the C library's `strftime`.
#![allow(unsafe_code)]

use std::ffi::CString;

/// Formats `seconds` since the epoch in local time. Empty when the format gives nothing (or more than 256 bytes).
#[must_use]
pub fn local(format: &str, seconds: i64) -> String {
    let Ok(format) = CString::new(format) else { return String::new() };
    // SAFETY: an all-zero tm is a valid value to be overwritten.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values; localtime_r is thread-safe.
    if unsafe { libc::localtime_r(&raw const seconds, &raw mut parts) }.is_null() {
        return String::new();
    }
    let mut text = [0_u8; 256];
    // SAFETY: the buffer is as long as said, format is NUL-terminated, parts was filled above.
    let length = unsafe { libc::strftime(text.as_mut_ptr().cast(), text.len(), format.as_ptr(), &raw const parts) };
    String::from_utf8_lossy(text.get(..length).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_like_date() {
        assert_eq!(local("%s", 1_795_374_121), "1795374121");
        assert_eq!(local("%Y", 1_795_374_121), "2026");
        assert_eq!(local("100%%", 0), "100%");
    }

    #[test]
    fn odd_formats_give_nothing() {
        assert_eq!(local("", 0), "");
        assert_eq!(local("a\0b", 0), "");
        assert_eq!(local(&"x".repeat(300), 0), "");
    }
}
