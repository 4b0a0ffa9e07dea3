use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::web::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::exchange::{Exchange, Expired, RequestBody};
use super::framing::HeadEnd;

/// The longest head of a request, in bytes: a token of 8 KiB fits several times.
pub(super) const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How long a last answer may take, and what the peer still sends is discarded: a connection that
/// is closed on unread bytes is reset, and the answer may be lost with it (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(1);

/// How much of it is discarded; the rest stays in the kernel, and the peer cannot send on.
const MAX_DISCARDED_BYTES: usize = 256 * 1024;

/// The answer to a request that cannot be read, for its status.
pub(super) type Unreadable = dyn Fn(u16) -> Bytes;

/// A client's connection, with limits that actix-http lacks: on the time for the head of every
/// request, on the time that an answer may wait to be taken, and on what is read ahead.
///
/// It also puts a problem in place of the bare answers that actix-http gives below every
/// middleware, to what is no HTTP.
pub(super) struct Watched {
    inner: TcpStream,
    exchange: Rc<Exchange>,
    unreadable: Rc<Unreadable>,
    head_end: HeadEnd,
    /// Read already, and behind the head or body that comes first.
    ahead: Bytes,
    /// The dispatcher is to look at what it has before it reads on.
    paused: bool,
    farewell: Option<Farewell>,
}

/// The last answer of a connection, on its way.
struct Farewell {
    answer: Bytes,
    time: Pin<Box<Sleep>>,
    /// How much of what the peer still sent was discarded, in bytes.
    discarded: usize,
}

impl Watched {
    pub(super) fn new(
        inner: TcpStream,
        exchange: Rc<Exchange>,
        unreadable: Rc<Unreadable>,
    ) -> Self {
        Self {
            inner,
            exchange,
            unreadable,
            head_end: HeadEnd::new(),
            ahead: Bytes::new(),
            paused: false,
            farewell: None,
        }
    }

    pub(super) fn exchange(&self) -> &Rc<Exchange> {
        &self.exchange
    }

    /// Takes leave with this answer. For the dispatcher the peer has nothing more to say.
    fn take_leave(&mut self, status: u16) {
        self.farewell = Some(Farewell {
            answer: (self.unreadable)(status),
            time: Box::pin(tokio::time::sleep(LINGER)),
            discarded: 0,
        });
    }

    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(farewell) = &mut self.farewell else {
            return Poll::Ready(Ok(()));
        };
        if farewell.time.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut inner = Pin::new(&mut self.inner);
        while !farewell.answer.is_empty() {
            let written = ready!(inner.as_mut().poll_write(cx, &farewell.answer))?;
            drop(farewell.answer.split_to(written));
        }
        ready!(inner.as_mut().poll_shutdown(cx))?;
        let mut space = [0; 4096];
        while farewell.discarded < MAX_DISCARDED_BYTES {
            let mut discarded = ReadBuf::new(&mut space);
            ready!(inner.as_mut().poll_read(cx, &mut discarded))?;
            if discarded.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            farewell.discarded += discarded.filled().len();
        }
        // The answer keeps its time to arrive before the connection is reset.
        Poll::Pending
    }

    /// Where a head or a body ends among these bytes, if it does.
    fn end_of_wanted(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.exchange.awaits_head() {
            return self.head_end.find(bytes);
        }
        Some(self.exchange.of_body(bytes))
    }

    /// Reads a request, or a part of one, and nothing of the next.
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let awaits_head = self.exchange.awaits_head();
        let before = buffer.filled().len();
        if self.ahead.is_empty() {
            ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
            let read = buffer.filled().get(before..).unwrap_or_default();
            let end = self.end_of_wanted(read).unwrap_or(read.len());
            if let Some(rest @ [_, ..]) = read.get(end..) {
                self.ahead = Bytes::copy_from_slice(rest);
                buffer.set_filled(buffer.filled().len() - self.ahead.len());
            }
        } else {
            let fitting = self.ahead.len().min(buffer.remaining());
            let fitting = self.ahead.slice(..fitting);
            let end = self.end_of_wanted(&fitting);
            let taken = self.ahead.split_to(end.unwrap_or(fitting.len()));
            buffer.put_slice(&taken);
        }
        self.paused = !self.ahead.is_empty();
        self.exchange.has_read(buffer.filled().len() - before);
        if awaits_head && self.exchange.head_bytes() > MAX_HEAD_BYTES {
            buffer.set_filled(before);
            self.take_leave(431);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.farewell.is_some() {
            return Poll::Ready(Ok(()));
        }
        if !this.exchange.may_read() {
            if !this.ahead.is_empty() || this.inner.poll_read_ready(cx).is_ready() {
                this.exchange.withhold(cx.waker());
            }
            return Poll::Pending;
        }
        if std::mem::take(&mut this.paused) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match this.exchange.expired() {
            Some(Expired::Head) => {
                if this.exchange.body() != RequestBody::Left {
                    this.take_leave(408);
                }
                Poll::Ready(Ok(()))
            }
            Some(Expired::Idle) => match this.poll_fill(cx, buffer) {
                Poll::Ready(read) => {
                    this.exchange.goes_on();
                    Poll::Ready(read)
                }
                Poll::Pending => Poll::Ready(Ok(())),
            },
            _ => this.poll_fill(cx, buffer),
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.exchange.expired() == Some(Expired::Answer) {
            // Reset: the kernel would go on offering what nobody takes.
            this.inner.set_zero_linger()?;
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let mut own = bytes;
        if this.farewell.is_none()
            && let Some((before, status)) = bare_answer(bytes)
        {
            own = before;
            if own.is_empty() {
                this.take_leave(status);
            }
        }
        if this.farewell.is_some() {
            ready!(this.poll_farewell(cx))?;
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut this.inner).poll_write(cx, own);
        if written.is_pending() {
            this.exchange.is_blocked();
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.exchange.is_flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_farewell(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

/// The answer without a body that actix-http itself gives to what it cannot read, and what stands
/// before it. It is the last of its connection; all others carry an `X-Request-Id`.
fn bare_answer(bytes: &[u8]) -> Option<(&[u8], u16)> {
    const START: &[u8] = b"HTTP/1.1 ";
    const NO_BODY: &[u8] = b"\r\ncontent-length: 0\r\n";
    const LONGEST: usize = 256;
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let first = bytes.len().saturating_sub(LONGEST);
    let found = bytes
        .get(first..)?
        .windows(START.len())
        .rposition(|at| at == START)?;
    let (before, answer) = bytes.split_at_checked(first + found)?;
    let holds = |text: &[u8]| answer.windows(text.len()).any(|at| at == text);
    let status = answer.get(START.len()..START.len() + 3)?;
    let status: u16 = std::str::from_utf8(status).ok()?.parse().ok()?;
    let bare = status >= 400 && holds(NO_BODY) && !holds(b"\r\nx-request-id: ");
    bare.then_some((before, status))
}
