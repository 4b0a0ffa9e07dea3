//! The composition root: builds a server from a configuration, runs it until it is told to stop, and
//! shuts it down gracefully.

mod access_keys;
mod administration;
mod background;
mod doctor;
mod edge;
mod erasing;
mod hangups;
mod issuers;
mod metrics_endpoint;
mod opening;
mod outage;
mod parts;
mod readiness;
mod sources;
mod start_error;
mod upstreams;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use actix_web::web;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::adapters::aws::{AwsClients, AwsSettings};
use crate::adapters::oauth::OauthHttp;
use crate::adapters::{OsRandomness, SystemClock, UpstreamCalls};
use crate::config::Config;
use crate::http::{Gateway, Samples, ShutdownStage};
use crate::metrics::Metrics;
use crate::service::doctor::Doctor;
use crate::service::{AuthenticateToken, Clock};

pub use administration::{administer, administer_by, database, show_buckets};
pub use doctor::doctor;
pub use erasing::{erase_owner, erase_owner_by};
pub use start_error::StartError;

use edge::{Edge, EdgeSettings, EdgeState, descriptors};
use hangups::Hangups;
use metrics_endpoint::MetricsEndpoint;
use opening::{Opening, Work};
use outage::Outage;
use readiness::{Ready, SignInAt};
use upstreams::WatchUpstreams;

/// A gateway that is bound to its port and ready to run.
pub struct Server {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    edge: Edge,
    work: Work,
    background: Vec<JoinHandle<()>>,
}

impl Server {
    /// Binds the port, opens the database and wires everything up. If the database server cannot be
    /// reached in time, [`Server::run`] waits for it.
    ///
    /// # Errors
    ///
    /// [`StartError`] names the configuration key at fault.
    pub async fn build(config: &Config) -> Result<Self, StartError> {
        Self::build_by(Arc::new(SystemClock), config).await
    }

    /// Like [`Server::build`], but by this clock.
    ///
    /// # Errors
    ///
    /// [`StartError`] names the configuration key at fault.
    pub async fn build_by(clock: Arc<dyn Clock>, config: &Config) -> Result<Self, StartError> {
        let listener = listen(config.http.address)?;
        Box::pin(Self::assemble(
            config,
            clock,
            listener,
            None,
            Arc::default(),
        ))
        .await
    }

    /// Builds the gateway on a port that is already taken. Its pages show the samples once they are
    /// known.
    ///
    /// # Errors
    ///
    /// [`StartError`] names the configuration key at fault.
    pub async fn build_on(
        listener: TcpListener,
        config: &Config,
        samples: Arc<OnceLock<Samples>>,
    ) -> Result<Self, StartError> {
        let clock = Arc::new(SystemClock);
        Box::pin(Self::assemble(config, clock, listener, None, samples)).await
    }

    /// Like [`Server::build`], but the gateway is not ready until [`doctor`] has proven isolation
    /// (`serve --doctor`).
    ///
    /// # Errors
    ///
    /// [`StartError`] names the configuration key at fault.
    pub async fn build_examined(config: &Config) -> Result<Self, StartError> {
        // Whether a named issuer is reached does not decide whether the gateway is ready.
        let without_issuers = Config {
            issuers: Vec::new(),
            ..config.clone()
        };
        let doctor = Box::pin(doctor(&without_issuers)).await?;
        let listener = listen(config.http.address)?;
        Box::pin(Self::assemble(
            config,
            Arc::new(SystemClock),
            listener,
            Some(doctor),
            Arc::default(),
        ))
        .await
    }

