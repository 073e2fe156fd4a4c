//! Static files: found and read where the kernel has them in memory, else on threads for blocking calls; sent without any
//! worker, logged here.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Response;
use rsgi_proto::link::{ToWorker, WorkerEnd};
use rsgi_proto::names;
use rsgi_proto::vars::Vars;

use super::client::{Client, Phase};
use super::failure::Failure;
use super::file::{self, FileBody, PIECE};
use super::link::Head;
use super::reply;
use super::ticket::Ticket;
use crate::logging::request::{Facts, Line, Said, Via, is_wanted};
use crate::logging::sink;
use crate::memory::meters::Count;
use crate::statics::{Ask, Piece, Reply, Statics, Unavailable, without_waiting};
use crate::threads;

/// The body of a file's answer. It writes the request's log line when it is dropped, sent or not.
#[derive(Debug)]
pub(super) struct StaticBody {
    client: Rc<Client>,
    file: Arc<File>,
    pieces: VecDeque<Piece>,
    /// The piece that is being read.
    part: Option<FileBody>,
    /// Read together with the look for the file: all there is of a small one.
    first: Bytes,
    record: Record,
}

/// What the log line says.
#[derive(Debug)]
struct Record {
    began: SystemTime,
    /// The same moment on the clock that nobody sets.
    since: Instant,
    /// Variables, and the bytes that they point into.
    asked: (Vars, Vec<u8>),
    /// The client's address as `X-Forwarded-For` has it, where that counts.
    forwarded: Option<Vec<u8>>,
    status: u16,
    headers: u32,
    head_bytes: u64,
    generated: u64,
    left: u64,
}

/// What the search for a file brings back.
struct Found {
    reply: Reply,
    first: Bytes,
    record: Record,
}

/// Looks for the file that a request asks for. `None`: there is none, the request goes to a worker.
pub(super) async fn find(client: &Rc<Client>, ticket: &mut Ticket) -> Result<Option<Response<StaticBody>>, Failure> {
    let settings = &client.shop.settings;
    let Some(statics) = settings.statics.as_ref().filter(|_| ticket.is_claimed) else { return Ok(None) };
    client.enter(Phase::Answer);
    let forwarded = settings.log.x_forwarded_for;
    // A thread costs more than the whole of a file that is asked for often.
    let read = |file: &File, offset, most| file::read_cached(file, offset, most, &mut client.shop.buffer.borrow_mut());
    let found = match without_waiting(|| search(statics, &ticket.frame, forwarded, read)) {
        Some(found) => found,
        None => {
            let (there, frame) = (Arc::clone(statics), ticket.frame.clone());
            let read = |file: &File, offset, most| file::read(file, true, offset, most);
            match threads::away(move || search(&there, &frame, forwarded, read)) {
                Some(search) => {
                    search.await.map_err(|_| Failure::server(500, "the search for a static file broke off"))?
                }
                // Others wait for this one then, which is better than no answer.
                None => search(statics, &ticket.frame, forwarded, read),
            }
        }
    };
    let refuse = |Unavailable(status)| Failure::server(status, "the file cannot be opened");
    let Some(Found { reply, first, record }) = found.map_err(refuse)? else { return Ok(None) };
    let view = reply.head();
    let head = Head {
        code: view.code,
        close: false,
        app_chunked: false,
        switched: false,
        content_length: view.content_length,
        last: false,
        inline: 0,
        status: Bytes::copy_from_slice(view.status),
        lines: Bytes::copy_from_slice(view.lines),
    };
    let response = reply::begin(&head)?;
    let (client, file) = (Rc::clone(client), Arc::new(reply.file));
    client.shop.files.set(client.shop.files.get() + 1);
    client.shop.settings.meter.count(Count::Statics);
    let body = StaticBody { client, file, pieces: reply.pieces.into(), part: None, first, record };
    Ok(Some(response.map(|()| body)))
}

