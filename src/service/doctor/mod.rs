//! The use case "is this deployment sound?" (docs/doctor.md): proves on the real store, with
//! the real adapters, that one owner's credentials reach nothing of another's.

mod access_keys;
mod attacks;
mod ports;
mod reader;
mod report;
mod revocation;
mod shared_bucket;
mod test_owner;
mod upstreams;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::domain::{
    Access, BucketFormula, BucketName, ClientId, Grant, Owner, Principal, RequestId,
    RoleSessionName, Session, SessionPolicy, SessionPolicySettings, Subject,
};

use super::{
    AccessKeyBroker, Buckets, Clock, Creation, Introspection, Randomness, Revoker, SessionRequest,
    Sessions, UpstreamError,
};

pub use ports::{
    Attacker, Attempt, ListCall, Listing, Object, RegisteredAreas, S3Operation, ThrowAwayBuckets,
    Upstreams,
};
pub use report::{Check, Outcome, Report};
use test_owner::TestOwner;

/// The shortest session that every engine opens (STS `AssumeRole`).
const SHORTEST_SESSION: Duration = Duration::from_mins(15);

/// How long a check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30);

/// The object that each test owner has.
const OBJECT: &str = "cloakroom-doctor";

/// The ways to list objects, each with the end of its checks' names.
const OBJECT_LISTINGS: [(&str, ListCall); 2] = [
    ("", ListCall::Objects),
    (" (version 1)", ListCall::ObjectsV1),
];

/// The use case "examine a deployment".
pub struct Doctor {
    ports: DoctorPorts,
    settings: DoctorSettings,
    /// Held while a bucket or a pair is being created.
    making: Arc<Mutex<()>>,
    /// The buckets whose access keys may exist.
    with_key: std::sync::Mutex<HashSet<BucketName>>,
}

/// The ports of [`Doctor`].
pub struct DoctorPorts {
    /// Reads what can be read without a token.
    pub upstreams: Arc<dyn Upstreams>,
    /// Asks about tokens, if the configuration says so.
    pub introspection: Option<Arc<dyn Introspection>>,
    /// Creates buckets with the gateway's own identity.
    pub buckets: Arc<dyn Buckets>,
    /// Finds and removes throw-away buckets.
    pub throw_away: Arc<dyn ThrowAwayBuckets>,
    /// Opens sessions.
    pub sessions: Arc<dyn Sessions>,
    /// Makes access keys, if a broker is configured.
    pub access_keys: Option<Arc<dyn AccessKeyBroker>>,
    /// Uses sessions, rightly and wrongly.
    pub attacker: Arc<dyn Attacker>,
    /// Reads the areas in the registry.
    pub areas: Arc<dyn RegisteredAreas>,
    /// Ends sessions.
    pub revoker: Arc<dyn Revoker>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Makes names that cannot be guessed.
    pub randomness: Arc<dyn Randomness>,
}

/// The settings of [`Doctor`].
#[derive(Clone, Debug)]
pub struct DoctorSettings {
    /// Names the throw-away buckets.
    pub formula: BucketFormula,
    /// What session policies have in common.
    pub session_policies: SessionPolicySettings,
    /// How long sessions last.
    pub session_duration: Duration,
    /// Whether the store takes minutes to spread a bucket's policy.
    pub spreads_policies: bool,
}

impl Doctor {
    /// Makes the use case.
    #[must_use]
    pub fn new(ports: DoctorPorts, settings: DoctorSettings) -> Self {
        Self {
            ports,
            settings,
            making: Arc::default(),
            with_key: std::sync::Mutex::default(),
        }
    }

    /// Examines everything and leaves nothing behind, even when `interrupted` resolves.
    pub async fn examine(&self, interrupted: impl Future<Output = ()>) -> Report {
        // The third is for attacks that must not succeed.
        let buckets = [self.new_name(), self.new_name(), self.new_name()];
        let mut report = Report::default();
        let cut_short = tokio::select! {
            () = self.checks(&mut report, &buckets) => false,
            () = interrupted => true,
        };
        report.interrupted = cut_short;
        report
            .check("nothing is left behind", async {
                let with_key = self.with_key().clone();
                let has_key = |bucket: &BucketName| with_key.contains(bucket);
                self.remove(&buckets, has_key).await.into()
            })
            .await;
        report
    }

    /// Removes what killed examinations left, access keys included. Returns the number of buckets.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`] when the buckets cannot be listed or one cannot be removed.
    pub async fn clean(&self) -> Result<usize, UpstreamError> {
        let names = self.ports.throw_away.list().await?;
        let formula = &self.settings.formula;
        let left: Vec<BucketName> = names
            .iter()
            .filter_map(|name| formula.as_throw_away(name))
            .collect();
        self.remove(&left, |_| true).await?;
        Ok(left.len())
    }

