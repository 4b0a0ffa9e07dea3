mod repeated;

use super::*;
use crate::domain::{Area, BucketFormula, CallerId, Organisation, Workspace};
use crate::service::Clock as _;
use crate::service::fakes::{FakeDirectory, FakeStore, FixedClock, Flaw, alice, revoke_sessions};
use tokio::time::sleep;

const PATIENCE: Duration = Duration::from_millis(300);

fn caller(owner: &Owner) -> CallerId {
    let Owner::Principal(principal) = owner else {
        unreachable!()
    };
    CallerId::Principal(principal.clone())
}

fn bob() -> Owner {
    crate::service::fakes::principal("demo", "bob")
}

fn research() -> Owner {
    Owner::Workspace("acme/research".parse().unwrap())
}

fn directory() -> FakeDirectory {
    let area = Area {
        bucket: "shared".parse().unwrap(),
        prefix: "research/".parse().unwrap(),
    };
    FakeDirectory {
        workspaces: vec![Workspace {
            name: "acme/research".parse().unwrap(),
            area,
            organisation_is_enabled: true,
            created_at: FixedClock.now(),
            deleted_at: None,
        }],
        organisations: Vec::<Organisation>::new(),
        ..FakeDirectory::default()
    }
}

/// A session that a caller got for an owner's storage so many seconds from now.
fn session(who: &Owner, owner: &Owner, seconds: i64) -> LiveSession {
    let time = FixedClock.now() + TimeDelta::seconds(seconds);
    LiveSession {
        caller: caller(who),
        owner: owner.clone(),
        bucket: "shared".parse().unwrap(),
        prefix: None,
        request_id: RequestId::at(time, [9; 16]),
        expiration: time + TimeDelta::hours(1),
    }
}

fn cause() -> AuditCause {
    AuditCause {
        time: FixedClock.now(),
        request_id: RequestId::at(FixedClock.now(), [1; 16]),
        dialect: "test",
        caller: "operator test".to_owned(),
    }
}

/// What was done in the workspace, beside the caller's own storage.
fn of_research(report: &RevocationReport) -> &RevokedStorage {
    let mut storage = report.storage.iter();
    storage.find(|one| one.owner == research()).unwrap()
}

async fn revoke(store: &Arc<FakeStore>, of: &SessionsOf) -> Result<RevocationReport, RevokeError> {
    revoke_sessions(store, directory())
        .revoke(of, cause(), PATIENCE)
        .await
}

#[tokio::test]
async fn an_owners_sessions_end_and_the_revocation_is_finished() {
    let store = Arc::<FakeStore>::default();
    store.inner().live = vec![session(&alice(), &alice(), -60)];
    let report = revoke(&store, &SessionsOf::Owner(alice())).await.unwrap();
    assert_eq!(report.strength(), Strength::Immediate);
    assert_eq!((report.sessions, report.storage.len()), (1, 1));
    let inner = store.inner();
    let (revocation, is_finished) = inner.revocation.clone().unwrap();
    assert!(is_finished && revocation.before >= FixedClock.now());
    let expected = [
        ("revoke", "owner".to_owned()),
        ("revoke end", "1 sessions, immediate".to_owned()),
    ];
    assert_eq!(inner.events, expected);
    assert_eq!((inner.told.len(), inner.statements.len()), (1, 1));
}

#[tokio::test]
async fn a_session_from_a_clock_that_is_ahead_is_revoked_too() {
    let store = Arc::<FakeStore>::default();
    let ahead = session(&alice(), &alice(), 20);
    store.inner().live = vec![ahead.clone()];
    revoke(&store, &SessionsOf::Owner(alice())).await.unwrap();
    let inner = store.inner();
    let (revocation, _) = inner.revocation.clone().unwrap();
    assert!(revocation.before > ahead.request_id.time());
    let told = &inner.told.first().unwrap().which;
    assert!(matches!(told, WhichSessions::Before(before) if *before > ahead.request_id.time()));
}

