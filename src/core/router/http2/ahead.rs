//! Answers read ahead of their clients: hyper asks for a piece of body only while the window of its stream has room, and until
//! then a worker's core would wait for the client. So the stream's task takes what the worker has, up to a bound, and hyper
//! gets it when it asks.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::super::answer::Answer;
use super::super::stream::Broken;
use super::super::taking::Taking;
use super::session::Session;
use super::{BUFFER, BUFFERS};

/// The body of an answer, shared by hyper and by the task that reads ahead.
#[derive(Debug, Clone)]
pub(super) struct Ahead(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    /// Kept to the end: with it ends the request.
    answer: Answer,
    session: Rc<Session>,
    pieces: VecDeque<Bytes>,
    /// Bytes of the pieces.
    held: usize,
    /// Bytes that hyper has.
    given: u64,
    /// Nothing more comes from the worker; what hyper is to be told then.
    end: Option<Result<(), Broken>>,
    /// Hyper waits for the worker itself.
    is_asked: bool,
}

impl Ahead {
    pub(super) fn new(answer: Answer, session: Rc<Session>) -> Self {
        let state = State { answer, session, pieces: VecDeque::new(), held: 0, given: 0, end: None, is_asked: false };
        Self(Rc::new(RefCell::new(state)))
    }

    /// Hyper is about to be asked.
    pub(super) fn turn(&self) {
        self.0.borrow_mut().is_asked = false;
    }

    /// Hyper has been asked and did not want more: takes what a worker has, so that its core becomes idle, and asks to be
    /// woken for more.
    pub(super) fn fill(&self, context: &mut Context<'_>) {
        let state = &mut *self.0.borrow_mut();
        if !state.is_asked && !state.pieces.is_empty() {
            state.answer.takes(Taking::lies);
        }
        if state.is_asked || !state.answer.holds_core() {
            return;
        }
        while state.held < BUFFER && state.session.held() < BUFFERS && state.end.is_none() {
            let Poll::Ready(piece) = state.poll_worker(context) else { return };
            match piece {
                Some(Ok(piece)) => {
                    state.hold(piece.len());
                    state.pieces.push_back(piece);
                }
                Some(Err(broken)) => state.end = Some(Err(broken)),
                None => state.end = Some(Ok(())),
            }
        }
    }
}

impl State {
    fn poll_worker(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        let frame = ready!(Pin::new(&mut self.answer).poll_frame(context));
        // Of an answer there are no trailers.
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default())))
    }

    fn hold(&mut self, bytes: usize) {
        self.held += bytes;
        self.session.hold(bytes);
    }

    fn give(&mut self, bytes: usize) {
        self.given += bytes as u64;
        self.session.owe(bytes as u64);
    }

    fn let_go(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
        self.session.let_go(bytes);
    }

    fn is_done(&self) -> bool {
        self.pieces.is_empty()
            && match &self.end {
                Some(end) => end.is_ok(),
                None => self.answer.is_end_stream(),
            }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.let_go(self.held);
        if self.is_done() {
            self.session.trust();
        } else {
            // Nobody knows how much of it had already gone.
            self.session.forget(self.given);
        }
    }
}

impl Body for Ahead {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let state = &mut *self.0.borrow_mut();
        if let Some(piece) = state.pieces.pop_front() {
            state.let_go(piece.len());
            state.give(piece.len());
            state.answer.takes(|taking| taking.fetched(piece.len() as u64));
            // The client takes what it gets, however long ago the worker has said it.
            state.answer.touch();
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match state.end.take() {
            None => {
                let piece = state.poll_worker(context);
                state.is_asked = piece.is_pending();
                if matches!(piece, Poll::Ready(None)) {
                    state.end = Some(Ok(()));
                }
                if let Poll::Ready(Some(Ok(piece))) = &piece {
                    state.give(piece.len());
                }
                piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
            Some(end) => {
                state.end = Some(Ok(()));
                Poll::Ready(end.err().map(Err))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.borrow().is_done()
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.0.borrow();
        // Hyper asks before anything has been read.
        if state.pieces.is_empty() { state.answer.size_hint() } else { SizeHint::default() }
    }
}
