//! The queues of messages to mules: one for whoever is free, one for each mule, one for each farm.
//!
//! Each is a pair of datagram sockets that the master makes and keeps, so that messages outlive the mules that were to
//! read them. Senders never wait: a full queue refuses.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt};
use rsgi_config::Aside;
use serde::{Deserialize, Serialize};

use crate::process::{Descriptors, Meaning};

/// Who may read a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Addressee {
    /// Any mule.
    Anyone,
    /// The mule with this number, 1 first.
    Mule(u32),
    /// Any mule of the farm at this place in the configuration, 0 first.
    Farm(u32),
}

/// Which end of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// Where messages go in.
    Sender,
    /// Where they come out.
    Reader,
}

/// One queue.
#[derive(Debug)]
struct Mailbox {
    of: Addressee,
    sender: OwnedFd,
    reader: OwnedFd,
}

/// All queues of an instance; none without mules.
#[derive(Debug, Default)]
pub struct Mailboxes(Vec<Mailbox>);

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nobody has that address.
    #[error("there is no such mule or farm")]
    Nobody,
    /// The queue is full.
    #[error("the queue is full: its mules do not keep up")]
    Full,
    /// The message is longer than the queue has room.
    #[error("the message is too long ({0} bytes): raise mule-msg-size, or send less")]
    TooLong(usize),
    /// The kernel refuses.
    #[error("{0}")]
    Refused(Errno),
}

impl Mailboxes {
    /// The queues that `config` needs.
    ///
    /// # Errors
    /// When descriptors or memory are short.
    pub fn new(config: &Aside) -> io::Result<Self> {
        let farms = (0..).zip(&config.farms).map(|(farm, _)| Addressee::Farm(farm));
        let mules = (1..).zip(&config.mules).map(|(mule, _)| Addressee::Mule(mule));
        let all = std::iter::once(Addressee::Anyone).filter(|_| !config.mules.is_empty()).chain(mules).chain(farms);
        all.map(|of| Mailbox::new(of, config.mule_msg_size)).collect::<io::Result<_>>().map(Self)
    }

    /// Copies for another process.
    ///
    /// # Errors
    /// When descriptors are short.
    pub fn descriptors(&self) -> io::Result<Vec<(Meaning, OwnedFd)>> {
        let mut descriptors = Vec::new();
        for Mailbox { of, sender, reader } in &self.0 {
            descriptors.push((Meaning::Mailbox(*of, End::Sender), sender.try_clone()?));
            descriptors.push((Meaning::Mailbox(*of, End::Reader), reader.try_clone()?));
        }
        Ok(descriptors)
    }

    /// All queues with both ends: where messages go in, where they come out.
    pub fn ends(&self) -> impl Iterator<Item = (Addressee, BorrowedFd<'_>, BorrowedFd<'_>)> {
        self.0.iter().map(|mailbox| (mailbox.of, mailbox.sender.as_fd(), mailbox.reader.as_fd()))
    }

    /// The queues with these ends, as [`Self::ends`] tells them.
    #[must_use]
    pub fn of_ends(ends: impl IntoIterator<Item = (Addressee, OwnedFd, OwnedFd)>) -> Self {
        Self(ends.into_iter().map(|(of, sender, reader)| Mailbox { of, sender, reader }).collect())
    }

    /// Takes over what [`Self::descriptors`] has given.
    pub fn take_over(descriptors: &mut Descriptors) -> Self {
        let mut ends = |wanted: End| {
            descriptors.all(move |meaning| match meaning {
                Meaning::Mailbox(of, end) if *end == wanted => Some(*of),
                _ => None,
            })
        };
        let (senders, readers) = (ends(End::Sender), ends(End::Reader));
        let both = senders.into_iter().zip(readers);
        Self(both.map(|((of, sender), (_, reader))| Mailbox { of, sender, reader }).collect())
    }

    /// Puts a message into a queue.
    ///
    /// # Errors
    /// When it cannot be put there at once.
    pub fn send(&self, to: Addressee, message: &[u8]) -> Result<(), SendError> {
        let mailbox = self.0.iter().find(|mailbox| mailbox.of == to).ok_or(SendError::Nobody)?;
        loop {
            return match nix::unistd::write(&mailbox.sender, message) {
                Ok(_) => Ok(()),
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => Err(SendError::Full),
                Err(Errno::EMSGSIZE) => Err(SendError::TooLong(message.len())),
                Err(errno) => Err(SendError::Refused(errno)),
            };
        }
    }

    /// The ends that a reader of these addresses waits at.
    pub fn readers(&self, of: impl Fn(Addressee) -> bool) -> Vec<(Addressee, BorrowedFd<'_>)> {
        self.0.iter().filter(|mailbox| of(mailbox.of)).map(|mailbox| (mailbox.of, mailbox.reader.as_fd())).collect()
    }
}

impl Mailbox {
    fn new(of: Addressee, room: Option<u64>) -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (sender, reader) = socketpair(AddressFamily::Unix, SockType::Datagram, None, flags)?;
        if let Some(room) = room.and_then(|room| usize::try_from(room).ok()) {
            setsockopt(&sender, sockopt::SndBuf, &room)?;
            setsockopt(&reader, sockopt::RcvBuf, &room)?;
        }
        Ok(Self { of, sender, reader })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailboxes() -> Mailboxes {
        let farms = vec![("mails".to_owned(), vec![1])];
        Mailboxes::new(&Aside { mules: vec![None, None], farms, ..Aside::default() }).unwrap()
    }

    #[test]
    fn each_address_has_its_own_queue() {
        let mailboxes = mailboxes();
        for (to, text) in [(Addressee::Anyone, "a"), (Addressee::Mule(2), "m"), (Addressee::Farm(0), "f")] {
            mailboxes.send(to, text.as_bytes()).unwrap();
            let [(_, reader)] = mailboxes.readers(|of| of == to)[..] else { panic!("{to:?}") };
            let mut buffer = [0; 8];
            assert_eq!(nix::unistd::read(reader, &mut buffer), Ok(1));
            assert_eq!(buffer[0], text.as_bytes()[0]);
        }
        assert_eq!(mailboxes.send(Addressee::Mule(3), b"x"), Err(SendError::Nobody));
        assert_eq!(mailboxes.send(Addressee::Farm(1), b"x"), Err(SendError::Nobody));
    }

    #[test]
    fn a_full_queue_refuses_and_a_message_has_a_limit() {
        let mailboxes = mailboxes();
        let sent = std::iter::repeat_with(|| mailboxes.send(Addressee::Mule(1), &[0; 1000]));
        assert_eq!(sent.take(10_000).find(Result::is_err), Some(Err(SendError::Full)));
        let long = vec![0; 1 << 20];
        assert_eq!(mailboxes.send(Addressee::Mule(2), &long), Err(SendError::TooLong(1 << 20)));
    }

    #[test]
    fn without_mules_there_is_no_queue() {
        let mailboxes = Mailboxes::new(&Aside::default()).unwrap();
        assert!(mailboxes.descriptors().unwrap().is_empty());
    }
}
