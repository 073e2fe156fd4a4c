//! The probe: a fork of a new generation's zygote that asks the application for one answer (`reload-check`) before any
//! worker of that generation is born.
//!
//! It is a worker without doors: the request comes over a pair of sockets whose other end a thread of its own holds. What the
//! application opens for the answer (databases, caches) ends with the process, and the zygote stays as it is.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use rsgi_abi::host::{Language, Remote};
use rsgi_config::{Config, Reload};
use tracing::{error, info};

use super::Job;
use crate::control::{Order, Report};
use crate::exit::Exit;
use crate::identity::identity;
use crate::logging::memo;
use crate::memory::scoreboard::Scoreboard;
use crate::process::Instance;
use crate::tls::Material;

/// Bytes of an answer's status line that are looked at.
const LINE: usize = 256;

/// Asks, and tells the master when the answer is a good one. The caller ends the process with the result.
#[must_use]
pub fn run(config: Config, instance: Instance, language: Language, board: Scoreboard) -> Exit {
    memo::keep(true);
    let started = UnixStream::pair().and_then(|sockets| {
        let (control, orders) = UnixStream::pair()?;
        let asked = ask(config.reload.clone(), sockets.0, orders, language.remote())?;
        Ok((asked, sockets.1, control))
    });
    let (asked, visitor, control) = match started {
        Ok(started) => started,
        Err(error) => {
            error!("reload-check: the application cannot be asked: {error}");
            return Exit::Unhealthy;
        }
    };
    if let Err(error) = visitor.set_nonblocking(true) {
        error!("reload-check: the application cannot be asked: {error}");
        return Exit::Unhealthy;
    }
    let exit = super::run(Job {
        id: 0,
        generation: instance.generation,
        master: instance.master,
        config,
        listeners: Vec::new(),
        material: Material::default(),
        rendezvous: Vec::new(),
        control: control.into(),
        language,
        board,
        meters: None,
        stands_by: false,
        visitor: Some(visitor.into()),
    });
    // Lazy loading may have ended it before anything was asked.
    let verdict = if exit == Exit::NoApp { Err(mpsc::TryRecvError::Empty) } else { asked.try_recv() };
    if verdict == Ok(true) { Exit::Ok } else { Exit::Unhealthy }
}

/// Starts the thread that asks; it has the process leave when the answer is there.
fn ask(reload: Reload, client: UnixStream, mut orders: UnixStream, remote: Remote) -> io::Result<Receiver<bool>> {
    let (verdict, asked) = mpsc::channel();
    let path = reload.check.unwrap_or_default();
    let limit = reload.check_timeout.duration();
    std::thread::Builder::new().name("rsgi-probe".into()).spawn(move || {
        let is_good = match status(client, &path, limit) {
            Ok(line) if is_success(&line) => {
                info!("reload-check: {path} answered {line}");
                true
            }
            Ok(line) => {
                error!("reload-check: {path} answered {line}");
                false
            }
            Err(error) if is_late(&error) => {
                // Whatever holds it up may hold up its end as well.
                error!("reload-check: {path} was not answered within {} seconds", limit.as_secs());
                remote.dump_traceback(io::stderr().as_fd());
                rsgi_sys::fork::exit_now(Exit::Unhealthy.code());
            }
            Err(error) => {
                error!("reload-check: {path} was not answered: {error}");
                false
            }
        };
        if is_good {
            let _ = identity().is_some_and(|identity| identity.report(Report::Ready));
        }
        // Nobody is left to hear it when the process ends by itself.
        let _ = verdict.send(is_good);
        let _ = orders.write_all(&[Order::Drain.byte()]);
    })?;
    Ok(asked)
}

/// Sends the request and reads the answer; returns status code and phrase.
fn status(mut client: UnixStream, path: &str, limit: Duration) -> io::Result<String> {
    let until = Instant::now() + limit;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: rsgi-reload-check\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes())?;
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        client.set_read_timeout(Some(left))?;
        // The body is read as a client would: an application may fail in the middle of it.
        let count = client.read(&mut piece)?;
        let room = LINE.saturating_sub(answer.len()).min(count);
        answer.extend_from_slice(piece.get(..room).unwrap_or_default());
        if count == 0 {
            break;
        }
    }
    let line = answer.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let (_, status) = line.split_once(' ').ok_or_else(|| io::Error::other("the connection was closed"))?;
    Ok(status.to_owned())
}

fn is_success(status: &str) -> bool {
    status.len() >= 3 && status.starts_with('2')
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of an answer.
    fn told(answer: &'static [u8]) -> Result<String, io::ErrorKind> {
        let (client, mut server) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let mut request = [0; 4096];
            let length = server.read(&mut request).unwrap();
            assert!(request[..length].starts_with(b"GET /ready?deep=1 HTTP/1.1\r\nHost: localhost\r\n"));
            server.write_all(answer).unwrap();
        });
        status(client, "/ready?deep=1", Duration::from_secs(30)).map_err(|error| error.kind())
    }

    #[test]
    fn only_two_hundred_and_so_on_is_good() {
        let good = told(b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n").unwrap();
        assert_eq!((good.as_str(), is_success(&good)), ("204 No Content", true));
        let bad = told(b"HTTP/1.1 500 Internal Server Error\r\n\r\nbody").unwrap();
        assert_eq!((bad.as_str(), is_success(&bad)), ("500 Internal Server Error", false));
        assert!(!is_success("302 Found") && !is_success("2"));
        assert_eq!(told(b"").unwrap_err(), io::ErrorKind::Other);
    }

    #[test]
    fn an_answer_that_does_not_come_is_late() {
        let (client, _server) = UnixStream::pair().unwrap();
        let error = status(client, "/", Duration::from_millis(1)).unwrap_err();
        assert!(is_late(&error), "{error:?}");
    }
}
