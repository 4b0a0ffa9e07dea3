//! The composition root: a configuration becomes a server with a port; a server runs until told
//! to stop, and stops gracefully.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::Server as HttpServerFuture;
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App, HttpServer, web};
use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use url::Url;

use crate::adapters::aws::{AwsClients, AwsSettings, CaError, Flavor, S3Buckets, StsSessions};
use crate::adapters::database::{
    Database, DatabaseError, FingerprintChange, SqlAuditTrail, SqlRegistry,
};
use crate::adapters::oauth::{
    Discovery, DiscoverySettings, Endpoint, IntrospectionClient, IntrospectionSettings, Jwks,
    JwtReader, OauthHttp, OauthHttpError,
};
use crate::adapters::{CachedIntrospection, Current, OsRandomness, OwnerRateLimiter, SystemClock};
use crate::config::{
    Config, OauthClient, OauthConfig, Reread, StorageConfig, ValidationMode, WatchedFile,
};
use crate::domain::TokenRules;
use crate::http::{
    Gateway, GatewayParts, Readiness, SignIn, SignInEndpoints, StorageAddress, SwaggerUi, cors,
    observe, routes,
};
use crate::service::{
    Authenticate, Clock, EnsureBucket, EnsureBucketSettings, Introspection, Issue, IssuePorts,
    IssueSettings, LocalJwt, Randomness, RegistryError, TokenValidation,
};

/// How long requests under way may take to end after the signal to stop.
const GRACE_SECONDS: u64 = 30;

/// How long an idle connection is kept: longer than load balancers' usual 60 s, so that they
/// close first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

const PROBE_EVERY: Duration = Duration::from_secs(1);
const DISCOVERY_RETRY: Duration = Duration::from_secs(1);
const REREAD_EVERY: Duration = Duration::from_secs(2);
const FORGET_EVERY: Duration = Duration::from_mins(1);

/// A gateway that has its port and may run.
pub struct Server {
    address: SocketAddr,
    http: HttpServerFuture,
    database: Database,
    background: Vec<JoinHandle<()>>,
}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or not ours to take.
    #[error("http.address: cannot listen on {address}: {error}")]
    Listen {
        /// The address that was configured.
        address: SocketAddr,
        /// What the operating system says.
        error: io::Error,
    },
    /// `database.url`
    #[error("database.url: {0}")]
    Database(#[from] DatabaseError),
    /// The registry cannot be read.
    #[error("database.url: {0}")]
    Registry(#[from] RegistryError),
    /// The formula or the issuer is not what the registry was made with.
    #[error("{}", explain(.0))]
    FingerprintChanged(Vec<FingerprintChange>),
    /// `oauth.ca_file`
    #[error("oauth.ca_file: {0}")]
    OauthTls(#[from] OauthHttpError),
    /// `storage.ca_file`
    #[error("storage.ca_file: {0}")]
    StorageTls(#[from] CaError),
    /// `oauth.client_id`
    #[error("oauth.client_id: is required for introspection")]
    NoClient,
    /// No key for the introspection cache.
    #[error("the introspection cache cannot be keyed")]
    CacheKey,
}

impl StartError {
    /// Whether the configuration is to blame (exit 64).
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::FingerprintChanged(_) | Self::OauthTls(_) | Self::StorageTls(_) | Self::NoClient
        )
    }
}

impl Server {
    /// Takes the port, opens the database, puts everything together.
    ///
    /// # Errors
    ///
    /// [`StartError`] names the key that is to blame.
    pub async fn build(config: &Config) -> Result<Self, StartError> {
        warn_of_exposure(config);
        let listener = listen(config.http.address)?;
        let address = listener.local_addr().unwrap_or(config.http.address);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let database = open_database(config).await?;
        let registry = Arc::new(SqlRegistry::new(database.clone(), Arc::clone(&clock)));
        check_fingerprint(config, &registry).await?;
        let oauth_http = OauthHttp::new(config.oauth.authorities.clone())?;
        let discovery = discovery(config, oauth_http.clone());
        let rate_limiter = Arc::new(OwnerRateLimiter::new(config.limits.per_owner));
        let issue = issue(config, &database, &registry, &rate_limiter, &clock).await?;
        let gateway = web::Data::new(Gateway::new(GatewayParts {
            authenticate: authenticate(config, &oauth_http, &discovery, &clock)?,
            issue,
            randomness: Arc::new(OsRandomness),
            readiness: Arc::new(Ready {
                registry,
                discovery: Arc::clone(&discovery),
                probed: Mutex::default(),
            }),
            required_scope: config.oauth.required_scope.clone(),
            public_url: config.http.public_url(address),
            issuer: config.oauth.issuer.clone(),
            storage: StorageAddress {
                endpoint: config.storage.told_endpoint(),
                region: config.storage.region.clone(),
            },
            max_in_flight: config.http.max_in_flight,
            sign_in: Arc::new(SignInAt(Arc::clone(&discovery))),
            swagger_ui: config.http.swagger_ui.then(|| SwaggerUi {
                client_id: config.http.swagger_ui_client_id.clone(),
            }),
            token_command: config.http.token_command.clone(),
            trusted_proxies: config.http.trusted_proxies.clone(),
        }));
        let http = serve(listener, gateway, config.http.cors_origins.clone())
            .map_err(|error| StartError::Listen { address, error })?;
        let background = vec![
            tokio::spawn(discover(discovery)),
            tokio::spawn(forget_idle(rate_limiter)),
            tokio::spawn(reread(config.files.clone())),
            tokio::spawn(follow_password(
                database.clone(),
                config.database.url.clone(),
            )),
        ];
        Ok(Self {
            address,
            http,
            database,
            background,
        })
    }

    /// Where the gateway listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` comes true; then takes no more connections, lets what runs come to an
    /// end (30 s at most) and closes the database.
    ///
    /// # Errors
    ///
    /// What the operating system says when serving fails.
    pub async fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let handle = self.http.handle();
        let mut serving = tokio::spawn(self.http);
        let outcome = tokio::select! {
            ended = &mut serving => ended,
            () = stop => {
                tracing::info!("stopping: requests under way may end");
                handle.stop(true).await;
                serving.await
            }
        };
        for task in self.background {
            task.abort();
        }
        self.database.close().await;
        tracing::info!("stopped");
        outcome.map_err(io::Error::other)?
    }
}

