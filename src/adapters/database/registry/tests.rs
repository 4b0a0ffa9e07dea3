use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::*;
use crate::adapters::database::SqlDirectory;
use crate::adapters::{OsRandomness, SystemClock};
use crate::domain::{AuditCause, AuditEvent, BucketFormula, RequestId};
use crate::service::fakes::{FakeBuckets, alice, bucket_of, principal};
use crate::service::{
    Deadline, EnsureBucket, EnsureBucketError, EnsureBucketPorts, EnsureBucketSettings, Randomness,
    Reservations, STATEMENT_LIMIT,
};

/// A registry that was made with `naming.prefix = "a"`.
struct World {
    database: Database,
    _directory: TempDir,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("registry.db");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let world = Self {
            database: Database::open(&url).await.unwrap(),
            _directory: directory,
        };
        let changes = world.registry("a").check_fingerprint().await.unwrap();
        assert_eq!(changes, []);
        world
    }

    /// The registry as a replica with this prefix has it.
    fn registry(&self, prefix: &str) -> SqlBucketRegistry {
        let parts = vec![("naming.prefix".to_owned(), prefix.to_owned())];
        let database = self.database.clone().with_fingerprint(parts);
        SqlBucketRegistry::new(database, Arc::new(SystemClock))
    }

    async fn run(&self, statement: String) {
        let statement = sqlx::query(AssertSqlSafe(statement));
        self.database.execute("test", statement).await.unwrap();
    }

    async fn release(&self, bucket: &BucketName) {
        let cause = AuditCause {
            time: SystemClock.now(),
            request_id: RequestId::from_random(OsRandomness.bits()),
            dialect: "cli",
            caller: "operator".to_owned(),
        };
        let event = AuditEvent::change(cause, "bucket release", alice());
        let directory = SqlDirectory::new(self.database.clone());
        directory.release(bucket, &event).await.unwrap();
    }

    /// Bucket and state of each reservation.
    async fn reservations(&self) -> Vec<(String, String)> {
        let query = sqlx::query("SELECT bucket, state FROM owned_buckets");
        let pair = |row: &AnyRow| Ok((text(row, "bucket")?, text(row, "state")?));
        self.database.rows("test", query, pair).await.unwrap()
    }

    /// A replica with the prefix `a`.
    fn process(&self, buckets: &Arc<FakeBuckets>) -> EnsureBucket {
        let settings = EnsureBucketSettings {
            deployment: "0123456789abcdef0123456789abcdef".to_owned(),
            recheck: Duration::from_mins(5),
            adopt: false,
            adopt_from: Vec::new(),
        };
        let ports = EnsureBucketPorts {
            registry: Arc::new(self.registry("a")),
            buckets: buckets.clone(),
            runtime: Handle::current(),
        };
        EnsureBucket::new(ports, settings)
    }
}

/// A first call of alice's; `meanwhile` happens while it waits for the store.
async fn first_call(
    process: &EnsureBucket,
    buckets: &FakeBuckets,
    meanwhile: impl Future<Output = ()>,
) -> Result<(), EnsureBucketError> {
    buckets.hold();
    let meanwhile = async {
        buckets.arrived().await;
        meanwhile.await;
        buckets.release();
    };
    tokio::join!(ensure(process), meanwhile).0
}

async fn ensure(process: &EnsureBucket) -> Result<(), EnsureBucketError> {
    let deadline = Deadline::after(Duration::from_secs(30));
    process
        .ensure(&alice(), &bucket_of(&alice()), deadline)
        .await
}

#[tokio::test]
async fn a_bucket_released_before_its_creation_is_not_created() {
    let (world, buckets) = (World::new().await, Arc::new(FakeBuckets::default()));
    let process = world.process(&buckets);
    let bucket = bucket_of(&alice());
    let release = world.release(&bucket);
    let made = first_call(&process, &buckets, release).await;
    assert_eq!(made, Err(RegistryError::not_reserved().into()));
    assert_eq!(buckets.calls(), ["look"]);
    ensure(&process).await.unwrap();
    let reserved = (bucket.to_string(), "ready".to_owned());
    assert_eq!(world.reservations().await, [reserved]);
}

#[tokio::test]
async fn a_bucket_of_an_outdated_formula_is_not_created() {
    let (world, buckets) = (World::new().await, Arc::new(FakeBuckets::default()));
    let process = world.process(&buckets);
    let changed = world.registry("b");
    let accept = async { changed.accept_fingerprint().await.unwrap() };
    let made = first_call(&process, &buckets, accept).await;
    assert_eq!(made, Err(RegistryError::not_reserved().into()));
    assert_eq!(buckets.calls(), ["look"]);
    assert_eq!(world.reservations().await, []);
}

