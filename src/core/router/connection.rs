//! One client connection: hyper behind the gate, and the clock that ends what takes too long.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::time::{Instant, sleep_until};

use super::answer;
use super::client::{Client, Phase};
use super::failure::Failure;
use super::gate::{Exit, Gate, Wire};
use super::tunnel;
use crate::memory::meters::Count;

/// Bytes of an answer that wait for a slow client before the worker has to wait too.
const BUFFER: usize = 256 * 1024;

/// Serves a connection to its end.
pub(super) async fn serve<S: Wire + 'static>(socket: S, client: Rc<Client>) {
    let shop = Rc::clone(&client.shop);
    let exit = Rc::new(Exit::default());
    let gate = Gate::new(socket, Rc::clone(&client), Rc::clone(&exit));
    let service = service_fn(|request: Request<Incoming>| {
        let client = Rc::clone(&client);
        async move { Ok::<_, Infallible>(answer::serve(client, request.into_body()).await) }
    });
    let mut http = http1::Builder::new();
    // The clock below replaces hyper's timeouts, the gate says what is kept; header names look as applications write them.
    http.header_read_timeout(None);
    http.title_case_headers(true).max_buf_size(BUFFER);
    let mut connection = pin!(http.serve_connection(gate, service));
    let mut drain = pin!(shop.drain.notified());
    drain.as_mut().enable();
    let mut told = false;
    let mut timer = pin!(sleep_until(client.deadline()));
    // The task's waker never changes, so once is enough for each of the two that rarely come.
    let mut registered = false;

    let outcome = poll_fn(|context| {
        loop {
            if let Poll::Ready(result) = connection.as_mut().poll(context) {
                return Poll::Ready(result.map_err(|error| error.to_string()));
            }
            if shop.draining.get() && !told && !may_ask(&client) {
                told = true;
                connection.as_mut().graceful_shutdown();
                continue;
            }
            if !registered {
                registered = true;
                let _ = drain.as_mut().poll(context);
                let _ = timer.as_mut().poll(context);
            }
            let deadline = client.deadline();
            if deadline <= timer.deadline() || timer.is_elapsed() {
                if deadline <= Instant::now() {
                    if gives_up(&client) {
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
    .await;
    if let Err(reason) = outcome {
        tracing::debug!(client = client.name(), reason, "connection ended");
    }
    // Taken in any case: the visit knows the client that holds it.
    let visit = client.tunnel.take();
    if let Some(((socket, input), visit)) = exit.take().zip(visit) {
        tunnel::run(socket, input, visit, &client).await;
    }
}

/// Whether a request may still come on a connection of a router that drains: its clock ends that soon.
fn may_ask(client: &Client) -> bool {
    match client.phase() {
        Phase::Fresh | Phase::Head => true,
        Phase::Idle => client.shop.parting.get().is_some(),
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
    if client.is_blocked() {
        if !client.shop.settings.quiet {
            tracing::info!(client = client.name(), "the client takes no more of its answer: connection reset");
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
