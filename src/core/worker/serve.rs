//! One request through the plugin, and what is to be said about it afterwards.

use rsgi_abi::host::{Exchange, HeadView, SendError};
use rsgi_abi::types::{Outcome, UNKNOWN, Var};
use rsgi_proto::http1::chunked::Chunked;
use rsgi_proto::names;

use super::ahead::{Ahead, Decoder};
use super::answer::{self, Answer, Dialect, Finished, Tally};
use super::clock::Moment;
use super::connection::{Connection, Request, Speaks};
use super::core::{Core, Fate};
use super::link::{self, LinkAnswer};
use super::naming::{Naming, Way};
use super::offload::Next;
use super::progress::begin_linger;
use super::rest::{Remains, Rest};
use super::switch::Switch;
use crate::health::{LINES, Verdict};
use crate::logging::request::{Facts, Line, Said, Via, is_wanted};
use crate::logging::{panics, sink};
use crate::statics::{Ask, Unavailable};

/// Unread body that is thrown away so that the connection can be kept.
const SKIPPED: u64 = 64 * 1024;

impl Core<'_> {
    /// Answers one request. `None`: the connection goes on at once with what it has.
    pub(super) fn serve(
        &mut self,
        connection: &mut Connection,
        request: &mut Request,
        mut ahead: Ahead,
    ) -> Option<Fate> {
        let started = self.clock.read();
        self.turn.count(started.steady);
        self.enter_crush();
        let probe = self.probe(connection, request);
        if probe.is_none() {
            if self.engine.config.monitoring.trace_context && !connection.is_link() {
                self.ids.ensure(&mut request.vars, connection.input.data());
            }
            self.begin_on_board(connection, request, started);
        }
        let facts = request.facts;
        ahead.hand_over(&mut connection.input);
        let used = ahead.used();
        let body_length = match facts.body {
            rsgi_proto::Body::None => Some(0),
            rsgi_proto::Body::Length(length) => Some(length),
            rsgi_proto::Body::Chunked => None,
        };
        let decoded = std::mem::take(&mut ahead.decoded);
        let input = &connection.input;
        let data = input.data();
        let prefix = if ahead.is_apart() { decoded.as_slice() } else { data.get(facts.head..used).unwrap_or_default() };
        let is_followed = ahead.is_followed;

        // What comes over a link has passed the router, which has looked for a file already.
        let statics = self.engine.statics.as_ref().filter(|_| !connection.is_link());
        let found = statics.map_or(Ok(None), |statics| statics.find(&Ask::of(&request.vars, data)));

        let mut vars: Vec<Var<'_>> = std::mem::take(&mut self.vars);
        vars.extend(
            request
                .vars
                .iter(data)
                .map(|var| Var::new(var.key, var.value, var.known.map_or(UNKNOWN, |known| u32::from(known.number())))),
        );
        let limits = &self.engine.limits;
        let (engine, id, slot) = (self.engine, self.id, self.slot);
        let naming = engine.named.as_ref().map(|named| Naming::Watching(named, Ask::of(&request.vars, data)));
        let failure = move || super::board::failure(engine, id, slot);
        let wire = connection.wire();
        let patience = match facts.body {
            _ if connection.is_link() => limits.router,
            rsgi_proto::Body::Chunked => limits.chunk,
            _ => limits.socket,
        };
        let least = limits.least.filter(|_| matches!(connection.speaks, Speaks::Http));
        let rest = Rest::new(wire, patience, least, limits.body.largest, facts.body, &mut ahead, prefix);
        let waits = facts.expect_continue && rest.is_missing();
        let mut switch = Switch::new(engine, slot, &vars, data.get(used..).unwrap_or_default());
        let (outcome, finished) = if let Speaks::Link { end, .. } = connection.speaks {
            switch.frames = Some(end);
            switch.is_possible = facts.upgrade;
            let mut answer = LinkAnswer {
                wire,
                timeout: limits.router,
                head_limit: limits.answer_head,
                facts,
                rest,
                switch,
                out: &mut self.out,
                tally: Tally::default(),
                state: link::State::Waiting(waits),
                no_body: false,
                naming,
                offload: self.engine.offload.is_on(),
            };
            let outcome = self.plugin.handle(&vars, body_length, prefix, &mut answer);
            answer.switch.failed = outcome.exceptions > 0;
            (outcome, answer.finish(failure()))
        } else {
            let dialect = match connection.speaks {
                Speaks::Http | Speaks::Link { .. } => Dialect::Http,
                Speaks::Uwsgi { .. } => Dialect::Bare { cgi: false },
                Speaks::Scgi { nph } => Dialect::Bare { cgi: !nph },
                Speaks::Fastcgi { nph } => Dialect::Fastcgi { cgi: !nph },
            };
            switch.is_possible = match dialect {
                Dialect::Http => facts.upgrade && body_length == Some(0),
                Dialect::Bare { cgi } => !cgi,
                Dialect::Fastcgi { .. } => false,
            };
            let mut answer = Answer {
                wire,
                timeout: limits.send,
                head_limit: limits.answer_head,
                dialect,
                facts,
                must_close: self.engine.is_draining() || self.leaving.is_some() || facts.upgrade && switch.is_offered(),
                date: self.clock.date().as_bytes(),
                rest,
                switch,
                out: &mut self.out,
                tally: Tally::default(),
                state: answer::State::Waiting(waits),
                bodiless: None,
                app_chunks: Chunked::new(),
                naming: naming.filter(|_| matches!(found, Ok(None))),
                // The kernel cannot encrypt.
                offload: self.engine.offload.is_on() && !wire.is_encrypted(),
                transfer: None,
            };
            let mut refusal = None;
            let outcome = match found {
                _ if let Some(verdict) = probe => {
                    let _ = answer.send(Some(&head_of(verdict)), verdict.text.as_bytes(), true);
                    Outcome::NONE
                }
                Err(Unavailable(status)) => {
                    answer.tally.is_static = true;
                    refusal = Some(status);
                    Outcome::NONE
                }
                Ok(Some(reply)) => {
                    answer.tally.is_static = true;
                    // Why it could not be sent is in the tally.
                    let _ = answer.send_reply(reply);
                    Outcome::NONE
                }
                Ok(None) => self.plugin.handle(&vars, body_length, prefix, &mut answer),
            };
            answer.switch.failed = outcome.exceptions > 0;
            (outcome, answer.finish(refusal.unwrap_or_else(failure)))
        };
        let Finished { mut tally, keep_alive, remains, transfer, is_leaving } = finished;
        tally.received = remains.received;
        if probe.is_none() {
            self.account(connection, request, started, &outcome, &tally);
        }
        self.vars = recycle(vars);

        connection.served = connection.served.saturating_add(1);
        connection.takes_nothing = tally.failed == Some(SendError::Timeout) && !connection.is_link();
        connection.input.consume(if remains.took_all { connection.input.len() } else { used });
        self.consider_leaving(&outcome);
        self.is_told |= is_leaving;
        connection.said_bye |= is_leaving;
        let next = after(connection, keep_alive, remains, is_followed);
        if let Some(transfer) = transfer {
            self.transfer = Some((transfer, next));
            return Some(Fate::Hand);
        }
        match next {
            Next::Request => None,
            Next::Close => Some(Fate::Close),
            Next::Linger => Some(begin_linger(connection, self.engine)),
        }
    }

    /// The answer to a health check, which no application gives.
    fn probe(&self, connection: &Connection, request: &Request) -> Option<Verdict> {
        if self.engine.probes.is_empty() || !matches!(connection.speaks, Speaks::Http) {
            return None;
        }
        let var = |id| request.vars.get(connection.input.data(), id).unwrap_or_default();
        let probe = self.engine.probes.find(var(names::REQUEST_METHOD), var(names::PATH_INFO))?;
        Some(probe.answer(self.engine.state()))
    }

    /// Counts the request and writes its log line.
    fn account(
        &mut self,
        connection: &Connection,
        request: &Request,
        started: Moment,
        outcome: &Outcome,
        tally: &Tally,
    ) {
        let panic = panics::take();
        let (worker_request, total_request) = self.end_on_board(started, outcome, tally);
        let micros = started.age();
        // A router keeps what waits in order itself, and sends no more than there are cores.
        if !connection.is_link() {
            self.judge_crush(outcome, micros);
        }
        if self.meter.is_on() {
            self.measure(connection, request, micros, outcome, tally);
        }
        let via = match tally {
            Tally { is_offloaded: true, .. } => Via::Offload,
            Tally { by_sendfile: true, .. } => Via::Sendfile,
            _ => Via::Writing,
        };
        let facts =
            Facts { status: tally.code, generated: tally.body_bytes, via, failed: tally.failed.is_some(), micros };
        if !is_wanted(&self.engine.config.log, facts) {
            return;
        }
        let time = self.clock.local().to_owned();
        let data = connection.input.data();
        let var = |id| request.vars.get(data, id).unwrap_or_default();
        let forwarded = self.engine.config.log.x_forwarded_for.then(|| var(names::HTTP_X_FORWARDED_FOR));
        let asked = Said { vars: &request.vars, data, notes: &tally.notes };
        let line = Line {
            pid: self.engine.pid,
            app: outcome.app,
            worker_request: (outcome.app >= 0).then_some(worker_request),
            total_request,
            addr: forwarded.filter(|addr| !addr.is_empty()).unwrap_or_else(|| var(names::REMOTE_ADDR)),
            user: var(names::REMOTE_USER),
            vars: request.vars.len(),
            vars_bytes: request.vars.bytes(),
            time: &time,
            method: var(names::REQUEST_METHOD),
            uri: var(names::REQUEST_URI),
            generated: tally.body_bytes,
            began: started.epoch,
            micros,
            via,
            protocol: var(names::SERVER_PROTOCOL),
            status: tally.code,
            headers: tally.headers,
            head_bytes: tally.head_bytes,
            switches: outcome.switches,
            worker: self.engine.id,
            core: self.id,
            read_failed: tally.unread,
            write_failed: tally.failed.is_some(),
            panic,
            asked: &asked,
        };
        self.line.clear();
        self.engine.form.write(&line, &mut self.line);
        sink::write_request(&self.line);
    }
}

