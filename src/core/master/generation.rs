//! What the master keeps for each generation: its configuration, sockets, scoreboard and the rendezvous of its routers.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use rsgi_config::Config;

use super::board::Board;
use super::fleet::{Generation as Number, Kind, Plan};
use super::sockets::Sockets;
use crate::aside::mailbox::Mailboxes;
use crate::memory::scoreboard::Scoreboard;
use crate::process::Meaning;
use crate::tls::Materials;

/// One generation.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) number: Number,
    pub(super) config: Config,
    pub(super) sockets: Sockets,
    /// Certificates and keys for its routers and its workers.
    pub(super) materials: Materials,
    board: Board,
    /// Counters of the scoreboard.
    pub(super) view: Scoreboard,
    /// One block a mule.
    pub(super) mules: Board,
    /// One block a spooler.
    pub(super) spoolers: Board,
    mailboxes: Rc<Mailboxes>,
    routers: Rc<Routers>,
}

/// The routers that serve one generation or several.
#[derive(Debug)]
struct Routers {
    /// The generation they came with.
    since: Number,
    rendezvous: Vec<Rendezvous>,
}

/// Where workers hand links to a router. The master keeps both ends, so that either side may be replaced.
#[derive(Debug)]
struct Rendezvous {
    /// `None` when no router comes any more. Links that wait in the queue are closed with it.
    router: RefCell<Option<OwnedFd>>,
    workers: OwnedFd,
}

impl Generation {
    /// Prepares a generation. Routers of `before` go on when nothing that concerns them has changed.
    ///
    /// # Errors
    /// When descriptors or memory are short.
    pub(super) fn prepare(number: Number, config: Config, sockets: Sockets, before: Option<&Self>) -> io::Result<Self> {
        let (workers, cores) = (config.workers.processes as usize, config.workers.threads.max(1) as usize);
        let board = Board::new(workers, cores)?;
        let view = board.view;
        let mules = Board::new(config.aside.mules.len(), 1)?;
        let spoolers = Board::new(config.aside.spooler_count() as usize, 1)?;
        let mailboxes = match before.filter(|before| before.posts_like(&config)) {
            Some(before) => Rc::clone(&before.mailboxes),
            None => Rc::new(Mailboxes::new(&config.aside)?),
        };
        let kept = before.filter(|before| before.routes_like(&config)).map(|before| Rc::clone(&before.routers));
        let routers = match kept {
            Some(routers) => routers,
            None => Rc::new(Routers::new(number, &config)?),
        };
        let materials = Materials::default();
        Ok(Self { number, config, sockets, materials, board, view, mules, spoolers, mailboxes, routers })
    }

    /// Whether a router of this generation would do the same under `config`.
    fn routes_like(&self, config: &Config) -> bool {
        let ours = &self.config;
        ours.router == config.router
            && ours.limits == config.limits
            && ours.workers.harakiri_queue_threshold == config.workers.harakiri_queue_threshold
            && ours.log == config.log
            && ours.statics == config.statics
            && ours.process == config.process
            && ours.env == config.env
    }

    /// Whether messages to mules would find the same queues under `config`. What waits in them is then kept.
    fn posts_like(&self, config: &Config) -> bool {
        let (ours, theirs) = (&self.config.aside, &config.aside);
        let same_farms = ours.farms.iter().map(|farm| &farm.0).eq(theirs.farms.iter().map(|farm| &farm.0));
        ours.mules.len() == theirs.mules.len() && same_farms && ours.mule_msg_size == theirs.mule_msg_size
    }

    /// What the fleet is to bring up.
    pub(super) fn plan(&self) -> Plan {
        let workers = &self.config.workers;
        Plan {
            workers: workers.processes,
            cores: workers.threads.max(1),
            routers: u32::try_from(self.routers.rendezvous.len()).unwrap_or(u32::MAX),
            mules: u32::try_from(self.config.aside.mules.len()).unwrap_or(u32::MAX),
            spoolers: self.config.aside.spooler_count(),
            routed_by: self.routers.since,
            mercy: workers.worker_reload_mercy.duration(),
            mule_mercy: self.config.aside.mule_reload_mercy.duration(),
            pause: workers.forkbomb_delay.duration(),
            need_app: self.config.process.need_app,
        }
    }

