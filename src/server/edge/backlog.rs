//! The queue of connections that wait to be accepted.

use std::io;
use std::net::TcpListener as StdTcpListener;

use socket2::SockRef;
use tokio::net::TcpListener;

/// How many connections may wait; what comes beyond tries again by itself.
const LENGTH: i32 = 1024;

/// How much of an answer the kernel takes for a peer that does not read, in bytes: enough for the
/// longest of credentials at once, and bounded, where the kernel would grow it to megabytes.
/// Linux doubles it for its own bookkeeping.
const SEND_BUFFER_BYTES: usize = 32 * 1024;

/// Sets what accepted connections inherit.
pub(super) fn prepare(listener: &StdTcpListener) -> io::Result<()> {
    let socket = SockRef::from(listener);
    socket.listen(LENGTH)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.set_tcp_nodelay(true)?;
    listener.set_nonblocking(true)
}

/// New handshakes get no answer from now on: closing the port then refuses them, and resets no
/// client that has sent a request into the queue. Where the system knows no socket filters, a few
/// clients may be reset.
pub(super) fn ignore_new(listener: &TcpListener) {
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(listener).attach_filter(&no_handshakes()) {
        tracing::debug!(%error, "new connections cannot be held back");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = listener;
}

/// Drops segments with SYN set, in classic BPF. The byte of flags is the header's 13th
/// (RFC 9293 section 3.1), and a listener's filter sees segments from their TCP header on.
#[cfg(target_os = "linux")]
fn no_handshakes() -> [socket2::SockFilter; 4] {
    use socket2::SockFilter;

    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(JUMP_IF_SET, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
}