    async fn assemble(
        config: &Config,
        clock: Arc<dyn Clock>,
        listener: TcpListener,
        doctor: Option<Doctor>,
        samples: Arc<OnceLock<Samples>>,
    ) -> Result<Self, StartError> {
        let hangups = Hangups::new();
        warn_about_exposure(config);
        let address = listener.local_addr().unwrap_or(config.http.address);
        let metrics_endpoint = metrics_endpoint(config)?;
        let metrics_address = metrics_endpoint.as_ref().map(MetricsEndpoint::address);
        let metrics = sources::metrics(config);
        let watched = WatchUpstreams::new(Arc::<Metrics>::clone(&metrics));
        let calls = UpstreamCalls::to(Arc::new(watched));
        let oauth_http = OauthHttp::new(config.oauth.authorities.clone())?;
        let oauth_http = oauth_http.observed_by(calls.clone());
        let discovery = parts::discovery(config, oauth_http.clone());
        let issuer_keys = issuers::keys(config, &calls)?;
        let proven = Arc::new(AtomicBool::new(doctor.is_none()));
        let ready = Arc::new(Ready::new(Arc::clone(&discovery), Arc::clone(&proven)));
        let gateway = web::Data::new(Gateway {
            clock: Arc::clone(&clock),
            randomness: Arc::new(OsRandomness),
            readiness: Arc::<Ready>::clone(&ready),
            required_scope: config.oauth.required_scope.clone(),
            public_url: config.http.public_url(address),
            issuer: config.oauth.issuer.clone(),
            storage: parts::storage_address(&config.storage),
            in_flight: Semaphore::new(config.http.max_in_flight.min(Semaphore::MAX_PERMITS)),
            sign_in: Arc::new(SignInAt(Arc::clone(&discovery))),
            login_client_id: config.http.login_client_id.clone(),
            console: parts::console(config),
            swagger_ui_client_id: (config.http.swagger_ui)
                .then(|| config.http.swagger_ui_client_id.clone()),
            samples,
            minimum_client_version: config.workspaces.minimum_client_version.clone(),
            trusted_proxies: config.http.trusted_proxies.clone(),
            use_cases: OnceLock::new(),
            stage: ShutdownStage::default(),
            observer: Arc::<Metrics>::clone(&metrics),
        });
        let served_gateway = gateway.clone().into_inner();
        let edge = open_edge(config, listener, gateway.clone())
            .map_err(|error| StartError::Listen { address, error })?;
        sources::of_gateway(&metrics, config, &gateway, &edge);
        let aws_settings = AwsSettings {
            calls,
            ..parts::aws_settings(&config.storage)
        };
        let opening = Opening {
            config: config.clone(),
            tokens: AuthenticateToken::new(
                parts::oauth_tokens(config, &oauth_http, &discovery, &clock, &metrics)?,
                issuers::named(config, &issuer_keys),
                Arc::clone(&clock),
            ),
            clients: AwsClients::new(aws_settings).await?,
            clock,
            gateway,
            ready,
            doctor_run: doctor.map(|doctor| (doctor, proven)),
            outage: Outage::new("the database"),
            metrics: Arc::clone(&metrics),
        };
        let work = opening.start().await?;
        let files = config.files.clone();
        let mut background = vec![
            tokio::spawn(background::discover(discovery)),
            tokio::spawn(background::reread(files, hangups, Arc::clone(&metrics))),
        ];
        let reading = issuer_keys.into_iter().map(background::read_keys);
        background.extend(reading.map(tokio::spawn));
        let serving =
            metrics_endpoint.map(|endpoint| tokio::spawn(endpoint.serve(metrics, served_gateway)));
        background.extend(serving);
        Ok(Self {
            address,
            metrics_address,
            edge,
            work,
            background,
        })
    }

