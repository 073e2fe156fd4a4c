//! `@(source)`: the content of a file or the output of a command, put into a value. The output of a command and what a
//! descriptor holds may be a whole configuration too (`ini = exec://…`).

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::diagnostic::cause;
use crate::expand::LONGEST;
use crate::machine::Machine;
use crate::value::Fault;

/// What `@(source)` stands for: the content of a file or the output of a command, without its last newline.
pub(crate) fn content(source: &str, machine: &Machine) -> Result<String, Fault> {
    let name = format!("@({source})");
    let bytes = match source.split_once("://") {
        None if source == "-" && machine.is_confined => return Err(strange(&name)),
        None if source == "-" => limited(std::io::stdin(), &name)?,
        None => limited(open(&name, machine.readable(source))?, &name)?,
        Some(("file", _)) if machine.is_confined => return Err(strange(&name)),
        Some(("file", path)) => limited(open(&name, Ok(path.into()))?, &name)?,
        Some((scheme, rest)) => scheme_content(scheme, rest, &name, machine)?,
    };
    let mut text = String::from_utf8(bytes).map_err(|_| Fault::bare(format!("{name} is not UTF-8")))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// What a source with a scheme holds, but for files. Messages call it `name`.
pub(crate) fn scheme_content(scheme: &str, rest: &str, name: &str, machine: &Machine) -> Result<Vec<u8>, Fault> {
    let help = match scheme {
        _ if machine.is_confined => return Err(strange(name)),
        "exec" => return output(rest, name, machine),
        "fd" if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()) => {
            return limited(open(name, Ok(format!("/proc/self/fd/{rest}").into()))?, name);
        }
        "fd" => "write the number of a descriptor, as in fd://0",
        "http" | "https" => "nothing is read over the network; fetch the file first",
        "data" | "sym" | "section" => "nothing is attached to this program; write it into a file",
        _ => "use a path, -, fd://N or exec://command",
    };
    Err(Fault::new(format!("{name}: {scheme}:// is not read here"), help))
}

fn strange(name: &str) -> Fault {
    Fault::bare(format!("{name} is not read for strangers"))
}

fn open(name: &str, path: std::io::Result<PathBuf>) -> Result<std::fs::File, Fault> {
    path.and_then(std::fs::File::open).map_err(|error| {
        let help = "create the file, or write the value itself; \"@(\" always names a file";
        Fault::new(format!("{name} cannot be read: {}", cause(&error)), help)
    })
}

fn limited(source: impl Read, name: &str) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let read = source.take(LONGEST as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Fault::bare(format!("{name} cannot be read: {}", cause(&error))))?;
    match bytes.len() > LONGEST {
        true => Err(Fault::bare(format!("{name} is longer than {LONGEST} bytes"))),
        false => Ok(bytes),
    }
}

fn output(command: &str, name: &str, machine: &Machine) -> Result<Vec<u8>, Fault> {
    let fault = |why: String| Fault::bare(format!("{name}: {why}"));
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .current_dir(&machine.cwd)
        .env_clear()
        .envs(machine.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| fault(cause(&error)))?;
    let bytes = child.stdout.take().map_or_else(|| Ok(Vec::new()), |pipe| limited(pipe, name));
    // Dropping the pipe first ends a command that writes for ever.
    let status = child.wait().map_err(|error| fault(cause(&error)))?;
    match status.success() {
        true => bytes,
        false => bytes.and(Err(fault(status.to_string()))),
    }
}
