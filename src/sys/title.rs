//! The title of this process in `ps` and `top`: kernel name and argument area.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::sync::OnceLock;

/// Found once: a process, and what it forks, keeps its place, and later `/proc` may be out of reach (`chroot`).
static AREA: OnceLock<Option<(usize, usize)>> = OnceLock::new();

/// Sets the title. The kernel keeps 15 bytes of it as the name; the argument area takes as much as the arguments were long.
///
/// Call it while the process has one thread: others could be reading the arguments. What cannot be set is left as it was.
pub fn set(title: &str) {
    let bytes: Vec<u8> = title.bytes().filter(|&byte| byte != 0).collect();
    if let Ok(name) = CString::new(bytes.get(..bytes.len().min(15)).unwrap_or_default()) {
        let _ = nix::sys::prctl::set_name(&name);
    }
    if let Some((start, end)) = *AREA.get_or_init(argument_area) {
        write_area(start, end, &bytes);
    }
}

fn write_area(start: usize, end: usize, title: &[u8]) {
    let room = end - start;
    let Some(length) = room.checked_sub(1).map(|most| title.len().min(most)) else { return };
    let area = std::ptr::with_exposed_provenance_mut::<u8>(start);
    // SAFETY: start..end is the argument area of this process as the kernel reports it: mapped and writable for the
    // process's life, and never referred to by Rust references; length < room.
    unsafe { std::ptr::copy_nonoverlapping(title.as_ptr(), area, length) };
    // SAFETY: as above; the rest is zeroed, so that every argument pointer still finds its end inside the area.
    unsafe { std::ptr::write_bytes(area.add(length), 0, room - length) };
}

/// Fields 48 and 49 of `/proc/self/stat` (proc(5)): first address of the arguments and the one past them.
fn argument_area() -> Option<(usize, usize)> {
    parse_area(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

fn parse_area(stat: &str) -> Option<(usize, usize)> {
    // The second field is the name in parentheses and may hold anything, so counting starts after its end.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(48 - 3);
    let start: usize = fields.next()?.parse().ok()?;
    let end: usize = fields.next()?.parse().ok()?;
    (start != 0 && start < end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_found_behind_any_name() {
        let rest: Vec<String> = (3..=52).map(|field| field.to_string()).collect();
        assert_eq!(parse_area(&format!("1 (a) b (c) {}", rest.join(" "))), Some((48, 49)));
        assert_eq!(parse_area("1 (a) R 1"), None);
    }

    #[test]
    fn the_title_is_shown_and_never_longer_than_its_room() {
        use std::process::Command;
        // In a process of its own: the title belongs to all threads, and tests run on many.
        if std::env::var_os("RSGI_TITLE_TEST").is_some() {
            set("rsgi worker 1");
            print!("<{}>", std::fs::read_to_string("/proc/self/cmdline").unwrap().trim_end_matches('\0'));
            set(&"x".repeat(100_000));
            return;
        }
        let test = "title::tests::the_title_is_shown_and_never_longer_than_its_room";
        let child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env("RSGI_TITLE_TEST", "1")
            .output()
            .unwrap();
        assert!(child.status.success());
        assert!(String::from_utf8_lossy(&child.stdout).contains("<rsgi worker 1>"), "{child:?}");
    }
}
