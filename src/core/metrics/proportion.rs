//! The memory of a process without what it shares with others.

/// Proportional set size in bytes: of pages that several processes share each counts its part (proc_pid_smaps(5)). `None` where
/// the kernel does not let us look: processes that have given rights up may be looked at by root only.
///
/// The kernel walks over all pages of the process for it, which takes milliseconds for a large one.
#[must_use]
pub fn of(pid: u64) -> Option<u64> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?)
}

fn parse(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found() {
        let text =
            "55d0-7ffc ---p 00000000 00:00 0    [rollup]\nRss:    9120 kB\nPss:    1234 kB\nPss_Dirty:    7 kB\n";
        assert_eq!(parse(text), Some(1234 * 1024));
        for text in ["", "Pss: x kB", "Pss: 1", "Pss_Dirty: 7 kB"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(of(std::process::id().into()).is_some_and(|bytes| bytes > 4096));
        assert_eq!(of(u64::MAX), None);
    }
}
