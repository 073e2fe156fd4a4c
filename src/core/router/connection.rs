//! One client connection: the gate while nothing is asked, hyper behind it for requests, and the clock that ends what takes too
//! long.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::time::{Instant, sleep_until};

use super::answer;
use super::client::{Client, Phase};
use super::crowd::{Crowd, Guest};
use super::failure::Failure;
use super::gate::{Exit, Gate, Wire};
use super::tunnel;
use crate::memory::meters::Count;

/// Bytes of an answer that wait for a slow client before the worker has to wait too.
const BUFFER: usize = 256 * 1024;
/// An idle connection lets go of hyper after so long, and with it of most of its memory; where there are more than a few, much sooner:
/// what many hold for a moment stays with the process. Never at once: hyper may have to close the connection first.
const REST: Duration = Duration::from_secs(1);
const FEW: usize = 256;
const REST_OF_MANY: Duration = Duration::from_millis(50);

/// Serves a connection to its end.
pub(super) async fn serve<S: Wire + 'static>(socket: S, client: Rc<Client>) {
    let exit = Rc::new(Exit::default());
    let mut gate = Gate::new(socket, Rc::clone(&client), Rc::clone(&exit));
    let presence = Crowd::join(&client.shop, &client);
    let outcome = loop {
        match await_request(&mut gate, &client).await {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(reason) => break Err(reason),
        }
        match Box::pin(converse(gate, &client)).await {
            Ok(Some(kept)) => gate = kept,
            Ok(None) => break Ok(()),
            Err(reason) => break Err(reason),
        }
        gate.rest();
    };
    if let Err(reason) = outcome {
        tracing::debug!(client = client.name(), reason, "connection ended");
    }
    drop(presence);
    // Taken in any case: the visit knows the client that holds it.
    let visit = client.tunnel.take();
    if let Some(((socket, input), visit)) = exit.take().zip(visit) {
        Box::pin(tunnel::run(socket, input, visit, &client)).await;
    }
}

/// Waits for a request's head, without hyper. `false`: there will be none, and the connection is closed.
async fn await_request<S: Wire>(gate: &mut Gate<S>, client: &Client) -> Result<bool, String> {
    let mut over = false;
    in_time(client, Duration::MAX, |context, leave| {
        over |= leave;
        // The end of an answer may still be on its way through TLS.
        let flushed = hyper::rt::Write::poll_flush(Pin::new(&mut *gate), context);
        if let Poll::Ready(Err(error)) = flushed {
            return Poll::Ready(Err(error.to_string()));
        }
        if !over {
            match gate.poll_head(context) {
                Poll::Ready(Ok(true)) => return Poll::Ready(Ok(true)),
                Poll::Ready(Ok(false)) => over = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.to_string())),
                Poll::Pending => return Poll::Pending,
            }
        }
        let closed = ready!(hyper::rt::Write::poll_shutdown(Pin::new(&mut *gate), context));
        Poll::Ready(closed.map(|()| false).map_err(|error| error.to_string()))
    })
    .await
    .map(|request| request.unwrap_or_default())
}

/// Lets hyper serve requests until the connection ends (`None`), or has been idle for a while.
async fn converse<S: Wire + 'static>(gate: Gate<S>, client: &Rc<Client>) -> Result<Option<Gate<S>>, String> {
    let service = service_fn(|request: Request<Incoming>| {
        let client = Rc::clone(client);
        async move { Ok::<_, Infallible>(answer::serve(client, request.into_body()).await) }
    });
    let mut http = http1::Builder::new();
    // The clock replaces hyper's timeouts, the gate says what is kept; header names look as applications write them.
    http.header_read_timeout(None);
    http.title_case_headers(true).max_buf_size(BUFFER);
    let mut connection = http.serve_connection(gate, service);
    let mut told = false;
    let rest = if client.shop.connections() > FEW { REST_OF_MANY } else { REST };
    let ended = in_time(client, rest, |context, leave| {
        loop {
            let polled = Pin::new(&mut connection).poll(context);
            // Told only now: hyper must have seen the request that waits for it. It may have given the answer too, whose head
            // says that the connection stays.
            if polled.is_ready() || !leave || may_ask(client) || std::mem::replace(&mut told, true) {
                return polled.map_err(|error| error.to_string());
            }
            Pin::new(&mut connection).graceful_shutdown();
        }
    })
    .await?;
    Ok(ended.is_none().then(|| connection.into_parts().io))
}

