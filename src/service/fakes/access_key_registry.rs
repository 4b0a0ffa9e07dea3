use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyRights, AccessKeyState, AuditEvent, BucketFormula, BucketName,
    Restrictions,
};
use crate::service::{
    AccessKeyRegistry, AccessKeyRotations, HeldLease, KnownBuckets, PairStanding, RecordedPair,
    RegistryError, RestrictionRegistry, Taken, Unfinished,
};

/// A registry of one access key. As in the database, callers pass the time.
pub(crate) struct FakeAccessKeyRegistry(Mutex<Row>);

/// What the registry holds.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) key: AccessKey,
    pub(crate) is_deleted: bool,
    pub(crate) is_clean: bool,
    pub(crate) lease: String,
    pub(crate) began: DateTime<Utc>,
    pub(crate) renewals: i64,
    pub(crate) unclean: String,
    pub(crate) pairs: Vec<RecordedPair>,
    /// How long taking the key takes.
    pub(crate) taking: Duration,
    /// The outcome of reading the leases.
    pub(crate) reading_leases: Result<(), RegistryError>,
    /// Whether another process takes the key once its new pair is the current one.
    pub(crate) lease_lost_after_promotion: bool,
    /// Whom operators have blocked.
    pub(crate) restrictions: Restrictions,
}

impl FakeAccessKeyRegistry {
    pub(crate) fn new(key: AccessKey) -> Self {
        Self(Mutex::new(Row {
            key,
            is_deleted: false,
            is_clean: false,
            lease: String::new(),
            began: DateTime::UNIX_EPOCH,
            renewals: 0,
            unclean: String::new(),
            pairs: Vec::new(),
            taking: Duration::ZERO,
            reading_leases: Ok(()),
            lease_lost_after_promotion: false,
            restrictions: Restrictions::default(),
        }))
    }

    pub(crate) fn row(&self) -> MutexGuard<'_, Row> {
        self.0.lock().unwrap()
    }
}

impl Row {
    /// The current pair, if there is one.
    pub(crate) fn current(&self) -> Option<&str> {
        let mut pairs = self.pairs.iter();
        let current = pairs.find(|pair| pair.standing == PairStanding::Current);
        current.map(|pair| pair.id.as_str())
    }

    fn is_over(&self) -> bool {
        self.key.disabled_at.is_some() || self.is_deleted
    }

    fn take(&mut self, lease: &str, now: DateTime<Utc>) {
        if !self.lease.is_empty() || !self.unclean.is_empty() {
            lease.clone_into(&mut self.unclean);
        }
        lease.clone_into(&mut self.lease);
        self.began = now;
        self.renewals = 1;
    }

    fn unfinished(&self) -> Unfinished {
        Unfinished {
            id: self.key.id.clone(),
            is_deleted: self.is_deleted,
            is_disabled: self.key.disabled_at.is_some(),
        }
    }

    fn held(&self) -> HeldLease {
        HeldLease {
            key: self.key.id.clone(),
            name: self.lease.clone(),
            renewals: self.renewals,
        }
    }
}

fn none<T>() -> Result<T, RegistryError> {
    Err(RegistryError::new("not in these tests"))
}

#[async_trait]
impl RestrictionRegistry for FakeAccessKeyRegistry {
    async fn restrictions(&self) -> Result<Restrictions, RegistryError> {
        Ok(self.row().restrictions.clone())
    }
}

#[async_trait]
impl AccessKeyRegistry for FakeAccessKeyRegistry {
    async fn access_keys(&self) -> Result<Vec<AccessKey>, RegistryError> {
        none()
    }

    async fn living_access_keys(&self) -> Result<Vec<AccessKey>, RegistryError> {
        none()
    }

    async fn access_key(&self, _: &AccessKeyId) -> Result<Option<AccessKey>, RegistryError> {
        let row = self.row();
        Ok(Some(row.key.clone()).filter(|_| !row.is_deleted))
    }

    async fn keys_that_reach(&self, _: &BucketName) -> Result<Vec<AccessKey>, RegistryError> {
        none()
    }

    async fn known_buckets(&self, _: &AccessKeyRights) -> Result<KnownBuckets, RegistryError> {
        Ok(KnownBuckets::default())
    }

    async fn add_access_key(
        &self,
        _: &AccessKey,
        _: &BucketFormula,
        _: &AuditEvent,
    ) -> Result<Option<String>, RegistryError> {
        none()
    }

    async fn note(&self, _: &AuditEvent) -> Result<(), RegistryError> {
        none()
    }

    async fn disable_access_key(
        &self,
        _: &AccessKeyId,
        _: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        none()
    }

    async fn delete_access_key(
        &self,
        _: &AccessKeyId,
        _: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        none()
    }

    async fn forget_access_key(&self, _: &AccessKeyId, lease: &str) -> Result<(), RegistryError> {
        let mut row = self.row();
        if row.lease == lease {
            row.pairs.clear();
            row.lease.clear();
        }
        Ok(())
    }