/// Everything that may block. `read`: how the beginning of the file is read.
fn search(
    statics: &Statics,
    frame: &[u8],
    forwarded: bool,
    read: impl FnOnce(&File, u64, usize) -> io::Result<Bytes>,
) -> Result<Option<Found>, Unavailable> {
    let (began, since) = (SystemTime::now(), Instant::now());
    let mut vars = Vars::new();
    let Ok(Some((_, ToWorker::Head(_)))) = WorkerEnd::new(u32::MAX).decode(frame, &mut vars) else { return Ok(None) };
    let Some(mut reply) = statics.find(&Ask::of(&vars, frame))? else { return Ok(None) };
    let via_proxy = forwarded.then(|| vars.get(frame, names::HTTP_X_FORWARDED_FOR)).flatten();
    let forwarded = via_proxy.filter(|address| !address.is_empty()).map(<[u8]>::to_vec);
    let protocol = vars.get(frame, names::SERVER_PROTOCOL).unwrap_or_default().len();
    let head = reply.head();
    let record = Record {
        began,
        since,
        forwarded,
        status: head.code,
        headers: head.count,
        head_bytes: (protocol + 1 + head.status.len() + 2 + head.lines.len() + 2) as u64,
        generated: 0,
        left: reply.pieces.iter().map(Piece::len).sum(),
        asked: (vars, frame.to_vec()),
    };
    let mut first = Bytes::new();
    if let Some(Piece::Part(part)) = reply.pieces.first_mut() {
        let most = usize::try_from(part.end - part.start).unwrap_or(PIECE).min(PIECE);
        // What cannot be read now is tried again, and complained of, later.
        first = read(&reply.file, part.start, most).unwrap_or_default();
        part.start += first.len() as u64;
    }
    Ok(Some(Found { reply, first, record }))
}

impl StaticBody {
    /// The next piece; `None` is the end.
    pub(super) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let piece = ready!(self.poll_next(context))?;
        let length = piece.as_ref().map_or(0, Bytes::len) as u64;
        self.record.generated += length;
        self.record.left = self.record.left.saturating_sub(length);
        Poll::Ready(Ok(piece))
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Ok(Some(std::mem::take(&mut self.first))));
        }
        loop {
            if let Some(part) = &mut self.part {
                if let Some(bytes) = ready!(part.poll_piece(context))? {
                    return Poll::Ready(Ok(Some(bytes)));
                }
                self.part = None;
            }
            match self.pieces.pop_front() {
                Some(Piece::Text(text)) => return Poll::Ready(Ok(Some(text.into()))),
                Some(Piece::Part(part)) => self.part = Some(FileBody::part(Arc::clone(&self.file), &part)),
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// All has been handed on.
    pub(super) fn is_done(&self) -> bool {
        self.record.left == 0
    }
}

impl Drop for StaticBody {
    fn drop(&mut self) {
        let (record, shop) = (&self.record, &self.client.shop);
        let micros = u64::try_from(record.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        let facts = Facts {
            status: record.status,
            generated: record.generated,
            via: if record.generated > 0 { Via::Offload } else { Via::Writing },
            failed: record.left > 0,
            micros,
        };
        if !is_wanted(&shop.settings.log, facts) {
            return;
        }
        let began = record.began.duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = rsgi_sys::date::local("%a %b %e %H:%M:%S %Y", i64::try_from(began.as_secs()).unwrap_or(0));
        let (vars, frame) = &record.asked;
        let var = |id| vars.get(frame, id).unwrap_or_default();
        let line = Line {
            pid: std::process::id(),
            app: -1,
            worker_request: None,
            total_request: shop.files.get(),
            addr: record.forwarded.as_deref().unwrap_or_else(|| var(names::REMOTE_ADDR)),
            user: var(names::REMOTE_USER),
            vars: vars.len(),
            vars_bytes: vars.bytes(),
            time: &time,
            method: var(names::REQUEST_METHOD),
            uri: var(names::REQUEST_URI),
            generated: record.generated,
            began: u64::try_from(began.as_micros()).unwrap_or(0),
            micros,
            via: facts.via,
            protocol: var(names::SERVER_PROTOCOL),
            status: record.status,
            headers: record.headers,
            head_bytes: record.head_bytes,
            switches: 0,
            worker: 0,
            core: 0,
            read_failed: false,
            write_failed: facts.failed,
            panic: None,
            asked: &Said { vars, data: frame, notes: &[] },
        };
        let mut text = Vec::with_capacity(256);
        shop.settings.form.write(&line, &mut text);
        sink::write_request(&text);
    }
}
