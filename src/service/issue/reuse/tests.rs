use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use proptest::prelude::*;
use secrecy::SecretString;
use tokio::sync::Notify;

use super::*;
use crate::domain::{Access, ApiKey, Prefix, Principal};
use crate::service::UpstreamError;
use crate::service::fakes::{alice, bucket_of, principal};

/// A clock that a test sets.
struct TestClock(Mutex<DateTime<Utc>>);

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

impl TestClock {
    fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

/// A store that opens sessions of this length, each with an id of its own.
struct Store {
    clock: Arc<TestClock>,
    life: TimeDelta,
    opened: AtomicUsize,
}

impl Store {
    fn session(&self) -> Session {
        let number = self.opened.fetch_add(1, Ordering::SeqCst);
        Session {
            access_key_id: number.to_string(),
            secret_access_key: SecretString::from("secret"),
            session_token: SecretString::from("token"),
            expiration: self.clock.now() + self.life,
        }
    }

    async fn open(&self) -> Result<Session, Refusal> {
        tokio::task::yield_now().await;
        Ok(self.session())
    }

    fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }
}

fn reused(share: &str, life: TimeDelta) -> (ReusedSessions, Store) {
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let clock = Arc::new(TestClock(Mutex::new(now)));
    let store = Store {
        clock: Arc::clone(&clock),
        life,
        opened: AtomicUsize::new(0),
    };
    (ReusedSessions::new(share.parse().unwrap(), clock), store)
}

fn key_of(owner: &Owner) -> ReuseKey {
    let Owner::Principal(principal) = owner else {
        panic!("{owner}");
    };
    ReuseKey {
        caller: CallerId::Principal(principal.clone()),
        owner: owner.clone(),
        grant: Grant::whole(bucket_of(owner), Access::ReadWrite),
        must_end_by: None,
        revoked_before: None,
    }
}

/// The id of the session that a call with this key gets.
async fn id(reused: &ReusedSessions, store: &Store, key: &ReuseKey) -> String {
    let session = reused.get_or_open(key, store.open()).await.unwrap();
    session.access_key_id.clone()
}

#[tokio::test]
async fn a_session_is_reused_until_less_than_the_share_of_its_life_remains() {
    for (share, life, reused_for) in [
        ("50%", TimeDelta::hours(1), TimeDelta::minutes(30)),
        ("90%", TimeDelta::hours(1), TimeDelta::minutes(6)),
        // 15 minutes remain in any case.
        ("10%", TimeDelta::hours(1), TimeDelta::minutes(45)),
        ("1%", TimeDelta::minutes(16), TimeDelta::minutes(1)),
    ] {
        let (reused, store) = reused(share, life);
        let key = key_of(&alice());
        assert_eq!(id(&reused, &store, &key).await, "0");
        store.clock.advance(reused_for);
        assert_eq!(id(&reused, &store, &key).await, "0", "{share} of {life}");
        store.clock.advance(TimeDelta::milliseconds(1));
        assert_eq!(id(&reused, &store, &key).await, "1", "{share} of {life}");
        assert_eq!(id(&reused, &store, &key).await, "1", "the new one is held");
    }
}

#[tokio::test]
async fn a_session_of_15_minutes_is_not_reused() {
    let (reused, store) = reused("1%", TimeDelta::minutes(15));
    let key = key_of(&alice());
    assert_eq!(id(&reused, &store, &key).await, "0");
    store.clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(id(&reused, &store, &key).await, "1");
}

#[tokio::test]
async fn calls_at_once_get_one_session_at_first_and_when_it_is_renewed() {
    let (reused, store) = reused("50%", TimeDelta::hours(1));
    let key = key_of(&alice());
    for round in 1..=2 {
        let calls = (0..50).map(|_| id(&reused, &store, &key));
        let mut ids = join_all(calls).await;
        ids.dedup();
        assert_eq!((ids.len(), store.opened()), (1, round));
        store.clock.advance(TimeDelta::minutes(31));
    }
}

#[tokio::test]
async fn calls_at_once_share_a_failure_and_later_ones_try_again() {
    let (reused, store) = reused("50%", TimeDelta::hours(1));
    let key = key_of(&alice());
    let failures = AtomicUsize::new(0);
    let fail = async || {
        failures.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Err(Refusal::Store(UpstreamError::timeout("AssumeRole")))
    };
    let calls = join_all((0..20).map(|_| reused.get_or_open(&key, fail()))).await;
    assert!(calls.iter().all(Result::is_err));
    assert_eq!(failures.load(Ordering::SeqCst), 1);
    assert_eq!(id(&reused, &store, &key).await, "0");
    // A failure to renew is not held, either.
    store.clock.advance(TimeDelta::minutes(31));
    assert!(reused.get_or_open(&key, fail()).await.is_err());
    assert_eq!(id(&reused, &store, &key).await, "1");
}

