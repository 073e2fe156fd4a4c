//! What the master keeps for each generation: its configuration, sockets, scoreboard and the rendezvous of its routers.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use rsgi_config::{Config, ReloadMode};

use super::bells::Table;
use super::board::Board;
use super::fleet::{Elastic, Generation as Number, Kind, Plan};
use super::meters::{self, Memory};
use super::sockets::Sockets;
use crate::aside::mailbox::Mailboxes;
use crate::locks;
use crate::logging::memo;
use crate::memory::scoreboard::Scoreboard;
use crate::process::Meaning;
use crate::program::Program;
use crate::tls::Materials;

/// One generation.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) number: Number,
    pub(super) config: Config,
    pub(super) sockets: Sockets,
    /// Certificates and keys for its routers and its workers.
    pub(super) materials: Materials,
    /// What its processes run.
    pub(super) program: Program,
    pub(super) board: Board,
    /// Counters of the scoreboard.
    pub(super) view: Scoreboard,
    /// One block a mule.
    pub(super) mules: Board,
    /// One block a spooler.
    pub(super) spoolers: Board,
    /// The signals of its application.
    pub(super) signals: Table,
    /// What its processes count for the metrics.
    pub(super) meters: Option<Rc<Memory>>,
    pub(super) mailboxes: Rc<Mailboxes>,
    pub(super) routers: Rc<Routers>,
    /// What its processes say of trouble while they come up.
    pub(super) memo: OwnedFd,
}

/// The routers that serve one generation or several.
#[derive(Debug)]
pub(super) struct Routers {
    /// The generation they came with.
    pub(super) since: Number,
    pub(super) rendezvous: Vec<Rendezvous>,
}

/// Where workers hand links to a router. The master keeps both ends, so that either side may be replaced.
#[derive(Debug)]
pub(super) struct Rendezvous {
    /// `None` when no router comes any more. Links that wait in the queue are closed with it.
    pub(super) router: RefCell<Option<OwnedFd>>,
    pub(super) workers: OwnedFd,
}

