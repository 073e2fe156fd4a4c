//! An answer whose application may name a file (`x-sendfile`, `x-accel-redirect`): the file then takes the place of its body.

use rsgi_abi::head::reason;
use rsgi_abi::host::{Exchange, HeadView, SendError};

use crate::statics::{Ask, Instead, Named, Reply};

/// What becomes of what the application sends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Naming<'a> {
    /// Its head may name a file.
    Watching(&'a Named, Ask<'a>),
    /// It has, and the answer is complete: what still comes is dropped.
    Replaced,
}

/// A way for answers, to a client or to the router.
pub(super) trait Way<'a>: Exchange {
    /// What the way has to look for; `None`: nothing, or no more.
    fn naming(&mut self) -> &mut Option<Naming<'a>>;
    /// Sends a file's answer as a whole.
    ///
    /// # Errors
    /// As of [`Exchange::send_file`].
    fn send_reply(&mut self, reply: Reply) -> Result<(), SendError>;
}

/// Answers in the application's place when its head names a file. `None`: it is sent as it is.
pub(super) fn replace<'a>(way: &mut impl Way<'a>, head: Option<&HeadView<'_>>) -> Option<Result<(), SendError>> {
    let (named, ask) = match *way.naming() {
        None => return None,
        Some(Naming::Replaced) => return Some(Ok(())),
        Some(Naming::Watching(named, ask)) => (named, ask),
    };
    let head = head?;
    *way.naming() = None;
    let sent = match named.find(&ask, head)? {
        Instead::Reply(reply) => way.send_reply(*reply),
        Instead::Refusal(code) => refuse(way, code),
    };
    *way.naming() = Some(Naming::Replaced);
    Some(sent)
}

fn refuse<'a>(way: &mut impl Way<'a>, code: u16) -> Result<(), SendError> {
    let text = reason(code);
    let status = format!("{code} {text}");
    let lines = format!("Content-Type: text/plain\r\nContent-Length: {}\r\n", text.len());
    let head = HeadView {
        code,
        flags: 0,
        count: 2,
        status: status.as_bytes(),
        lines: lines.as_bytes(),
        content_length: Some(text.len() as u64),
    };
    way.send(Some(&head), text.as_bytes(), true)
}
