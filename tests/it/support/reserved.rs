use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A free port on loopback. While this value lives, connections to the port are refused, and the kernel
/// does not choose it for port 0. A server may still bind to it by number.
pub(crate) struct Reserved(TcpSocket);

impl Reserved {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Both sockets need SO_REUSEADDR for the server's bind to succeed.
        socket.set_reuseaddr(true).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }
}
