use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use actix_http::HttpService;
use actix_service::fn_factory;
use actix_web::dev::{AppConfig, Service, ServiceFactory};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::Instant;

use crate::http::unreadable;

use super::exchange::{Exchange, Expired};
use super::service::Noting;
use super::stream::{Unreadable, Watched};
use super::{Face, app};

/// How long an idle connection is kept: longer than load balancers' usual 60 s, so that they
/// close first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a body that was refused is read and discarded before its connection is closed.
const DISCONNECT: Duration = Duration::from_secs(1);

/// How often a connection is looked at that outlived this.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A client's connection, and its place among them.
pub(super) struct Accepted {
    pub(super) stream: std::net::TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) place: OwnedSemaphorePermit,
}

/// A thread that answers.
pub(super) struct Worker {
    connections: UnboundedSender<Accepted>,
    thread: JoinHandle<()>,
}

impl Worker {
    pub(super) fn start(
        number: usize,
        face: Arc<Face>,
        stopping: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (connections, accepted) = unbounded_channel();
        let thread = Builder::new()
            .name(format!("http-{number}"))
            .spawn(move || {
                LocalSet::new().block_on(&runtime, answer(&face, accepted, stopping));
                runtime.shutdown_background();
            })?;
        Ok(Self {
            connections,
            thread,
        })
    }

    /// Gives the connection back if the thread is gone.
    pub(super) fn take(&self, accepted: Accepted) -> Result<(), Accepted> {
        self.connections.send(accepted).map_err(|error| error.0)
    }

    /// Ends with what is still under way.
    pub(super) fn stop(self) {
        drop(self.connections);
        if self.thread.join().is_err() {
            tracing::error!("a thread that answers requests has panicked");
        }
    }
}

/// Answers on these connections until no more can come.
async fn answer(
    face: &Arc<Face>,
    mut accepted: UnboundedReceiver<Accepted>,
    stopping: watch::Receiver<bool>,
) {
    let routes = app(face);
    let noted = Arc::clone(face);
    let noting = fn_factory(move || {
        let made = routes.new_service(AppConfig::default());
        let face = Arc::clone(&noted);
        async move { made.await.map(|routes| Noting { routes, face }) }
    });
    let http = HttpService::build()
        .keep_alive(KEEP_ALIVE)
        // The stream's own limit holds for every request, this one for the first only.
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(DISCONNECT)
        .h1_write_buffer_size(16 * 1024)
        .on_connect_ext(|stream: &Watched, extensions| {
            extensions.insert(Rc::clone(stream.exchange()));
        })
        .h1(noting);
    let Ok(http) = http.new_service(()).await else {
        tracing::error!("the routes cannot be built");
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
                tracing::error!(%error, "a connection cannot be used");
                continue;
            }
        };
        let asked = Arc::clone(face);
        let unreadable: Rc<Unreadable> =
            Rc::new(move |status| unreadable(&asked.gateway, peer.ip(), status));
        let exchange = Rc::new(Exchange::new());
        let stream = Watched::new(stream, Rc::clone(&exchange), unreadable);
        let answered = http.call((stream, Some(peer)));
        let watched = keep_watch(exchange, Arc::clone(face), stopping.clone());
        spawn_local(async move {
            tokio::select! {
                biased;
                () = watched => {}
                // What goes wrong on a connection is its client's doing; its requests are logged.
                _ = answered => {}
            }
            drop(place);
        });
    }
}

/// Says when the peer's time is up; the stream acts on it. Never ends.
async fn keep_watch(exchange: Rc<Exchange>, face: Arc<Face>, mut stopping: watch::Receiver<bool>) {
    let patience = face.patience;
    let mut close_idle: Option<Instant> = None;
    let mut requests = None;
    loop {
        let now = Instant::now();
        let mut next = now + patience.head.min(patience.answer);
        match exchange.deadline(&patience) {
            Some((when, why)) if when <= now => exchange.expire(why),
            Some((when, _)) => next = when,
            None => {}
        }
        // Nothing has come since the last look, and others wait.
        let unused = requests.replace(exchange.requests()) == Some(exchange.requests());
        if unused && exchange.is_idle() && face.crowded.load(Ordering::Relaxed) {
            exchange.expire(Expired::Idle);
        }
        if let Some(when) = close_idle {
            if when <= now && exchange.is_idle() {
                exchange.expire(Expired::Idle);
            }
            next = next.min(when.max(now + LOOK_AGAIN));
        }
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            stopped = stopping.wait_for(|stopping| *stopping), if close_idle.is_none() => {
                // A sender that is gone has stopped.
                drop(stopped);
                close_idle = Some(Instant::now() + patience.last_request);
            }
        }
    }
}
