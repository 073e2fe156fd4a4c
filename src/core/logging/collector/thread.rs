//! The thread that reads what all processes write.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;

use super::outlet::{Kind, Outlets};
use super::records::{PATIENCE, Records};
use super::{Order, ROOM};
use crate::logging::packet::PACKET;

/// Reads from one pipe before the other is looked at.
const TURN: usize = 256;

/// Everything that the thread works with.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) server: OwnedFd,
    pub(super) requests: Option<OwnedFd>,
    pub(super) wake: Arc<EventFd>,
    pub(super) inbox: Receiver<Order>,
    pub(super) outlets: Outlets,
}

/// What is left of it at the end.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) server: OwnedFd,
    pub(super) requests: Option<OwnedFd>,
    pub(super) outlets: Outlets,
}

/// What a look into a pipe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Nothing more for now.
    Empty,
    /// There may be more.
    More,
    /// Every writer has gone.
    End,
}

impl Work {
    /// Runs until it is told to end and nothing is left to write, or to leave the rest to others. Returns the pipes and places.
    pub(super) fn run(mut self) -> Rest {
        let (mut server, mut requests) = (Records::default(), Records::default());
        // As large as a pipe. A packet is read alone, but for what was written in front of it through a description of the pipe
        // that knows no packets (`/dev/stderr` opened anew); what does not fit then, the kernel throws away.
        let mut buffer = vec![0; usize::try_from(ROOM).unwrap_or(PACKET)];
        let mut is_ending = false;
        loop {
            let waits = server.is_waiting() || requests.is_waiting();
            let timeout = match (is_ending, waits) {
                (true, _) => PollTimeout::ZERO,
                (_, true) => PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::ZERO),
                _ => PollTimeout::NONE,
            };
            let mut fds = vec![
                PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.server.as_fd(), PollFlags::POLLIN),
            ];
            fds.extend(self.requests.iter().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
            // What fails here shows in the reading.
            let _ = poll(&mut fds, timeout);
            let mut looks = [Look::Empty; 2];
            let outlets = &mut self.outlets;
            looks[0] = read(&self.server, &mut buffer, &mut server, &mut |record| outlets.write(Kind::Server, record));
            if let Some(fd) = &self.requests {
                looks[1] = read(fd, &mut buffer, &mut requests, &mut |record| outlets.write(Kind::Request, record));
            }
            for (records, kind) in [(&mut server, Kind::Server), (&mut requests, Kind::Request)] {
                if records.is_overdue() {
                    records.flush(&mut |record| outlets.write(kind, record));
                }
            }
            // What was written before the order to end may have come after these looks; after the next ones nothing has. When
            // all writers have gone, so have those of request lines.
            let is_over = (is_ending || looks[0] == Look::End) && !looks.contains(&Look::More);
            let obeyed = self.obey();
            is_ending |= obeyed.is_some();
            let is_left = matches!(obeyed, Some(Order::Leave));
            if is_over || is_left {
                self.end(&mut server, &mut requests);
                return Rest { server: self.server, requests: self.requests, outlets: self.outlets };
            }
        }
    }

    fn end(&mut self, server: &mut Records, requests: &mut Records) {
        let outlets = &mut self.outlets;
        for (records, kind) in [(server, Kind::Server), (requests, Kind::Request)] {
            records.end(&mut |record| outlets.write(kind, record));
        }
    }

    /// Does what was ordered. Returns the order to end, when that was given.
    fn obey(&mut self) -> Option<Order> {
        let _ = self.wake.read();
        loop {
            match self.inbox.try_recv() {
                Ok(Order::Reopen) => self.outlets.reopen(),
                Ok(Order::Rotate) => self.outlets.rotate(),
                Ok(Order::Replace(outlets)) => self.outlets = *outlets,
                Ok(order @ (Order::End | Order::Leave)) => return Some(order),
                Err(TryRecvError::Disconnected) => return Some(Order::End),
                Err(TryRecvError::Empty) => return None,
            }
        }
    }
}

