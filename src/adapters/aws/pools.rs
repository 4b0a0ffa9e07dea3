//! Connections to the store: verified TLS, a pool for each thread, and the renewal of pools whose
//! connections may be dead.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::box_error::BoxError;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use thread_local::ThreadLocal;
use tokio::net::TcpStream;
use tower_service::Service;

use super::AuthoritiesError;

/// The limit for name resolution, TCP and TLS together.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Idle connections are closed after this time, before firewalls and load balancers forget them.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// An idle connection is probed after this time, and closed if a probe is not acknowledged within
/// [`USER_TIMEOUT`].
const KEEPALIVE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);

/// The time that sent bytes may stay unacknowledged (`TCP_USER_TIMEOUT`, RFC 5482). A request over a
/// dead connection fails by then, while there is time for a retry.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Pools that are younger than this are not renewed: if a store breaks single connections, each costs
/// one new connection and not all of them.
const MIN_POOL_AGE: Duration = Duration::from_secs(1);

/// An HTTP/1.1 client and its pool of connections.
pub(super) type HttpClient = Client<TimedConnector, SdkBody>;

/// A client with its connection pool for each thread. The thread that opens a connection drives it;
/// with one pool for all threads, most answers change threads. In `tests/load/run`
/// one pool reached 0.93, 0.95 and 0.94 of the rate at 1, 8 and 32 connections on SQLite and 0.95,
/// 0.90 and 0.99 on PostgreSQL, and took 5 to 21 % more processor time a call.
///
/// A dead connection is rarely the only one, so when one is found, all threads take a new pool:
/// [`Pools::renew`].
pub(super) struct Pools {
    connector: TimedConnector,
    generation: AtomicU64,
    made_at: Mutex<Instant>,
    clients: ThreadLocal<Mutex<Pooled>>,
}

/// A client and the generation of its pool.
#[derive(Clone)]
pub(super) struct Pooled {
    pub(super) client: HttpClient,
    pub(super) generation: u64,
}

impl Pools {
    /// Trusts the system's certificate authorities and those in `authorities` (PEM).
    pub(super) fn new(authorities: Option<&[u8]>) -> Result<Self, AuthoritiesError> {
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls(authorities)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp(GaiResolver::new()));
        Ok(Self {
            connector: TimedConnector(https),
            generation: AtomicU64::new(0),
            made_at: Mutex::new(Instant::now()),
            clients: ThreadLocal::new(),
        })
    }

    /// This thread's client.
    pub(super) fn pooled(&self) -> Pooled {
        let generation = self.generation.load(Ordering::Acquire);
        let new = || Pooled {
            client: self.client(usize::MAX),
            generation,
        };
        let pooled = self.clients.get_or(|| Mutex::new(new()));
        let mut pooled = pooled.lock().unwrap_or_else(PoisonError::into_inner);
        if pooled.generation != generation {
            // Requests over the old pool's connections continue.
            *pooled = new();
        }
        pooled.clone()
    }

    /// A client that opens a new connection for each request.
    pub(super) fn unpooled(&self) -> HttpClient {
        self.client(0)
    }

    /// Replaces the pools of this generation, unless they have been replaced already or are younger
    /// than [`MIN_POOL_AGE`].
    pub(super) fn renew(&self, generation: u64) {
        let mut made_at = self.made_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_replaced = self.generation.load(Ordering::Acquire) != generation;
        if is_replaced || made_at.elapsed() < MIN_POOL_AGE {
            return;
        }
        *made_at = Instant::now();
        self.generation.store(generation + 1, Ordering::Release);
        tracing::debug!("the store did not answer a request: replacing all pooled connections");
    }

    fn client(&self, max_idle: usize) -> HttpClient {
        Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(max_idle)
            .build(self.connector.clone())
    }
}

pub(super) fn tcp<Resolver>(resolver: Resolver) -> HttpConnector<Resolver> {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    // The connector divides this among a name's addresses, so a dead one leaves time for the next.
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(USER_TIMEOUT));
    tcp
}

fn tls(authorities: Option<&[u8]>) -> Result<ClientConfig, AuthoritiesError> {
    let broken = |error: &dyn std::error::Error| AuthoritiesError(error.to_string());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in CertificateDer::pem_slice_iter(authorities.unwrap_or_default()) {
        let certificate = certificate.map_err(|error| broken(&error))?;
        roots.add(certificate).map_err(|error| broken(&error))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| broken(&error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Fails if connecting takes longer than [`CONNECT_TIMEOUT`].
#[derive(Clone, Debug)]
pub(super) struct TimedConnector(HttpsConnector<HttpConnector>);

impl Service<Uri> for TimedConnector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async move { tokio::time::timeout(CONNECT_TIMEOUT, connecting).await? })
    }
}