    async fn mark_clean(
        &self,
        _: &AccessKeyId,
        lease: &str,
        _: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let mut row = self.row();
        row.is_clean |= row.lease == lease;
        Ok(())
    }

    async fn check_formula(&self) -> Result<(), RegistryError> {
        Ok(())
    }
}

#[async_trait]
impl AccessKeyRotations for FakeAccessKeyRegistry {
    async fn take(
        &self,
        _: &AccessKeyId,
        lease: &str,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
        gone: Option<&HeldLease>,
    ) -> Result<Taken, RegistryError> {
        let mut row = self.row();
        if !row.lease.is_empty() && row.began >= stale && gone != Some(&row.held()) {
            return Ok(if row.is_over() {
                Taken::Besides(row.unfinished())
            } else {
                Taken::No
            });
        }
        row.take(lease, now);
        Ok(Taken::Yes(row.unfinished()))
    }

    async fn renew(&self, _: &AccessKeyId, lease: &str) -> Result<bool, RegistryError> {
        let mut row = self.row();
        let holds = row.lease == lease;
        row.renewals += i64::from(holds);
        Ok(holds)
    }

    async fn leases(&self) -> Result<Vec<HeldLease>, RegistryError> {
        let row = self.row();
        row.reading_leases.clone()?;
        let held = Some(row.held()).filter(|held| !held.name.is_empty());
        Ok(held.into_iter().collect())
    }

    async fn begin_rotation(
        &self,
        _: &AccessKeyId,
        lease: &str,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
    ) -> Result<bool, RegistryError> {
        {
            let mut row = self.row();
            if row.is_over() || (!row.lease.is_empty() && row.began >= stale) {
                return Ok(false);
            }
            row.take(lease, now);
        }
        let taking = self.row().taking;
        tokio::time::sleep(taking).await;
        Ok(true)
    }

    async fn record_pair(
        &self,
        _: &AccessKeyId,
        lease: &str,
        pair: &str,
        _: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let mut row = self.row();
        if row.lease != lease || row.is_over() {
            return Ok(false);
        }
        row.key.state = AccessKeyState::Pending;
        row.pairs.push(RecordedPair {
            id: pair.to_owned(),
            standing: PairStanding::Unproven,
        });
        Ok(true)
    }

    async fn promote_pair(
        &self,
        _: &AccessKeyId,
        lease: &str,
        pair: &str,
        ends: DateTime<Utc>,
    ) -> Result<bool, RegistryError> {
        let mut row = self.row();
        if row.lease != lease || row.is_over() {
            return Ok(false);
        }
        row.key.state = AccessKeyState::Active;
        for one in &mut row.pairs {
            if one.id == pair {
                one.standing = PairStanding::Current;
            } else if one.standing == PairStanding::Current {
                one.standing = PairStanding::Ends(ends);
            }
        }
        if row.lease_lost_after_promotion {
            row.lease = "another".to_owned();
        }
        Ok(true)
    }

    async fn give_up_pair(
        &self,
        _: &AccessKeyId,
        lease: &str,
        pair: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let mut row = self.row();
        if row.lease != lease {
            return Ok(());
        }
        let Row { key, pairs, .. } = &mut *row;
        let is_given_up =
            |one: &&mut RecordedPair| one.id == pair && one.standing == PairStanding::Unproven;
        if let Some(one) = pairs.iter_mut().find(is_given_up) {
            one.standing = PairStanding::Ends(now);
            key.state = AccessKeyState::Failed;
        }
        Ok(())
    }

    async fn end_rotation(
        &self,
        _: &AccessKeyId,
        lease: &str,
        state: Option<AccessKeyState>,
        is_clean: bool,
    ) -> Result<(), RegistryError> {
        let mut row = self.row();
        if !is_clean {
            lease.clone_into(&mut row.unclean);
        } else if row.unclean == lease {
            row.unclean.clear();
        }
        if row.lease == lease {
            row.lease.clear();
            row.key.state = state.unwrap_or(row.key.state);
        }
        Ok(())
    }

    async fn recorded_pairs(&self, _: &AccessKeyId) -> Result<Vec<RecordedPair>, RegistryError> {
        Ok(self.row().pairs.clone())
    }

    async fn forget_pair(&self, _: &AccessKeyId, pair: &str) -> Result<(), RegistryError> {
        self.row().pairs.retain(|one| one.id != pair);
        Ok(())
    }

    async fn unfinished(
        &self,
        now: DateTime<Utc>,
        stale: DateTime<Utc>,
    ) -> Result<Vec<Unfinished>, RegistryError> {
        let row = self.row();
        let is_due = |pair: &RecordedPair| match pair.standing {
            PairStanding::Ends(ends) => ends <= now,
            PairStanding::Current | PairStanding::Unproven => false,
        };
        let is_free = row.lease.is_empty();
        let is_unfinished = row.is_over() && !row.is_clean
            || !is_free && row.began < stale
            || is_free && (!row.unclean.is_empty() || row.pairs.iter().any(is_due));
        Ok(is_unfinished
            .then(|| row.unfinished())
            .into_iter()
            .collect())
    }
}
