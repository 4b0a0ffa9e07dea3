use std::sync::Arc;

use crate::domain::{
    AccessKeyId, Area, BucketFormula, BucketName, BucketOwner, ClientId, Owner, OwnerPseudonym,
    Principal, Slug, Subject, WorkspaceName,
};
use crate::service::{
    AccessKeyRegistry, Administration, Assigned, Buckets, Presence, RegistryError, Released,
    Reservation, Reservations, UpstreamError,
};

use super::{Administer, AdministerError};

/// The use case "whose is this bucket", which changes nothing.
pub struct ShowBuckets {
    /// Reservations.
    pub reservations: Arc<dyn Reservations>,
    /// Organisations and workspaces.
    pub administration: Arc<dyn Administration>,
    /// Access keys.
    pub keys: Arc<dyn AccessKeyRegistry>,
    /// The store.
    pub buckets: Arc<dyn Buckets>,
    /// How a bucket's name follows from its owner.
    pub formula: BucketFormula,
}

/// All that is known of a bucket.
#[derive(Clone, Debug)]
pub struct KnownBucket {
    /// Which.
    pub bucket: BucketName,
    /// Who has or had it.
    pub reservations: Vec<Reservation>,
    /// Which parts of it are whose.
    pub areas: Vec<(Owner, Area)>,
    /// The access keys whose pairs may reach it.
    pub access_keys: Vec<AccessKeyId>,
    /// What the store says: what stands there, and the deployment whose tag it carries.
    pub store: Result<(Presence, Option<String>), UpstreamError>,
}

impl ShowBuckets {
    /// The buckets that this text names: a bucket, an organisation, `org/workspace`,
    /// `client id/subject`, a subject, or an owner's pseudonym.
    ///
    /// # Errors
    ///
    /// [`RegistryError`]; that the store fails is part of the answer.
    pub async fn show(&self, text: &str) -> Result<Vec<KnownBucket>, RegistryError> {
        let mut known = Vec::new();
        for bucket in self.named(text).await? {
            known.push(self.describe(bucket).await?);
        }
        Ok(known)
    }

    async fn named(&self, text: &str) -> Result<Vec<BucketName>, RegistryError> {
        let pseudonym = text.parse::<OwnerPseudonym>().ok();
        let mut named = self
            .reservations
            .buckets_of(text, pseudonym.as_ref())
            .await?;
        for (owner, area) in self.areas().await? {
            let is_named = owner.id() == text
                || pseudonym.as_ref() == Some(&self.formula.digest(&owner).pseudonym());
            if is_named {
                named.push(area.bucket);
            }
        }
        if let Ok(bucket) = text.parse::<BucketName>()
            && !self.reservations.reservations_of(&bucket).await?.is_empty()
        {
            named.push(bucket);
        }
        if named.is_empty() {
            named.extend(self.unreserved(text));
        }
        named.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        named.dedup();
        Ok(named)
    }

    /// A bucket that nobody has, and the one that a person would get.
    fn unreserved(&self, text: &str) -> Vec<BucketName> {
        if let Some(owner) = person(text) {
            return vec![self.formula.bucket(&owner)];
        }
        text.parse().into_iter().collect()
    }

    async fn areas(&self) -> Result<Vec<(Owner, Area)>, RegistryError> {
        let organisations = self.administration.organisations().await?.into_iter();
        let organisations = organisations.map(|one| (Owner::Organisation(one.slug), one.area));
        let workspaces = self.administration.workspaces(None).await?.into_iter();
        let workspaces = workspaces.map(|one| (Owner::Workspace(one.name), one.area));
        Ok(organisations.chain(workspaces).collect())
    }

    async fn describe(&self, bucket: BucketName) -> Result<KnownBucket, RegistryError> {
        let keys = self.keys.keys_that_reach(&bucket).await?;
        Ok(KnownBucket {
            reservations: self.reservations.reservations_of(&bucket).await?,
            areas: self.administration.areas(&bucket).await?,
            access_keys: keys.into_iter().map(|key| key.id).collect(),
            store: self.ask_store(&bucket).await,
            bucket,
        })
    }

    async fn ask_store(
        &self,
        bucket: &BucketName,
    ) -> Result<(Presence, Option<String>), UpstreamError> {
        let presence = self.buckets.look(bucket).await?;
        let marker = match presence {
            Presence::Ours => self.buckets.marker(bucket).await?,
            _ => None,
        };
        Ok((presence, marker))
    }
}