fn read(fd: &OwnedFd, buffer: &mut [u8], records: &mut Records, each: &mut dyn FnMut(&[u8])) -> Look {
    for _ in 0..TURN {
        match nix::unistd::read(fd, buffer) {
            Ok(0) => return Look::End,
            Ok(count) => records.take(buffer.get(..count).unwrap_or_default(), each),
            Err(Errno::EINTR) => {}
            Err(_) => return Look::Empty,
        }
    }
    Look::More
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::path::Path;
    use std::sync::mpsc::channel;

    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use nix::sys::eventfd::EfdFlags;
    use rsgi_config::{Config, LogTarget, Logger};

    use crate::logging::collector::pipe;
    use crate::logging::packet;

    #[test]
    fn a_pipe_that_was_opened_anew_loses_and_glues_nothing() {
        let (reader, writer) = pipe().unwrap();
        let anew = || File::options().write(true).open(format!("/proc/self/fd/{}", writer.as_raw_fd())).unwrap();
        let line = "x".repeat(99);
        let full = "y".repeat(PACKET - 7);
        let mut found = Vec::new();
        let mut records = Records::default();
        anew().write_all(format!("{line}\n").as_bytes()).unwrap();
        // With mark and kind a packet that fills a page.
        packet::write(writer.as_fd(), full.as_bytes());
        anew().write_all(b"a line\n").unwrap();
        ["one\n", "two\n", "three\n"].iter().for_each(|text| packet::write(writer.as_fd(), text.as_bytes()));
        let mut buffer = vec![0; usize::try_from(ROOM).unwrap()];
        let look = read(&reader, &mut buffer, &mut records, &mut |record| {
            found.push(String::from_utf8_lossy(record).into_owned());
        });
        assert_eq!(look, Look::Empty);
        assert_eq!(found, [line.as_str(), &full, "a line", "one", "two", "three"]);
    }

    /// Waits until nothing is left in a pipe.
    fn until_empty(reader: &OwnedFd) {
        let look = || {
            let mut fds = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::ZERO).unwrap()
        };
        while look() > 0 {
            std::thread::yield_now();
        }
    }

    fn fifo(path: &Path) -> File {
        nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut fifo = File::options().read(true).write(true).open(path).unwrap();
        let flags = |flags| fcntl(&fifo, FcntlArg::F_SETFL(flags)).unwrap();
        flags(OFlag::O_NONBLOCK);
        while (&fifo).write(&[b'.'; PACKET]).is_ok() {}
        flags(OFlag::empty());
        fifo.flush().unwrap();
        fifo
    }

    #[test]
    fn what_was_written_before_the_end_is_logged_however_slow_a_logger_is() {
        let directory = tempfile::tempdir().unwrap();
        let (path, log) = (directory.path().join("requests"), directory.path().join("log"));
        let mut slow = fifo(&path);
        let mut config = Config::default();
        let target = LogTarget::File { path, max_size: None, backup_name: None };
        config.log.loggers.push(Logger { name: None, requests: true, target });
        let outlets = Outlets::new(&config, File::create(&log).unwrap()).unwrap();
        let ((server, to_server), (requests, to_requests)) = (pipe().unwrap(), pipe().unwrap());
        let (seen, wake) =
            (requests.try_clone().unwrap(), Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK).unwrap()));
        let (orders, inbox) = channel();
        let work = Work { server, requests: Some(requests), wake: Arc::clone(&wake), inbox, outlets };
        let thread = std::thread::spawn(move || work.run());
        nix::unistd::write(&to_requests, b"a request\n").unwrap();
        // It is being written now, after the look at the server's pipe.
        until_empty(&seen);
        nix::unistd::write(&to_server, b"the last line\n").unwrap();
        orders.send(Order::End).unwrap();
        let mut room = vec![0; 1 << 20];
        while !thread.is_finished() {
            let mut fds = [PollFd::new(slow.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, 1_u8).unwrap() > 0 {
                let _ = slow.read(&mut room).unwrap();
            }
        }
        thread.join().unwrap();
        assert_eq!(std::fs::read_to_string(log).unwrap(), "the last line\n");
    }
}
