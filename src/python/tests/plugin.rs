//! Drives the plugin through the border as the core does. Each case is a process of its own, since CPython starts only
//! once in a process; without arguments this program runs them all, else those whose name contains an argument.
#![allow(clippy::print_stdout)]
#![allow(clippy::indexing_slicing, reason = "what fails here fails a test")]

mod cases;
mod support;

use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A case that runs longer than this hangs.
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name] = arguments.as_slice()
        && flag == "--case"
    {
        let (_, case) = cases::ALL.iter().find(|(known, _)| known == name).expect("a case of that name");
        case();
        return ExitCode::SUCCESS;
    }
    let is_asked = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // nextest asks for a list by `--list --format terse`, once more with `--ignored`, and for one case by `NAME --exact`.
    let filters: Vec<_> =
        arguments.iter().filter(|argument| !argument.starts_with('-') && *argument != "terse").collect();
    let is_meant = |name: &str, filter: &str| if is_asked("--exact") { name == filter } else { name.contains(filter) };
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| is_meant(name, filter));
    let names: Vec<&str> = cases::ALL.iter().map(|(name, _)| *name).filter(|name| wanted(name)).collect();
    if is_asked("--list") {
        if !is_asked("--ignored") {
            names.iter().for_each(|name| println!("{name}: test"));
        }
        return ExitCode::SUCCESS;
    }
    run_all(&names)
}

fn run_all(names: &[&str]) -> ExitCode {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    println!("\nrunning {} tests", names.len());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match run(name) {
                        Ok(()) => println!("test {name} ... ok"),
                        Err(output) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            println!("test {name} ... FAILED\n{output}");
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    println!("\ntest result: {} passed; {failed} failed\n", names.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one case in a process; the error is what it printed.
fn run(name: &str) -> Result<(), String> {
    let output = tempfile::NamedTempFile::new().expect("a temporary file");
    let sink = || Stdio::from(output.as_file().try_clone().expect("a second handle"));
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--case", name])
        .env_remove("PYTHONPATH")
        .env_remove("VIRTUAL_ENV")
        .stdin(Stdio::null())
        .stdout(sink())
        .stderr(sink())
        .spawn()
        .expect("a process for the case");
    let start = Instant::now();
    let ending = loop {
        match child.try_wait().expect("a child to wait for") {
            Some(status) if status.success() => return Ok(()),
            Some(status) => break status.to_string(),
            None if start.elapsed() > LIMIT => {
                child.kill().expect("a child to kill");
                child.wait().expect("a child to reap");
                break format!("no end after {LIMIT:?}");
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    Err(format!("{}\n{ending}", std::fs::read_to_string(output.path()).unwrap_or_default()))
}