/// A client's id may hold a slash, so the last one parts it from the subject.
fn person(text: &str) -> Option<Owner> {
    let (client_id, subject) = text.rsplit_once('/')?;
    Some(Owner::Principal(Principal {
        client_id: ClientId::parse(client_id).ok()?,
        subject: Subject::parse(subject).ok()?,
    }))
}

impl Administer {
    /// Takes a person's bucket off the person, who gets the one that the formula says at the next
    /// call. The bucket stays the person's: nobody else is given it.
    ///
    /// # Errors
    ///
    /// [`AdministerError`] when nobody has it, or organisations and workspaces share it.
    pub async fn release_bucket(&self, reservation: &Reservation) -> Result<(), AdministerError> {
        let bucket = &reservation.bucket;
        let BucketOwner::Principal(principal) = &reservation.bucket_owner else {
            return Err(AdministerError::SharedBucket(bucket.clone()));
        };
        let owner = Owner::Principal(principal.clone());
        let mut event = self.event("bucket release", owner);
        event.detail = format!("bucket:{bucket}");
        match self.ports.reservations.release(bucket, &event).await? {
            Released::Yes => Ok(()),
            Released::Shared => Err(AdministerError::SharedBucket(bucket.clone())),
            Released::NotReserved => Err(no_reservation(bucket)),
        }
    }

    /// Gives an owner the bucket that is the owner's by the formula or by its area, as it stands at
    /// the store.
    ///
    /// # Errors
    ///
    /// [`AdministerError`] when it is not the owner's, is or was another's, or the store has no such
    /// bucket of this deployment's.
    pub async fn assign_bucket(
        &self,
        owner: &Owner,
        bucket: &BucketName,
    ) -> Result<(), AdministerError> {
        let own = self.bucket_of(owner).await?;
        if own != *bucket {
            let owner = owner.clone();
            return Err(AdministerError::NotTheOwners { owner, own });
        }
        match self.ports.buckets.look(bucket).await? {
            Presence::Ours => {}
            Presence::Missing => {
                return Err(AdministerError::NoSuch(format!("bucket {bucket}")));
            }
            _ => return Err(AdministerError::BucketConflict(bucket.clone())),
        }
        let marker = self.ports.buckets.marker(bucket).await?;
        if marker.is_some_and(|marker| marker != self.settings.deployment) {
            return Err(AdministerError::BucketConflict(bucket.clone()));
        }
        let mut event = self.event("bucket assign", owner.clone());
        event.detail = format!("bucket:{bucket}");
        let assigned = self
            .ports
            .reservations
            .assign(owner, bucket, &event)
            .await?;
        match assigned {
            Assigned::Yes => {}
            Assigned::Already => return Err(AdministerError::AlreadyAssigned(bucket.clone())),
            Assigned::Anothers(bucket_owner) => {
                let (bucket, bucket_owner) = (
                    bucket.clone(),
                    format!("{} {}", bucket_owner.kind(), bucket_owner.id()),
                );
                return Err(AdministerError::AnothersBucket {
                    bucket,
                    bucket_owner,
                });
            }
            Assigned::HasAnother(other) => return Err(AdministerError::HasAnother(other)),
            Assigned::Reached => return Err(AdministerError::Reached(bucket.clone())),
        }
        // It is tagged here, and asked for another deployment's tag once more.
        self.take_bucket(owner, bucket, false).await
    }

    async fn bucket_of(&self, owner: &Owner) -> Result<BucketName, AdministerError> {
        let area = match owner {
            Owner::Organisation(slug) => self.area_of_organisation(slug).await?,
            Owner::Workspace(name) => self.area_of_workspace(name).await?,
            Owner::Principal(_) | Owner::AccessKey(_) => {
                return Ok(self.settings.formula.bucket(owner));
            }
        };
        Ok(area.bucket)
    }

    async fn area_of_organisation(&self, slug: &Slug) -> Result<Area, AdministerError> {
        let found = super::find_organisation(self.administration(), slug).await?;
        Ok(found.area)
    }

    async fn area_of_workspace(&self, name: &WorkspaceName) -> Result<Area, AdministerError> {
        let found = super::find_workspace(self.administration(), name).await?;
        Ok(found.area)
    }
}

fn no_reservation(bucket: &BucketName) -> AdministerError {
    AdministerError::NoSuch(format!("reservation of the bucket {bucket}"))
}
