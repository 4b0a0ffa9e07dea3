use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use tokio::sync::{Notify, Semaphore};

use crate::domain::{BucketName, BucketOwner, Owner};
use crate::service::{
    BucketRegistry, Buckets, Creation, Presence, RegistryError, ReservationState, ReserveOutcome,
    UpstreamError, UpstreamErrorKind,
};

use super::{bucket_of, nothing};

/// Reservations, in memory.
#[derive(Default)]
pub(crate) struct FakeBucketRegistry {
    rows: Mutex<HashMap<BucketOwner, (BucketName, ReservationState)>>,
    /// Why everybody is blocked, if they are.
    blocked: Mutex<Option<String>>,
}

impl FakeBucketRegistry {
    pub(crate) fn state(&self, owner: &Owner) -> Option<ReservationState> {
        let bucket_owner = owner.bucket_owner(&bucket_of(owner));
        let rows = self.rows.lock().unwrap();
        rows.get(&bucket_owner).map(|(_, state)| *state)
    }

    /// As an operator's release of the bucket does.
    pub(crate) fn forget(&self, owner: &Owner) {
        let bucket_owner = owner.bucket_owner(&bucket_of(owner));
        self.rows.lock().unwrap().remove(&bucket_owner);
    }

    /// As an erasure does first.
    pub(crate) fn block(&self, why: &str) {
        *self.blocked.lock().unwrap() = Some(why.to_owned());
    }
}

#[async_trait]
impl BucketRegistry for FakeBucketRegistry {
    async fn reserve(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
    ) -> Result<ReserveOutcome, RegistryError> {
        if let Some(why) = self.blocked.lock().unwrap().clone() {
            return Ok(ReserveOutcome::Blocked(why));
        }
        let mut rows = self.rows.lock().unwrap();
        if rows
            .iter()
            .any(|(other, row)| other != bucket_owner && row.0 == *bucket)
        {
            return Ok(ReserveOutcome::Conflict);
        }
        let row = rows
            .entry(bucket_owner.clone())
            .or_insert_with(|| (bucket.clone(), ReservationState::Reserved));
        Ok(if row.0 == *bucket {
            ReserveOutcome::Held(row.1)
        } else {
            ReserveOutcome::Conflict
        })
    }

    async fn advance(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
        to: ReservationState,
    ) -> Result<(), RegistryError> {
        match self.rows.lock().unwrap().get_mut(bucket_owner) {
            Some((reserved, state)) if reserved == bucket => {
                *state = to.max(*state);
                Ok(())
            }
            _ => Err(RegistryError::not_reserved()),
        }
    }

    async fn state(
        &self,
        bucket_owner: &BucketOwner,
        bucket: &BucketName,
    ) -> Result<Option<ReservationState>, RegistryError> {
        let rows = self.rows.lock().unwrap();
        let held = rows.get(bucket_owner).filter(|row| row.0 == *bucket);
        Ok(held.map(|(_, state)| *state))
    }
}

/// A store of buckets that can fail, refuse and wait.
pub(crate) struct FakeBuckets {
    calls: Mutex<Vec<&'static str>>,
    present: Mutex<HashMap<BucketName, Presence>>,
    markers: Mutex<HashMap<BucketName, String>>,
    refuse_once: Mutex<Option<&'static str>>,
    fail_once: Mutex<Option<&'static str>>,
    arrived: Notify,
    gate: Semaphore,
}

impl Default for FakeBuckets {
    fn default() -> Self {
        Self {
            calls: Mutex::default(),
            present: Mutex::default(),
            markers: Mutex::default(),
            refuse_once: Mutex::default(),
            fail_once: Mutex::default(),
            arrived: Notify::new(),
            gate: Semaphore::new(1),
        }
    }
}

impl FakeBuckets {
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn put(&self, bucket: &BucketName, presence: Presence) {
        self.present
            .lock()
            .unwrap()
            .insert(bucket.clone(), presence);
    }

    /// The named call does its work, and then its answer is lost.
    pub(crate) fn fail_once_after(&self, call: &'static str) {
        *self.fail_once.lock().unwrap() = Some(call);
    }

    /// The named call does nothing and fails.
    pub(crate) fn refuse_once(&self, call: &'static str) {
        *self.refuse_once.lock().unwrap() = Some(call);
    }

    fn refuses(&self, call: &'static str) -> bool {
        let mut refuse_once = self.refuse_once.lock().unwrap();
        let refuses = *refuse_once == Some(call);
        if refuses {
            *refuse_once = None;
        }
        refuses
    }

    pub(crate) fn hold(&self) {
        self.gate.try_acquire().unwrap().forget();
    }

    /// Waits for a call, which may be held.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    pub(crate) fn release(&self) {
        self.gate.add_permits(1);
    }

    async fn called(&self, call: &'static str) {
        self.arrived.notify_one();
        drop(self.gate.acquire().await);
        self.calls.lock().unwrap().push(call);
    }

    fn answer<T>(&self, call: &'static str, value: T) -> Result<T, UpstreamError> {
        let mut fail_once = self.fail_once.lock().unwrap();
        if *fail_once == Some(call) {
            *fail_once = None;
            return Err(UpstreamError::new(UpstreamErrorKind::Unreachable, "lost"));
        }
        Ok(value)
    }
}

#[async_trait]
impl Buckets for FakeBuckets {
    async fn look(&self, bucket: &BucketName) -> Result<Presence, UpstreamError> {
        self.called("look").await;
        let present = self.present.lock().unwrap().get(bucket).copied();
        self.answer("look", present.unwrap_or(Presence::Missing))
    }

    async fn create(&self, bucket: &BucketName) -> Result<Creation, UpstreamError> {
        self.called("create").await;
        if self.refuses("create") {
            return nothing();
        }
        let before = self
            .present
            .lock()
            .unwrap()
            .insert(bucket.clone(), Presence::Ours);
        let creation = match before {
            Some(Presence::Ours) => Creation::AlreadyOurs,
            Some(Presence::Foreign) => Creation::Foreign,
            Some(Presence::Hidden) => return nothing(),
            Some(Presence::Missing) | None => Creation::Made,
        };
        self.answer("create", creation)
    }

    async fn marker(&self, bucket: &BucketName) -> Result<Option<String>, UpstreamError> {
        self.called("marker").await;
        Ok(self.markers.lock().unwrap().get(bucket).cloned())
    }

    async fn set_up(&self, bucket: &BucketName, deployment: &str) -> Result<(), UpstreamError> {
        self.called("set_up").await;
        let mut markers = self.markers.lock().unwrap();
        markers.insert(bucket.clone(), deployment.to_owned());
        self.answer("set_up", ())
    }

    async fn repair_rules(&self, _: &BucketName) -> Result<(), UpstreamError> {
        self.called("repair_rules").await;
        if self.refuses("repair_rules") {
            return nothing();
        }
        self.answer("repair_rules", ())
    }
}
