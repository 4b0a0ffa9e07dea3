//! The part of a gateway that needs the database: opened at the start, or as soon as the database is
//! there.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use actix_web::web;
use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::adapters::aws::AwsClients;
use crate::adapters::database::{
    Database, DatabaseError, FingerprintChange, SqlDirectory, SqlRegistry,
};
use crate::adapters::{KeyedRateLimiter, OsRandomness, OwnerRateLimiter};
use crate::config::Config;
use crate::domain::{CallerId, ClientNetwork};
use crate::http::{Gateway, UseCases};
use crate::service::doctor::Doctor;
use crate::service::{
    Authenticate, AuthenticateApiKey, AuthenticateToken, CallerLimit, Clock, Directory, Entitle,
    GenuineKeys, Randomness, Rotations,
};

use super::outage::{LOOK_EVERY, Outage};
use super::readiness::Ready;
use super::{StartError, Work, access_keys, background, examination, fingerprint, parts};

/// How long an examination may take to remove what it made.
const EXAMINATION_GRACE: Duration = Duration::from_secs(20);

/// What is there before the database is.
pub(super) struct Opening {
    pub(super) config: Config,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tokens: AuthenticateToken,
    pub(super) clients: AwsClients,
    pub(super) gateway: web::Data<Gateway>,
    pub(super) ready: Arc<Ready>,
    /// With `serve --doctor`: what examines, and where it says that isolation holds.
    pub(super) examination: Option<(Doctor, Arc<AtomicBool>)>,
    pub(super) outage: Outage,
}

/// What there is to be closed when the gateway stops.
pub(super) struct Opened {
    pub(super) rotations: Rotations,
    database: Database,
    background: Vec<JoinHandle<()>>,
    examination: Option<Examination>,
}

/// A proof of isolation that is under way; it cleans up when it is told to stop.
struct Examination {
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Opening {
    /// Opens the database, if it is there.
    pub(super) async fn attempt(mut self) -> Result<Work, StartError> {
        match self.database().await? {
            Some(database) => Ok(Work::Open(self.over(database).await?)),
            None => Ok(Work::Waiting(Box::new(self))),
        }
    }

    /// Opens the database as soon as it is there; nothing if `stop` comes first.
    ///
    /// Runs on its own thread because sqlx's migration futures are not seen as `Send`.
    pub(super) async fn wait(
        self,
        stop: CancellationToken,
    ) -> Result<Option<Box<Opened>>, StartError> {
        let runtime = Handle::current();
        let waiting = move || {
            let opened = stop.run_until_cancelled(self.until_open());
            runtime.block_on(opened).transpose()
        };
        match tokio::task::spawn_blocking(waiting).await {
            Ok(opened) => opened,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    async fn until_open(mut self) -> Result<Box<Opened>, StartError> {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(database) = self.database().await? {
                return self.over(database).await;
            }
        }
    }

    /// Nothing if it may be there later.
    async fn database(&mut self) -> Result<Option<Database>, DatabaseError> {
        // Another password counts from the next attempt on.
        let url = self.config.database.url.borrow().clone();
        match Database::open(url.expose_secret()).await {
            Ok(database) => {
                self.outage.ended();
                Ok(Some(database))
            }
            Err(error) if error.may_pass() => {
                self.outage.failed(&error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Puts together what needs the database, and lets the gateway hand out credentials.
    async fn over(self, database: Database) -> Result<Box<Opened>, StartError> {
        let Self {
            config,
            clock,
            tokens,
            clients,
            ..
        } = self;
        if let Some(exposure) = database.exposure() {
            tracing::warn!("database.url: {exposure}");
        }
        let database = database.with_fingerprint(fingerprint(&config));
        let registry = Arc::new(SqlRegistry::new(database.clone(), Arc::clone(&clock)));
        let sql_directory = Arc::new(SqlDirectory::new(database.clone()));
        access_keys::check(&config, sql_directory.as_ref()).await?;
        check_fingerprint(&config, &registry).await?;
        let per_owner = Arc::new(OwnerRateLimiter::new(config.limits.per_owner));
        let issue =
            parts::issue(&config, &clients, &database, &registry, &per_owner, &clock).await?;
        let deployment = registry.deployment(OsRandomness.bits()).await?;
        let engine = Box::pin(access_keys::broker(&config, &clients, &deployment)).await?;
        let keeper = access_keys::keeper(engine.as_ref(), &sql_directory, &clock);
        let rotate_key = access_keys::rotate_key(
            &config,
            engine,
            keeper.clone(),
            &sql_directory,
            &per_owner,
            &clock,
        );
        let rotations = rotate_key.rotations();
        let directory: Arc<dyn Directory> = sql_directory;
        let callers = Arc::new(KeyedRateLimiter::new(config.limits.per_caller));
        let addresses = Arc::new(KeyedRateLimiter::new(config.limits.per_caller));
        let genuine = Arc::new(GenuineKeys::new(Arc::clone(&directory), Arc::clone(&clock)));
        let api_keys = AuthenticateApiKey::new(
            Arc::clone(&directory),
            clock,
            Arc::<KeyedRateLimiter<ClientNetwork>>::clone(&addresses),
            Arc::clone(&genuine),
        );
        self.gateway.open(UseCases {
            authenticate: Authenticate::new(tokens, api_keys),
            caller_limit: CallerLimit::new(Arc::<KeyedRateLimiter<CallerId>>::clone(&callers)),
            entitle: Entitle::new(directory, config.naming.formula.clone()),
            issue,
            rotate_key,
        });
        self.ready.open(registry);
        let mut background = vec![
            tokio::spawn(background::follow_api_keys(genuine)),
            tokio::spawn(background::forget_idle(per_owner)),
            tokio::spawn(background::forget_idle(callers)),
            tokio::spawn(background::forget_idle(addresses)),
            tokio::spawn(background::follow_password(
                database.clone(),
                config.database.url,
            )),
            tokio::spawn(background::look_after_database(database.clone())),
        ];
        background.extend(keeper.map(|keeper| tokio::spawn(background::keep_keys(keeper))));
        let examination = self.examination;
        Ok(Box::new(Opened {
            rotations,
            database,
            background,
            examination: examination.map(|(doctor, proven)| Examination::start(doctor, proven)),
        }))
    }
}

impl Opened {
    /// Ends what goes on beside the requests, and closes the database.
    pub(super) async fn close(self) {
        for task in self.background {
            task.abort();
        }
        if let Some(examination) = self.examination {
            examination.end().await;
        }
        self.database.close().await;
    }
}

impl Examination {
    fn start(doctor: Doctor, proven: Arc<AtomicBool>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(examination::prove(doctor, proven, stopped));
        Self { stop, running }
    }

    async fn end(self) {
        self.stop.send_replace(true);
        let ended = tokio::time::timeout(EXAMINATION_GRACE, self.running).await;
        if ended.is_err() {
            tracing::warn!(
                "the examination did not finish cleaning up: run cloakroom doctor --clean"
            );
        }
    }
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
            "naming.accept_change: the new value is accepted"
        );
    }
    Ok(registry.accept_fingerprint().await?)
}
