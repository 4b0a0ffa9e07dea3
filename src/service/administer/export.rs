use std::time::Duration;

use crate::domain::{
    Access, AuditEvent, BucketName, BucketOwner, Grant, Owner, RoleSessionName, Session,
    SessionPolicy,
};
use crate::service::{
    Reservation, ReservationState, SessionRequest, UpstreamError, UpstreamErrorKind,
};

use super::{Administer, AdministerError, find_organisation, find_workspace};

/// What most stores allow at most.
const TWELVE_HOURS: Duration = Duration::from_hours(12);

/// What every store allows a role by default.
const ONE_HOUR: Duration = Duration::from_hours(1);

/// Credentials to read what an owner has stored.
#[derive(Clone, Debug)]
pub struct Export {
    /// What they open.
    pub grant: Grant,
    /// The credentials.
    pub session: Session,
    /// The owner's further buckets.
    pub others: Vec<BucketName>,
}

impl Administer {
    /// Opens a session that may read all that the owner has stored, for the owner to take with them (GDPR
    /// article 20). It lasts as long as asked, or as long as the store allows. A block does not stop it.
    ///
    /// # Errors
    ///
    /// [`AdministerError`] when there is no such owner or bucket, or the store fails.
    pub async fn export(
        &self,
        owner: &Owner,
        bucket: Option<&BucketName>,
        duration: Duration,
    ) -> Result<Export, AdministerError> {
        let (grant, others) = self.exported(owner, bucket).await?;
        self.must_be_ours(&grant.bucket).await?;
        let (session, event) = self.open_longest(owner, &grant, duration).await?;
        self.administration().note(&event).await?;
        Ok(Export {
            grant,
            session,
            others,
        })
    }

    /// What is to be read, and the owner's further buckets.
    async fn exported(
        &self,
        owner: &Owner,
        bucket: Option<&BucketName>,
    ) -> Result<(Grant, Vec<BucketName>), AdministerError> {
        let directory = self.administration();
        let area = match owner {
            Owner::Organisation(slug) => find_organisation(directory, slug).await?.area,
            Owner::Workspace(name) => find_workspace(directory, name).await?.area,
            Owner::Principal(_) | Owner::AccessKey(_) => {
                return self.buckets_of_person(owner, bucket).await;
            }
        };
        match bucket {
            Some(other) if *other != area.bucket => {
                let owner = owner.clone();
                let own = area.bucket;
                Err(AdministerError::NotTheOwners { owner, own })
            }
            _ => Ok((area.grant(Access::Read), Vec::new())),
        }
    }

    async fn buckets_of_person(
        &self,
        owner: &Owner,
        bucket: Option<&BucketName>,
    ) -> Result<(Grant, Vec<BucketName>), AdministerError> {
        let no_bucket = || AdministerError::NoSuch(format!("bucket of {owner}"));
        let Owner::Principal(principal) = owner else {
            return Err(no_bucket());
        };
        let own = self.settings.formula.bucket(owner);
        let asked = bucket.unwrap_or(&own);
        let name = principal.to_string();
        let bucket_owner = BucketOwner::Principal(principal.clone());
        let (mut is_theirs, mut others) = (false, Vec::new());
        for one in self.administration().buckets_of(&name, None).await? {
            let reservations = self.administration().reservations_of(&one).await?;
            // A bucket that is only reserved may be another's.
            let is_theirs_by = |row: &Reservation| {
                row.bucket_owner == bucket_owner && row.state != Some(ReservationState::Reserved)
            };
            if !reservations.iter().any(is_theirs_by) {
                continue;
            }
            if one == *asked {
                is_theirs = true;
            } else {
                others.push(one);
            }
        }
        if !is_theirs {
            return Err(match others.into_iter().next() {
                Some(own) => AdministerError::NotTheOwners {
                    owner: owner.clone(),
                    own,
                },
                None => no_bucket(),
            });
        }
        Ok((Grant::whole(asked.clone(), Access::Read), others))
    }

    /// Asks for the duration, and for less if the store refuses it.
    async fn open_longest(
        &self,
        owner: &Owner,
        grant: &Grant,
        duration: Duration,
    ) -> Result<(Session, AuditEvent), AdministerError> {
        let policy = SessionPolicy::for_grant(grant, &self.settings.session_policies);
        let policy = policy.map_err(|_| AdministerError::PrefixTooLong)?;
        let configured = self.settings.session_duration;
        let mut shorter: Vec<Duration> = [TWELVE_HOURS, configured, ONE_HOUR]
            .into_iter()
            .filter(|shorter| *shorter < duration)
            .collect();
        shorter.sort_unstable();
        shorter.dedup();
        let mut asked = duration;
        loop {
            let event = self.event("export", owner.clone());
            let request = SessionRequest {
                policy: policy.clone(),
                name: RoleSessionName::new(
                    &self.settings.formula.digest(owner),
                    &event.cause.request_id,
                ),
                duration: asked,
            };
            match (
                self.ports.sessions.assume_role(request).await,
                shorter.pop(),
            ) {
                (Ok(session), _) => {
                    let event = AuditEvent {
                        bucket: Some(grant.bucket.clone()),
                        prefix: grant.prefix.clone(),
                        access: Some(grant.access),
                        key_id: Some(session.access_key_id.clone()),
                        expiration: Some(session.expiration),
                        ..event
                    };
                    return Ok((session, event));
                }
                (Err(failure), Some(less)) if is_refused(&failure) => asked = less,
                (Err(failure), _) => return Err(failure.into()),
            }
        }
    }
}

fn is_refused(failure: &UpstreamError) -> bool {
    failure.kind == UpstreamErrorKind::Refused
}
