use std::sync::Arc;

use super::find::person;
use crate::domain::{AccessKeyId, Area, BucketFormula, BucketName, Owner, OwnerPseudonym};
use crate::service::{
    Administration, Buckets, Presence, RegistryError, Reservation, UpstreamError,
};

/// The use case "whose is this bucket", which changes nothing.
pub struct ShowBuckets {
    /// The registry.
    pub administration: Arc<dyn Administration>,
    /// The store.
    pub buckets: Arc<dyn Buckets>,
    /// How a bucket's name follows from its owner.
    pub formula: BucketFormula,
}

/// What the registry and the store know about a bucket.
#[derive(Clone, Debug)]
pub struct KnownBucket {
    /// Its name.
    pub bucket: BucketName,
    /// Who has or had it.
    pub reservations: Vec<Reservation>,
    /// Which parts of it are whose.
    pub areas: Vec<(Owner, Area)>,
    /// The access keys whose pairs may reach it.
    pub access_keys: Vec<AccessKeyId>,
    /// What the store has under this name, and the deployment whose tag the bucket carries.
    pub store: Result<(Presence, Option<String>), UpstreamError>,
}

impl ShowBuckets {
    /// The buckets that this text names: a bucket, an organisation, `org/workspace`,
    /// `client id/subject`, a subject, or an owner's pseudonym.
    ///
    /// # Errors
    ///
    /// [`RegistryError`]; a failure of the store is part of the result.
    pub async fn show(&self, text: &str) -> Result<Vec<KnownBucket>, RegistryError> {
        let mut known = Vec::new();
        for bucket in self.named(text).await? {
            known.push(self.describe(bucket).await?);
        }
        Ok(known)
    }

    async fn named(&self, text: &str) -> Result<Vec<BucketName>, RegistryError> {
        let pseudonym = text.parse::<OwnerPseudonym>().ok();
        let registry = &self.administration;
        let mut named = registry.buckets_of(text, pseudonym.as_ref()).await?;
        for (owner, area) in registry.all_areas().await? {
            let is_named = owner.id() == text
                || pseudonym.as_ref() == Some(&self.formula.digest(&owner).pseudonym());
            if is_named {
                named.push(area.bucket);
            }
        }
        if let Ok(bucket) = text.parse::<BucketName>()
            && !registry.reservations_of(&bucket).await?.is_empty()
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

    /// The bucket that a person would get, or an unreserved one of this name.
    fn unreserved(&self, text: &str) -> Vec<BucketName> {
        if let Some(owner) = person(text) {
            return vec![self.formula.bucket(&owner)];
        }
        text.parse().into_iter().collect()
    }

    async fn describe(&self, bucket: BucketName) -> Result<KnownBucket, RegistryError> {
        let registry = &self.administration;
        let keys = registry.keys_that_reach(&bucket).await?;
        Ok(KnownBucket {
            reservations: registry.reservations_of(&bucket).await?,
            areas: registry.areas(&bucket).await?,
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
