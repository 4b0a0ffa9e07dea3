use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::domain::{
    AccessKeyId, Area, AuditEvent, BucketName, Organisation, OwnerPseudonym, Workspace,
};
use crate::service::fakes::{FakeBuckets, FakeDirectory, FixedClock, Nothing, alice, bucket_of};
use crate::service::{
    Presence, RegistryError, Reservation, ReservationState, UpstreamError, UpstreamErrorKind,
};

mod runs;

/// The store's pages.
const PAGE: usize = 3;

type Key = (String, String);

/// A store of versions and uploads, in one bucket, whose next calls can fail.
#[derive(Default)]
struct FakeContents {
    versions: Mutex<BTreeMap<Key, StoredVersion>>,
    uploads: Mutex<BTreeSet<Key>>,
    locked: Mutex<BTreeMap<Key, KeptBecause>>,
    ignores_prefix: Mutex<bool>,
    /// Written by a session that still works, after so many deletions.
    late: Mutex<Vec<StoredVersion>>,
    failures: Mutex<Vec<UpstreamErrorKind>>,
    bucket_removed: Mutex<bool>,
}

fn version(key: &str, id: &str) -> StoredVersion {
    StoredVersion {
        key: key.to_owned(),
        version_id: Some(id.to_owned()),
        bytes: 10,
        is_marker: id.starts_with("marker"),
        is_latest: id.ends_with("latest"),
    }
}

fn name(version: &StoredVersion) -> Key {
    (version.key.clone(), version.version_id.clone().unwrap())
}

impl FakeContents {
    fn put(&self, key: &str, id: &str) {
        let version = version(key, id);
        let mut versions = self.versions.lock().unwrap();
        versions.insert(name(&version), version);
    }

    fn fill(&self) {
        for n in 0..10 {
            for id in ["1", "2", "3-latest"] {
                self.put(&format!("acme/{n}"), id);
            }
        }
        self.put("acme/deleted", "marker-latest");
        self.put("neighbour/1", "1-latest");
        for n in 0..5 {
            let upload = (format!("acme/{n}"), format!("upload-{n}"));
            self.uploads.lock().unwrap().insert(upload);
        }
        let upload = ("neighbour/1".to_owned(), "upload".to_owned());
        self.uploads.lock().unwrap().insert(upload);
    }

    fn fail(&self) -> Result<(), UpstreamError> {
        match self.failures.lock().unwrap().pop() {
            Some(kind) => Err(UpstreamError::new(kind, "failed")),
            None => Ok(()),
        }
    }

    fn keys(&self) -> BTreeSet<String> {
        let versions = self.versions.lock().unwrap();
        let uploads = self.uploads.lock().unwrap();
        let keys = versions.keys().chain(uploads.iter());
        keys.map(|(key, _)| key.clone()).collect()
    }
}

fn page<Item: Clone>(all: Vec<(Key, Item)>, after: Option<&Mark>) -> Page<Item> {
    let after = after.map(|mark| (mark.key.clone(), mark.id.clone().unwrap()));
    let rest: Vec<_> = all
        .into_iter()
        .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after))
        .collect();
    let page = &rest[..rest.len().min(PAGE)];
    let next = (rest.len() > PAGE).then(|| {
        let (key, id) = page.last().unwrap().0.clone();
        Mark { key, id: Some(id) }
    });
    Page {
        items: page.iter().map(|(_, item)| item.clone()).collect(),
        next,
    }
}

#[async_trait]
impl Contents for FakeContents {
    async fn versions(
        &self,
        place: &Place,
        after: Option<&Mark>,
    ) -> Result<Page<StoredVersion>, UpstreamError> {
        self.fail()?;
        let versions = self.versions.lock().unwrap().clone();
        let ignores_prefix = *self.ignores_prefix.lock().unwrap();
        let versions = versions
            .into_iter()
            .filter(|(key, _)| ignores_prefix || place.holds(&key.0));
        Ok(page(versions.collect(), after))
    }

    async fn uploads(
        &self,
        place: &Place,
        after: Option<&Mark>,
    ) -> Result<Page<Upload>, UpstreamError> {
        let uploads = self.uploads.lock().unwrap().clone();
        let upload = |(key, id): Key| ((key.clone(), id.clone()), Upload { key, id });
        let uploads = uploads.into_iter().filter(|(key, _)| place.holds(key));
        Ok(page(uploads.map(upload).collect(), after))
    }

