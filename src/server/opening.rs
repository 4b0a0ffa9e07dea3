//! The part of a gateway that needs the database: opened at the start, or as soon as the database
//! answers.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use actix_web::web;
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::adapters::aws::AwsClients;
use crate::adapters::database::{
    AuditPruner, Database, FingerprintChange, SqlBucketRegistry, SqlDirectory,
};
use crate::adapters::{KeyedRateLimiter, OsRandomness, OwnerRateLimiter};
use crate::config::Config;
use crate::domain::{CallerId, ClientNetwork};
use crate::http::{Gateway, UseCases};
use crate::metrics::Metrics;
use crate::service::doctor::Doctor;
use crate::service::{
    AccessKeyBroker, Authenticate, AuthenticateApiKey, AuthenticateToken, CallerLimit, Clock,
    CurrentRestrictions, Directory, Entitle, GenuineApiKeys, IdentifySession, IdentifySessionPorts,
    IssueSession, IssuedSessions, Randomness, RevokeSessions, Rotations,
};

use super::outage::{Outage, RETRY_EVERY};
use super::readiness::Ready;
use super::{StartError, access_keys, background, doctor, fingerprint, parts, sources};

/// How long a database server may take before the gateway starts listening without it.
const FIRST_ATTEMPT: Duration = Duration::from_secs(2);

/// How long `doctor` may take to clean up.
const DOCTOR_GRACE: Duration = Duration::from_secs(20);

/// What exists before the database is open.
pub(super) struct Opening {
    pub(super) config: Config,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tokens: AuthenticateToken,
    pub(super) clients: AwsClients,
    pub(super) gateway: web::Data<Gateway>,
    pub(super) ready: Arc<Ready>,
    /// With `serve --doctor`: the doctor, and the flag it sets once isolation is proven.
    pub(super) doctor_run: Option<(Doctor, Arc<AtomicBool>)>,
    pub(super) outage: Outage,
    pub(super) metrics: Arc<Metrics>,
}

/// What has to be closed when the gateway stops.
pub(super) struct Opened {
    pub(super) rotations: Rotations,
    database: Database,
    background: Vec<JoinHandle<()>>,
    doctor_run: Option<DoctorRun>,
}

/// A run of `doctor` in the background; it cleans up when told to stop.
struct DoctorRun {
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

/// The work of opening.
pub(super) enum Work {
    /// Finished: open, or stopped before that.
    Done(Option<Box<Opened>>),
    /// The database cannot be reached, or is slow.
    UnderWay(Task, DropGuard),
}

type Task = JoinHandle<Result<Option<Box<Opened>>, StartError>>;

/// What was built from the database's answers.
struct Prepared {
    database: Database,
    /// The URL it was opened with.
    url: SecretString,
    registry: Arc<SqlBucketRegistry>,
    directory: Arc<SqlDirectory>,
    restrictions: Arc<CurrentRestrictions>,
    per_owner: Arc<OwnerRateLimiter>,
    issue_session: IssueSession,
    revoke_sessions: Arc<RevokeSessions>,
    broker: Option<Arc<dyn AccessKeyBroker>>,
}

impl Opening {
    /// Opens the database as soon as it can be reached. Returns once it is open or known to be
    /// unreachable; for a database server after [`FIRST_ATTEMPT`] at the latest, while the attempt
    /// continues.
    ///
    /// Runs on its own thread because the compiler does not see that sqlx's migration futures are `Send`.
    pub(super) async fn start(self) -> Result<Work, StartError> {
        let is_file = Database::is_file(self.config.database.url.borrow().expose_secret());
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        let (away, is_away) = oneshot::channel();
        let runtime = Handle::current();
        let opening = move || {
            let opened = stop.run_until_cancelled(self.until_open(away));
            runtime.block_on(opened).transpose()
        };
        let mut task = tokio::task::spawn_blocking(opening);
        tokio::select! {
            biased;
            ended = &mut task => return joined(ended).map(Work::Done),
            Ok(()) = is_away => {}
            () = tokio::time::sleep(FIRST_ATTEMPT), if !is_file => {}
        }
        Ok(Work::UnderWay(task, guard))
    }

