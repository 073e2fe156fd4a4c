//! The loaders of programs: who may run a program has to be allowed to run what the kernel runs in its place.
//!
//! Source: elf(5), `PT_INTERP`.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Bytes at the beginning of a program in which its loader is named.
const HEAD: u64 = 64 << 10;

/// The loaders that programs among `programs` name, and our own one's for those in directories.
pub(super) fn loaders(programs: &[PathBuf]) -> Vec<PathBuf> {
    let of = |path: &PathBuf| loader(if path.is_dir() { Path::new("/proc/self/exe") } else { path });
    let mut loaders: Vec<_> = programs.iter().filter_map(of).collect();
    loaders.dedup();
    loaders
}

/// The path in the first `PT_INTERP` of a 64-bit program; `None` for others, scripts and programs that need none.
fn loader(program: &Path) -> Option<PathBuf> {
    let mut file = Vec::new();
    File::open(program).ok()?.take(HEAD).read_to_end(&mut file).ok()?;
    if file.get(..5)? != b"\x7fELF\x02" {
        return None;
    }
    let number = |at: usize, len: usize| -> Option<usize> {
        let bytes = file.get(at..at.checked_add(len)?)?;
        bytes.iter().rev().try_fold(0_usize, |number, &byte| number.checked_mul(256)?.checked_add(byte.into()))
    };
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let mut headers = (0..count).map_while(|index| table.checked_add(index.checked_mul(size)?));
    let header = headers.find(|&at| number(at, 4) == Some(3))?;
    let (start, len) = (number(header.checked_add(8)?, 8)?, number(header.checked_add(32)?, 8)?);
    let name = file.get(start..start.checked_add(len)?)?;
    Some(PathBuf::from(OsStr::from_bytes(name.split(|&byte| byte == 0).next()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_name_their_loaders() {
        let found = loader(Path::new("/proc/self/exe")).unwrap();
        assert!(found.is_file() && found.to_string_lossy().contains("/ld-"), "{found:?}");
        assert_eq!(loader(Path::new("/etc/passwd")), None);
        assert_eq!(loader(Path::new("/dev/null")), None);
        assert_eq!(loaders(&[PathBuf::from("/usr/bin"), PathBuf::from("/proc/self/exe")]), [found]);
    }
}
