//! What operators do: organisations, their keys, their workspaces.

mod access_keys;
mod api_keys;
mod buckets;
mod organisations;
mod workspaces;

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{
    Access, AccessKeyId, AccessKeyPolicyError, Area, AuditCause, AuditEvent, BucketFormula,
    BucketName, BucketPrefix, ExtraAction, Loopholes, Operator, Owner, Prefix, RequestId,
    RoleSessionName, Session, SessionPolicy,
};

pub use access_keys::{NewAccessKey, find_access_key};
pub use api_keys::NewApiKey;
pub use buckets::{KnownBucket, ShowBuckets};
pub use organisations::find_organisation;
pub use workspaces::find_workspace;

use super::{
    AccessKeyKeeper, AccessKeyRegistry, Administration, BucketRegistry, Buckets, Clock, Deadline,
    EnsureBucket, EnsureBucketError, Objects, Randomness, RegistryError, ReservationState,
    Reservations, ReserveOutcome, SessionRequest, Sessions, UpstreamError, UpstreamErrorKind,
};

/// The most that an operator waits for a bucket.
const BUCKET_TIMEOUT: Duration = Duration::from_secs(30);

/// The use case "administer", for one operator.
pub struct Administer {
    ports: AdministerPorts,
    settings: AdministerSettings,
    operator: Operator,
}

/// What [`Administer`] is told by the configuration.
#[derive(Clone, Debug)]
pub struct AdministerSettings {
    /// How a bucket's name follows from its owner.
    pub formula: BucketFormula,
    /// Which buckets "all" means for access keys.
    pub bucket_prefix: Option<BucketPrefix>,
    /// What the policies of access keys have to close.
    pub loopholes: Loopholes,
    /// Actions beyond the four, which policies will hold.
    pub extra_actions: Vec<ExtraAction>,
    /// The name of this deployment, which its buckets are tagged with.
    pub deployment: String,
    /// How long sessions last that are opened to look at objects.
    pub session_duration: Duration,
}

/// What [`Administer`] needs from outside.
pub struct AdministerPorts {
    /// Organisations, keys and workspaces.
    pub administration: Arc<dyn Administration>,
    /// Access keys that last.
    pub keys: Arc<dyn AccessKeyRegistry>,
    /// What finishes them at the engine, if there is one.
    pub keeper: Option<Arc<AccessKeyKeeper>>,
    /// Who holds which bucket.
    pub registry: Arc<dyn BucketRegistry>,
    /// The same, to be repaired.
    pub reservations: Arc<dyn Reservations>,
    /// What stands at the store.
    pub buckets: Arc<dyn Buckets>,
    /// Makes sure that a bucket is there.
    pub ensure_bucket: Arc<EnsureBucket>,
    /// Opens sessions.
    pub sessions: Arc<dyn Sessions>,
    /// Looks at objects.
    pub objects: Arc<dyn Objects>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Makes keys, names changes.
    pub randomness: Arc<dyn Randomness>,
}

/// Where an operator wants an owner's storage to be; the rest is by default.
#[derive(Clone, Debug, Default)]
pub struct NewArea {
    /// In this bucket, which may be there already.
    pub bucket: Option<BucketName>,
    /// Below this prefix.
    pub prefix: Option<Prefix>,
}

