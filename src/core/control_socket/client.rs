//! The tools' side: one question, one answer.

use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use serde_json::Value;

use super::place;
use super::protocol::Request;

/// Why an instance could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens there.
    #[error("no instance of rsgi listens to process {0}'s control socket")]
    Nobody(u32),
    /// Another process has taken the name of the socket.
    #[error("the control socket of process {expected} belongs to process {found}: not asking it")]
    Impostor {
        /// Whom we meant.
        expected: u32,
        /// Who is there.
        found: i32,
    },
    /// The connection failed.
    #[error("the instance cannot be asked")]
    Io(#[from] io::Error),
    /// It ended before it answered.
    #[error("the instance has ended before it answered")]
    Ended,
    /// It said something else than JSON.
    #[error("the instance gave an answer that cannot be read")]
    Nonsense(#[from] serde_json::Error),
    /// It refused.
    #[error("{0}")]
    Refused(String),
    /// It tried in vain, and this is what was said meanwhile.
    #[error("{why}\n{log}")]
    Failed {
        /// Why.
        why: String,
        /// What was said.
        log: String,
    },
}

/// A connection to a master. One that failed is made anew for the next question: an answer that came too late must not be
/// taken for another's.
#[derive(Debug)]
pub struct Client {
    to: To,
    stream: Option<BufReader<UnixStream>>,
}

/// Where a master listens.
#[derive(Debug)]
enum To {
    Pid(u32),
    File(PathBuf),
}

impl Client {
    /// Connects to the instance whose master is process `pid`.
    ///
    /// # Errors
    /// When nobody listens, or somebody else than that process.
    pub fn to(pid: u32) -> Result<Self, AskError> {
        Self { to: To::Pid(pid), stream: None }.connected()
    }

    /// Connects to the file that the option `control` names.
    ///
    /// # Errors
    /// When there is none, or nobody listens.
    pub fn at(path: &Path) -> Result<Self, AskError> {
        Self { to: To::File(path.to_owned()), stream: None }.connected()
    }

    fn connected(mut self) -> Result<Self, AskError> {
        self.stream = Some(self.to.connect()?);
        Ok(self)
    }

    /// Asks, and waits for the answer: for ever, or as long as `patience`.
    ///
    /// # Errors
    /// When the answer is no, or none.
    pub fn ask(&mut self, request: &Request, patience: Option<Duration>) -> Result<Value, AskError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.to.connect()?,
        };
        let line = exchange(&mut stream, request, patience).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => AskError::Ended,
            _ => AskError::Io(error),
        })?;
        if line.is_empty() {
            return Err(AskError::Ended);
        }
        let answer: Value = serde_json::from_str(&line)?;
        self.stream = Some(stream);
        if answer.get("ok") == Some(&Value::Bool(true)) {
            return Ok(answer);
        }
        let why = answer.get("error").and_then(Value::as_str).unwrap_or("the instance refused");
        let why = why.to_owned();
        Err(match answer.get("log").and_then(Value::as_str).filter(|log| !log.is_empty()) {
            Some(log) => AskError::Failed { why, log: log.to_owned() },
            None => AskError::Refused(why),
        })
    }
}

impl To {
    fn connect(&self) -> Result<BufReader<UnixStream>, AskError> {
        let pid = match self {
            Self::File(path) => return Ok(BufReader::new(UnixStream::connect(path)?)),
            Self::Pid(pid) => *pid,
        };
        let stream = UnixStream::connect_addr(&place::address(pid)?).map_err(|error| match error.kind() {
            io::ErrorKind::ConnectionRefused => AskError::Nobody(pid),
            _ => AskError::Io(error),
        })?;
        // Anybody may take an abstract name that is free.
        let found = getsockopt(&stream.as_fd(), PeerCredentials).map_err(io::Error::from)?.pid();
        if u32::try_from(found) != Ok(pid) {
            return Err(AskError::Impostor { expected: pid, found });
        }
        Ok(BufReader::new(stream))
    }
}

fn exchange(stream: &mut BufReader<UnixStream>, request: &Request, patience: Option<Duration>) -> io::Result<String> {
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.get_ref().set_read_timeout(patience)?;
    // A refusal may be there before the question, and the other side closed.
    let written = stream.get_mut().write_all(line.as_bytes());
    line.clear();
    if stream.read_line(&mut line)? == 0 {
        written?;
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn listener(pid: u32) -> UnixListener {
        UnixListener::bind_addr(&place::address(pid).unwrap()).unwrap()
    }

    #[test]
    fn whoever_took_the_name_is_found_out() {
        let number = u32::MAX / 2 - std::process::id();
        let error = Client::to(number).unwrap_err().to_string().replace(&number.to_string(), "N");
        insta::assert_snapshot!(error, @"no instance of rsgi listens to process N's control socket");
        let _squatter = listener(number);
        assert!(matches!(Client::to(number), Err(AskError::Impostor { found, .. }) if found > 0));
    }

    #[test]
    fn answers_and_refusals() {
        let listener = listener(std::process::id());
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let failed = "{\"ok\":false,\"error\":\"it failed\",\"log\":\"Traceback\"}\n";
            for answer in ["{\"ok\":true,\"n\":3}\n", "{\"ok\":false,\"error\":\"not now\"}\n", failed, "{\n"] {
                assert_eq!(lines.next().unwrap().unwrap(), r#"{"do":"ping"}"#);
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
        });
        let mut client = Client::to(std::process::id()).unwrap();
        assert_eq!(client.ask(&Request::Ping, None).unwrap()["n"], 3);
        insta::assert_snapshot!(client.ask(&Request::Ping, None).unwrap_err(), @"not now");
        assert_eq!(client.ask(&Request::Ping, None).unwrap_err().to_string(), "it failed\nTraceback");
        assert!(matches!(client.ask(&Request::Ping, None), Err(AskError::Nonsense(_))));
        server.join().unwrap();
        // The connection is given up, and nobody listens any more.
        assert!(matches!(client.ask(&Request::Ping, None), Err(AskError::Nobody(_))));
    }

    #[test]
    fn a_late_answer_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let (mut late, _) = listener.accept().unwrap();
            let (mut next, _) = listener.accept().unwrap();
            let _ = late.write_all(b"{\"ok\":true,\"n\":1}\n");
            next.write_all(b"{\"ok\":true,\"n\":2}\n").unwrap();
        });
        let mut client = Client::at(&path).unwrap();
        assert!(matches!(client.ask(&Request::Ping, Some(Duration::from_millis(1))), Err(AskError::Io(_))));
        assert_eq!(client.ask(&Request::Ping, None).unwrap()["n"], 2);
        server.join().unwrap();
    }
}