/// Whether the registry is writable and discovery has succeeded once.
struct Ready {
    registry: Arc<SqlRegistry>,
    discovery: Arc<Discovery>,
    /// When the registry was last written to, and whether that went well.
    probed: Mutex<Option<(Instant, bool)>>,
}

impl Ready {
    /// One probe a second at most, however many ask: each costs a sync of the disk.
    async fn registry_is_writable(&self) -> bool {
        let mut probed = self.probed.lock().await;
        if let Some((when, outcome)) = *probed
            && when.elapsed() < PROBE_EVERY
        {
            return outcome;
        }
        let outcome = self.registry.probe().await.is_ok();
        *probed = Some((Instant::now(), outcome));
        outcome
    }
}

#[async_trait]
impl Readiness for Ready {
    async fn missing(&self) -> Option<&'static str> {
        if !self.discovery.has_succeeded() {
            return Some("discovery");
        }
        (!self.registry_is_writable().await).then_some("registry")
    }
}

/// Where browsers sign in, from the authorization server's metadata.
struct SignInAt(Arc<Discovery>);

impl SignIn for SignInAt {
    fn endpoints(&self) -> Option<SignInEndpoints> {
        let (authorization, token) = self.0.sign_in()?;
        Some(SignInEndpoints {
            authorization: authorization.into(),
            token: token.into(),
        })
    }
}

async fn open_database(config: &Config) -> Result<Database, DatabaseError> {
    let url = config.database.url.borrow().clone();
    Database::open(url.expose_secret()).await
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|error| StartError::Listen { address, error })
}

fn serve(
    listener: TcpListener,
    gateway: web::Data<Gateway>,
    cors_origins: Vec<String>,
) -> io::Result<HttpServerFuture> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(gateway.clone())
            .wrap(Condition::new(
                !cors_origins.is_empty(),
                cors(&cors_origins),
            ))
            .wrap(from_fn(observe))
            .configure(routes)
    });
    let server = server
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(GRACE_SECONDS)
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}

