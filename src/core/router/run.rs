//! The router's process from its birth to its end: orders of the master, draining.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::rc::Rc;
use std::sync::Arc;

use rsgi_config::Config;
use rsgi_sys::reactor;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;

use super::Job;
use super::listen::{Listener, Place};
use super::shop::{Settings, Shop};
use super::{gauge, handshake, rendezvous};
use crate::control::{Order, Overdue, Report};
use crate::exit::Exit;
use crate::passing::{PAUSE, is_passing_error};
use crate::statics::Statics;
use crate::tls::Certificates;

/// Serves until the master orders the end.
pub fn run(job: Job) -> Exit {
    if let Some(option) = not_built(&job.config) {
        tracing::error!(option, "not built yet: remove the option");
        return Exit::Config;
    }
    if let Err(error) = crate::hooks::run(&job.config, rsgi_config::Phase::AsGateway) {
        tracing::error!("{}", crate::logging::chain(&error));
        return Exit::Config;
    }
    let mut settings = Settings::new(&job.config);
    settings.statics = match Statics::of(&job.config) {
        Ok(statics) => statics.map(Arc::new),
        Err(error) => {
            tracing::error!("{}", crate::logging::chain(&error));
            return Exit::Config;
        }
    };
    crate::confine::router(&job.config, &job.material);
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let outcome = runtime.and_then(|runtime| runtime.block_on(attend(job, settings)));
    match outcome {
        Ok(()) => Exit::Ok,
        Err(error) => {
            tracing::error!(%error, "the router cannot go on");
            Exit::Config
        }
    }
}

/// An option that asks for something this router does not do: serving without it would not be what was meant.
fn not_built(config: &Config) -> Option<&'static str> {
    let router = &config.router;
    match () {
        () if !router.to.is_empty() => Some("http-to"),
        () => None,
    }
}

pub(super) async fn attend(job: Job, mut settings: Settings) -> io::Result<()> {
    if let Some(meters) = job.meters {
        settings.meter = meters.router(job.id);
        crate::logging::panics::count_in(settings.meter);
        settings.seat = meters.sit(std::process::id());
    }
    let shop = Rc::new(Shop::new(settings));
    let mercy = job.config.workers.reload_mercy.duration();
    let (mut control, mut words) = stream(job.control)?.into_split();
    socket2::SockRef::from(&job.rendezvous).set_nonblocking(true)?;
    let rendezvous = reactor::register(job.rendezvous)?;
    let listeners = job.listeners.into_iter().map(Listener::new).collect::<io::Result<Vec<_>>>()?;

    let certificates = Rc::new(Certificates::new(&job.config, job.material).map_err(io::Error::other)?);
    spawn_local(handshake::watch(Rc::clone(&certificates), job.config.clone(), job.meters));
    let binds = &job.config.router.binds;
    let encrypted = listeners.iter().zip(binds).find(|(_, bind)| bind.tls.is_some());
    let encrypted: Rc<str> = encrypted.and_then(|(listener, _)| listener.port()).unwrap_or(443).to_string().into();
    let places = listeners.into_iter().enumerate().map(|(bind, listener)| {
        let to_https = binds.get(bind).is_some_and(|bind| bind.to_https).then(|| Rc::clone(&encrypted));
        (listener, Place { bind, to_https, certificates: Rc::clone(&certificates) })
    });
    let accepting: Vec<_> =
        places.map(|(listener, place)| spawn_local(listener.accept(Rc::clone(&shop), place))).collect();
    let watched = Rc::clone(&shop);
    spawn_local(async move { watched.pool.watch().await });
    let met = Rc::clone(&shop);
    spawn_local(async move {
        if let Err(error) = rendezvous::attend(&met, &rendezvous).await {
            tracing::error!(%error, "no worker can reach this router any more");
        }
    });
    words.write_all(&[Report::Ready.byte()]).await?;
    if let Some(long) = job.config.workers.harakiri_queue_threshold {
        shop.pool.observe(usize::try_from(long).unwrap_or(usize::MAX));
    }
    spawn_local(gauge::tell(Rc::clone(&shop), words));

    let first = order(&mut control, &job.config, &shop).await;
    if first == Some(Order::Quit) {
        return Ok(());
    }
    accepting.iter().for_each(tokio::task::JoinHandle::abort);
    shop.close(first == Some(Order::Retire));
    let quit = async {
        while let Some(order) = order(&mut control, &job.config, &shop).await {
            if order == Order::Quit {
                return;
            }
        }
        // The master is gone: nobody will order anything any more.
        std::future::pending().await
    };
    tokio::select! {
        () = left(&shop) => {}
        () = tokio::time::sleep(mercy) => {
            tracing::warn!(connections = shop.connections(), "connections are cut: the time for a graceful end is over");
        }
        () = quit => {}
    }
    Ok(())
}

fn stream(socket: OwnedFd) -> io::Result<UnixStream> {
    let socket = StdStream::from(socket);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

/// The master's next order about this process's life; `None` when it is gone. Orders of a newer master are passed over.
async fn order(control: &mut OwnedReadHalf, config: &Config, shop: &Shop) -> Option<Order> {
    loop {
        let [byte] = hear(control).await?;
        match Order::from_byte(byte) {
            Some(Order::ReopenLog) => crate::logging::reopen_inside(config),
            Some(Order::Pause) => shop.pool.hold(!shop.draining.get()),
            Some(Order::Resume) => shop.pool.hold(false),
            Some(Order::TellQueue) => shop.pool.tell(),
            Some(Order::Rest) => shop.pool.rest(),
            Some(Order::Overdue) => {
                let (pid, link) = (hear(control).await?, hear(control).await?);
                shop.condemn(Overdue { pid: u32::from_le_bytes(pid), link: u32::from_le_bytes(link) });
            }
            Some(order) => return Some(order),
            None => {}
        }
    }
}

/// The next bytes of the master, however often the system refuses them for a moment; `None` when it is gone.
async fn hear<const COUNT: usize>(control: &mut (impl AsyncRead + Unpin)) -> Option<[u8; COUNT]> {
    let (mut bytes, mut known) = ([0; COUNT], 0);
    while let Some(room) = bytes.get_mut(known..).filter(|room| !room.is_empty()) {
        match control.read(room).await {
            Ok(0) => return None,
            Ok(more) => known += more,
            Err(error) if is_passing_error(&error) => tokio::time::sleep(PAUSE).await,
            Err(_) => return None,
        }
    }
    Some(bytes)
}

/// All clients have gone.
async fn left(shop: &Shop) {
    loop {
        let empty = shop.empty.notified();
        if shop.connections() == 0 {
            return;
        }
        empty.await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use nix::errno::Errno;
    use tokio::io::ReadBuf;

    use super::*;

    /// Gives a byte at a time, after the system has refused it.
    struct Fitful(std::vec::IntoIter<Result<u8, Errno>>);

    impl AsyncRead for Fitful {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let next = self.0.next().transpose()?;
            out.put_slice(next.as_slice());
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_passes_is_not_the_end_of_the_master() {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let hear = |script: Vec<Result<u8, Errno>>| runtime.block_on(hear::<4>(&mut Fitful(script.into_iter())));
        let refused = || Err(Errno::ENOBUFS);
        assert_eq!(hear(vec![Ok(1), refused(), Ok(2), Ok(3), refused(), refused(), Ok(4)]), Some([1, 2, 3, 4]));
        assert_eq!(hear(vec![Ok(1), Ok(2)]), None);
        assert_eq!(hear(vec![Ok(1), Err(Errno::ECONNRESET), Ok(2), Ok(3), Ok(4)]), None);
    }
}