    async fn until_open(mut self, away: oneshot::Sender<()>) -> Result<Box<Opened>, StartError> {
        let mut away = Some(away);
        loop {
            match self.attempt().await {
                Ok(prepared) => {
                    self.outage.ended();
                    return Ok(Box::new(self.open(prepared)));
                }
                Err(error) => match error.is_transient() {
                    Some(cause) => self.outage.failed(&cause),
                    None => return Err(error),
                },
            }
            away.take().map(|away| away.send(()));
            tokio::time::sleep(RETRY_EVERY).await;
        }
    }

    async fn attempt(&self) -> Result<Prepared, StartError> {
        // The file behind `database.url_file` may have changed since the last attempt.
        let url = self.config.database.url.borrow().clone();
        let database = Database::open(url.expose_secret()).await?;
        let database = database.with_fingerprint(fingerprint(&self.config));
        let prepared = self.prepare(database.clone(), url).await;
        if prepared.is_err() {
            database.close().await;
        }
        prepared
    }

    /// Builds everything that depends on the database's contents.
    async fn prepare(&self, database: Database, url: SecretString) -> Result<Prepared, StartError> {
        let Self {
            config,
            clients,
            clock,
            ..
        } = self;
        let registry = Arc::new(SqlBucketRegistry::new(database.clone(), Arc::clone(clock)));
        let directory = Arc::new(SqlDirectory::new(database.clone()));
        access_keys::check(config, directory.as_ref()).await?;
        check_fingerprint(config, &registry).await?;
        let per_owner = Arc::new(OwnerRateLimiter::new(config.limits.per_owner));
        let restrictions = Arc::<SqlDirectory>::clone(&directory);
        let formula = config.naming.formula.clone();
        let restrictions = Arc::new(CurrentRestrictions::new(
            restrictions,
            Arc::clone(clock),
            formula,
        ));
        let issue_session =
            parts::issue_session(self, &database, &registry, &restrictions, &per_owner);
        let issue_session = issue_session.await?;
        let deployment = registry.deployment(OsRandomness.bits()).await?;
        let broker = Box::pin(access_keys::broker(config, clients, &deployment)).await?;
        let revoke_sessions = parts::revoke_sessions(config, clients, &directory, clock)?;
        Ok(Prepared {
            revoke_sessions: Arc::new(revoke_sessions),
            database,
            url,
            registry,
            directory,
            restrictions,
            per_owner,
            issue_session,
            broker,
        })
    }

