//! Revocations after others, and beside others.

use tokio::time::Instant;

use super::*;

/// The one that fails its proof has already overwritten the earlier statement. With a clock ahead, the store
/// refuses new sessions for a while.
#[tokio::test]
async fn a_revocation_that_cannot_be_proven_leaves_an_earlier_one_in_force() {
    for flaw in [None, Some(Flaw::RefusesAll), Some(Flaw::Dumb)] {
        let store = Arc::<FakeStore>::default();
        store.inner().live = vec![session(&alice(), &alice(), -60)];
        let of = SessionsOf::Owner(alice());
        let report = revoke(&store, &of).await.unwrap();
        assert_eq!(report.strength(), Strength::Immediate);
        store.inner().flaw = flaw;
        revoke(&store, &of).await.unwrap();
        let inner = store.inner();
        assert_eq!(
            (inner.told.len(), inner.statements.len()),
            (1, 1),
            "{flaw:?}"
        );
    }
}

/// After each change of the registry, calls have to be checked again.
#[tokio::test(start_paused = true)]
async fn many_revocations_leave_calls_the_time_to_be_checked_again() {
    let store = Arc::<FakeStore>::default();
    let use_case = Arc::new(revoke_sessions(&store, directory()));
    let began = Instant::now();
    let all = (0..10).map(async |n| {
        let of = SessionsOf::Owner(crate::service::fakes::principal(
            "demo",
            &format!("user-{n}"),
        ));
        use_case.revoke(&of, cause(), PATIENCE).await.unwrap();
    });
    futures_util::future::join_all(all).await;
    assert_eq!(store.inner().events.len(), 20);
    assert!(
        began.elapsed() >= Duration::from_millis(19 * 20),
        "{:?}",
        began.elapsed()
    );
}
