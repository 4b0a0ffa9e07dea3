//! Fakes behind the ports, for the tests of this layer.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::domain::{BucketFormula, BucketName, ClientId, Owner, Principal, Subject};

use super::{
    Buckets, Claim, ClaimState, Creation, FailureKind, Presence, Registry, RegistryError,
    UpstreamFailure,
};

pub(super) fn principal(client_id: &str, subject: &str) -> Owner {
    Owner::Principal(Principal {
        client_id: ClientId::parse(client_id).unwrap(),
        subject: Subject::parse(subject).unwrap(),
    })
}

pub(super) fn alice() -> Owner {
    principal("demo", "alice")
}

pub(super) fn bucket_of(owner: &Owner) -> BucketName {
    BucketFormula::default().bucket(owner)
}

#[derive(Default)]
pub(super) struct FakeRegistry(Mutex<HashMap<Owner, (BucketName, ClaimState)>>);

impl FakeRegistry {
    pub(super) fn state(&self, owner: &Owner) -> Option<ClaimState> {
        self.0.lock().unwrap().get(owner).map(|(_, state)| *state)
    }
}

#[async_trait]
impl Registry for FakeRegistry {
    async fn claim(&self, owner: &Owner, bucket: &BucketName) -> Result<Claim, RegistryError> {
        let mut rows = self.0.lock().unwrap();
        if rows
            .iter()
            .any(|(other, row)| other != owner && row.0 == *bucket)
        {
            return Ok(Claim::Conflict);
        }
        let row = rows
            .entry(owner.clone())
            .or_insert_with(|| (bucket.clone(), ClaimState::Claimed));
        Ok(if row.0 == *bucket {
            Claim::Held(row.1)
        } else {
            Claim::Conflict
        })
    }

    async fn advance(&self, owner: &Owner, to: ClaimState) -> Result<(), RegistryError> {
        if let Some((_, state)) = self.0.lock().unwrap().get_mut(owner) {
            *state = to.max(*state);
        }
        Ok(())
    }
}

pub(super) struct FakeBuckets {
    calls: Mutex<Vec<&'static str>>,
    present: Mutex<HashMap<BucketName, Presence>>,
    fail_once: Mutex<Option<&'static str>>,
    gate: Semaphore,
}

impl Default for FakeBuckets {
    fn default() -> Self {
        Self {
            calls: Mutex::default(),
            present: Mutex::default(),
            fail_once: Mutex::default(),
            gate: Semaphore::new(1),
        }
    }
}

impl FakeBuckets {
    pub(super) fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }

    pub(super) fn put(&self, bucket: &BucketName, presence: Presence) {
        self.present
            .lock()
            .unwrap()
            .insert(bucket.clone(), presence);
    }

    /// The named call does its work, and then its answer is lost.
    pub(super) fn fail_once_after(&self, call: &'static str) {
        *self.fail_once.lock().unwrap() = Some(call);
    }

    pub(super) fn hold(&self) {
        self.gate.try_acquire().unwrap().forget();
    }

    pub(super) fn release(&self) {
        self.gate.add_permits(1);
    }

    async fn called(&self, call: &'static str) {
        drop(self.gate.acquire().await);
        self.calls.lock().unwrap().push(call);
    }

    fn answer<T>(&self, call: &'static str, value: T) -> Result<T, UpstreamFailure> {
        let mut fail_once = self.fail_once.lock().unwrap();
        if *fail_once == Some(call) {
            *fail_once = None;
            return Err(UpstreamFailure::new(FailureKind::Unreachable, "lost"));
        }
        Ok(value)
    }
}

#[async_trait]
impl Buckets for FakeBuckets {
    async fn look(&self, bucket: &BucketName) -> Result<Presence, UpstreamFailure> {
        self.called("look").await;
        let present = self.present.lock().unwrap().get(bucket).copied();
        self.answer("look", present.unwrap_or(Presence::Missing))
    }

    async fn create(&self, bucket: &BucketName) -> Result<Creation, UpstreamFailure> {
        self.called("create").await;
        let before = self
            .present
            .lock()
            .unwrap()
            .insert(bucket.clone(), Presence::Ours);
        let creation = match before {
            Some(Presence::Ours) => Creation::AlreadyOurs,
            Some(Presence::Foreign) => Creation::Foreign,
            Some(Presence::Missing) | None => Creation::Made,
        };
        self.answer("create", creation)
    }

    async fn furnish(&self, _bucket: &BucketName) -> Result<(), UpstreamFailure> {
        self.called("furnish").await;
        self.answer("furnish", ())
    }
}
