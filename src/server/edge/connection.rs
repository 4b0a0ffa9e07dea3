//! The state of a connection that its limits depend on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

use tokio::time::Instant;

use crate::config::Patience;

use super::framing::BodyEnd;

/// Shared by a connection's stream, its requests and its watchdog, all on one thread.
#[derive(Debug)]
pub(super) struct ConnectionState {
    /// Whether a request is being answered.
    answering: Cell<bool>,
    body: Cell<RequestBody>,
    body_end: RefCell<BodyEnd>,
    /// How many requests have arrived.
    requests: Cell<u64>,
    /// Since when a head, or the rest of a refused body, is incomplete.
    reading_since: Cell<Option<Instant>>,
    /// Since when the next request is awaited, on a connection that has had one.
    idle_since: Cell<Option<Instant>>,
    /// How much of an incomplete head has arrived, in bytes.
    head_bytes: Cell<usize>,
    /// Since when the peer has not read a waiting answer.
    blocked_since: Cell<Option<Instant>>,
    expired: Cell<Option<Expired>>,
    /// Woken when reading may continue, if there is something to read.
    reader: RefCell<Option<Waker>>,
}

/// The body of the request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestBody {
    /// There is none, or it was read completely.
    Done,
    /// The handler is reading it.
    Wanted,
    /// The handler left it unread.
    Left,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expired {
    /// The head of a request took too long.
    Head,
    /// The peer does not read its answer.
    Answer,
    /// No request is in flight, and none has come for long, the gateway is stopping, or others wait for a
    /// place.
    Idle,
}

/// A request in flight; ends when dropped.
#[derive(Debug)]
pub(super) struct InFlight(Rc<ConnectionState>);

impl ConnectionState {
    /// A new connection; the time for its first head runs.
    pub(super) fn new() -> Self {
        Self {
            answering: Cell::new(false),
            body: Cell::new(RequestBody::Done),
            body_end: RefCell::new(BodyEnd::After(0)),
            requests: Cell::new(0),
            reading_since: Cell::new(Some(Instant::now())),
            idle_since: Cell::new(None),
            head_bytes: Cell::new(0),
            blocked_since: Cell::new(None),
            expired: Cell::new(None),
            reader: RefCell::new(None),
        }
    }

    /// Begins a request: its head is complete, and it may have a body.
    pub(super) fn begin(self: &Rc<Self>, body: Option<BodyEnd>) -> InFlight {
        self.answering.set(true);
        self.requests.set(self.requests.get() + 1);
        self.body.set(match body {
            Some(_) => RequestBody::Wanted,
            None => RequestBody::Done,
        });
        self.body_end.replace(body.unwrap_or(BodyEnd::After(0)));
        self.reading_since.set(None);
        self.idle_since.set(None);
        self.head_bytes.set(0);
        InFlight(Rc::clone(self))
    }

    pub(super) fn body(&self) -> RequestBody {
        self.body.get()
    }

    /// Records how far the handler got with the request's body.
    pub(super) fn body_is(&self, body: RequestBody) {
        self.body.set(body);
    }

    /// Whether to read from the peer now. Requests are read one at a time, and none while an answer
    /// waits to be read; what a peer sends ahead stays in the kernel.
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

    /// Remembers to wake this task once reading may continue.
    pub(super) fn wake_when_readable(&self, waker: &Waker) {
        self.reader.replace(Some(waker.clone()));
    }

    fn read_on(&self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    /// Counts these bytes. The time for a head runs from its first byte.
    pub(super) fn count_read(&self, bytes: usize) {
        if !self.awaits_head() {
            return;
        }
        self.idle_since.set(None);
        self.head_bytes.set(self.head_bytes.get() + bytes);
        if self.reading_since.get().is_none() {
            self.reading_since.set(Some(Instant::now()));
        }
    }

    pub(super) fn head_bytes(&self) -> usize {
        self.head_bytes.get()
    }

    /// The kernel's send buffer is full.
    pub(super) fn is_blocked(&self) {
        if self.blocked_since.get().is_none() {
            self.blocked_since.set(Some(Instant::now()));
        }
    }

    /// The kernel has taken the whole answer.
    pub(super) fn is_flushed(&self) {
        if self.blocked_since.take().is_some() {
            self.read_on();
        }
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Whether no request is in flight or has begun to arrive.
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

    /// A request has arrived after all.
    pub(super) fn revive(&self) {
        self.expired.set(None);
    }

    /// The peer's next deadline, and what expires then.
    pub(super) fn deadline(&self, patience: &Patience) -> Option<(Instant, Expired)> {
        if self.expired.get().is_some() {
            return None;
        }
        let head = self.reading_since.get();
        let head = head.map(|since| (since + patience.head, Expired::Head));
        let answer = self.blocked_since.get();
        let answer = answer.map(|since| (since + patience.answer, Expired::Answer));
        let idle = self.idle_since.get();
        let idle = idle.map(|since| (since + patience.idle, Expired::Idle));
        let all = head.into_iter().chain(answer).chain(idle);
        all.min_by_key(|(when, _)| *when)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.answering.set(false);
        let since = match self.0.body.get() {
            RequestBody::Left => &self.0.reading_since,
            _ => &self.0.idle_since,
        };
        since.set(Some(Instant::now()));
        self.0.read_on();
    }
}
