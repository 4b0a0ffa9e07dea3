use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use actix_http::{HttpService, KeepAlive};
use actix_service::fn_factory;
use actix_web::dev::{AppConfig, Service, ServiceFactory};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::Instant;

use crate::http::unreadable;

use super::connection::{ConnectionState, Expired};
use super::service::Tracked;
use super::stream::{LimitedStream, Unreadable};
use super::{EdgeState, app};

/// How long a refused body is read and discarded before its connection is closed.
const DISCONNECT: Duration = Duration::from_secs(1);

/// How often a connection is checked that should be closed but is not idle yet.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A client's connection and its permit.
pub(super) struct Accepted {
    pub(super) stream: std::net::TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) place: OwnedSemaphorePermit,
}

/// A thread that answers requests.
pub(super) struct Worker {
    connections: UnboundedSender<Accepted>,
    thread: JoinHandle<()>,
}

impl Worker {
    pub(super) fn start(
        number: usize,
        state: Arc<EdgeState>,
        stopping: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (connections, accepted) = unbounded_channel();
        let thread = Builder::new()
            .name(format!("http-{number}"))
            .spawn(move || {
                LocalSet::new().block_on(&runtime, answer(&state, accepted, stopping));
                runtime.shutdown_background();
            })?;
        Ok(Self {
            connections,
            thread,
        })
    }

    /// Returns the connection if the thread has ended.
    pub(super) fn take(&self, accepted: Accepted) -> Result<(), Accepted> {
        self.connections.send(accepted).map_err(|error| error.0)
    }

    /// Stops the thread; cuts off requests that are still in flight.
    pub(super) fn stop(self) {
        drop(self.connections);
        if self.thread.join().is_err() {
            tracing::error!("a worker thread has panicked");
        }
    }
}

/// Answers on these connections until the channel closes.
async fn answer(
    state: &Arc<EdgeState>,
    mut accepted: UnboundedReceiver<Accepted>,
    stopping: watch::Receiver<bool>,
) {
    let routes = app(state);
    let noted = Arc::clone(state);
    let tracked = fn_factory(move || {
        let made = routes.new_service(AppConfig::default());
        let state = Arc::clone(&noted);
        async move { made.await.map(|routes| Tracked { routes, state }) }
    });
    let http = HttpService::build()
        // Any wake-up of the connection's task would prolong this limit; the stream's own holds.
        .keep_alive(KeepAlive::Os)
        // This limit would hold for the first request only; the stream's own holds for every request.
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(DISCONNECT)
        .h1_write_buffer_size(16 * 1024)
        .on_connect_ext(|stream: &LimitedStream, extensions| {
            extensions.insert(Rc::clone(stream.connection()));
        })
        .h1(tracked);
    let Ok(http) = http.new_service(()).await else {
        tracing::error!("cannot build the routes");
        return;
    };
    let http = Rc::new(http);
    while let Some(Accepted {
        stream,
        peer,
        place,
    }) = accepted.recv().await
    {
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::error!(%error, "cannot use a connection");
                continue;
            }
        };
        let asked = Arc::clone(state);
        let unreadable: Rc<Unreadable> =
            Rc::new(move |status| unreadable(&asked.gateway, peer.ip(), status));
        let connection = Rc::new(ConnectionState::new());
        let stream = LimitedStream::new(stream, Rc::clone(&connection), unreadable);
        let answered = http.call((stream, Some(peer)));
        let watched = keep_watch(connection, Arc::clone(state), stopping.clone());
        spawn_local(async move {
            tokio::select! {
                biased;
                () = watched => {}
                // Errors on a connection are its client's doing; its requests are logged.
                _ = answered => {}
            }
            drop(place);
        });
    }
}

/// Marks the connection as expired when a time limit is up; the stream acts on it. Never returns.
async fn keep_watch(
    connection: Rc<ConnectionState>,
    state: Arc<EdgeState>,
    mut stopping: watch::Receiver<bool>,
) {
    let patience = state.patience;
    let mut close_idle: Option<Instant> = None;
    let mut requests = None;
    loop {
        let now = Instant::now();
        let mut next = now + patience.head.min(patience.answer);
        match connection.deadline(&patience) {
            Some((when, why)) if when <= now => connection.expire(why),
            Some((when, _)) => next = when,
            None => {}
        }
        // No request has come since the last check, and others wait.
        let unused = requests.replace(connection.requests()) == Some(connection.requests());
        if unused && connection.is_idle() && state.crowded.load(Ordering::Relaxed) {
            connection.expire(Expired::Idle);
        }
        if let Some(when) = close_idle {
            if when <= now && connection.is_idle() {
                connection.expire(Expired::Idle);
            }
            next = next.min(when.max(now + LOOK_AGAIN));
        }
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            stopped = stopping.wait_for(|stopping| *stopping), if close_idle.is_none() => {
                // A dropped sender means the same as a stop.
                drop(stopped);
                close_idle = Some(Instant::now() + patience.last_request);
            }
        }
    }
}