    /// Descriptors for a zygote, the channel aside.
    pub(super) fn for_zygote(&self) -> io::Result<Vec<(Meaning, OwnedFd)>> {
        let mut descriptors = vec![(Meaning::Board, self.board.hand_out()?)];
        descriptors.push((Meaning::AsideBoard(Kind::Mule), self.mules.hand_out()?));
        descriptors.push((Meaning::AsideBoard(Kind::Spooler), self.spoolers.hand_out()?));
        descriptors.extend(self.mailboxes.descriptors()?);
        for (bound, socket) in self.sockets.workers.iter().zip(&self.config.sockets) {
            let meaning = Meaning::Listener { protocol: socket.protocol, name: bound.name.clone() };
            descriptors.push((meaning, bound.fd.try_clone()?));
        }
        for rendezvous in &self.routers.rendezvous {
            descriptors.push((Meaning::Rendezvous, rendezvous.workers.try_clone()?));
        }
        Ok(descriptors)
    }

    /// Descriptors for router `id`, the control stream aside.
    pub(super) fn for_router(&self, id: u32) -> io::Result<Vec<(Meaning, OwnedFd)>> {
        let mut descriptors = Vec::new();
        for bound in &self.sockets.router {
            descriptors.push((Meaning::Bind, bound.fd.try_clone()?));
        }
        let index = (id as usize).checked_sub(1);
        let rendezvous = index.and_then(|index| self.routers.rendezvous.get(index));
        let router = rendezvous.map(|rendezvous| rendezvous.router.borrow());
        let router = router.as_deref().and_then(Option::as_ref);
        let router = router.ok_or_else(|| io::Error::other("there is no such router"))?;
        descriptors.push((Meaning::Rendezvous, router.try_clone()?));
        Ok(descriptors)
    }

    /// Cuts links that wait for a router which will not come: their workers would wait as well.
    pub(super) fn unroute(&self) {
        for rendezvous in &self.routers.rendezvous {
            rendezvous.router.replace(None);
        }
    }
}

impl Routers {
    fn new(since: Number, config: &Config) -> io::Result<Self> {
        let count = if config.router.binds.is_empty() { 0 } else { config.router.processes.max(1) };
        let pair = || -> io::Result<Rendezvous> {
            let (router, workers) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
            Ok(Rendezvous { router: RefCell::new(Some(router)), workers })
        };
        Ok(Self { since, rendezvous: (0..count).map(|_| pair()).collect::<io::Result<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsgi_config::Bind;

    fn config() -> Config {
        let mut config = Config::default();
        let address = "127.0.0.1:0".parse().unwrap();
        config.router.binds.push(Bind { address, tls: None, to_https: false, text: "127.0.0.1:0".into() });
        config
    }

    fn prepare(number: Number, config: Config, before: Option<&Generation>) -> Generation {
        let sockets = Sockets::bind(&config, before.map(|before| &before.sockets)).unwrap();
        Generation::prepare(number, config, sockets, before).unwrap()
    }

    #[test]
    fn routers_stay_unless_their_part_changes() {
        let first = prepare(0, config(), None);
        let mut more = config();
        more.workers.processes = 3;
        let second = prepare(1, more, Some(&first));
        assert_eq!((second.plan().routed_by, second.plan().workers), (0, 3));
        let mut slower = config();
        slower.router.timeout = rsgi_config::Seconds(7);
        let third = prepare(2, slower, Some(&second));
        assert_eq!((third.plan().routed_by, third.plan().routers), (2, 1));
        assert_eq!(third.sockets.router[0].name, first.sockets.router[0].name);
    }

    #[test]
    fn a_router_gets_its_own_rendezvous() {
        let first = prepare(0, config(), None);
        assert_eq!(first.for_router(1).unwrap().len(), 2);
        assert!(first.for_router(2).is_err() && first.for_router(0).is_err());
        first.unroute();
        assert!(first.for_router(1).is_err());
    }
}
