use super::*;

const ERASE: EraseOptions = EraseOptions {
    governance: Governance::Respect,
    keep_bucket: false,
    wait: false,
};

fn acme() -> Owner {
    Owner::Organisation("acme".parse().unwrap())
}

fn tomorrow() -> DateTime<Utc> {
    FixedClock.now() + TimeDelta::days(1)
}

#[tokio::test]
async fn a_plan_counts_and_changes_nothing() {
    let world = world();
    let plan = world.use_case.plan(&alice()).await.unwrap();
    let found = Tally {
        objects: 11,
        versions: 31,
        delete_markers: 1,
        uploads: 6,
        bytes: 310,
    };
    assert_eq!(plan.found(), found);
    assert_eq!(world.contents.versions.lock().unwrap().len(), 32);
    assert!(world.freezer.calls.lock().unwrap().is_empty());
    assert!(world.erasures.steps.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_person_loses_everything_and_the_bucket() {
    let world = world();
    let report = world.erase(&alice(), ERASE).await.unwrap();
    assert_eq!(report.outcome, ErasureOutcome::Erased);
    assert!(world.contents.keys().is_empty());
    assert!(*world.contents.bucket_removed.lock().unwrap());
    assert_eq!(report.places[0].bucket, BucketFate::Removed);
    assert_eq!(report.forgotten, 7);
    let deleted = report.erasure.deleted;
    assert_eq!(
        (deleted.versions, deleted.delete_markers, deleted.uploads),
        (31, 1, 6)
    );
    assert_eq!(
        *world.freezer.calls.lock().unwrap(),
        ["freeze", "end sessions"]
    );
    assert_eq!(
        *world.erasures.steps.lock().unwrap(),
        ["begin", "forget", "finish"]
    );
}

#[tokio::test]
async fn of_a_shared_bucket_only_the_prefix_is_erased() {
    for owner in [acme(), Owner::Workspace("acme/lab".parse().unwrap())] {
        let world = world();
        let report = world.erase(&owner, ERASE).await.unwrap();
        assert_eq!(report.outcome, ErasureOutcome::Erased);
        assert_eq!(report.places[0].bucket, BucketFate::Shared);
        assert_eq!(world.contents.keys(), ["neighbour/1".to_owned()].into());
        assert!(!*world.contents.bucket_removed.lock().unwrap());
        assert_eq!(*world.erasures.steps.lock().unwrap(), ["begin", "finish"]);
    }
}

#[tokio::test]
async fn locked_versions_stay_with_their_reason_and_the_person_is_not_forgotten() {
    let world = world();
    world.lock("acme/1", "2", KeptBecause::Compliance(tomorrow()));
    world.lock("acme/2", "2", KeptBecause::Governance(tomorrow()));
    let report = world.erase(&alice(), ERASE).await.unwrap();
    assert_eq!(report.outcome, ErasureOutcome::Locked);
    assert_eq!(report.places[0].bucket, BucketFate::Locked);
    let kept: Vec<_> = report.places[0]
        .kept
        .iter()
        .map(|kept| kept.why.to_string())
        .collect();
    let until = "until 2027-01-16T08:00:00Z";
    assert_eq!(
        kept,
        [
            format!("compliance lock {until}"),
            format!("governance lock {until}")
        ]
    );
    assert_eq!(*world.erasures.steps.lock().unwrap(), ["begin"]);
    let bypass = EraseOptions {
        governance: Governance::Bypass,
        ..ERASE
    };
    let report = world.erase(&alice(), bypass).await.unwrap();
    assert_eq!(report.places[0].kept.len(), 1);
    world.contents.locked.lock().unwrap().clear();
    let report = world.erase(&alice(), ERASE).await.unwrap();
    assert_eq!(report.outcome, ErasureOutcome::Erased);
    assert_eq!(report.erasure.deleted.versions, 31);
}

#[tokio::test]
async fn what_is_written_meanwhile_is_deleted_too() {
    let world = world();
    *world.contents.late.lock().unwrap() = vec![version("acme/a", "4"), version("acme/b", "4")];
    let report = world.erase(&alice(), ERASE).await.unwrap();
    assert_eq!(report.outcome, ErasureOutcome::Erased);
    assert!(world.contents.keys().is_empty());
    assert_eq!(report.erasure.deleted.versions, 33);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_moment_is_asked_again() {
    let world = world();
    let kinds = [UpstreamErrorKind::Timeout, UpstreamErrorKind::Unreachable];
    let plan = world.use_case.plan(&alice()).await.unwrap();
    *world.contents.failures.lock().unwrap() = kinds.repeat(2);
    let report = world.use_case.erase(&plan, ERASE, &Silence).await.unwrap();
    assert_eq!(report.outcome, ErasureOutcome::Erased);
    assert!(world.contents.keys().is_empty());
}

#[tokio::test]
async fn an_erasure_that_was_cut_off_goes_on() {
    let world = world();
    let plan = world.use_case.plan(&alice()).await.unwrap();
    *world.contents.failures.lock().unwrap() = vec![UpstreamErrorKind::Refused];
    world
        .use_case
        .erase(&plan, ERASE, &Silence)
        .await
        .unwrap_err();
    assert_eq!(*world.erasures.steps.lock().unwrap(), ["begin"]);
    let report = world.erase(&alice(), ERASE).await.unwrap();
    assert_eq!(report.outcome, ErasureOutcome::Erased);
    // The sessions that were out have been ended by the first run.
    let calls = ["freeze", "end sessions"];
    assert_eq!(*world.freezer.calls.lock().unwrap(), calls);
}

#[tokio::test]
async fn a_bucket_that_comes_after_the_plan_is_emptied() {
    let world = world();
    *world.erasures.comes_late.lock().unwrap() = true;
    let plan = world.use_case.plan(&alice()).await.unwrap();
    assert!(plan.places.is_empty());
    *world.erasures.comes_late.lock().unwrap() = false;
    let report = world.use_case.erase(&plan, ERASE, &Silence).await.unwrap();
    assert_eq!(report.places[0].bucket, BucketFate::Removed);
    assert!(world.contents.keys().is_empty());
}

#[tokio::test]
async fn sessions_are_ended_again_if_the_owner_was_let_in_meanwhile() {
    let world = world();
    world.lock("acme/1", "2", KeptBecause::Compliance(tomorrow()));
    let report = world.erase(&acme(), ERASE).await.unwrap();
    assert_eq!(report.outcome, ErasureOutcome::Locked);
    *world.freezer.is_frozen.lock().unwrap() = false;
    world.contents.locked.lock().unwrap().clear();
    let report = world.erase(&acme(), ERASE).await.unwrap();
    assert_eq!(report.outcome, ErasureOutcome::Erased);
    let calls = ["freeze", "end sessions", "freeze", "end sessions"];
    assert_eq!(*world.freezer.calls.lock().unwrap(), calls);
    // And a finished erasure is repeated.
    *world.freezer.is_frozen.lock().unwrap() = false;
    let report = world.erase(&acme(), ERASE).await.unwrap();
    assert_eq!(report.outcome, ErasureOutcome::Erased);
}

#[tokio::test]
async fn a_store_that_ignores_the_prefix_deletes_nothing_of_others() {
    let world = world();
    *world.contents.ignores_prefix.lock().unwrap() = true;
    let refused = world.erase(&acme(), ERASE).await;
    assert!(matches!(refused, Err(EraseError::Store(_))), "{refused:?}");
    assert_eq!(world.contents.versions.lock().unwrap().len(), 32);
}

#[tokio::test(start_paused = true)]
async fn a_version_at_which_the_store_fails_does_not_keep_the_others() {
    let world = world();
    world.lock(
        "acme/1",
        "2",
        KeptBecause::Failed("InternalError".to_owned()),
    );
    let report = world.erase(&alice(), ERASE).await.unwrap();
    assert_eq!(report.outcome, ErasureOutcome::Locked);
    assert_eq!(report.places[0].kept.len(), 1);
    assert_eq!(world.contents.keys().len(), 1);
}

#[tokio::test]
async fn a_finished_erasure_is_not_repeated() {
    let world = world();
    world.erase(&alice(), ERASE).await.unwrap();
    world.buckets.put(&bucket_of(&alice()), Presence::Missing);
    let report = world.erase(&alice(), ERASE).await.unwrap();
    assert_eq!(report.outcome, ErasureOutcome::ErasedBefore);
    assert_eq!(world.freezer.calls.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn sessions_that_live_on_are_waited_for_where_a_bucket_stays() {
    let hour = TimeDelta::hours(1);
    let keep = EraseOptions {
        keep_bucket: true,
        ..ERASE
    };
    for (owner, options) in [(alice(), keep), (acme(), ERASE)] {
        let world = world_of(FakeErasures::default(), hour);
        let report = world.erase(&owner, options).await.unwrap();
        let end = FixedClock.now() + hour;
        assert_eq!(report.outcome, ErasureOutcome::Waiting(end));
        assert_eq!(*world.erasures.steps.lock().unwrap(), ["begin"]);
        // One of them writes again.
        world.contents.put("acme/late", "1");
        let wait = EraseOptions {
            wait: true,
            ..options
        };
        let started = tokio::time::Instant::now();
        let report = world.erase(&owner, wait).await.unwrap();
        assert!(started.elapsed() >= hour.to_std().unwrap());
        assert_eq!(report.outcome, ErasureOutcome::Erased);
        assert!(!world.contents.keys().contains("acme/late"));
    }
    // No session can make the bucket again.
    let world = world_of(FakeErasures::default(), hour);
    let report = world.erase(&alice(), ERASE).await.unwrap();
    assert_eq!(report.outcome, ErasureOutcome::Erased);
}

#[tokio::test]
async fn nothing_is_deleted_while_access_keys_exist() {
    let world = world();
    let key = AccessKeyId::from_random([7; 16]);
    world.erasures.access_keys.lock().unwrap().push(key.clone());
    let refused = world.erase(&alice(), ERASE).await.unwrap_err();
    assert!(refused.to_string().contains(key.as_str()), "{refused}");
    assert_eq!(world.contents.versions.lock().unwrap().len(), 32);
    assert!(world.freezer.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_bucket_that_is_not_ours_is_left_alone() {
    let world = world();
    world.buckets.put(&bucket_of(&alice()), Presence::Foreign);
    let refused = world.erase(&alice(), ERASE).await;
    assert!(
        matches!(refused, Err(EraseError::NotOurs(_))),
        "{refused:?}"
    );
    let other = world_of(FakeErasures::default(), TimeDelta::zero());
    other
        .use_case
        .ports
        .buckets
        .set_up(&bucket_of(&alice()), "staging")
        .await
        .unwrap();
    let refused = other.erase(&alice(), ERASE).await;
    assert!(
        matches!(refused, Err(EraseError::NotOurs(_))),
        "{refused:?}"
    );
    assert_eq!(other.contents.versions.lock().unwrap().len(), 32);
}

#[tokio::test]
async fn a_bucket_that_was_only_reserved_is_left_alone() {
    let erasures = FakeErasures {
        state: Some(ReservationState::Reserved),
        ..FakeErasures::default()
    };
    let world = world_of(erasures, TimeDelta::zero());
    let report = world.erase(&alice(), ERASE).await.unwrap();
    assert_eq!(report.outcome, ErasureOutcome::Erased);
    assert_eq!(world.contents.versions.lock().unwrap().len(), 32);
}

#[tokio::test]
async fn an_owner_of_whom_nothing_is_known_is_an_error() {
    let erasures = FakeErasures {
        unknown: true,
        ..FakeErasures::default()
    };
    let world = world_of(erasures, TimeDelta::zero());
    let refused = world.erase(&alice(), ERASE).await;
    assert!(
        matches!(refused, Err(EraseError::Unknown(_))),
        "{refused:?}"
    );
    assert!(world.erasures.steps.lock().unwrap().is_empty());
}