    /// Where the gateway listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where `/metrics` is, if the configuration has it.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Answers requests until `stop` resolves. Then refuses new ones, lets requests and rotations
    /// under way finish (30 s at most) and closes the database.
    ///
    /// # Errors
    ///
    /// [`StartError::Serve`]; if the database was opened late, also the errors of [`Server::build`].
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), StartError> {
        let mut stopping = self.edge.stopping();
        // Before the database is open, a stop or a failure ends the server at once; afterwards
        // requests finish first.
        let (is_stopped, has_failed) = (CancellationToken::new(), CancellationToken::new());
        let edge_ended = CancellationToken::new();
        let stop = {
            let (is_stopped, has_failed) = (is_stopped.clone(), has_failed.clone());
            async move {
                let _ = has_failed.run_until_cancelled_owned(stop).await;
                is_stopped.cancel();
            }
        };
        let edge = async {
            let _ended = (
                is_stopped.clone().drop_guard(),
                edge_ended.clone().drop_guard(),
            );
            self.edge.run(stop).await.map_err(StartError::Serve)
        };
        let work = async {
            let opened = self.work.open(is_stopped.clone()).await;
            let Some(opened) = opened.inspect_err(|_| has_failed.cancel())? else {
                return Ok(());
            };
            // A request that is being answered may still start a rotation.
            let requests = opened.rotations.track(edge_ended.clone().cancelled_owned());
            let rotations = async {
                // Rotations may finish even if the edge has failed.
                let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
                opened.rotations.end_within(edge::GRACE).await;
            };
            tokio::join!(requests, rotations);
            opened.close().await;
            Ok(())
        };
        let (served, worked) = tokio::join!(edge, work);
        for task in self.background {
            task.abort();
        }
        tracing::info!("stopped");
        worked.and(served)
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|error| StartError::Listen { address, error })
}

/// Bound before anything else, so that a mistake shows at once; answers once all else is built.
fn metrics_endpoint(config: &Config) -> Result<Option<MetricsEndpoint>, StartError> {
    let Some(address) = config.metrics.address else {
        return Ok(None);
    };
    let bound = MetricsEndpoint::bind(address);
    let bound = bound.map_err(|error| StartError::ListenForMetrics { address, error })?;
    tracing::info!(address = %bound.address(), "metrics are served");
    Ok(Some(bound))
}

fn open_edge(
    config: &Config,
    listener: TcpListener,
    gateway: web::Data<Gateway>,
) -> io::Result<Edge> {
    let http = &config.http;
    let state = EdgeState {
        gateway,
        cors_origins: http.cors_origins.clone(),
        patience: http.patience,
        crowded: AtomicBool::new(false),
    };
    let settings = EdgeSettings {
        max_connections: descriptors::connections_that_fit(
            http.max_connections,
            http.max_in_flight,
        ),
        drain_delay: http.drain_delay,
    };
    Edge::new(listener, state, settings)
}

fn fingerprint(config: &Config) -> Vec<(String, String)> {
    let mut parts = config.naming.formula.fingerprint();
    parts.push(("oauth.issuer".to_owned(), config.oauth.issuer.clone()));
    let issuers = config.issuers.iter();
    parts.extend(issuers.map(|issuer| issuer.rules.fingerprint()));
    parts
}

fn warn_about_exposure(config: &Config) {
    for what in &config.warnings {
        tracing::warn!("{what}");
    }
    if config.oauth.is_exposed() {
        tracing::warn!("oauth.allow_http: tokens are sent to the authorization server unencrypted");
    }
    for issuer in config.issuers.iter().filter(|issuer| issuer.is_exposed()) {
        let section = issuer.section();
        tracing::warn!("{section}.allow_http: keys are read from the issuer unencrypted");
    }
    if !config.storage.engine.authenticates_session_tokens() {
        tracing::warn!(
            "storage.flavor ceph: Ceph does not authenticate its session tokens, and a tampered one \
             can reach other buckets (measured on 16.2.15 and 18.2.7); see docs/engines/ceph.md"
        );
    }
    if config.access_keys.broker.is_none() {
        tracing::info!("access_keys.broker is none: requests for access keys get 503");
    }
    if let Some(share) = config.storage.session_reuse {
        tracing::info!(
            %share,
            "storage.session_reuse: sessions are handed out again while this share of their life \
             remains"
        );
    }
    if config.storage.is_exposed() {
        tracing::warn!(
            "storage.allow_http: credentials travel unencrypted between the gateway and the store"
        );
    }
}
