//! Before anything changes, the next program is asked whether it could go on: it reads what it would be left, and the
//! configuration, as a child of the master.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use caps::CapSet;
use command_fds::{CommandFdExt, FdMapping};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::timeout;

use super::document::Document;
use crate::logging;
use crate::logging::collector;
use crate::privileges::Rights;
use crate::program::FINGERPRINT;
use crate::startup::Sources;
use crate::tls::{self, Materials};

/// The hidden argument; behind it come those of the master.
pub const ARGUMENT: &str = "--rsgi-rehearsal";

/// Time that a program has for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes that an answer may have.
const LARGEST: u64 = 16 << 20;

const DOCUMENT: i32 = 3;

/// What a program says that could go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::master) struct Rehearsed {
    /// Its version.
    pub(super) version: String,
    /// What tells whether it understands the processes of ours.
    pub(super) fingerprint: String,
    /// The configuration as it has read it.
    pub(super) config: Value,
}

/// The answer of the child.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Fit(Rehearsed),
    Unfit(String),
}

/// The child's side: prints the answer.
#[must_use]
pub fn rehearse() -> String {
    let answer = match rsgi_sys::inherit::take(DOCUMENT).map_err(|error| error.to_string()).and_then(try_out) {
        Ok(rehearsed) => Answer::Fit(rehearsed),
        Err(why) => Answer::Unfit(why),
    };
    serde_json::to_string(&answer).unwrap_or_default()
}

fn try_out(memory: OwnedFd) -> Result<Rehearsed, String> {
    let document = Document::read(memory)?;
    let sources = Sources::of(std::env::args_os().skip(2).collect(), document.cwd.clone());
    let config = sources.read().map(|(config, ..)| config)?;
    if !config.emperor.sources.is_empty() {
        return Err("the configuration describes an emperor now".into());
    }
    collector::check(&config).map_err(|error| logging::chain(&error))?;
    Rights::of(&config.process).map_err(|error| logging::chain(&error))?;
    let before = document.generations.iter().find(|left| left.number == document.serving);
    let before = before.and_then(|left| serde_json::from_value::<Materials>(left.materials.clone()).ok());
    tls::read(&config, before.as_ref()).map_err(|error| logging::chain(&error))?;
    let ours = rights();
    let lost: Vec<_> = document.rights.iter().filter(|right| !ours.contains(right)).cloned().collect();
    if !lost.is_empty() {
        return Err(format!("the new program would lose {}, which cap or chroot need", lost.join(", ")));
    }
    let config = serde_json::to_value(config).map_err(|error| error.to_string())?;
    Ok(Rehearsed { version: env!("CARGO_PKG_VERSION").into(), fingerprint: FINGERPRINT.into(), config })
}

/// The capabilities of this process.
pub(super) fn rights() -> Vec<String> {
    let permitted = caps::read(None, CapSet::Permitted).unwrap_or_default();
    let mut names: Vec<_> = permitted.iter().map(ToString::to_string).collect();
    names.sort();
    names
}

/// Starts the child. Returns its process id, and where its answer comes out.
///
/// # Errors
/// When it is no program, or the kernel's limits forbid it.
pub(super) fn start(program: &Path, args: &[OsString], document: &Document) -> io::Result<(u32, io::PipeReader)> {
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(program);
    command.arg0("rsgi").arg(ARGUMENT).args(args);
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::null()).process_group(0);
    let mapping = FdMapping { parent_fd: document.write()?, child_fd: DOCUMENT };
    command.fd_mappings(vec![mapping]).map_err(io::Error::other)?;
    command.spawn().map(|child| (child.id(), reader))
}

/// Waits for the answer.
///
/// # Errors
/// Why the program cannot go on, or that it did not say.
pub(super) async fn answer(reader: io::PipeReader) -> Result<Rehearsed, String> {
    let text = timeout(PATIENCE, read_all(reader, LARGEST)).await;
    let text = text.map_err(|_| format!("it did not answer within {} seconds", PATIENCE.as_secs()))?;
    let text = text.map_err(|error| error.to_string())?;
    match serde_json::from_slice(&text) {
        Ok(Answer::Fit(rehearsed)) => Ok(rehearsed),
        Ok(Answer::Unfit(why)) => Err(why),
        Err(_) => Err("it is not an rsgi that can take over a running instance".into()),
    }
}

/// Everything that a child writes, up to `most` bytes.
pub(super) async fn read_all(reader: io::PipeReader, most: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    pipe::Receiver::from_owned_fd(reader.into())?.take(most).read_to_end(&mut text).await?;
    Ok(text)
}

/// Whether a path can be meant: it is absolute.
pub(super) fn check(program: PathBuf) -> Result<PathBuf, String> {
    if program.is_absolute() { Ok(program) } else { Err(format!("{} is no absolute path", program.display())) }
}
