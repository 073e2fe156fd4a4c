//! Requests that cannot be served: their status, their short answer, and the log line that names whose fault it was.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Response, StatusCode};
use rsgi_proto::http1::Reject;

use super::client::Phase;
use super::ticket;
use crate::logging::refusal::Refusal;

/// Who has to mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The client sent something improper, or went silent.
    Client,
    /// A worker, which runs the application.
    Worker,
    /// This instance: too few workers, or none.
    Server,
}

/// Why a request gets an answer of ours.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) fault: Fault,
    pub(super) reason: Cow<'static, str>,
    /// The connection cannot be used any more.
    pub(super) close: bool,
    /// Seconds after which it makes sense to ask again.
    pub(super) retry_after: Option<u32>,
}

/// When it makes sense to ask again, if nothing is known: seconds.
const LATER: u32 = 5;

/// Longest time that a client is sent away for, seconds.
const MUCH_LATER: u32 = 60;

impl Failure {
    pub(super) const fn client(status: u16, reason: &'static str) -> Self {
        Self { status, fault: Fault::Client, reason: Cow::Borrowed(reason), close: true, retry_after: None }
    }

    pub(super) fn worker(status: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { status, fault: Fault::Worker, reason: reason.into(), close: false, retry_after: None }
    }

    pub(super) fn server(status: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        let retry_after = if status == 503 { Some(LATER) } else { None };
        Self { status, fault: Fault::Server, reason: reason.into(), close: false, retry_after }
    }

    /// More is asked than can be served. `wait`: how long the queue takes at the moment, when that is known.
    pub(super) fn crowded(reason: &'static str, wait: Option<Duration>) -> Self {
        let seconds = wait.map(|wait| u32::try_from(wait.as_secs_f64().ceil() as u64).unwrap_or(MUCH_LATER));
        Self { retry_after: Some(seconds.unwrap_or(LATER).clamp(1, MUCH_LATER)), ..Self::server(503, reason) }
    }

    /// A request has taken longer than `http-harakiri` allows; its phase tells whose fault that is.
    pub(super) fn overtime(phase: Phase) -> Self {
        let (fault, reason) = match phase {
            Phase::Body => {
                (Fault::Client, "the request took longer than http-harakiri allows: its body is not complete")
            }
            Phase::Queue => (Fault::Server, "the request took longer than http-harakiri allows: no core became idle"),
            _ => (Fault::Worker, "the request took longer than http-harakiri allows"),
        };
        Self { status: 504, fault, reason: Cow::Borrowed(reason), close: fault == Fault::Client, retry_after: None }
    }

    /// Writes the log line. `request`: method and target, when known.
    pub(super) fn log(&self, client: &str, request: &str) {
        let (status, fault, reason) = (self.status, self.fault.name(), &self.reason);
        Refusal { status, fault, client, request, reason }.log();
    }

    /// The answer, and its body. It names the status only: what went wrong inside is for the log.
    pub(super) fn response(&self) -> Response<Bytes> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let detail = match self.fault {
            Fault::Client => format!(": {}", self.reason),
            Fault::Worker | Fault::Server => String::new(),
        };
        let mut response = Response::new(Bytes::from(format!("{status}{detail}\n")));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if self.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Sends a request on to https, by name and target as it came.
///
/// The port that the client sees may not be the one that we listen at. So only who names `ours` is sent to `encrypted`;
/// all others, as by uWSGI, to the port that https has.
pub(super) fn to_https(frame: &[u8], ours: &str, encrypted: &str) -> Response<Bytes> {
    let place = ticket::host_and_target(frame).and_then(|(host, target)| {
        let (name, port) = split_port(&host);
        let port = if port == Some(ours) && encrypted != "443" { format!(":{encrypted}") } else { String::new() };
        HeaderValue::try_from(format!("https://{name}{port}{target}")).ok()
    });
    let Some(place) = place else { return Failure::client(400, "a Host is needed").response() };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    response.headers_mut().insert(LOCATION, place);
    response
}

/// A Host's name, and the port behind it.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

impl From<Reject> for Failure {
    fn from(reject: Reject) -> Self {
        Self::client(reject.status, reject.reason)
    }
}

impl Fault {
    const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Worker => "worker",
            Self::Server => "server",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(failure: &Failure) -> String {
        let response = failure.response();
        let mut text = format!("{}\n", response.status());
        for (name, value) in response.headers() {
            text += &format!("{name}: {}\n", value.to_str().unwrap());
        }
        text + std::str::from_utf8(response.body()).unwrap()
    }

    #[test]
    fn clients_learn_what_they_did_and_nothing_about_the_inside() {
        insta::assert_snapshot!(text(&Reject::new(400, "invalid Host").into()), @r"
        400 Bad Request
        content-type: text/plain; charset=utf-8
        connection: close
        400 Bad Request: invalid Host
        ");
        insta::assert_snapshot!(text(&Failure::worker(502, "the worker ended before it answered")), @r"
        502 Bad Gateway
        content-type: text/plain; charset=utf-8
        502 Bad Gateway
        ");
        insta::assert_snapshot!(text(&Failure::server(503, "no worker is alive")), @r"
        503 Service Unavailable
        content-type: text/plain; charset=utf-8
        retry-after: 5
        503 Service Unavailable
        ");
    }
}