fn discovery(config: &Config, http: OauthHttp) -> Arc<Discovery> {
    let oauth = &config.oauth;
    let endpoint = |used: bool, configured: &Option<Url>| match configured {
        _ if !used => Endpoint::Unused,
        Some(url) => Endpoint::Configured(url.clone()),
        None => Endpoint::Discovered,
    };
    let settings = DiscoverySettings {
        issuer: oauth.issuer.clone(),
        url: oauth.discovery_url.clone(),
        allow_http: oauth.allow_http,
        introspection: endpoint(oauth.validation.asks(), &oauth.introspection_endpoint),
        jwks: endpoint(oauth.validation.reads(), &oauth.jwks_uri),
    };
    Arc::new(Discovery::new(http, settings))
}

fn authenticate(
    config: &Config,
    http: &OauthHttp,
    discovery: &Arc<Discovery>,
    clock: &Arc<dyn Clock>,
) -> Result<Authenticate, StartError> {
    let oauth = &config.oauth;
    let jwt = || -> Arc<dyn LocalJwt> {
        let jwks = Jwks::new(http.clone(), Arc::clone(discovery));
        Arc::new(JwtReader::new(jwks, oauth.accept_plain_jwt))
    };
    let validation = match (oauth.validation, &oauth.client) {
        (ValidationMode::Jwt, _) => TokenValidation::Jwt(jwt()),
        (ValidationMode::Introspection, Some(client)) => {
            TokenValidation::Introspection(introspection(oauth, client, http, discovery, clock)?)
        }
        (ValidationMode::JwtThenIntrospection, Some(client)) => {
            let introspection = introspection(oauth, client, http, discovery, clock)?;
            TokenValidation::JwtThenIntrospection(jwt(), introspection)
        }
        (_, None) => return Err(StartError::NoClient),
    };
    let rules = TokenRules {
        issuer: oauth.issuer.clone(),
        audience: oauth.audience.clone(),
    };
    Ok(Authenticate::new(validation, Arc::clone(clock), rules))
}

