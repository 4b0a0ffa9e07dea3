use std::net::SocketAddr;
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// A TCP proxy on loopback whose connections can die silently, as behind a firewall that drops idle
/// ones: no answer comes back, and neither side sees the connection close. The kernel acknowledges the
/// bytes of a swallowed connection, but not those of a silenced one. Connections can also break off.
pub(crate) struct FaultyProxy {
    address: SocketAddr,
    state: Arc<State>,
}

/// Connections are numbered from 0; those below `dead_below` are dead, and those below
/// `broken_below` break off when they are used, until that has happened `breaks` times.
#[derive(Default)]
struct State {
    accepted: AtomicUsize,
    dead_below: AtomicUsize,
    broken_below: AtomicUsize,
    breaks: AtomicUsize,
    #[cfg(target_os = "linux")]
    sockets: Mutex<Vec<socket2::Socket>>,
}

impl State {
    /// Whether this connection breaks off now that it is used.
    fn breaks(&self, number: usize) -> bool {
        let less = |breaks: usize| breaks.checked_sub(1);
        let (set, fetch) = (Ordering::SeqCst, Ordering::SeqCst);
        number < self.broken_below.load(Ordering::SeqCst)
            && self.breaks.fetch_update(set, fetch, less).is_ok()
    }
}

impl FaultyProxy {
    /// Starts a proxy in front of `upstream`, a `host:port` or a URL.
    pub(crate) async fn start(upstream: &str) -> Self {
        let upstream = upstream.rsplit('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let accepting = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                #[cfg(target_os = "linux")]
                {
                    let socket = socket2::SockRef::from(&client).try_clone().unwrap();
                    accepting.sockets.lock().unwrap().push(socket);
                }
                let number = accepting.accepted.fetch_add(1, Ordering::SeqCst);
                let (state, upstream) = (Arc::clone(&accepting), upstream.clone());
                tokio::spawn(async move { forward(client, &upstream, number, &state).await });
            }
        });
        Self { address, state }
    }

    /// The address of the proxy.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it has accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// Every open connection dies silently; new ones work.
    pub(crate) fn swallow_existing(&self) {
        let accepted = self.accepted();
        self.state.dead_below.store(accepted, Ordering::SeqCst);
    }

    /// Every open connection dies silently, and the kernel acknowledges no byte of it; new ones work.
    #[cfg(target_os = "linux")]
    pub(crate) fn silence_existing(&self) {
        const RETURN: u16 = 0x06;
        let drop_all = [socket2::SockFilter::new(RETURN, 0, 0, 0)];
        for socket in self.state.sockets.lock().unwrap().drain(..) {
            socket.attach_filter(&drop_all).unwrap();
        }
    }

    /// This many of the next requests over open connections break them off; new connections work.
    pub(crate) fn break_existing(&self, requests: usize) {
        self.state.breaks.store(requests, Ordering::SeqCst);
        let accepted = self.accepted();
        self.state.broken_below.store(accepted, Ordering::SeqCst);
    }

    /// Every connection, including new ones, dies silently until the next `swallow_existing`.
    pub(crate) fn swallow_all(&self) {
        self.state.dead_below.store(usize::MAX, Ordering::SeqCst);
    }
}

async fn forward(client: TcpStream, upstream: &str, number: usize, state: &State) {
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        copy(from_client, to_server, number, state, true),
        copy(from_server, to_client, number, state, false),
    );
}

/// Copies until the end of the stream. A dead connection does not pass the end on: both sockets stay
/// open.
async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: usize,
    state: &State,
    may_break: bool,
) {
    let is_dead = || number < state.dead_below.load(Ordering::SeqCst);
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        match read {
            0 if is_dead() => std::future::pending().await,
            0 => break,
            _ if is_dead() => {}
            _ if may_break && state.breaks(number) => break,
            _ => {
                if to.write_all(&buffer[..read]).await.is_err() {
                    break;
                }
            }
        }
    }
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn echo_server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = connection.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        address
    }

    async fn echoes(connection: &mut TcpStream) -> bool {
        answers_within(Duration::from_secs(20), connection).await
    }

    async fn is_silent(connection: &mut TcpStream) -> bool {
        !answers_within(Duration::from_millis(300), connection).await
    }

    async fn answers_within(limit: Duration, connection: &mut TcpStream) -> bool {
        connection.write_all(b"x").await.unwrap();
        let answer = tokio::time::timeout(limit, connection.read_u8());
        answer.await.is_ok_and(|read| read.unwrap() == b'x')
    }

    #[tokio::test]
    async fn old_connections_die_in_silence_while_new_ones_pass() {
        let proxy = FaultyProxy::start(&format!("http://{}", echo_server().await)).await;
        let mut old = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(echoes(&mut old).await);
        proxy.swallow_existing();
        assert!(is_silent(&mut old).await);
        let mut new = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(echoes(&mut new).await);
        proxy.swallow_all();
        assert!(is_silent(&mut new).await);
        assert_eq!(proxy.accepted(), 2);
    }

    #[tokio::test]
    async fn a_connection_that_is_to_break_off_is_closed_when_it_is_used() {
        let proxy = FaultyProxy::start(&format!("http://{}", echo_server().await)).await;
        let mut broken = TcpStream::connect(proxy.address()).await.unwrap();
        let mut other = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(echoes(&mut broken).await && echoes(&mut other).await);
        proxy.break_existing(1);
        broken.write_all(b"x").await.unwrap();
        assert!(broken.read_u8().await.is_err());
        assert!(echoes(&mut other).await);
    }
}