#[tokio::test]
async fn calls_that_wait_go_on_when_the_one_that_opens_ends_early() {
    let (reused, store) = reused("50%", TimeDelta::hours(1));
    let key = key_of(&alice());
    let begun = Notify::new();
    let hang = async {
        begun.notify_one();
        std::future::pending().await
    };
    let mut leaving = Box::pin(reused.get_or_open(&key, hang));
    tokio::select! {
        _ = &mut leaving => unreachable!(),
        () = begun.notified() => {}
    }
    let waiting = join_all((0..5).map(|_| id(&reused, &store, &key)));
    let leave = async {
        tokio::task::yield_now().await;
        drop(leaving);
    };
    let (ids, ()) = tokio::join!(waiting, leave);
    assert_eq!((ids, store.opened()), (vec!["0".to_owned(); 5], 1));
}

#[tokio::test]
async fn calls_that_wait_go_on_when_the_one_that_opens_panics() {
    let (reused, store) = reused("50%", TimeDelta::hours(1));
    let (reused, store) = (Arc::new(reused), Arc::new(store));
    let panicking = {
        let reused = Arc::clone(&reused);
        tokio::spawn(async move {
            let opening = async {
                tokio::task::yield_now().await;
                panic!("canary")
            };
            reused.get_or_open(&key_of(&alice()), opening).await
        })
    };
    tokio::task::yield_now().await;
    assert_eq!(id(&reused, &store, &key_of(&alice())).await, "0");
    assert!(panicking.await.unwrap_err().is_panic());
}

#[tokio::test]
async fn the_number_of_sessions_is_bounded() {
    let (reused, store) = reused("50%", TimeDelta::hours(1));
    for number in 0..HELD + 2_000 {
        let key = key_of(&principal("demo", &number.to_string()));
        id(&reused, &store, &key).await;
    }
    reused.outcomes.run_pending_tasks().await;
    let held = reused.outcomes.entry_count();
    assert!(held <= HELD && held > HELD / 2, "{held}");
}

#[tokio::test]
async fn sessions_and_failures_leave_memory_when_they_are_not_reused() {
    let key = key_of(&alice());
    let (reused, store) = reused("50%", TimeDelta::minutes(15));
    id(&reused, &store, &key).await;
    becomes_empty(&reused).await;
    let failure = Refusal::Store(UpstreamError::timeout("AssumeRole"));
    let failed = reused.get_or_open(&key, async { Err(failure) }).await;
    assert!(failed.is_err());
    becomes_empty(&reused).await;
}

/// The cache looks for expired entries about once a second.
async fn becomes_empty(reused: &ReusedSessions) {
    while reused.outcomes.entry_count() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        reused.outcomes.run_pending_tasks().await;
    }
}

/// Few values of each part, so that equal keys occur.
fn keys() -> impl Strategy<Value = ReuseKey> {
    let people = (0..2_u8, 0..2_u8).prop_map(|(client, subject)| {
        let owner = principal(&format!("client-{client}"), &format!("subject-{subject}"));
        let Owner::Principal(principal) = owner else {
            unreachable!()
        };
        principal
    });
    let caller = prop_oneof![
        people.clone().prop_map(CallerId::Principal),
        (0..2_u8).prop_map(|key| {
            let key = ApiKey::from_random([[key; 16], [1; 16], [2; 16]]);
            CallerId::ApiKey(key.id().clone())
        }),
    ];
    let owner = prop_oneof![
        people.clone().prop_map(Owner::Principal),
        prop_oneof!["acme", "evil"].prop_map(|slug| Owner::Organisation(slug.parse().unwrap())),
        Just(Owner::Workspace("acme/research".parse().unwrap())),
    ];
    let prefix = prop_oneof![
        Just(None),
        prop_oneof!["acme/", "acme/a/"].prop_map(|prefix| Some(prefix.parse::<Prefix>().unwrap())),
    ];
    let bucket = people.prop_map(|principal: Principal| bucket_of(&Owner::Principal(principal)));
    let access = prop_oneof![Just(Access::Read), Just(Access::ReadWrite)];
    let grant = (bucket, prefix, access).prop_map(|(bucket, prefix, access)| Grant {
        bucket,
        prefix,
        access,
    });
    let time = proptest::option::of(0..2_i64)
        .prop_map(|time| time.and_then(|time| DateTime::from_timestamp(1_800_000_000 + time, 0)));
    let key = (caller, owner, grant, time.clone(), time);
    key.prop_map(
        |(caller, owner, grant, must_end_by, revoked_before)| ReuseKey {
            caller,
            owner,
            grant,
            must_end_by,
            revoked_before,
        },
    )
}

proptest! {
    #[test]
    fn two_calls_get_one_session_only_if_everything_is_the_same(
        calls in proptest::collection::vec(keys(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (reused, store) = reused("50%", TimeDelta::hours(1));
        let mut holders: HashMap<String, ReuseKey> = HashMap::new();
        for call in calls {
            let id = runtime.block_on(id(&reused, &store, &call));
            let holder = holders.entry(id).or_insert_with(|| call.clone());
            prop_assert_eq!(&*holder, &call);
        }
    }
}
