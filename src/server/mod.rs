//! The composition root: a configuration becomes a server with a port; a server runs until told
//! to stop, and stops gracefully.

mod access_keys;
mod administration;
mod background;
mod edge;
mod examination;
mod hangups;
mod parts;
mod readiness;
mod start_error;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::web;
use secrecy::ExposeSecret;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::adapters::aws::{AwsClients, Flavor};
use crate::adapters::database::{
    Database, DatabaseError, FingerprintChange, SqlDirectory, SqlRegistry,
};
use crate::adapters::oauth::OauthHttp;
use crate::adapters::{KeyedRateLimiter, OsRandomness, OwnerRateLimiter, SystemClock};
use crate::config::Config;
use crate::domain::{CallerId, ClientNetwork};
use crate::http::{Gateway, GatewayParts, Samples, SwaggerUi};
use crate::service::{
    Authenticate, AuthenticateApiKey, CallerLimit, Clock, Directory, Entitle, GenuineKeys,
    Randomness, Rotations,
};

pub use administration::{administer, database, show_buckets};
pub use examination::doctor;
pub use start_error::StartError;

use edge::{Edge, EdgeSettings, Face, descriptors};
use hangups::Hangups;
use readiness::{Ready, SignInAt};

/// How long an examination may take to remove what it made.
const EXAMINATION_GRACE: Duration = Duration::from_secs(20);

/// A gateway that has its port and may run.
pub struct Server {
    address: SocketAddr,
    edge: Edge,
    database: Database,
    rotations: Rotations,
    background: Vec<JoinHandle<()>>,
    examination: Option<Examination>,
}

/// A proof of isolation that is under way; it cleans up when it is told to stop.
struct Examination {
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Server {
    /// Takes the port, opens the database, puts everything together.
    ///
    /// # Errors
    ///
    /// [`StartError`] names the key that is to blame.
    pub async fn build(config: &Config) -> Result<Self, StartError> {
        Self::build_with_samples(config, Arc::default()).await
    }

    /// The same, and its pages show what to paste, once that is known.
    ///
    /// # Errors
    ///
    /// [`StartError`] names the key that is to blame.
    pub async fn build_with_samples(
        config: &Config,
        samples: Arc<OnceLock<Samples>>,
    ) -> Result<Self, StartError> {
        Box::pin(Self::assemble(
            config,
            Arc::new(AtomicBool::new(true)),
            samples,
        ))
        .await
    }

    /// The same, and the gateway is not ready before [`doctor`] has proven that isolation holds
    /// (`serve --doctor`).
    ///
    /// # Errors
    ///
    /// [`StartError`] names the key that is to blame.
    pub async fn build_examined(config: &Config) -> Result<Self, StartError> {
        let proven = Arc::new(AtomicBool::new(false));
        let mut server =
            Box::pin(Self::assemble(config, Arc::clone(&proven), Arc::default())).await?;
        let (stop, stopped) = watch::channel(false);
        let proving = examination::prove(doctor(config).await?, proven, stopped);
        server.examination = Some(Examination {
            stop,
            running: tokio::spawn(proving),
        });
        Ok(server)
    }

    async fn assemble(
        config: &Config,
        proven: Arc<AtomicBool>,
        samples: Arc<OnceLock<Samples>>,
    ) -> Result<Self, StartError> {
        let hangups = Hangups::new();
        warn_of_exposure(config);
        let listener = listen(config.http.address)?;
        let address = listener.local_addr().unwrap_or(config.http.address);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let database = open_database(config).await?;
        let registry = Arc::new(SqlRegistry::new(database.clone(), Arc::clone(&clock)));
        let sql_directory = Arc::new(SqlDirectory::new(database.clone()));
        access_keys::check(config, sql_directory.as_ref()).await?;
        check_fingerprint(config, &registry).await?;
        let oauth_http = OauthHttp::new(config.oauth.authorities.clone())?;
        let discovery = parts::discovery(config, oauth_http.clone());
        let rate_limiter = Arc::new(OwnerRateLimiter::new(config.limits.per_owner));
        let clients = AwsClients::new(parts::aws_settings(&config.storage)).await?;
        let issue = parts::issue(
            config,
            &clients,
            &database,
            &registry,
            &rate_limiter,
            &clock,
        )
        .await?;
        let deployment = registry.deployment(OsRandomness.bits()).await?;
        let engine = access_keys::broker(config, &clients, &deployment).await?;
        let keeper = access_keys::keeper(engine.as_ref(), &sql_directory, &clock);
        let rotate_key = access_keys::rotate_key(
            config,
            engine,
            keeper.clone(),
            &sql_directory,
            &rate_limiter,
            &clock,
        );
        let rotations = rotate_key.rotations();
        let directory: Arc<dyn Directory> = sql_directory;
        let callers = Arc::new(KeyedRateLimiter::new(config.limits.per_caller));
        let addresses = Arc::new(KeyedRateLimiter::new(config.limits.per_caller));
        let genuine = Arc::new(GenuineKeys::new(Arc::clone(&directory), Arc::clone(&clock)));
        let api_keys = AuthenticateApiKey::new(
            Arc::clone(&directory),
            Arc::clone(&clock),
            Arc::<KeyedRateLimiter<ClientNetwork>>::clone(&addresses),
            Arc::clone(&genuine),
        );
        let tokens = parts::authenticate_token(config, &oauth_http, &discovery, &clock)?;
        let gateway = web::Data::new(Gateway::new(GatewayParts {
            authenticate: Authenticate::new(tokens, api_keys),
            caller_limit: CallerLimit::new(Arc::<KeyedRateLimiter<CallerId>>::clone(&callers)),
            entitle: Entitle::new(directory, config.naming.formula.clone()),
            issue,
            rotate_key,
            randomness: Arc::new(OsRandomness),
            readiness: Arc::new(Ready::new(
                registry,
                Arc::clone(&discovery),
                Arc::clone(&proven),
            )),
            required_scope: config.oauth.required_scope.clone(),
            public_url: config.http.public_url(address),
            issuer: config.oauth.issuer.clone(),
            storage: parts::storage_address(&config.storage),
            max_in_flight: config.http.max_in_flight,
            sign_in: Arc::new(SignInAt(Arc::clone(&discovery))),
            swagger_ui: config.http.swagger_ui.then(|| SwaggerUi {
                client_id: config.http.swagger_ui_client_id.clone(),
            }),
            samples,
            minimum_client_version: config.workspaces.minimum_client_version.clone(),
            trusted_proxies: config.http.trusted_proxies.clone(),
        }));
        let edge = open_edge(config, listener, gateway)
            .map_err(|error| StartError::Listen { address, error })?;
        let mut background = vec![
            tokio::spawn(background::discover(discovery)),
            tokio::spawn(background::follow_api_keys(genuine)),
            tokio::spawn(background::forget_idle(rate_limiter)),
            tokio::spawn(background::forget_idle(callers)),
            tokio::spawn(background::forget_idle(addresses)),
            tokio::spawn(background::reread(config.files.clone(), hangups)),
            tokio::spawn(background::follow_password(
                database.clone(),
                config.database.url.clone(),
            )),
            tokio::spawn(background::look_after_database(database.clone())),
        ];
        background.extend(keeper.map(|keeper| tokio::spawn(background::keep_keys(keeper))));
        Ok(Self {
            address,
            edge,
            database,
            rotations,
            background,
            examination: None,
        })
    }

    /// Where the gateway listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` comes true; then refuses what arrives, lets what runs come to an end
    /// (30 s at most), rotations of access keys included, and closes the database.
    ///
    /// # Errors
    ///
    /// What the operating system says when serving fails.
    pub async fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let mut stopping = self.edge.stopping();
        let requests = self.rotations.track(self.edge.run(stop));
        let rotations = async {
            // An edge that has failed says nothing more, and what runs may end all the same.
            let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
            self.rotations.end_within(edge::GRACE).await;
        };
        let (outcome, ()) = tokio::join!(requests, rotations);
        for task in self.background {
            task.abort();
        }
        if let Some(examination) = self.examination {
            examination.stop.send_replace(true);
            let ended = tokio::time::timeout(EXAMINATION_GRACE, examination.running).await;
            if ended.is_err() {
                tracing::warn!("the examination has left something: cloakroom doctor --clean");
            }
        }
        self.database.close().await;
        tracing::info!("stopped");
        outcome
    }
}