#[tokio::test]
async fn a_callers_sessions_end_and_not_those_of_others_in_the_same_storage() {
    let store = Arc::<FakeStore>::default();
    let (hers, his) = (
        session(&alice(), &research(), -60),
        session(&bob(), &research(), -50),
    );
    store.inner().live = vec![session(&alice(), &alice(), -70), hers.clone(), his.clone()];
    let of = SessionsOf::Caller(caller(&alice()));
    let report = revoke(&store, &of).await.unwrap();
    assert_eq!((report.sessions, report.storage.len()), (2, 2));
    let inner = store.inner();
    let names = inner.told.iter().find_map(|told| match &told.which {
        WhichSessions::Named(names) => Some(names.clone()),
        WhichSessions::Before(_) => None,
    });
    let names: Vec<String> = names
        .unwrap()
        .iter()
        .map(|name| name.as_str().to_owned())
        .collect();
    let is_named = |session: &LiveSession| {
        let digits = session.request_id.digits();
        names.iter().any(|name| name.ends_with(&digits))
    };
    assert!(is_named(&hers));
    // The session that proves the revocation is named, too.
    assert_eq!(names.len(), 2);
    let own = inner
        .told
        .iter()
        .filter(|told| told.bucket != "shared".parse().unwrap());
    assert!(
        own.clone()
            .all(|told| matches!(told.which, WhichSessions::Before(_)))
    );
    assert!(report.storage.iter().all(|storage| !storage.ended.others));
}

#[tokio::test]
async fn a_caller_of_whom_no_session_is_known_loses_those_to_their_own_storage() {
    let store = Arc::<FakeStore>::default();
    let of = SessionsOf::Caller(caller(&alice()));
    let report = revoke(&store, &of).await.unwrap();
    assert_eq!((report.sessions, report.storage.len()), (0, 1));
    let inner = store.inner();
    let bucket = BucketFormula::default().bucket(&alice());
    assert!(inner.told.iter().any(|told| told.bucket == bucket));
}

#[tokio::test]
async fn a_caller_who_has_nothing_has_nothing_to_revoke() {
    let store = Arc::<FakeStore>::default();
    store.inner().flaw = Some(Flaw::NoBucket);
    let of = SessionsOf::Caller(caller(&alice()));
    let report = revoke(&store, &of).await.unwrap();
    assert!(report.storage.is_empty() && store.inner().told.is_empty());
    assert_eq!(report.strength(), Strength::Immediate);
}

#[tokio::test]
async fn sessions_without_the_mark_that_a_store_ends_them_by_work_until_they_expire() {
    let unmarked = session(&alice(), &alice(), -200);
    let marked = session(&alice(), &alice(), -50);
    let strength = async |live: &[&LiveSession]| {
        let store = Arc::<FakeStore>::default();
        store.inner().marked_since = Some(FixedClock.now() - TimeDelta::seconds(100));
        store.inner().live = live.iter().copied().cloned().collect();
        let report = revoke(&store, &SessionsOf::Owner(alice())).await;
        report.unwrap().strength()
    };
    let weak = strength(&[&unmarked, &marked]).await;
    assert!(
        matches!(weak, Strength::AtExpiry { at, .. } if at == unmarked.expiration),
        "{weak:?}"
    );
    assert_eq!(strength(&[&marked]).await, Strength::Immediate);
}

#[tokio::test]
async fn a_store_that_knows_only_owners_ends_others_sessions_and_it_is_said() {
    let store = Arc::<FakeStore>::default();
    store.inner().flaw = Some(Flaw::KnowsOwnersOnly);
    store.inner().live = vec![session(&alice(), &research(), -60)];
    let of = SessionsOf::Caller(caller(&alice()));
    let report = revoke(&store, &of).await.unwrap();
    assert!(of_research(&report).ended.others);
}

#[tokio::test]
async fn a_single_session_is_named_and_an_unknown_one_is_an_error() {
    let store = Arc::<FakeStore>::default();
    let key = SessionsOf::Key("ASIA".to_owned());
    let refused = revoke(&store, &key).await;
    assert!(matches!(refused, Err(RevokeError::NoSuchSession(_))));
    assert_eq!(store.inner().events, []);
    store.inner().live = vec![session(&alice(), &alice(), -60)];
    revoke(&store, &key).await.unwrap();
    let inner = store.inner();
    assert!(matches!(inner.told[0].which, WhichSessions::Named(_)));
}