/// Polls `step` to its end, or to the end of the client's time. It is told when it has to come to an end by itself. `None`:
/// the client has been idle for `rest`.
async fn in_time<T>(
    client: &Client,
    rest: Duration,
    mut step: impl FnMut(&mut Context<'_>, bool) -> Poll<Result<T, String>>,
) -> Result<Option<T>, String> {
    let shop = &client.shop;
    let mut drain = pin!(shop.drain.notified());
    drain.as_mut().enable();
    let mut timer = pin!(sleep_until(client.deadline()));
    // The task's waker never changes, so once is enough for each of those that rarely come.
    let (mut registered, mut dismissed) = (false, false);
    poll_fn(|context| {
        loop {
            if !registered {
                registered = true;
                let _ = drain.as_mut().poll(context);
                let _ = timer.as_mut().poll(context);
            }
            dismissed |= client.dismissal().is_told(context) && client.idle_since().is_some();
            let leave = dismissed || shop.draining.get() && !may_ask(client);
            if let Poll::Ready(result) = step(context, leave) {
                return Poll::Ready(result.map(Some));
            }
            let now = Instant::now();
            let mut deadline = client.deadline();
            if client.phase() == Phase::Idle && !client.is_blocked() {
                let resting = client.since().checked_add(rest);
                if resting.is_some_and(|resting| resting <= now) {
                    return Poll::Ready(Ok(None));
                }
                deadline = resting.map_or(deadline, |resting| resting.min(deadline));
            }
            if deadline <= timer.deadline() || timer.is_elapsed() {
                if deadline <= now {
                    if gives_up(client) {
                        return Poll::Ready(Err("timed out".to_owned()));
                    }
                    continue;
                }
                if deadline != timer.deadline() || timer.is_elapsed() {
                    timer.as_mut().reset(deadline);
                    let _ = timer.as_mut().poll(context);
                }
            }
            return Poll::Pending;
        }
    })
    .await
}

/// Whether a request may still come on a connection of a router that drains: its clock ends that soon.
fn may_ask(client: &Client) -> bool {
    match client.phase() {
        Phase::Fresh | Phase::Head => true,
        Phase::Idle => client.shop.parting.get().is_some(),
        // The head that is on its way says that the connection stays.
        Phase::Answer => client.is_answering() && client.shop.parting.get().is_some(),
        _ => false,
    }
}

/// The phase's time is over. True: the connection is closed; false: whoever is in charge answers.
pub(super) fn gives_up(client: &Client) -> bool {
    if client.is_overtime() {
        if !client.is_answering() {
            return told(client);
        }
        let line = client.take_overtime().unwrap_or_default();
        client.shop.settings.meter.count(Count::TimedOut);
        Failure::overtime(client.phase()).log(&client.name(), &line);
        client.reset.set(true);
        return true;
    }
    let slowly = client.takes_too_slowly();
    if client.is_blocked() || slowly {
        if !client.shop.settings.quiet {
            let what = if slowly { "takes its answer slower than min-rate" } else { "takes no more of its answer" };
            tracing::info!(client = client.name(), "the client {what}: connection reset");
        }
        client.reset.set(true);
        return true;
    }
    match client.phase() {
        Phase::Fresh | Phase::Idle | Phase::Linger => true,
        Phase::Head | Phase::Body | Phase::Queue | Phase::Answer => told(client),
    }
}

/// Tells whoever is in charge. True: told before, and nobody was there to listen.
fn told(client: &Client) -> bool {
    let before = client.is_expired();
    client.expire();
    before
}