    async fn delete(
        &self,
        _: &BucketName,
        versions: &[StoredVersion],
        governance: Governance,
    ) -> Result<Vec<Kept>, UpstreamError> {
        self.fail()?;
        let mut kept = Vec::new();
        for version in versions {
            let key = name(version);
            let lock = self.locked.lock().unwrap().get(&key).cloned();
            let is_passed = matches!(lock, Some(KeptBecause::Governance(_)))
                && governance == Governance::Bypass;
            match lock.filter(|_| !is_passed) {
                Some(why) => kept.push(Kept {
                    key: version.key.clone(),
                    version_id: version.version_id.clone(),
                    why,
                }),
                None => drop(self.versions.lock().unwrap().remove(&key)),
            }
        }
        if let Some(late) = self.late.lock().unwrap().pop() {
            self.versions.lock().unwrap().insert(name(&late), late);
        }
        Ok(kept)
    }

    async fn abort(&self, _: &BucketName, upload: &Upload) -> Result<(), UpstreamError> {
        let upload = (upload.key.clone(), upload.id.clone());
        assert!(self.uploads.lock().unwrap().remove(&upload));
        Ok(())
    }

    async fn remove_bucket(&self, _: &BucketName) -> Result<Removal, UpstreamError> {
        if !self.keys().is_empty() {
            return Ok(Removal::NotEmpty);
        }
        *self.bucket_removed.lock().unwrap() = true;
        Ok(Removal::Gone)
    }
}

/// What the registry knows of alice.
#[derive(Default)]
struct FakeErasures {
    erasure: Mutex<Option<Erasure>>,
    access_keys: Mutex<Vec<AccessKeyId>>,
    unknown: bool,
    /// Her bucket comes after the plan.
    comes_late: Mutex<bool>,
    state: Option<ReservationState>,
    /// What was asked for, in order.
    steps: Mutex<Vec<&'static str>>,
}

impl FakeErasures {
    fn note(&self, step: &'static str) {
        self.steps.lock().unwrap().push(step);
    }
}

#[async_trait]
impl Erasures for FakeErasures {
    async fn reservations_of_person(
        &self,
        _: Person<'_>,
    ) -> Result<Vec<Reservation>, RegistryError> {
        let bucket = bucket_of(&alice());
        let reservation = Reservation {
            bucket_owner: alice().bucket_owner(&bucket),
            bucket,
            state: self.state,
            since: None,
        };
        Ok(if self.unknown || *self.comes_late.lock().unwrap() {
            vec![]
        } else {
            vec![reservation]
        })
    }

    async fn traces(&self, _: Person<'_>) -> Result<Traces, RegistryError> {
        Ok(Traces {
            audit_rows: u64::from(*self.comes_late.lock().unwrap()),
            ..Traces::default()
        })
    }

    async fn access_keys(
        &self,
        _: Option<Person<'_>>,
        _: &[BucketName],
    ) -> Result<Vec<AccessKeyId>, RegistryError> {
        Ok(self.access_keys.lock().unwrap().clone())
    }

    async fn erasure(&self, _: &OwnerPseudonym) -> Result<Option<Erasure>, RegistryError> {
        Ok(self.erasure.lock().unwrap().clone())
    }

    async fn begin(
        &self,
        _: &OwnerPseudonym,
        event: &AuditEvent,
    ) -> Result<Erasure, RegistryError> {
        self.note("begin");
        let mut erasure = self.erasure.lock().unwrap();
        let begun = erasure.get_or_insert_with(|| Erasure {
            begun_at: event.cause.time,
            sessions_end: None,
            finished_at: None,
            deleted: Tally::default(),
        });
        Ok(begun.clone())
    }

    async fn note_sessions_end(
        &self,
        _: &OwnerPseudonym,
        at: Option<DateTime<Utc>>,
    ) -> Result<(), RegistryError> {
        self.erasure.lock().unwrap().as_mut().unwrap().sessions_end = at;
        Ok(())
    }

    async fn note_deleted(&self, _: &OwnerPseudonym, more: &Tally) -> Result<(), RegistryError> {
        self.erasure.lock().unwrap().as_mut().unwrap().deleted += *more;
        Ok(())
    }

