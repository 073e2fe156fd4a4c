//! What one program leaves to the next in the same process: a document in a sealed memfd, and the descriptors that it names by
//! their numbers.
//!
//! It is read by programs of other versions. Fields are only ever added, with a default; what only a program with the same
//! fingerprint can use ([`Kin`], certificates) is a value of its own form, which others leave alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;

use rsgi_config::Config;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aside::mailbox::Addressee;
use crate::master::daemons;
use crate::master::fleet::{Generation, Who};
use crate::master::vacuum::Litter;
use crate::program::Identity;

/// The form of the document. Another one cannot be read.
pub(super) const FORMAT: u32 = 1;

/// All there is to leave.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Document {
    pub(super) format: u32,
    /// Of the program whose processes these are; empty: of one that its master did not understand either.
    pub(super) fingerprint: String,
    /// Version of the program that has written this.
    pub(super) version: String,
    /// Where the configuration is read from.
    pub(super) cwd: PathBuf,
    /// Start of the instance, seconds since the epoch.
    pub(super) since: u64,
    pub(super) serving: Generation,
    pub(super) latest: Generation,
    pub(super) serial: u64,
    /// Numbers of the workers that there are to be.
    pub(super) manned: BTreeSet<u32>,
    pub(super) members: Vec<Member>,
    pub(super) generations: Vec<Left>,
    pub(super) routers: Routers,
    /// Queues to mules: where messages go in, where they come out.
    pub(super) mailboxes: Vec<(Addressee, RawFd, RawFd)>,
    pub(super) pid_files: Vec<Litter>,
    pub(super) log: Option<Log>,
    pub(super) fifo: Option<(PathBuf, RawFd)>,
    /// The control socket that the process id names.
    pub(super) control: Option<RawFd>,
    /// Who asked for the upgrade, and waits for an answer.
    pub(super) asker: Option<RawFd>,
    pub(super) daemons: Vec<daemons::Heir>,
    /// Minute of the last look, and what runs: command, process id, start.
    pub(super) crons: (u64, Vec<(String, u32, u64)>),
    pub(super) is_paused: bool,
    pub(super) full_queues: u64,
    /// How many have succeeded and failed.
    pub(super) reloads: (u64, u64),
    /// Capabilities that the master has.
    pub(super) rights: Vec<String>,
    /// The configuration as the next program has read it at the rehearsal. Nothing at the rehearsal itself, and when the
    /// fingerprints are the same.
    pub(super) rehearsed: Option<Value>,
}

/// A process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) who: Who,
    pub(super) generation: Generation,
    pub(super) number: u32,
    pub(super) pid: u32,
    /// Milliseconds since its birth.
    pub(super) age: u64,
    /// The zygote that it was forked by.
    pub(super) zygote: Option<u64>,
    /// Its control stream; the channel of a zygote.
    pub(super) stream: RawFd,
}

/// A generation: the one that serves, and the one that has brought its routers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Left {
    pub(super) number: Generation,
    pub(super) shared: Vec<Socket>,
    pub(super) workers: Vec<Socket>,
    pub(super) router: Vec<Socket>,
    pub(super) stats: Option<Socket>,
    pub(super) metrics: Option<Socket>,
    pub(super) control: Option<Socket>,
    /// What its processes run.
    pub(super) program: Identity,
    /// Certificates and keys.
    pub(super) materials: Value,
    /// For a program with the same fingerprint alone.
    pub(super) kin: Value,
}

/// What only a program with the same fingerprint can use.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kin {
    pub(super) config: Config,
    pub(super) board: RawFd,
    pub(super) mules: RawFd,
    pub(super) spoolers: RawFd,
    pub(super) signals: RawFd,
}

/// A listening socket.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Socket {
    /// As wanted, in the words of the options.
    pub(super) address: String,
    /// As bound.
    pub(super) name: String,
    pub(super) fd: RawFd,
    pub(super) file: Option<Litter>,
}

/// Where workers hand links to routers: the routers' ends (as long as any come), and the workers'.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Routers {
    pub(super) since: Generation,
    pub(super) rendezvous: Vec<(Option<RawFd>, RawFd)>,
}

/// A log that is collected.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Log {
    pub(super) original: RawFd,
    pub(super) server: RawFd,
    /// Where request lines go in, and where they come out.
    pub(super) requests: Option<(RawFd, RawFd)>,
    /// Files of loggers, by what they are called ([`crate::logging::collector::Suspended`]).
    #[serde(default)]
    pub(super) places: Vec<(String, RawFd)>,
}