    /// Lets the gateway hand out credentials.
    fn open(self, prepared: Prepared) -> Opened {
        let Self { config, clock, .. } = self;
        let Prepared {
            database,
            url,
            registry,
            directory: sql_directory,
            restrictions,
            per_owner,
            issue_session,
            revoke_sessions,
            broker,
        } = prepared;
        if let Some(exposure) = database.exposure() {
            tracing::warn!("database.url: {exposure}");
        }
        let keeper = access_keys::keeper(broker.as_ref(), &sql_directory, &clock);
        let rotate_access_key = access_keys::rotate_access_key(
            &config,
            broker,
            &sql_directory,
            &restrictions,
            &per_owner,
            &clock,
        );
        let rotations = rotate_access_key.rotations();
        sources::of_rotations(&self.metrics, rotations.clone());
        let list_storage = parts::list_storage(&config, &sql_directory, &registry, &clock);
        let issued: Arc<dyn IssuedSessions> = Arc::<SqlDirectory>::clone(&sql_directory);
        let list_sessions = parts::list_sessions(&sql_directory, &restrictions, &clock);
        let directory: Arc<dyn Directory> = sql_directory;
        let callers = Arc::new(KeyedRateLimiter::new(config.limits.per_caller));
        let addresses = Arc::new(KeyedRateLimiter::new(config.limits.per_caller));
        let genuine = Arc::new(GenuineApiKeys::new(
            Arc::clone(&directory),
            Arc::clone(&clock),
        ));
        let api_keys = AuthenticateApiKey::new(
            Arc::clone(&directory),
            Arc::clone(&clock),
            Arc::<KeyedRateLimiter<ClientNetwork>>::clone(&addresses),
            Arc::clone(&genuine),
        );
        let identify_session = IdentifySession::new(IdentifySessionPorts {
            issued,
            restrictions: Arc::clone(&restrictions),
            addresses: Arc::<KeyedRateLimiter<ClientNetwork>>::clone(&addresses),
            clock: Arc::clone(&clock),
        });
        let use_cases = UseCases {
            authenticate: Authenticate::new(self.tokens, api_keys),
            caller_limit: CallerLimit::new(Arc::<KeyedRateLimiter<CallerId>>::clone(&callers)),
            entitle: Entitle::new(directory, config.naming.formula.clone()),
            list_storage,
            identify_session,
            list_sessions,
            issue_session,
            revoke_sessions: Arc::clone(&revoke_sessions),
            restrictions,
            rotate_access_key,
        };
        self.gateway.use_cases.get_or_init(|| use_cases);
        self.ready.open(registry);
        let mut background = vec![
            tokio::spawn(background::follow_api_keys(genuine)),
            tokio::spawn(background::forget_idle(per_owner)),
            tokio::spawn(background::forget_idle(callers)),
            tokio::spawn(background::forget_idle(addresses)),
            tokio::spawn(background::follow_password(
                database.clone(),
                url,
                config.database.url,
            )),
            tokio::spawn(background::watch_database(database.clone())),
            tokio::spawn(background::sweep_revocations(revoke_sessions)),
        ];
        background.extend(keeper.map(|keeper| tokio::spawn(background::keep_keys(keeper))));
        background.extend(config.audit.retention.map(|retention| {
            let pruner = AuditPruner::new(database.clone());
            tokio::spawn(background::prune_trail(pruner, retention, clock))
        }));
        let doctor_run = self.doctor_run;
        Opened {
            rotations,
            database,
            background,
            doctor_run: doctor_run
                .map(|(doctor, proven)| DoctorRun::start(doctor, proven, self.metrics)),
        }
    }
}

impl Work {
    /// `None` if `stop` is cancelled before the database is open.
    pub(super) async fn open(
        self,
        stop: CancellationToken,
    ) -> Result<Option<Box<Opened>>, StartError> {
        let (mut task, guard) = match self {
            Self::Done(opened) => return Ok(opened),
            Self::UnderWay(task, guard) => (task, guard),
        };
        if let Some(ended) = stop.run_until_cancelled(&mut task).await {
            return joined(ended);
        }
        drop(guard);
        joined(task.await)
    }
}

fn joined<T>(ended: Result<T, JoinError>) -> T {
    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

impl Opened {
    /// Ends the background tasks and closes the database.
    pub(super) async fn close(self) {
        for task in self.background {
            task.abort();
        }
        if let Some(doctor_run) = self.doctor_run {
            doctor_run.end().await;
        }
        self.database.close().await;
    }
}

impl DoctorRun {
    fn start(doctor: Doctor, proven: Arc<AtomicBool>, metrics: Arc<Metrics>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(doctor::prove(doctor, proven, metrics, stopped));
        Self { stop, running }
    }

    async fn end(self) {
        self.stop.send_replace(true);
        let ended = tokio::time::timeout(DOCTOR_GRACE, self.running).await;
        if ended.is_err() {
            tracing::warn!("doctor did not finish cleaning up: run cloakroom doctor --clean");
        }
    }
}

/// A changed formula gives every owner another bucket; a changed issuer gives the same `sub` to other
/// people (docs/call.md).
async fn check_fingerprint(
    config: &Config,
    registry: &SqlBucketRegistry,
) -> Result<(), StartError> {
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
