//! `@(source)`: the content of a file or the output of a command, put into a value.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::diagnostic::cause;
use crate::expand::LONGEST;
use crate::machine::Machine;
use crate::value::Fault;

/// What `@(source)` stands for: the content of a file or the output of a command, without its last newline.
pub(crate) fn content(source: &str, machine: &Machine) -> Result<String, Fault> {
    let bytes = match source.split_once("://") {
        _ if machine.is_confined && (source == "-" || source.contains("://")) => {
            return Err(Fault::bare(format!("@({source}) is not read for strangers")));
        }
        None if source == "-" => limited(std::io::stdin(), source)?,
        None => limited(open(source, machine.readable(source))?, source)?,
        Some(("file", path)) => limited(open(source, Ok(path.into()))?, source)?,
        Some(("fd", number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            limited(open(source, Ok(format!("/proc/self/fd/{number}").into()))?, source)?
        }
        Some(("exec", command)) => output(command, machine)?,
        Some((scheme, _)) => {
            let help = "use a path, -, fd://N or exec://command";
            return Err(Fault::new(format!("@({source}): {scheme}:// is not read here"), help));
        }
    };
    let mut text = String::from_utf8(bytes).map_err(|_| Fault::bare(format!("@({source}) is not UTF-8")))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

fn open(source: &str, path: std::io::Result<PathBuf>) -> Result<std::fs::File, Fault> {
    path.and_then(std::fs::File::open).map_err(|error| {
        let help = "create the file, or write the value itself; \"@(\" always names a file";
        Fault::new(format!("@({source}) cannot be read: {}", cause(&error)), help)
    })
}

fn limited(source: impl Read, name: &str) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let read = source.take(LONGEST as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Fault::bare(format!("@({name}) cannot be read: {}", cause(&error))))?;
    match bytes.len() > LONGEST {
        true => Err(Fault::bare(format!("@({name}) is longer than {LONGEST} bytes"))),
        false => Ok(bytes),
    }
}

fn output(command: &str, machine: &Machine) -> Result<Vec<u8>, Fault> {
    let fault = |why: String| Fault::bare(format!("@(exec://{command}): {why}"));
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .current_dir(&machine.cwd)
        .env_clear()
        .envs(machine.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| fault(cause(&error)))?;
    let bytes = child.stdout.take().map_or_else(|| Ok(Vec::new()), |pipe| limited(pipe, &format!("exec://{command}")));
    // Dropping the pipe first ends a command that writes for ever.
    let status = child.wait().map_err(|error| fault(cause(&error)))?;
    match status.success() {
        true => bytes,
        false => bytes.and(Err(fault(status.to_string()))),
    }
}