    async fn forget(&self, _: Person<'_>) -> Result<u64, RegistryError> {
        self.note("forget");
        Ok(7)
    }

    async fn finish(&self, _: Erased<'_>, event: &AuditEvent) -> Result<(), RegistryError> {
        self.note("finish");
        let mut erasure = self.erasure.lock().unwrap();
        erasure.as_mut().unwrap().finished_at = Some(event.cause.time);
        Ok(())
    }
}

/// An engine whose sessions end so much later.
struct FakeFreezer {
    after: TimeDelta,
    calls: Mutex<Vec<&'static str>>,
    is_frozen: Mutex<bool>,
}

#[async_trait]
impl Freezer for FakeFreezer {
    async fn freeze(&self, _: &Owner) -> Result<(), EraseError> {
        self.calls.lock().unwrap().push("freeze");
        *self.is_frozen.lock().unwrap() = true;
        Ok(())
    }

    async fn was_frozen(&self, _: &Owner) -> Result<bool, EraseError> {
        Ok(*self.is_frozen.lock().unwrap())
    }

    async fn is_frozen(&self, _: &Owner) -> Result<bool, EraseError> {
        Ok(*self.is_frozen.lock().unwrap())
    }

    async fn end_sessions(&self, _: &Owner) -> Result<SessionsEnd, EraseError> {
        self.calls.lock().unwrap().push("end sessions");
        Ok(SessionsEnd {
            how: "at expiry".to_owned(),
            at: FixedClock.now() + self.after,
        })
    }
}

struct Silence;

impl Progress for Silence {
    fn deleted(&self, _: &Place, _: &Tally) {}

    fn step(&self, _: &str) {}
}

struct World {
    contents: Arc<FakeContents>,
    erasures: Arc<FakeErasures>,
    freezer: Arc<FakeFreezer>,
    buckets: Arc<FakeBuckets>,
    use_case: EraseOwner,
}

fn world_of(erasures: FakeErasures, after: TimeDelta) -> World {
    let (contents, buckets) = (
        Arc::<FakeContents>::default(),
        Arc::<FakeBuckets>::default(),
    );
    let freezer = Arc::new(FakeFreezer {
        after,
        calls: Mutex::default(),
        is_frozen: Mutex::default(),
    });
    let erasures = Arc::new(erasures);
    contents.fill();
    buckets.put(&bucket_of(&alice()), Presence::Ours);
    buckets.put(&"shared".parse().unwrap(), Presence::Ours);
    let area = Area {
        bucket: "shared".parse().unwrap(),
        prefix: "acme/".parse().unwrap(),
    };
    let directory = FakeDirectory {
        organisations: vec![Organisation {
            slug: "acme".parse().unwrap(),
            area: area.clone(),
            is_enabled: true,
            created_at: FixedClock.now(),
        }],
        workspaces: vec![Workspace {
            name: "acme/lab".parse().unwrap(),
            area,
            organisation_is_enabled: true,
            deleted_at: None,
            created_at: FixedClock.now(),
        }],
        ..FakeDirectory::default()
    };
    let ports = EraseOwnerPorts {
        directory: Arc::new(directory),
        erasures: Arc::<FakeErasures>::clone(&erasures),
        buckets: Arc::<FakeBuckets>::clone(&buckets),
        contents: Arc::<FakeContents>::clone(&contents),
        freezer: Arc::<FakeFreezer>::clone(&freezer),
        clock: Arc::new(FixedClock),
        randomness: Arc::new(Nothing),
    };
    let settings = EraseOwnerSettings {
        formula: BucketFormula::default(),
        deployment: "test".to_owned(),
    };
    let operator = "tester".parse().unwrap();
    World {
        contents,
        erasures,
        freezer,
        buckets,
        use_case: EraseOwner::new(ports, settings, operator),
    }
}

fn world() -> World {
    world_of(FakeErasures::default(), TimeDelta::zero())
}

impl World {
    async fn erase(
        &self,
        owner: &Owner,
        options: EraseOptions,
    ) -> Result<ErasureReport, EraseError> {
        let plan = self.use_case.plan(owner).await?;
        self.use_case.erase(&plan, options, &Silence).await
    }

    fn lock(&self, key: &str, id: &str, why: KeptBecause) {
        let key = (key.to_owned(), id.to_owned());
        self.contents.locked.lock().unwrap().insert(key, why);
    }
}
