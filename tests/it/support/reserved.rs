use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A port of loopback at which nothing listens, and which nobody else is given as long as this lives.
/// Whoever names it may listen there meanwhile.
pub(crate) struct Reserved(TcpSocket);

impl Reserved {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Such a socket keeps a port from those who ask for any, and from nobody who names it.
        socket.set_reuseaddr(true).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }
}
