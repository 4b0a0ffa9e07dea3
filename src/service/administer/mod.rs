//! What operators do: organisations, API keys, workspaces, access keys and buckets.

mod access_keys;
mod api_keys;
mod areas;
mod blocks;
mod buckets;
mod error;
mod export;
mod find;
mod freeze;
mod holdings;
mod organisations;
mod removal;
mod show_buckets;
mod workspaces;

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{
    Access, Area, AuditCause, AuditEvent, BucketFormula, BucketPrefix, Concerned, Loopholes,
    Operator, Owner, RequestId, RoleSessionName, Session, SessionPolicy, SessionPolicySettings,
};

pub use access_keys::NewAccessKey;
pub use api_keys::NewApiKey;
pub use areas::NewArea;
pub use error::AdministerError;
pub use export::Export;
pub use find::{
    find_access_key, find_api_key, find_organisation, find_owner, find_owners_with, find_workspace,
};
pub use holdings::{Holdings, StillHas};
pub use removal::GoesAlong;
pub use show_buckets::{KnownBucket, ShowBuckets};

use super::{
    AccessKeyKeeper, Administration, BucketRegistry, Buckets, Clock, EnsureBucket, Erasures,
    Objects, Randomness, RevokeSessions, SessionRequest, Sessions,
};

/// The use case "administer", for one operator.
pub struct Administer {
    ports: AdministerPorts,
    settings: AdministerSettings,
    operator: Operator,
}

/// What the configuration sets for [`Administer`].
#[derive(Clone, Debug)]
pub struct AdministerSettings {
    /// How a bucket's name follows from its owner.
    pub formula: BucketFormula,
    /// The prefix of the buckets that an access key for all buckets opens.
    pub bucket_prefix: Option<BucketPrefix>,
    /// Which of the engine's loopholes policies of access keys have to close.
    pub loopholes: Loopholes,
    /// What session policies have in common.
    pub session_policies: SessionPolicySettings,
    /// This deployment's name, with which it tags buckets.
    pub deployment: String,
    /// The lifetime of sessions opened to inspect objects.
    pub session_duration: Duration,
}

/// What [`Administer`] needs from outside.
pub struct AdministerPorts {
    /// What operators read and change.
    pub administration: Arc<dyn Administration>,
    /// What finishes access keys at the engine, if there is a broker.
    pub keeper: Option<Arc<AccessKeyKeeper>>,
    /// Which owner has which bucket.
    pub registry: Arc<dyn BucketRegistry>,
    /// The store's buckets.
    pub buckets: Arc<dyn Buckets>,
    /// Creates buckets.
    pub ensure_bucket: Arc<EnsureBucket>,
    /// Opens sessions.
    pub sessions: Arc<dyn Sessions>,
    /// Looks at objects.
    pub objects: Arc<dyn Objects>,
    /// Ends sessions.
    pub revoke_sessions: RevokeSessions,
    /// Which owners were erased.
    pub erasures: Arc<dyn Erasures>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Makes keys and ids.
    pub randomness: Arc<dyn Randomness>,
}

impl Administer {
    /// Administers as this operator.
    #[must_use]
    pub fn new(ports: AdministerPorts, settings: AdministerSettings, operator: Operator) -> Self {
        Self {
            ports,
            settings,
            operator,
        }
    }

    /// The registry, for reading.
    #[must_use]
    pub fn administration(&self) -> &dyn Administration {
        self.ports.administration.as_ref()
    }

    /// The owner that this text names.
    ///
    /// # Errors
    ///
    /// See [`find_owner`].
    pub async fn find_owner(&self, text: &str) -> Result<Owner, AdministerError> {
        find_owner(self.administration(), &self.settings.formula, text).await
    }

    fn cause(&self) -> AuditCause {
        let time = self.ports.clock.now();
        AuditCause {
            time,
            request_id: RequestId::at(time, self.ports.randomness.bits()),
            dialect: "cli",
            caller: self.operator.to_string(),
        }
    }

    fn event(&self, action: &'static str, about: impl Into<Concerned>) -> AuditEvent {
        AuditEvent::change(self.cause(), action, about)
    }

    /// Opens a session for the area, as its owner would get it.
    async fn open(
        &self,
        owner: &Owner,
        area: &Area,
        access: Access,
    ) -> Result<Session, AdministerError> {
        let policy = SessionPolicy::for_grant(&area.grant(access), &self.settings.session_policies);
        let request_id = RequestId::from_random(self.ports.randomness.bits());
        let request = SessionRequest {
            policy: policy.map_err(|_| AdministerError::PrefixTooLong)?,
            name: RoleSessionName::new(&self.settings.formula.digest(owner), &request_id),
            duration: self.settings.session_duration,
        };
        Ok(self.ports.sessions.assume_role(request).await?)
    }
}