#[tokio::test]
async fn what_the_store_cannot_do_is_said_with_the_time_of_expiry() {
    let last = session(&alice(), &alice(), -60).expiration;
    for flaw in [Flaw::Dumb, Flaw::Deaf, Flaw::RefusesAll] {
        let store = Arc::<FakeStore>::default();
        store.inner().live = vec![session(&alice(), &alice(), -60)];
        store.inner().flaw = Some(flaw);
        let report = revoke(&store, &SessionsOf::Owner(alice())).await.unwrap();
        let strength = report.strength();
        assert!(
            matches!(strength, Strength::AtExpiry { at, .. } if at == last),
            "{strength:?}"
        );
        let inner = store.inner();
        // A store that seems to ignore it may only be slow.
        let told = usize::from(flaw == Flaw::Deaf);
        assert_eq!((inner.told.len(), inner.statements.len()), (told, told));
    }
}

#[tokio::test(start_paused = true)]
async fn two_processes_do_not_tell_the_store_at_once() {
    let store = Arc::<FakeStore>::default();
    store.inner().flaw = Some(Flaw::Locked);
    let refused = revoke(&store, &SessionsOf::Owner(alice())).await;
    assert!(matches!(refused, Err(RevokeError::Locked(_))));
    let inner = store.inner();
    assert!(inner.revocation.clone().unwrap().1, "nobody stays frozen");
}

#[tokio::test]
async fn what_the_store_was_told_is_taken_back_when_it_is_over() {
    let store = Arc::<FakeStore>::default();
    let use_case = revoke_sessions(&store, directory());
    let of = SessionsOf::Owner(alice());
    use_case.revoke(&of, cause(), PATIENCE).await.unwrap();
    assert_eq!(use_case.sweep().await.unwrap(), 0);
    assert_eq!(store.inner().told.len(), 1);
    for statement in &mut store.inner().statements {
        statement.over_at = FixedClock.now() - TimeDelta::seconds(1);
    }
    assert_eq!(use_case.sweep().await.unwrap(), 1);
    let inner = store.inner();
    assert!(inner.told.is_empty() && inner.statements.is_empty());
}

/// Two owners' sessions were revoked and are over.
async fn two_that_are_over(store: &Arc<FakeStore>) -> RevokeSessions {
    let use_case = revoke_sessions(store, directory());
    for owner in [alice(), research()] {
        store.inner().live = vec![session(&alice(), &owner, -60)];
        let of = SessionsOf::Owner(owner);
        use_case.revoke(&of, cause(), PATIENCE).await.unwrap();
    }
    for statement in &mut store.inner().statements {
        statement.over_at = FixedClock.now() - TimeDelta::seconds(1);
    }
    assert_eq!(store.inner().told.len(), 2);
    use_case
}

#[tokio::test]
async fn a_bucket_that_fails_does_not_keep_the_others_waiting() {
    let store = Arc::<FakeStore>::default();
    let use_case = two_that_are_over(&store).await;
    store.inner().flaw = Some(Flaw::Silent);
    use_case.sweep().await.unwrap_err();
    let inner = store.inner();
    assert_eq!((inner.told.len(), inner.statements.len()), (1, 1));
}

#[tokio::test]
async fn what_is_renewed_meanwhile_is_not_taken_back() {
    let store = Arc::<FakeStore>::default();
    let use_case = two_that_are_over(&store).await;
    store.inner().renews = true;
    use_case.sweep().await.unwrap();
    let inner = store.inner();
    assert_eq!((inner.told.len(), inner.statements.len()), (2, 2));
}

