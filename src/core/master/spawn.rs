//! Births: starts zygotes and routers, has workers forked, and listens to all of them.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, socketpair};
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::sync::mpsc::UnboundedSender;
use tracing::warn;

use super::fleet::{self, Event, Kind, Who};
use super::generation::Generation;
use super::{Master, Server, Zygote, reap};
use crate::control::{Order, Queue, Reports};
use crate::ending::Ending;
use crate::passing::{PAUSE, is_passing_error};
use crate::process::{self, Instance, Meaning};
use crate::role::Role;
use crate::tls::{self, Material};
use crate::zygote::message::{self, Answer, Request};

impl Master {
    /// A process that could not even be started is asked for again. Why is told once as long as it goes on.
    pub(super) fn check(&mut self, who: Who, started: io::Result<()>) {
        let was_told = self.cannot_start;
        self.cannot_start = started.is_err();
        if let Err(error) = started {
            if !was_told {
                warn!("a process cannot be started: {error}");
            }
            self.queue.push_back(Event::Gone(who, Ending::Unborn));
        }
    }

    fn instance(&self, generation: fleet::Generation) -> Instance {
        Instance { master: std::process::id(), started: self.started.since, generation }
    }

    fn generation(&self, number: fleet::Generation) -> io::Result<&Generation> {
        self.generations.get(&number).ok_or_else(|| io::Error::other("the generation is forgotten"))
    }

    pub(super) fn start_zygote(&mut self, who: Who, number: fleet::Generation) -> io::Result<()> {
        let Who::Zygote(serial) = who else { return Ok(()) };
        let generation = self.generation(number)?;
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let mut descriptors = generation.for_zygote()?;
        descriptors.push((Meaning::Channel, theirs));
        let pid = process::start(
            &generation.program,
            Role::Zygote,
            1,
            self.instance(number),
            &generation.config,
            &Material::default(),
            descriptors,
        )?;
        nix::fcntl::fcntl(&ours, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
        let channel = Rc::new(rsgi_sys::reactor::register(ours)?);
        let reader = tokio::task::spawn_local(read_answers(who, Rc::clone(&channel), self.sender.clone()));
        self.zygotes
            .insert(serial, Zygote { pid, generation: number, channel: Some(channel), is_opaque: false, reader });
        self.queue.push_back(Event::Born(who, pid));
        Ok(())
    }

    pub(super) fn start_router(&mut self, who: Who, number: fleet::Generation, id: u32) -> io::Result<()> {
        let generation = self.generation(number)?;
        let mut descriptors = generation.for_router(id)?;
        let (ours, theirs) = control_pair()?;
        descriptors.push((Meaning::Control, theirs));
        let pid = process::start(
            &generation.program,
            Role::Router,
            id,
            self.instance(number),
            &generation.config,
            &generation.materials.router,
            descriptors,
        )?;
        self.listen_to(who, None, ours)?;
        self.queue.push_back(Event::Born(who, pid));
        Ok(())
    }

    pub(super) fn fork(&mut self, who: Who, number: u32, zygote: Who, stands_by: bool) -> io::Result<()> {
        let (Some((kind, birth)), Who::Zygote(serial)) = (who.forked(), zygote) else { return Ok(()) };
        let gone = || io::Error::other("its zygote is gone");
        let zygote = self.zygotes.get(&serial).ok_or_else(gone)?;
        let (generation, channel) = (zygote.generation, zygote.channel.clone().ok_or_else(gone)?);
        let (ours, theirs) = control_pair()?;
        if kind == Kind::Worker {
            let generation = self.generation(generation)?;
            tls::handover::send(ours.as_fd(), &generation.config, &generation.materials.workers)?;
            if self.is_paused {
                send(&ours, &[Order::Pause.byte()])?;
            }
        }
        message::send(channel.as_fd(), &Request::Fork { kind, number, birth, stands_by }, Some(theirs.as_fd()))?;
        self.listen_to(who, Some(serial), ours)
    }

    fn listen_to(&mut self, who: Who, zygote: Option<u64>, control: UnixStream) -> io::Result<()> {
        let control = Rc::new(control);
        let reader = tokio::task::spawn_local(read_reports(who, Rc::clone(&control), self.sender.clone()));
        self.servers
            .insert(who, Server { pid: 0, has_long_queue: false, queue: Queue::default(), zygote, control, reader });
        Ok(())
    }
}

/// Tells a process something without waiting. Not by tokio, which has yet to hear that a new socket takes something.
pub(super) fn send(control: &UnixStream, message: &[u8]) -> io::Result<()> {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    nix::sys::socket::send(control.as_raw_fd(), message, flags)?;
    Ok(())
}

fn control_pair() -> io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, theirs.into()))
}

pub(super) async fn read_answers(who: Who, channel: Rc<AsyncFd<OwnedFd>>, sender: UnboundedSender<Event>) {
    while let Ok(mut ready) = channel.readable().await {
        match ready.try_io(|channel| message::receive::<Answer>(channel.as_fd())) {
            Ok(Ok(Some((answer, _)))) => {
                let _ = sender.send(reap::event(who, answer));
            }
            Ok(Err(error)) if is_passing_error(&error) => tokio::time::sleep(PAUSE).await,
            // Its end is seen by its parent, not here.
            Ok(Ok(None) | Err(_)) => return,
            Err(_would_block) => {}
        }
    }
}

pub(super) async fn read_reports(who: Who, control: Rc<UnixStream>, sender: UnboundedSender<Event>) {
    let (mut bytes, mut reports) = ([0; 64], Reports::default());
    while control.readable().await.is_ok() {
        match control.try_read(&mut bytes) {
            Ok(0) => return,
            Ok(count) => {
                for report in reports.take(bytes.get(..count).unwrap_or_default()) {
                    let _ = sender.send(Event::Said(who, report));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if is_passing_error(&error) => tokio::time::sleep(PAUSE).await,
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_reaches_a_process_that_was_born_in_the_same_moment() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (ours, theirs) = control_pair().unwrap();
            send(&ours, &[Order::Retire.byte()]).unwrap();
            let mut bytes = [0; 8];
            assert_eq!(nix::unistd::read(&theirs, &mut bytes), Ok(1));
            assert_eq!(bytes[0], Order::Retire.byte());
            drop(theirs);
            assert!(send(&ours, &[Order::Retire.byte()]).is_err());
        });
    }
}