impl Generation {
    /// Prepares a generation that runs `program`. Routers of `before` go on when nothing that concerns them has changed.
    ///
    /// # Errors
    /// When descriptors or memory are short.
    pub(super) fn prepare(
        number: Number,
        program: Program,
        config: Config,
        sockets: Sockets,
        before: Option<&Self>,
    ) -> io::Result<Self> {
        let (workers, cores) = (config.workers.processes as usize, config.workers.threads.max(1) as usize);
        let board = Board::new(workers, cores)?;
        let view = board.view;
        let mules = Board::new(config.aside.mules.len(), 1)?;
        let spoolers = Board::new(config.aside.spooler_count() as usize, 1)?;
        let signals = Table::new()?;
        let mailboxes = match before.filter(|before| before.posts_like(&config)) {
            Some(before) => Rc::clone(&before.mailboxes),
            None => Rc::new(Mailboxes::new(&config.aside)?),
        };
        let is_same = |before: &&Self| before.program.identity() == program.identity();
        let kept = before
            .filter(is_same)
            .filter(|before| before.routes_like(&config))
            .map(|before| Rc::clone(&before.routers));
        let routers = match kept {
            Some(routers) => routers,
            None => Rc::new(Routers::new(number, &config)?),
        };
        let materials = Materials::default();
        let memo = memo::create()?;
        let meters = config.monitoring.metrics.is_some().then(meters::shared).transpose()?;
        Ok(Self {
            number,
            config,
            sockets,
            materials,
            program,
            board,
            view,
            mules,
            spoolers,
            signals,
            meters,
            mailboxes,
            routers,
            memo,
        })
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
            && ours.monitoring.looks_like(&config.monitoring)
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
            elastic: elastic(&self.config),
            cores: workers.threads.max(1),
            routers: u32::try_from(self.routers.rendezvous.len()).unwrap_or(u32::MAX),
            mules: u32::try_from(self.config.aside.mules.len()).unwrap_or(u32::MAX),
            spoolers: self.config.aside.spooler_count(),
            routed_by: self.routers.since,
            mercy: workers.worker_reload_mercy.duration(),
            mule_mercy: self.config.aside.mule_reload_mercy.duration(),
            pause: workers.forkbomb_delay.duration(),
            need_app: self.config.process.need_app,
            check: self.config.reload.check.is_some(),
            lazy: workers.lazy_apps,
            rolling: self.config.reload.mode == ReloadMode::Rolling,
        }
    }

    /// What its processes have said of trouble while they came up.
    pub(super) fn trouble(&self) -> String {
        memo::read(&self.memo)
    }

    /// Descriptors for a zygote, the channel aside.
    pub(super) fn for_zygote(&self) -> io::Result<Vec<(Meaning, OwnedFd)>> {
        let mut descriptors = vec![(Meaning::Board, self.board.hand_out()?)];
        descriptors.push((Meaning::Locks, locks::hand_out()?));
        descriptors.push((Meaning::Memo, self.memo.try_clone()?));
        descriptors.push((Meaning::AsideBoard(Kind::Mule), self.mules.hand_out()?));
        descriptors.push((Meaning::AsideBoard(Kind::Spooler), self.spoolers.hand_out()?));
        descriptors.push((Meaning::Signals, self.signals.hand_out()?));
        descriptors.extend(self.mailboxes.descriptors()?);
        descriptors.extend(self.for_metrics()?);
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
        descriptors.extend(self.for_metrics()?);
        let index = (id as usize).checked_sub(1);
        let rendezvous = index.and_then(|index| self.routers.rendezvous.get(index));
        let router = rendezvous.map(|rendezvous| rendezvous.router.borrow());
        let router = router.as_deref().and_then(Option::as_ref);
        let router = router.ok_or_else(|| io::Error::other("there is no such router"))?;
        descriptors.push((Meaning::Rendezvous, router.try_clone()?));
        Ok(descriptors)
    }

    fn for_metrics(&self) -> io::Result<Option<(Meaning, OwnedFd)>> {
        self.meters.as_ref().map(|meters| Ok((Meaning::Meters, meters.hand_out()?))).transpose()
    }

    /// Cuts links that wait for a router which will not come: their workers would wait as well.
    pub(super) fn unroute(&self) {
        for rendezvous in &self.routers.rendezvous {
            rendezvous.router.replace(None);
        }
    }
}

/// How the number of workers changes.
fn elastic(config: &Config) -> Option<Elastic> {
    let (cheaper, processes) = (&config.cheaper, config.workers.processes);
    let is_elastic = cheaper.min.is_some() || cheaper.may_rest();
    is_elastic.then(|| Elastic {
        least: cheaper.min.unwrap_or(processes),
        first: if cheaper.cheap { 0 } else { cheaper.first(processes) },
        may_rest: cheaper.may_rest(),
    })
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
        Generation::prepare(number, Program::own().unwrap(), config, sockets, before).unwrap()
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
        // A changed program is taken up by routers too.
        let sockets = Sockets::bind(&third.config, [&third.sockets]).unwrap();
        let other = Program::at("/bin/sh".as_ref()).unwrap();
        let fourth = Generation::prepare(3, other, third.config.clone(), sockets, Some(&third)).unwrap();
        assert_eq!(fourth.plan().routed_by, 3);
    }

    #[test]
    fn routers_need_not_know_where_metrics_are_served() {
        let at = |address: &str| {
            let mut config = config();
            config.monitoring.metrics = Some(address.parse().unwrap());
            config
        };
        let first = prepare(0, at("127.0.0.1:0"), None);
        let second = prepare(1, at("[::1]:0"), Some(&first));
        assert_eq!(second.plan().routed_by, 0);
        assert_eq!(second.for_router(1).unwrap().len(), 3, "a socket, the rendezvous, the meters");
        assert_eq!(prepare(2, config(), Some(&second)).plan().routed_by, 2);
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