/// Descriptors that this process was left, by number.
#[derive(Debug, Default)]
pub(super) struct Estate(BTreeMap<RawFd, Arc<OwnedFd>>);

impl Estate {
    /// One that has a single owner.
    pub(super) fn own(number: RawFd) -> io::Result<OwnedFd> {
        rsgi_sys::inherit::take(number).map_err(io::Error::other)
    }

    /// One that several may share.
    pub(super) fn share(&mut self, number: RawFd) -> io::Result<Arc<OwnedFd>> {
        if let Some(known) = self.0.get(&number) {
            return Ok(Arc::clone(known));
        }
        let fd = Arc::new(Self::own(number)?);
        self.0.insert(number, Arc::clone(&fd));
        Ok(fd)
    }
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// In words for who asked for the upgrade.
    pub(super) fn read(memory: OwnedFd) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        let text = rsgi_sys::memfd::read(memory).map_err(|error| format!("the document cannot be read: {error}"))?;
        let strange = |error: serde_json::Error| format!("the document cannot be understood: {error}");
        let form: Form = serde_json::from_slice(&text).map_err(strange)?;
        if form.format != FORMAT {
            return Err(format!("the document has form {}, this program understands form {FORMAT}", form.format));
        }
        serde_json::from_slice(&text).map_err(strange)
    }

    /// Whether this program understands the processes that are left.
    pub(super) fn is_kin(&self) -> bool {
        self.fingerprint == crate::program::FINGERPRINT
    }

    /// Writes the document.
    ///
    /// # Errors
    /// When memory is short, or a path is no text.
    pub(super) fn write(&self) -> io::Result<OwnedFd> {
        rsgi_sys::memfd::sealed(c"rsgi-succession", &serde_json::to_vec(self)?)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn document() -> Document {
        let socket = |fd| Socket { address: "127.0.0.1:0".into(), name: "127.0.0.1:7".into(), fd, file: None };
        let member = |who, zygote| Member { who, generation: 3, number: 1, pid: 4711, age: 1500, zygote, stream: 9 };
        Document {
            format: FORMAT,
            fingerprint: "0123".into(),
            version: "0.1.0".into(),
            cwd: "/srv".into(),
            since: 1_795_374_121,
            serving: 3,
            latest: 4,
            serial: 17,
            manned: BTreeSet::from([1, 2]),
            members: vec![member(Who::Zygote(11), None), member(Who::Worker(12), Some(11))],
            generations: vec![Left {
                number: 3,
                shared: Vec::new(),
                workers: vec![socket(5)],
                router: vec![socket(6)],
                metrics: None,
                control: None,
                stats: None,
                program: Identity::own().unwrap(),
                materials: Value::Null,
                kin: Value::Null,
            }],
            routers: Routers { since: 0, rendezvous: vec![(Some(7), 8)] },
            mailboxes: vec![(Addressee::Anyone, 20, 21), (Addressee::Farm(0), 22, 23)],
            pid_files: Vec::new(),
            log: Some(Log {
                original: 30,
                server: 31,
                requests: None,
                places: vec![("req-logger file:/var/log/requests".into(), 35)],
            }),
            fifo: Some(("/run/fifo".into(), 32)),
            control: Some(33),
            asker: Some(34),
            daemons: Vec::new(),
            crons: (0, Vec::new()),
            is_paused: false,
            full_queues: 0,
            reloads: (3, 1),
            rights: vec!["CAP_SYS_CHROOT".into()],
            rehearsed: None,
        }
    }

    #[test]
    fn the_form_is_that_of_every_version() {
        let mut value = serde_json::to_value(document()).unwrap();
        value["generations"][0]["program"] = Value::Null;
        insta::assert_snapshot!(value.to_string());
    }

    #[test]
    fn another_form_is_refused_and_further_fields_are_not() {
        let read = |value: &Value| {
            Document::read(rsgi_sys::memfd::sealed(c"test", value.to_string().as_bytes()).unwrap())
                .map(|read| read.serial)
        };
        let mut value = serde_json::to_value(document()).unwrap();
        value["later"] = 1.into();
        assert_eq!(read(&value), Ok(17));
        value["format"] = 2.into();
        insta::assert_snapshot!(read(&value).unwrap_err(), @"the document has form 2, this program understands form 1");
        insta::assert_snapshot!(read(&Value::Null).unwrap_err(), @"the document cannot be understood: invalid type: null, expected struct Form at line 1 column 4");
    }
}
