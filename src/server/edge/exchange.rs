//! Where a connection stands between two requests, as far as its limits need to know.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

use tokio::time::Instant;

use crate::config::Patience;

use super::framing::BodyEnd;

/// Shared by a connection's stream, its requests and its watch, all on one thread.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Whether a request is being answered.
    answering: Cell<bool>,
    body: Cell<RequestBody>,
    body_end: RefCell<BodyEnd>,
    /// How many requests have come.
    requests: Cell<u64>,
    /// Since when a head, or the rest of a body that was refused, is incomplete.
    reading_since: Cell<Option<Instant>>,
    /// How much of an incomplete head has come, in bytes.
    head_bytes: Cell<usize>,
    /// Since when the peer takes nothing of an answer that waits.
    blocked_since: Cell<Option<Instant>>,
    expired: Cell<Option<Expired>>,
    /// To be woken when reading goes on, if there is something to read.
    withheld: RefCell<Option<Waker>>,
}

/// The body of the request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestBody {
    /// There is none, or it was read to its end.
    Done,
    /// The handler reads it.
    Wanted,
    /// The handler left it unread.
    Left,
}

/// Why a connection comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expired {
    /// The head of a request took too long.
    Head,
    /// The peer does not take its answer.
    Answer,
    /// No request is under way, and the gateway stops or has no place for others.
    Idle,
}

/// A request under way; it ends when dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Rc<Exchange>);

impl Exchange {
    /// A new connection owes the head of its first request.
    pub(super) fn new() -> Self {
        Self {
            answering: Cell::new(false),
            body: Cell::new(RequestBody::Done),
            body_end: RefCell::new(BodyEnd::After(0)),
            requests: Cell::new(0),
            reading_since: Cell::new(Some(Instant::now())),
            head_bytes: Cell::new(0),
            blocked_since: Cell::new(None),
            expired: Cell::new(None),
            withheld: RefCell::new(None),
        }
    }

    /// A request with a complete head has come, and perhaps a body comes with it.
    pub(super) fn begin(self: &Rc<Self>, body: Option<BodyEnd>) -> UnderWay {
        self.answering.set(true);
        self.requests.set(self.requests.get() + 1);
        self.body.set(match body {
            Some(_) => RequestBody::Wanted,
            None => RequestBody::Done,
        });
        self.body_end.replace(body.unwrap_or(BodyEnd::After(0)));
        self.reading_since.set(None);
        self.head_bytes.set(0);
        UnderWay(Rc::clone(self))
    }

    pub(super) fn body(&self) -> RequestBody {
        self.body.get()
    }

    /// The handler is through with the request's body.
    pub(super) fn body_is(&self, body: RequestBody) {
        self.body.set(body);
    }

    /// Whether what the peer sends next is wanted now. Requests are read one by one, and none
    /// while an answer waits to be taken: what a peer sends ahead stays in the kernel.
    pub(super) fn may_read(&self) -> bool {
        let is_wanted = self.body.get() == RequestBody::Wanted;
        let body_comes = is_wanted && !self.body_end.borrow().is_over();
        (!self.answering.get() || body_comes) && self.blocked_since.get().is_none()
    }

    /// Whether the next bytes belong to the head of a request.
    pub(super) fn awaits_head(&self) -> bool {
        !self.answering.get() && self.body.get() != RequestBody::Left
    }

    /// How many of the next bytes belong to the request's body.
    pub(super) fn of_body(&self, bytes: &[u8]) -> usize {
        self.body_end.borrow_mut().find(bytes)
    }

    /// Something waits to be read.
    pub(super) fn withhold(&self, waker: &Waker) {
        self.withheld.replace(Some(waker.clone()));
    }

    fn read_on(&self) {
        if let Some(waker) = self.withheld.take() {
            waker.wake();
        }
    }

    /// The time for a head runs from its first byte.
    pub(super) fn has_read(&self, bytes: usize) {
        if !self.awaits_head() {
            return;
        }
        self.head_bytes.set(self.head_bytes.get() + bytes);
        if self.reading_since.get().is_none() {
            self.reading_since.set(Some(Instant::now()));
        }
    }

    pub(super) fn head_bytes(&self) -> usize {
        self.head_bytes.get()
    }

    /// The kernel takes nothing more of an answer.
    pub(super) fn is_blocked(&self) {
        if self.blocked_since.get().is_none() {
            self.blocked_since.set(Some(Instant::now()));
        }
    }

    /// The kernel has taken all that was to be written.
    pub(super) fn is_flushed(&self) {
        if self.blocked_since.take().is_some() {
            self.read_on();
        }
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// No request is under way or has begun to come.
    pub(super) fn is_idle(&self) -> bool {
        !self.answering.get() && self.head_bytes.get() == 0
    }

    pub(super) fn expired(&self) -> Option<Expired> {
        self.expired.get()
    }

    pub(super) fn expire(&self, why: Expired) {
        if self.expired.get().is_none() {
            self.expired.set(Some(why));
        }
    }

    /// A request has come after all.
    pub(super) fn goes_on(&self) {
        self.expired.set(None);
    }

    /// When the peer's time is up next, and for what.
    pub(super) fn deadline(&self, patience: &Patience) -> Option<(Instant, Expired)> {
        if self.expired.get().is_some() {
            return None;
        }
        let head = self.reading_since.get();
        let head = head.map(|since| (since + patience.head, Expired::Head));
        let answer = self.blocked_since.get();
        let answer = answer.map(|since| (since + patience.answer, Expired::Answer));
        head.into_iter().chain(answer).min_by_key(|(when, _)| *when)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.answering.set(false);
        if self.0.body.get() == RequestBody::Left {
            self.0.reading_since.set(Some(Instant::now()));
        }
        self.0.read_on();
    }
}
