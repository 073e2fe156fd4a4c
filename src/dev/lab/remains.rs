//! What a run of the lab's tests has left that was killed: containers, networks, volumes, whose names tell the process that made them.

use std::path::Path;

use anyhow::Result;

use crate::packaging::docker::told;

/// How all of them begin; then follow the namespace of processes, the process, and what it is.
const PREFIX: &str = "rsgi-lab-";

/// Removes what processes have left that are no more. Other runs keep theirs.
///
/// # Errors
/// When Docker cannot be asked, or refuses.
pub(super) fn remove() -> Result<()> {
    remove_all(is_left)
}

/// Removes what this process has started, while other threads of it may be removing it too, or starting more.
///
/// # Errors
/// When something is left after many tries.
pub(super) fn remove_own() -> Result<()> {
    let own = name("")?;
    let mut tries = 20;
    while let Err(error) = remove_all(|name, _| name.starts_with(&own)) {
        tries -= 1;
        if tries == 0 {
            return Err(error);
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    Ok(())
}

/// A name that tells whose it is.
///
/// # Errors
/// Without /proc.
pub(super) fn name(what: &str) -> Result<String> {
    Ok(format!("{PREFIX}{}-{}-{what}", namespace()?, std::process::id()))
}

fn namespace() -> Result<String> {
    let link = std::fs::read_link("/proc/self/ns/pid")?;
    Ok(link.to_string_lossy().replace(['p', 'i', 'd', ':', '[', ']'], ""))
}

fn remove_all(is_meant: impl Fn(&str, &str) -> bool) -> Result<()> {
    let kinds: [(&[&str], &[&str]); 3] = [
        (&["ps", "--all", "--format", "{{.Names}}"], &["rm", "--force", "--volumes"]),
        (&["network", "ls", "--format", "{{.Name}}"], &["network", "rm"]),
        (&["volume", "ls", "--format", "{{.Name}}"], &["volume", "rm"]),
    ];
    let namespace = namespace()?;
    for (list, remove) in kinds {
        for name in told(list)?.lines().filter(|name| is_meant(name, &namespace)) {
            eprintln!("removing {name}, which was left");
            told(&[remove, &[name]].concat())?;
        }
    }
    Ok(())
}

fn is_left(name: &str, namespace: &str) -> bool {
    let mut parts = name.strip_prefix(PREFIX).unwrap_or_default().split('-');
    let (of, pid) = (parts.next(), parts.next().and_then(|pid| pid.parse::<u32>().ok()));
    of == Some(namespace) && pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
}

#[cfg(test)]
mod tests {
    use super::is_left;

    #[test]
    fn only_what_the_dead_have_left() {
        let own = std::process::id();
        assert!(is_left("rsgi-lab-7-4194999-django-3.11-rsgi", "7"));
        assert!(!is_left(&format!("rsgi-lab-7-{own}-django"), "7"));
        assert!(!is_left("rsgi-lab-8-4194999-django", "7"));
        assert!(!is_left("rsgi-lab_app_1", "7"));
        assert!(!is_left("shop", "7"));
    }
}
