//! The edge to the network: accepts connections, limits them, answers them on worker threads and closes
//! them when the gateway stops.
//!
//! actix-http speaks HTTP, over a stream of ours that enforces time limits. actix-server is not used:
//! it takes no such stream, limits connections per thread only, and resets queued connections when it
//! stops.

mod backlog;
mod connection;
pub(super) mod descriptors;
mod framing;
mod service;
mod stream;
mod worker;

use std::future::Future;
use std::io;
use std::net::TcpListener as StdTcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_http::Request;
use actix_service::IntoServiceFactory;
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, Service, ServiceFactory, ServiceResponse};
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App, Error, web};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::config::Patience;
use crate::http::{Gateway, cors, observe_preflights, routes};

use worker::{Accepted, Worker};

/// How long requests under way may take to end once the gateway stops.
pub(super) const GRACE: Duration = Duration::from_secs(30);

/// After this long without a new connection no handshake is still in progress: one takes a round trip.
const QUIET: Duration = Duration::from_millis(250);

/// How long connections are accepted at most once the gateway stops.
const LAST_CALL: Duration = Duration::from_secs(5);

/// The pause after a failed accept, so that file descriptors can come free.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What all connections share.
pub(super) struct EdgeState {
    pub(super) gateway: web::Data<Gateway>,
    pub(super) cors_origins: Vec<String>,
    pub(super) patience: Patience,
    /// Whether every place is taken.
    pub(super) crowded: AtomicBool,
}

/// How many connections the edge takes, and how it stops.
pub(super) struct EdgeSettings {
    pub(super) max_connections: usize,
    pub(super) drain_delay: Duration,
}

/// A port, and the threads that answer on it.
pub(super) struct Edge {
    listener: TcpListener,
    state: Arc<EdgeState>,
    settings: EdgeSettings,
    places: Arc<Semaphore>,
    workers: Vec<Worker>,
    next: usize,
    stopping: watch::Sender<bool>,
}

impl Edge {
    pub(super) fn new(
        listener: StdTcpListener,
        state: EdgeState,
        settings: EdgeSettings,
    ) -> io::Result<Self> {
        backlog::prepare(&listener)?;
        let state = Arc::new(state);
        let (stopping, stopped) = watch::channel(false);
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let workers = (0..threads)
            .map(|number| Worker::start(number, Arc::clone(&state), stopped.clone()))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            listener: TcpListener::from_std(listener)?,
            state,
            places: Arc::new(Semaphore::new(settings.max_connections)),
            settings,
            workers,
            next: 0,
            stopping,
        })
    }

    /// The places for connections, and how many there are.
    pub(super) fn places(&self) -> (Arc<Semaphore>, usize) {
        (Arc::clone(&self.places), self.settings.max_connections)
    }

    /// Becomes true once new requests are refused and those under way may finish.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Answers until `stop` resolves. During `http.drain_delay` only `/readyz` changes (skipped if the
    /// gateway never opened). Then it refuses requests and lets those under way finish.
    pub(super) async fn run(mut self, stop: impl Future<Output = ()>) -> io::Result<()> {
        self.accept_until(stop).await?;
        self.state.gateway.stage.leave();
        let delay = self.settings.drain_delay;
        if !delay.is_zero() && self.state.gateway.use_cases.get().is_some() {
            tracing::info!(
                ?delay,
                "stopping: /readyz answers 503, requests are still served"
            );
            self.accept_until(sleep(delay)).await?;
        }
        tracing::info!("stopping: waiting for requests under way");
        self.state.gateway.stage.close();
        self.stopping.send_replace(true);
        let end = Instant::now() + GRACE;
        self.accept_the_last().await?;
        let Self {
            listener,
            places,
            workers,
            settings,
            ..
        } = self;
        drop(listener);
        let all = u32::try_from(settings.max_connections).unwrap_or(u32::MAX);
        if timeout_at(end, places.acquire_many(all)).await.is_err() {
            let connections = settings.max_connections - places.available_permits();
            tracing::warn!(
                connections,
                "requests did not finish in time and are cut off"
            );
        }
        for worker in workers {
            worker.stop();
        }
        Ok(())
    }

    async fn accept_until(&mut self, end: impl Future<Output = ()>) -> io::Result<()> {
        let mut end = pin!(end);
        loop {
            let accepted = tokio::select! {
                () = &mut end => return Ok(()),
                accepted = self.accept() => accepted,
            };
            self.hand_over(accepted)?;
        }
    }

    /// Answers connections that clients already consider open; leaves new ones to be refused.
    async fn accept_the_last(&mut self) -> io::Result<()> {
        backlog::ignore_new(&self.listener);
        let end = Instant::now() + LAST_CALL;
        while Instant::now() < end {
            let Ok(place) = timeout_at(end, self.place()).await else {
                break;
            };
            let Ok(accepted) = timeout(QUIET, self.accept_at(place)).await else {
                break;
            };
            self.hand_over(accepted)?;
        }
        Ok(())
    }

    /// The next connection, as soon as there is a place for it.
    async fn accept(&self) -> Accepted {
        let place = self.place().await;
        self.accept_at(place).await
    }

    async fn place(&self) -> OwnedSemaphorePermit {
        let places = Arc::clone(&self.places);
        self.state
            .crowded
            .store(places.available_permits() == 0, Ordering::Relaxed);
        let Ok(place) = places.acquire_owned().await else {
            // Unreachable: the semaphore is never closed.
            return std::future::pending().await;
        };
        self.state.crowded.store(false, Ordering::Relaxed);
        place
    }

    async fn accept_at(&self, place: OwnedSemaphorePermit) -> Accepted {
        loop {
            let accepted = self.listener.accept().await;
            match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
                Ok((stream, peer)) => {
                    return Accepted {
                        stream,
                        peer,
                        place,
                    };
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections, trying again");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    /// Hands the connection to the next worker, round robin.
    fn hand_over(&mut self, mut accepted: Accepted) -> io::Result<()> {
        for _ in 0..self.workers.len() {
            self.next = (self.next + 1) % self.workers.len();
            let Some(worker) = self.workers.get(self.next) else {
                break;
            };
            match worker.take(accepted) {
                Ok(()) => return Ok(()),
                Err(back) => accepted = back,
            }
        }
        Err(io::Error::other("every worker thread has ended"))
    }
}

/// Whether only this connection failed: the client was gone before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// All routes with their middleware.
fn app(
    state: &EdgeState,
) -> impl ServiceFactory<
    Request,
    Config = AppConfig,
    Response = ServiceResponse<BoxBody>,
    Error = Error,
    InitError = (),
    Service = impl Service<
        Request,
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        Future = impl Future<Output = Result<ServiceResponse<BoxBody>, Error>> + 'static,
    > + 'static,
> + 'static {
    App::new()
        .app_data(state.gateway.clone())
        .wrap(Condition::new(
            !state.cors_origins.is_empty(),
            cors(&state.cors_origins),
        ))
        .wrap(from_fn(observe_preflights))
        .configure(routes)
        .into_factory()
}
