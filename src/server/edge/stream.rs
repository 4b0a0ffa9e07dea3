use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::web::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::connection::{ConnectionState, Expired, RequestBody};
use super::framing::HeadEnd;

/// The longest request head, in bytes: several times the longest token (8 KiB).
pub(super) const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How long a final answer may take while the rest of the request is discarded. Closing a connection
/// with unread bytes resets it, and the answer may be lost (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(1);

/// How much is discarded at most; the rest stays in the kernel and blocks the peer.
const MAX_DISCARDED_BYTES: usize = 256 * 1024;

/// Makes the answer to an unreadable request, by status.
pub(super) type Unreadable = dyn Fn(u16) -> Bytes;

/// A client's connection with limits that actix-http lacks: on the time for the head of every request,
/// on the time an answer may wait to be read, and on reading ahead.
///
/// It also replaces the bare answers that actix-http gives to malformed HTTP, below every middleware,
/// with problem details.
pub(super) struct LimitedStream {
    inner: TcpStream,
    connection: Rc<ConnectionState>,
    unreadable: Rc<Unreadable>,
    head_end: HeadEnd,
    /// Bytes already read that belong to a later head or body.
    ahead: Bytes,
    /// Whether the dispatcher has to process what it has before it reads more.
    paused: bool,
    lingering: Option<LingeringClose>,
}

/// A connection's final answer being sent, then what the peer sends being discarded.
struct LingeringClose {
    answer: Bytes,
    time: Pin<Box<Sleep>>,
    /// How many bytes were discarded.
    discarded: usize,
}

impl LimitedStream {
    pub(super) fn new(
        inner: TcpStream,
        connection: Rc<ConnectionState>,
        unreadable: Rc<Unreadable>,
    ) -> Self {
        Self {
            inner,
            connection,
            unreadable,
            head_end: HeadEnd::new(),
            ahead: Bytes::new(),
            paused: false,
            lingering: None,
        }
    }

    pub(super) fn connection(&self) -> &Rc<ConnectionState> {
        &self.connection
    }

    /// Sends this final answer. The dispatcher sees the end of the stream.
    fn answer_and_close(&mut self, status: u16) {
        self.lingering = Some(LingeringClose {
            answer: (self.unreadable)(status),
            time: Box::pin(tokio::time::sleep(LINGER)),
            discarded: 0,
        });
    }

    fn poll_lingering_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(lingering) = &mut self.lingering else {
            return Poll::Ready(Ok(()));
        };
        if lingering.time.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut inner = Pin::new(&mut self.inner);
        while !lingering.answer.is_empty() {
            let written = ready!(inner.as_mut().poll_write(cx, &lingering.answer))?;
            drop(lingering.answer.split_to(written));
        }
        ready!(inner.as_mut().poll_shutdown(cx))?;
        let mut space = [0; 4096];
        while lingering.discarded < MAX_DISCARDED_BYTES {
            let mut discarded = ReadBuf::new(&mut space);
            ready!(inner.as_mut().poll_read(cx, &mut discarded))?;
            if discarded.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            lingering.discarded += discarded.filled().len();
        }
        // The answer gets the rest of its time to arrive before the connection is reset.
        Poll::Pending
    }

    /// Where the current head or body ends within these bytes, if it does.
    fn end_of_wanted(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.connection.awaits_head() {
            return self.head_end.find(bytes);
        }
        Some(self.connection.of_body(bytes))
    }

    /// Reads from the current request only, never into the next one.
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let awaits_head = self.connection.awaits_head();
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
        self.connection.count_read(buffer.filled().len() - before);
        if awaits_head && self.connection.head_bytes() > MAX_HEAD_BYTES {
            buffer.set_filled(before);
            self.answer_and_close(431);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for LimitedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_some() {
            return Poll::Ready(Ok(()));
        }
        if !this.connection.may_read() {
            if !this.ahead.is_empty() || this.inner.poll_read_ready(cx).is_ready() {
                this.connection.wake_when_readable(cx.waker());
            }
            return Poll::Pending;
        }
        if std::mem::take(&mut this.paused) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match this.connection.expired() {
            Some(Expired::Head) => {
                if this.connection.body() != RequestBody::Left {
                    this.answer_and_close(408);
                }
                Poll::Ready(Ok(()))
            }
            Some(Expired::Idle) => match this.poll_fill(cx, buffer) {
                Poll::Ready(read) => {
                    this.connection.revive();
                    Poll::Ready(read)
                }
                Poll::Pending => Poll::Ready(Ok(())),
            },
            _ => this.poll_fill(cx, buffer),
        }
    }
}

impl AsyncWrite for LimitedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.connection.expired() == Some(Expired::Answer) {
            // Reset the connection: the kernel would keep offering an answer that is not read.
            this.inner.set_zero_linger()?;
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let mut own = bytes;
        if this.lingering.is_none()
            && let Some((before, status)) = bare_answer(bytes)
        {
            own = before;
            if own.is_empty() {
                this.answer_and_close(status);
            }
        }
        if this.lingering.is_some() {
            ready!(this.poll_lingering_close(cx))?;
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut this.inner).poll_write(cx, own);
        if written.is_pending() {
            this.connection.is_blocked();
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.is_flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_lingering_close(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

/// Finds an answer without a body that actix-http itself gave to malformed HTTP; returns the bytes
/// before it and its status. It is the last on its connection; all others carry an `X-Request-Id`.
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