#[tokio::test]
async fn more_sessions_than_can_be_named_end_with_those_of_others_and_it_is_said() {
    let store = Arc::<FakeStore>::default();
    store.inner().live = (0..=100)
        .map(|second| session(&alice(), &research(), second - 200))
        .collect();
    let of = SessionsOf::Caller(caller(&alice()));
    let report = revoke(&store, &of).await.unwrap();
    assert!(of_research(&report).ended.others);
    // Gateways do not hand out the others' sessions again.
    let inner = store.inner();
    let mut details = inner.events.iter().map(|(_, detail)| detail.as_str());
    assert!(details.any(|detail| detail == "owner, with one caller"));
}

#[tokio::test]
async fn a_caller_revokes_once_at_a_time() {
    let store = Arc::<FakeStore>::default();
    let use_case = Arc::new(revoke_sessions(&store, directory()));
    let place = use_case.under_way.take("operator test");
    let refused = revoke_in_time(&use_case).await;
    assert!(matches!(refused, Err(RevokeError::UnderWay)));
    drop(place);
    revoke_in_time(&use_case).await.unwrap();
}

/// What alice is answered within two seconds.
async fn revoke_in_time(use_case: &Arc<RevokeSessions>) -> Result<RevocationReport, RevokeError> {
    let of = SessionsOf::Caller(caller(&alice()));
    let deadline = Deadline::after(Duration::from_secs(2));
    let use_case = Arc::clone(use_case);
    use_case
        .revoke_detached(of, cause(), PATIENCE, deadline)
        .await
}

/// What alice is answered if something is wrong, and the store half a minute later.
async fn answer_with(flaw: Flaw) -> (Result<RevocationReport, RevokeError>, Arc<FakeStore>) {
    let store = Arc::<FakeStore>::default();
    store.inner().flaw = Some(flaw);
    let use_case = Arc::new(revoke_sessions(&store, directory()));
    let answer = revoke_in_time(&use_case).await;
    sleep(Duration::from_secs(30)).await;
    (answer, store)
}

fn end(store: &FakeStore) -> String {
    let events = &store.inner().events;
    let mut ends = events.iter().filter(|(action, _)| *action == "revoke end");
    ends.next().unwrap().1.clone()
}

#[tokio::test(start_paused = true)]
async fn after_the_deadline_the_slower_one_is_to_blame_and_the_revocation_goes_on() {
    let (answer, store) = answer_with(Flaw::Slow).await;
    assert!(matches!(answer, Err(RevokeError::Store(_))));
    assert!(!end(&store).starts_with("failed"), "{}", end(&store));
    let (answer, store) = answer_with(Flaw::SlowRegistry).await;
    assert!(matches!(answer, Err(RevokeError::Registry(_))));
    assert!(!end(&store).starts_with("failed"), "{}", end(&store));
    // Another process is telling the store.
    let (answer, store) = answer_with(Flaw::Locked).await;
    assert!(matches!(answer, Err(RevokeError::Store(_))));
    assert!(end(&store).starts_with("failed"), "{}", end(&store));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_lost_is_released_once_the_registry_works_again() {
    for flaw in [Flaw::LockUnheard, Flaw::UnlockFails] {
        let (answer, store) = answer_with(flaw).await;
        // What is done is done.
        assert_eq!(answer.is_ok(), flaw == Flaw::UnlockFails);
        let inner = store.inner();
        assert_eq!(inner.locked_until, None, "{flaw:?}");
        assert_eq!(inner.releases, 2, "{flaw:?}");
    }
}

#[tokio::test]
async fn removed_storage_is_revoked_and_an_access_key_is_not() {
    let store = Arc::<FakeStore>::default();
    let key = Owner::AccessKey("ak_0123456789abcdef01234567".parse().unwrap());
    let refused = revoke(&store, &SessionsOf::Owner(key)).await;
    assert!(matches!(refused, Err(RevokeError::AccessKey(_))));
    let removed = Owner::Workspace("acme/gone".parse().unwrap());
    store.inner().live = vec![session(&alice(), &removed, -60)];
    let of = SessionsOf::Caller(caller(&alice()));
    let report = revoke(&store, &of).await.unwrap();
    assert!(
        report
            .storage
            .iter()
            .any(|storage| storage.owner == removed)
    );
    let shared = "shared".parse().unwrap();
    assert!(store.inner().told.iter().any(|told| told.bucket == shared));
}