/// The head of the answer to a health check.
const fn head_of(verdict: Verdict) -> HeadView<'static> {
    HeadView {
        code: verdict.code,
        flags: 0,
        count: 2,
        status: verdict.status.as_bytes(),
        lines: LINES.as_bytes(),
        content_length: None,
    }
}

/// What the connection does after an answer.
fn after(connection: &mut Connection, alive: bool, remains: Remains, is_followed: bool) -> Next {
    if let (Speaks::Link { end, .. }, Some(Decoder::Link(decoder))) = (&mut connection.speaks, remains.decoder) {
        *end = decoder;
    }
    connection.input.append(&remains.leftover);
    if connection.is_link() {
        return if alive { Next::Request } else { Next::Close };
    }
    match remains.missing {
        None if alive => Next::Request,
        // More input than we care for is on its way or here: let the client read its answer first.
        None if is_followed => Next::Linger,
        None => Next::Close,
        Some(Some(left)) if alive && left <= SKIPPED && skip(connection, left) => Next::Request,
        Some(_) => Next::Linger,
    }
}

/// Throws away the rest of a body without holding the core; `false` when not all of it is here already.
fn skip(connection: &Connection, mut left: u64) -> bool {
    let mut waste = [0_u8; 4096];
    while left > 0 {
        let most = waste.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let room = waste.get_mut(..most).unwrap_or_default();
        match connection.wire().read_now(room) {
            super::wire::Got::Bytes(count) => left -= count as u64,
            _ => return false,
        }
    }
    true
}

/// An empty list with the memory of a used one.
fn recycle(mut vars: Vec<Var<'_>>) -> Vec<Var<'static>> {
    vars.clear();
    vars.into_iter().map(|_| Var::new(b"", b"", UNKNOWN)).collect()
}