fn introspection(
    oauth: &OauthConfig,
    client: &OauthClient,
    http: &OauthHttp,
    discovery: &Arc<Discovery>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Introspection>, StartError> {
    let settings = IntrospectionSettings {
        issuer: oauth.issuer.clone(),
        client_id: client.id.clone(),
        authentication: client.authentication.clone(),
    };
    let client = IntrospectionClient::new(
        http.clone(),
        Arc::clone(discovery),
        settings,
        Arc::clone(clock),
        Arc::new(OsRandomness),
    );
    let keep = oauth.introspection_cache;
    let cached = CachedIntrospection::new(Arc::new(client), Arc::clone(clock), &OsRandomness, keep);
    Ok(Arc::new(cached.map_err(|_| StartError::CacheKey)?))
}

async fn issue(
    config: &Config,
    database: &Database,
    registry: &Arc<SqlRegistry>,
    rate_limiter: &Arc<OwnerRateLimiter>,
    clock: &Arc<dyn Clock>,
) -> Result<Issue, StartError> {
    let clients = AwsClients::new(aws_settings(&config.storage)).await?;
    let runtime = Handle::current();
    let ensure_bucket = EnsureBucket::new(
        Arc::<SqlRegistry>::clone(registry),
        Arc::new(S3Buckets::new(&clients)),
        EnsureBucketSettings {
            deployment: registry.deployment(OsRandomness.bits()).await?,
            recheck: config.storage.bucket_recheck,
            adopt: config.naming.adopt,
        },
        runtime.clone(),
    );
    let ports = IssuePorts {
        rate_limiter: Arc::<OwnerRateLimiter>::clone(rate_limiter),
        ensure_bucket: Arc::new(ensure_bucket),
        sessions: Arc::new(StsSessions::new(&clients, Arc::clone(clock))),
        audit_trail: Arc::new(SqlAuditTrail::start(database.clone(), &runtime)),
        clock: Arc::clone(clock),
    };
    let settings = IssueSettings {
        formula: config.naming.formula.clone(),
        extra_actions: config.storage.extra_actions.clone(),
        session_duration: config.storage.session_duration,
        cap_to_token_expiry: config.storage.cap_to_token_expiry,
    };
    Ok(Issue::new(ports, settings))
}

fn aws_settings(storage: &StorageConfig) -> AwsSettings {
    let base = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    let endpoint = storage.endpoint.as_ref().map(base);
    AwsSettings {
        flavor: storage.flavor,
        sts_endpoint: storage
            .sts_endpoint
            .as_ref()
            .map(base)
            .or_else(|| endpoint.clone()),
        endpoint,
        region: storage.region.clone(),
        identity: storage.identity.clone(),
        role_arn: storage.role_arn.clone(),
        external_id: storage.external_id.clone(),
        path_style: storage.path_style,
        ca_bundle: storage.authorities.clone(),
    }
}

/// Another formula means other buckets for everybody; another issuer means other people behind
/// the same `sub` (contract section 5).
async fn check_fingerprint(config: &Config, registry: &SqlRegistry) -> Result<(), StartError> {
    let mut parts = config.naming.formula.fingerprint();
    parts.push(("oauth.issuer", config.oauth.issuer.clone()));
    let changes = registry.check_fingerprint(&parts).await?;
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
    Ok(registry.accept_fingerprint(&parts, &changes).await?)
}

fn explain(changes: &[FingerprintChange]) -> String {
    let mut lines: Vec<String> = changes
        .iter()
        .map(|change| match change.name.as_str() {
            name @ "naming.secret" => format!("{name}: is not what the registry was made with"),
            name => format!(
                "{name}: is '{}', and the registry was made with '{}'",
                change.now, change.before
            ),
        })
        .collect();
    lines.push(
        "naming.accept_change: set it to true only if every owner may get another bucket, or \
         another person's: bucket names follow from these values"
            .to_owned(),
    );
    lines.join("\n")
}

fn warn_of_exposure(config: &Config) {
    if config.oauth.is_exposed() {
        tracing::warn!("oauth.allow_http: tokens travel unprotected to the authorization server");
    }
    if config.storage.flavor == Flavor::Ceph {
        tracing::warn!(
            "storage.flavor ceph: Ceph does not authenticate its session tokens, and a tampered one \
             can reach other buckets (measured on 16.2.15); see docs/engines.md"
        );
    }
    if config.storage.is_exposed() {
        tracing::warn!("storage.allow_http: keys travel unprotected from the store");
    }
}

/// Reads the metadata before the first request needs them, and as long as it takes. Where only
/// Swagger UI's sign-in hangs on them, there is no hurry.
async fn discover(discovery: Arc<Discovery>) {
    let pause = if discovery.is_needed() {
        DISCOVERY_RETRY
    } else {
        FORGET_EVERY
    };
    while let Err(failure) = discovery.run().await {
        tracing::warn!(cause = %failure, "discovery failed; trying again");
        tokio::time::sleep(pause).await;
    }
}

/// Takes up what is new in the files that hold secrets and certificate authorities.
async fn reread(mut files: Vec<WatchedFile>) {
    loop {
        tokio::time::sleep(REREAD_EVERY).await;
        for file in &mut files {
            match file.reread() {
                Some(Reread::Changed) => {
                    tracing::info!(
                        key = file.key(),
                        "the file has changed: its content is in use"
                    );
                }
                Some(Reread::Bad(what)) => {
                    tracing::error!(
                        key = file.key(),
                        what,
                        "the file is no good: what it held before stays in use"
                    );
                }
                None => {}
            }
        }
    }
}

/// A new password is for new connections. Another database is for another start.
async fn follow_password(database: Database, mut url: Current<SecretString>) {
    let before = without_password(&url.borrow());
    while url.changed().await.is_ok() {
        let now = url.borrow_and_update().clone();
        if without_password(&now) != before {
            tracing::error!("database.url names another database: restart the gateway for it");
        } else if let Err(error) = database.reconnect(now.expose_secret()) {
            tracing::error!(%error, "database.url is no good: what it was before stays in use");
        }
    }
}

fn without_password(url: &SecretString) -> Option<Url> {
    let mut url = Url::parse(url.expose_secret()).ok()?;
    url.set_password(None).ok()?;
    Some(url)
}

async fn forget_idle(limiter: Arc<OwnerRateLimiter>) {
    loop {
        tokio::time::sleep(FORGET_EVERY).await;
        limiter.forget_idle();
    }
}
