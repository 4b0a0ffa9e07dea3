//! The listener's queue of connections not yet accepted.

use std::io;
use std::net::TcpListener as StdTcpListener;

use socket2::SockRef;
use tokio::net::TcpListener;

/// How many connections may wait; clients beyond that retry by themselves.
const LENGTH: i32 = 1024;

/// How much of an answer the kernel buffers for a peer that does not read, in bytes: enough for the
/// longest credentials at once, but bounded, since the kernel would grow it to megabytes. Linux
/// doubles the value for its own bookkeeping.
const SEND_BUFFER_BYTES: usize = 32 * 1024;

/// Starts listening and sets the options that accepted connections inherit.
pub(super) fn prepare(listener: &StdTcpListener) -> io::Result<()> {
    let socket = SockRef::from(listener);
    socket.listen(LENGTH)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.set_tcp_nodelay(true)?;
    listener.set_nonblocking(true)
}

/// Ignores new handshakes from now on, so that closing the port refuses them and resets no client that
/// has already sent a request. On systems without socket filters a few clients may be reset.
pub(super) fn ignore_new(listener: &TcpListener) {
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(listener).attach_filter(&no_handshakes()) {
        tracing::debug!(%error, "new connections cannot be filtered");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = listener;
}

/// A classic BPF program that drops segments with SYN set. The flags are at offset 13 of the TCP header
/// (RFC 9293 section 3.1), where a listener's filter starts.
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
