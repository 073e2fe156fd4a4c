//! The memory of this process, for log lines that tell of it.

/// Memory in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// In RAM.
    pub rss: u64,
    /// Address space.
    pub vsz: u64,
}

impl Usage {
    /// Of this process; zero where `/proc` cannot be read.
    #[must_use]
    pub fn here() -> Self {
        Self::of("self").unwrap_or_default()
    }

    /// Of the process `pid`, from its `statm` (proc_pid_statm(5)).
    #[must_use]
    pub fn of(pid: impl std::fmt::Display) -> Option<Self> {
        let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
        let mut pages = statm.split_ascii_whitespace().filter_map(|count| count.parse::<u64>().ok());
        let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
        let page = page.and_then(|size| u64::try_from(size).ok()).unwrap_or(4096);
        let (vsz, rss) = (pages.next()?, pages.next()?);
        Some(Self { rss: rss.saturating_mul(page), vsz: vsz.saturating_mul(page) })
    }
}
