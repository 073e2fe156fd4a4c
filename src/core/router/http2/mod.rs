//! HTTP/2: hyper drives the connection, each stream is a request like any other, with a client and a link of its own.
//!
//! What the protocol forbids (pseudo-headers out of place, fields that concern the connection, a body unlike its length)
//! is refused by hyper's `h2`; what a request may be, by the decoder behind [`head`].

mod ahead;
mod frames;
mod head;
mod session;

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::{Method, Request};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, sleep_until};

use super::answer;
use super::client::Client;
use super::crowd::{Crowd, Guest};
use super::gate::Wire;
use ahead::Ahead;
use frames::Frames;
use session::{Session, Streams};

/// Requests of one connection at the same time.
const STREAMS: u32 = 128;
/// Size of a request's header list (RFC 9113, section 6.5.2), CONTINUATION frames and all.
const HEADER_LIST: u32 = 64 * 1024;
/// Bytes of one request's body that may be on their way, and of all of a connection.
const WINDOW: u32 = 256 * 1024;
const WINDOWS: u32 = 1024 * 1024;
/// Bytes of one answer that wait for a slow client before its worker has to wait too.
const BUFFER: usize = 256 * 1024;
/// The same of all answers of a connection.
const BUFFERS: usize = 8 * 1024 * 1024;
/// Streams reset by the client that we have not got round to; more end the connection (CVE-2023-44487).
const RESETS_PENDING: usize = 20;
/// Streams that we had to reset for what the client did wrong; more end the connection (CVE-2025-8671).
const RESETS_OURS: usize = 128;
/// A connection is asked for a sign of life this often, and has so long to give it.
const PING: Duration = Duration::from_secs(45);
const PONG: Duration = Duration::from_secs(20);
/// Time between the farewell and the end of a connection without streams.
const LINGER: Duration = Duration::from_secs(2);

/// Serves a connection to its end.
pub(super) async fn serve<S: Wire + 'static>(socket: S, client: Client) {
    let shop = Rc::clone(&client.shop);
    let name = client.name();
    let session = Rc::new(Session::new());
    let _presence = Crowd::join(&shop, &session);
    let service = service_fn(|request: Request<Incoming>| {
        let client = Rc::new(client.stream(session.places()));
        let (asked, stream) = session.ask(&client);
        let session = Rc::clone(&session);
        async move {
            let (parts, body) = request.into_parts();
            client.begin(head::ticket(&client, &parts, !body.is_end_stream()));
            if parts.method == Method::HEAD {
                client.ask_for_head();
            }
            let response = answer::serve(client, body).await;
            asked.answered();
            Ok::<_, Infallible>(response.map(|answer| {
                let ahead = Ahead::new(answer, session);
                *stream.ahead.borrow_mut() = Some(ahead.clone());
                ahead
            }))
        }
    });
    let mut http = Builder::new(Streams(Rc::clone(&session)));
    http.timer(TokioTimer::new()).keep_alive_interval(PING).keep_alive_timeout(PONG);
    http.max_concurrent_streams(STREAMS).max_header_list_size(HEADER_LIST).max_send_buf_size(BUFFER);
    http.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOWS);
    http.max_pending_accept_reset_streams(RESETS_PENDING).max_local_error_reset_streams(RESETS_OURS);
    let frames = Frames::new(socket, shop.settings.meter, Rc::clone(&session));
    let mut connection = pin!(http.serve_connection(TokioIo::new(frames), service));
    let mut drain = pin!(shop.drain.notified());
    drain.as_mut().enable();

    let (first, later) = (shop.settings.headers_timeout, shop.settings.keepalive.unwrap_or(shop.settings.timeout));
    let mut leaving = false;
    let mut timer = pin!(sleep_until(Instant::now() + first));
    let outcome = poll_fn(|context| {
        loop {
            if let Poll::Ready(result) = connection.as_mut().poll(context) {
                return Poll::Ready(result.map_err(|error| error.to_string()));
            }
            if session.is_abused() {
                return Poll::Ready(Err("the client takes back more requests than it lets us answer".to_owned()));
            }
            let dismissed = session.dismissal().is_told(context);
            if !leaving && (dismissed || shop.draining.get() || drain.as_mut().poll(context).is_ready()) {
                leaving = true;
                connection.as_mut().graceful_shutdown();
                timer.as_mut().reset(Instant::now() + LINGER);
                continue;
            }
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let patience = match (leaving, session.is_fresh()) {
                (true, _) => LINGER,
                (false, true) => first,
                (false, false) => later,
            };
            // While there are streams, their clocks count, and the pings.
            let deadline = session.deadline(patience, shop.settings.timeout);
            if deadline > Instant::now() {
                timer.as_mut().reset(deadline);
            } else if leaving {
                return Poll::Ready(Err("timed out".to_owned()));
            } else {
                leaving = true;
                connection.as_mut().graceful_shutdown();
                timer.as_mut().reset(Instant::now() + LINGER);
            }
        }
    })
    .await;
    if let Err(reason) = outcome {
        tracing::debug!(client = name, reason, "connection ended");
    }
}