#[tokio::test]
async fn a_reservation_advances_only_for_its_bucket_and_never_back() {
    let world = World::new().await;
    let registry = world.registry("a");
    let (bucket, other) = (bucket_of(&alice()), bucket_of(&principal("demo", "bob")));
    let bucket_owner = alice().bucket_owner(&bucket);
    let advance = async |bucket, to| registry.advance(&bucket_owner, bucket, to).await;
    let refused = Err(RegistryError::not_reserved());
    assert_eq!(advance(&bucket, ReservationState::Ready).await, refused);
    registry.reserve(&bucket_owner, &bucket).await.unwrap();
    assert_eq!(advance(&other, ReservationState::Ready).await, refused);
    let state = async || world.reservations().await[0].1.clone();
    assert_eq!(state().await, "claimed");
    for (to, then) in [
        (ReservationState::Creating, "creating"),
        (ReservationState::Creating, "creating"),
        (ReservationState::Ready, "ready"),
        (ReservationState::Creating, "ready"),
        (ReservationState::Ready, "ready"),
    ] {
        assert_eq!(advance(&bucket, to).await, Ok(()));
        assert_eq!(state().await, then);
    }
}

/// As in a large registry.
#[tokio::test]
async fn a_change_of_formula_may_take_longer_than_a_request() {
    let world = World::new().await;
    let bucket = bucket_of(&alice());
    let bucket_owner = alice().bucket_owner(&bucket);
    let slow = "CREATE TRIGGER slowly BEFORE DELETE ON owned_buckets BEGIN \
                INSERT INTO former_buckets SELECT 'principal', last, last FROM slow; END";
    world.run(slow.to_owned()).await;
    let (mut before, mut after) = (world.registry("a"), world.registry("b"));
    let mut count = 5_000_000_u64;
    loop {
        world.run("DROP VIEW IF EXISTS slow".to_owned()).await;
        let view = format!(
            "CREATE VIEW slow AS SELECT * FROM (WITH RECURSIVE n(i) AS \
             (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT max(i) AS last FROM n)"
        );
        world.run(view).await;
        before.reserve(&bucket_owner, &bucket).await.unwrap();
        let began = Instant::now();
        after.accept_fingerprint().await.unwrap();
        assert_eq!(after.is_current().await, Ok(true));
        assert_eq!(world.reservations().await, []);
        if began.elapsed() > STATEMENT_LIMIT {
            break;
        }
        // Not enough for this machine.
        count *= 2;
        std::mem::swap(&mut before, &mut after);
    }
}

#[tokio::test]
async fn one_who_is_blocked_gets_no_bucket_whatever_a_gateway_knows_of_it() {
    let world = World::new().await;
    let registry = world.registry("a");
    let (owner, bucket) = (alice(), bucket_of(&alice()));
    let bucket_owner = owner.bucket_owner(&bucket);
    let pseudonym = BucketFormula::default().digest(&owner).pseudonym();
    let (named, erased) = (
        format!("principal {}", owner.id()),
        format!("principal {pseudonym}"),
    );
    for (kind, name) in [
        ("owner", named.as_str()),
        ("owner", &erased),
        ("caller", &named),
        ("caller", &erased),
        ("client", "demo"),
    ] {
        world
            .run(format!(
                "INSERT INTO blocks VALUES ('{kind}', '{name}', 'is being erased', '2026-01-01T00:00:00Z', '')"
            ))
            .await;
        let blocked = ReserveOutcome::Blocked("is being erased".to_owned());
        let reserved = registry.reserve(&bucket_owner, &bucket).await.unwrap();
        assert_eq!(reserved, blocked);
        assert_eq!(registry.state(&bucket_owner, &bucket).await.unwrap(), None);
        let other = principal("other", "alice");
        let others = bucket_of(&other);
        let reserved = registry
            .reserve(&other.bucket_owner(&others), &others)
            .await;
        assert!(
            matches!(reserved, Ok(ReserveOutcome::Held(_))),
            "{reserved:?}"
        );
        world.run("DELETE FROM blocks".to_owned()).await;
    }
    let held = registry.reserve(&bucket_owner, &bucket).await.unwrap();
    assert_eq!(held, ReserveOutcome::Held(ReservationState::Reserved));
}