/// Why nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AdministerError {
    /// There is one of this name.
    #[error("{0} exists already")]
    Exists(Owner),
    /// There is none of this name.
    #[error("there is no {0}")]
    NoSuch(String),
    /// Two areas of one bucket must not share a key.
    #[error("{area} overlaps with the area of {owner}: choose another --prefix or --bucket")]
    AreaTaken {
        /// What was asked for.
        area: Area,
        /// Whose is in the way.
        owner: Owner,
    },
    /// The bucket belongs, or could belong, to one person alone.
    #[error("the bucket {0} is, was or could be a principal's own: nobody else is given it")]
    PrincipalsBucket(BucketName),
    /// A bucket of an access key's is not its owner's.
    #[error("the bucket {0} is somebody else's, or could be: an access key opens its owner's")]
    SomebodyElses(String),
    /// Access keys reach it.
    #[error(
        "the bucket {0} is reached by another owner's access key (or by a deleted one whose pairs \
         may still live), or is under access_keys.bucket_prefix: choose another"
    )]
    Reached(BucketName),
    /// It gets no new credentials.
    #[error("the access key {0} is disabled")]
    Disabled(AccessKeyId),
    /// No policy can say what an access key is to open.
    #[error(transparent)]
    AccessKeyPolicy(#[from] AccessKeyPolicyError),
    /// Areas stay where they are.
    #[error("the bucket {0} is shared by organisations and workspaces, whose areas stay in it")]
    SharedBucket(BucketName),
    /// Names follow from owners.
    #[error("{owner} gets another bucket by its name or area: {own}")]
    NotTheOwners {
        /// Who.
        owner: Owner,
        /// Which.
        own: BucketName,
    },
    /// There is nothing to repair.
    #[error("the owner has the bucket {0} already, and it is ready")]
    AlreadyAssigned(BucketName),
    /// A bucket never changes hands.
    #[error("the bucket {bucket} is or was that of {bucket_owner}: nobody else is given it")]
    AnothersBucket {
        /// Which.
        bucket: BucketName,
        /// Whose.
        bucket_owner: String,
    },
    /// One owner has one bucket.
    #[error("the owner has the bucket {0}: release it first (cloakroom bucket release)")]
    HasAnother(BucketName),
    /// The bucket is somebody else's.
    #[error(
        "the bucket {0} exists and is not known to be this deployment's: another account's, \
         another deployment's (after a lost registry: naming.adopt_from), or made by hand (then say \
         --bucket)"
    )]
    BucketConflict(BucketName),
    /// A deleted workspace comes back where its objects are.
    #[error("what was kept of {owner} is at {area}: leave out --bucket and --prefix")]
    KeptElsewhere {
        /// The workspace.
        owner: Owner,
        /// Where it was.
        area: Area,
    },
    /// Deleting would hide objects.
    #[error("{0} still holds objects: remove them, or say --keep-objects")]
    ObjectsRemain(Area),
    /// Too much for one policy.
    #[error("the prefix is too long for a session policy")]
    PrefixTooLong,
    /// No such time.
    #[error("--expires-in: 100 years at the most; leave it out for a key that does not end")]
    LivesTooLong,
    /// All is done but the last.
    #[error("{0} is there, but its folders could not be made visible: {1}")]
    NoFolders(Owner, #[source] Box<AdministerError>),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store failed.
    #[error("store: {0}")]
    Store(#[from] UpstreamError),
    /// The gateway's own fault.
    #[error("{0}")]
    Internal(String),
}

impl Administer {
    /// Puts the use case together.
    #[must_use]
    pub fn new(ports: AdministerPorts, settings: AdministerSettings, operator: Operator) -> Self {
        Self {
            ports,
            settings,
            operator,
        }
    }

    /// What there is, to be read.
    #[must_use]
    pub fn administration(&self) -> &dyn Administration {
        self.ports.administration.as_ref()
    }

    fn event(&self, action: &'static str, owner: Owner) -> AuditEvent {
        let cause = AuditCause {
            time: self.ports.clock.now(),
            request_id: RequestId::from_random(self.ports.randomness.bits()),
            dialect: "cli",
            caller: self.operator.to_string(),
        };
        AuditEvent::change(cause, action, owner)
    }

    fn area(&self, owner: &Owner, new: &NewArea, default: Prefix) -> Area {
        let bucket = new.bucket.clone();
        Area {
            bucket: bucket.unwrap_or_else(|| self.settings.formula.bucket(owner)),
            prefix: new.prefix.clone().unwrap_or(default),
        }
    }

    /// Refuses what the registry or an engine would refuse, before a bucket is made for it.
    async fn must_be_free(&self, owner: &Owner, area: &Area) -> Result<(), AdministerError> {
        self.must_not_be_reached(owner, area).await?;
        let administration = self.administration();
        let policy =
            SessionPolicy::for_grant(&area.grant(Access::ReadWrite), &self.settings.extra_actions);
        policy.map_err(|_| AdministerError::PrefixTooLong)?;
        let taken = administration.areas(&area.bucket).await?;
        // A person whose bucket this would be may not have called yet.
        let could_be_somebodys = taken.is_empty()
            && area.bucket != self.settings.formula.bucket(owner)
            && self.settings.formula.could_make(&area.bucket);
        if could_be_somebodys || administration.is_principals(&area.bucket).await? {
            return Err(AdministerError::PrincipalsBucket(area.bucket.clone()));
        }
        let in_the_way = taken
            .into_iter()
            .find(|(other, theirs)| other != owner && theirs.overlaps(area));
        match in_the_way {
            Some((owner, _)) => Err(AdministerError::AreaTaken {
                area: area.clone(),
                owner,
            }),
            None => Ok(()),
        }
    }

    /// Makes the bucket, unless it is there. One that the operator has named may have been there
    /// before.
    async fn take_bucket(
        &self,
        owner: &Owner,
        bucket: &BucketName,
        is_named: bool,
    ) -> Result<(), AdministerError> {
        if is_named {
            let bucket_owner = owner.bucket_owner(bucket);
            let claim = self.ports.registry.reserve(&bucket_owner, bucket).await?;
            if claim == ReserveOutcome::Reserved(ReservationState::Reserved) {
                // Whatever stands there from now on is taken for our own work.
                let creating = ReservationState::Creating;
                let advanced = self.ports.registry.advance(&bucket_owner, bucket, creating);
                advanced.await?;
            }
        }
        let deadline = Deadline::after(BUCKET_TIMEOUT);
        loop {
            match self
                .ports
                .ensure_bucket
                .ensure(owner, bucket, deadline)
                .await
            {
                Ok(()) => return Ok(()),
                // The making goes on; an operator waits longer for it than a request.
                Err(EnsureBucketError::Store(failure))
                    if failure.kind == UpstreamErrorKind::Timeout && !deadline.has_passed() => {}
                Err(EnsureBucketError::Conflict) => {
                    return Err(AdministerError::BucketConflict(bucket.clone()));
                }
                Err(EnsureBucketError::Registry(error)) => return Err(error.into()),
                Err(EnsureBucketError::Store(failure)) => return Err(failure.into()),
                Err(error @ (EnsureBucketError::Overloaded | EnsureBucketError::Vanished)) => {
                    return Err(AdministerError::Internal(error.to_string()));
                }
            }
        }
    }

    /// A session of the area's, as its owner would get it.
    async fn open(
        &self,
        owner: &Owner,
        area: &Area,
        access: Access,
    ) -> Result<Session, AdministerError> {
        let policy = SessionPolicy::for_grant(&area.grant(access), &[]);
        let request_id = RequestId::from_random(self.ports.randomness.bits());
        let request = SessionRequest {
            policy: policy.map_err(|_| AdministerError::PrefixTooLong)?,
            name: RoleSessionName::new(&self.settings.formula.digest(owner), &request_id),
            duration: self.settings.session_duration,
        };
        Ok(self.ports.sessions.assume_role(request).await?)
    }
}