async fn open_database(config: &Config) -> Result<Database, DatabaseError> {
    let url = config.database.url.borrow().clone();
    let database = Database::open(url.expose_secret()).await?;
    if let Some(exposure) = database.exposure() {
        tracing::warn!("database.url: {exposure}");
    }
    Ok(database.with_fingerprint(fingerprint(config)))
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|error| StartError::Listen { address, error })
}

fn open_edge(
    config: &Config,
    listener: TcpListener,
    gateway: web::Data<Gateway>,
) -> io::Result<Edge> {
    let http = &config.http;
    let face = Face {
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
    Edge::new(listener, face, settings)
}

/// Another formula means other buckets for everybody; another issuer means other people behind
/// the same `sub` (contract section 5).
async fn check_fingerprint(config: &Config, registry: &SqlRegistry) -> Result<(), StartError> {
    let changes = registry.check_fingerprint().await?;
    if changes.is_empty() {
        return Ok(());
    }
    if !config.naming.accept_change {
        return Err(StartError::FingerprintChanged(changes));
    }
    for FingerprintChange { name, .. } in &changes {
        tracing::warn!(
            key = name,
            "naming.accept_change: a new value is taken for granted"
        );
    }
    Ok(registry.accept_fingerprint().await?)
}

fn fingerprint(config: &Config) -> Vec<(&'static str, String)> {
    let mut parts = config.naming.formula.fingerprint();
    parts.push(("oauth.issuer", config.oauth.issuer.clone()));
    parts
}

fn warn_of_exposure(config: &Config) {
    for what in &config.warnings {
        tracing::warn!("{what}");
    }
    if config.oauth.is_exposed() {
        tracing::warn!("oauth.allow_http: tokens travel unprotected to the authorization server");
    }
    if config.storage.flavor == Flavor::Ceph {
        tracing::warn!(
            "storage.flavor ceph: Ceph does not authenticate its session tokens, and a tampered one \
             can reach other buckets (measured on 16.2.15); see docs/engines.md"
        );
    }
    if config.access_keys.broker.is_none() {
        tracing::info!("access_keys.broker is none: access keys that last are answered with 503");
    }
    if config.storage.is_exposed() {
        tracing::warn!("storage.allow_http: keys travel unprotected from the store");
    }
}