    async fn checks(&self, report: &mut Report, buckets: &[BucketName; 3]) {
        self.upstreams(report).await;
        let [first, second, third] = buckets;
        let mut test_owners = Vec::new();
        for bucket in [first, second] {
            if !report.check("a bucket is made", self.make(bucket)).await {
                return;
            }
            let grant = Grant::whole(bucket.clone(), Access::ReadWrite);
            let name = "the gateway's identity may AssumeRole";
            let Some(test_owner) = self.test_owner(report, name, grant).await else {
                return;
            };
            self.own_rights(report, "in one's own bucket", &test_owner)
                .await;
            test_owners.push(test_owner);
        }
        let [first, second] = test_owners.as_slice() else {
            return;
        };
        let in_time = self.ends_in_time(first.bucket());
        let name = "a session ends when it was asked to";
        report.check(name, in_time).await;
        self.attacks(report, first, second, third).await;
        self.attacks(report, second, first, third).await;
        let read = Grant::whole(first.bucket().clone(), Access::Read);
        self.reader(report, "with a read-only grant", read, first)
            .await;
        self.shared_bucket(report, first.bucket(), third).await;
        self.keys(report, [first.bucket(), second.bucket()], third)
            .await;
        for test_owner in [first, second] {
            let operation = S3Operation::Get(test_owner.object(OBJECT));
            report
                .check(
                    "after all attacks, the object is there",
                    self.allowed(test_owner, operation),
                )
                .await;
        }
        self.revocation(report, first, second).await;
    }

    async fn make(&self, bucket: &BucketName) -> Outcome {
        let buckets = Arc::clone(&self.ports.buckets);
        let name = bucket.clone();
        // The clean-up waits for the lock, so an interrupted examination leaves no creation under way.
        let making = Arc::clone(&self.making).lock_owned().await;
        let made = tokio::spawn(async move {
            let made = buckets.create(&name).await;
            drop(making);
            made
        });
        match made
            .await
            .unwrap_or_else(|_| Err(UpstreamError::timeout("CreateBucket")))
        {
            Ok(Creation::Made) => {}
            Ok(_) => return Outcome::Failed(format!("{bucket} was there before")),
            Err(failure) => return Outcome::Failed(failure.to_string()),
        }
        self.ports.buckets.set_up(bucket, "doctor").await.into()
    }

    /// A test owner with this grant, if the store opens a session for it.
    async fn test_owner(&self, report: &mut Report, name: &str, grant: Grant) -> Option<TestOwner> {
        let mut session = None;
        let opening = async {
            let opened = self.open(&grant, self.settings.session_duration).await;
            opened.map(|opened| session = Some(opened)).into()
        };
        report.check(name, opening).await;
        session.map(|session| TestOwner { grant, session })
    }

    /// Opens a session as a call for credentials does: with the same policy and adapter.
    async fn open(&self, grant: &Grant, duration: Duration) -> Result<Session, String> {
        let policy = SessionPolicy::for_grant(grant, &self.settings.session_policies);
        let policy = policy.map_err(|error| error.to_string())?;
        let request = RequestId::at(self.ports.clock.now(), self.ports.randomness.bits());
        let owner = Self::owner_of(&grant.bucket)?;
        let digest = self.settings.formula.digest(&owner);
        let request = SessionRequest {
            policy,
            name: RoleSessionName::new(&digest, &request),
            duration,
        };
        let opened = self.ports.sessions.assume_role(request).await;
        opened.map_err(|failure| failure.to_string())
    }

    /// The owner of a throw-away bucket.
    fn owner_of(bucket: &BucketName) -> Result<Owner, String> {
        Ok(Owner::Principal(Principal {
            issuer: None,
            client_id: ClientId::parse("cloakroom-doctor").map_err(|error| error.to_string())?,
            subject: Subject::parse(bucket.as_str()).map_err(|error| error.to_string())?,
        }))
    }

    /// Some stores ignore the duration that is asked for. Opening a session that lasts too long fails.
    async fn ends_in_time(&self, bucket: &BucketName) -> Outcome {
        let grant = Grant::whole(bucket.clone(), Access::Read);
        let asked = SHORTEST_SESSION.min(self.settings.session_duration);
        self.open(&grant, asked).await.map(|_| ()).into()
    }

    /// Removes the access keys of the buckets, then the buckets. One that fails does not keep the others.
    /// A bucket whose key remains is kept, because the key is found by it.
    async fn remove(
        &self,
        buckets: &[BucketName],
        has_key: impl Fn(&BucketName) -> bool,
    ) -> Result<(), UpstreamError> {
        let _idle = self.making.lock().await;
        let mut outcome = Ok(());
        for bucket in buckets {
            if let Some(broker) = &self.ports.access_keys
                && has_key(bucket)
                && let Err(failure) = broker.remove(&access_keys::key_of(bucket)).await
            {
                outcome = outcome.and(Err(failure));
                continue;
            }
            let grant = Grant::whole(bucket.clone(), Access::ReadWrite);
            let session = self.open(&grant, self.settings.session_duration).await.ok();
            let removed = self.ports.throw_away.remove(bucket, session.as_ref()).await;
            outcome = outcome.and(removed);
        }
        outcome
    }

    fn with_key(&self) -> MutexGuard<'_, HashSet<BucketName>> {
        self.with_key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_name(&self) -> BucketName {
        let random = self.ports.randomness.bits();
        self.settings.formula.throw_away(random)
    }
}
