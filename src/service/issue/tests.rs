use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::future::join_all;
use secrecy::SecretString;

use super::*;
use crate::domain::{Access, BlockInForce, RevocationInForce, TokenCaller};
use crate::service::RestrictionRegistry;
use crate::service::fakes::{FixedClock, Nothing, alice, bucket_of, test_ensure_bucket};

/// Opens sessions, each with the number of its call as its id, and records events.
#[derive(Default)]
struct StoreAndTrail {
    asked: Mutex<Vec<Duration>>,
    events: Mutex<Vec<AuditEvent>>,
    trail_is_full: Mutex<bool>,
    store_hangs: Mutex<bool>,
    /// How long the store, and each step of the registry, takes.
    store_takes: Mutex<Duration>,
    registry_takes: Mutex<Duration>,
    restrictions: Mutex<Restrictions>,
    /// Is run when a session is opened.
    meanwhile: Mutex<Option<Meanwhile>>,
}

type Meanwhile = Box<dyn FnOnce(&StoreAndTrail) + Send>;

type Blocked = HashMap<(String, String), BlockInForce>;
type Revoked = HashMap<(String, String), RevocationInForce>;

#[async_trait]
impl Sessions for StoreAndTrail {
    async fn assume_role(&self, request: SessionRequest) -> Result<Session, UpstreamError> {
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(request.duration);
            asked.len()
        };
        if let Some(meanwhile) = self.meanwhile.lock().unwrap().take() {
            meanwhile(self);
        }
        if *self.store_hangs.lock().unwrap() {
            std::future::pending::<()>().await;
        }
        sleep(&self.store_takes).await;
        Ok(Session {
            access_key_id: number.to_string(),
            secret_access_key: SecretString::from("secret"),
            session_token: SecretString::from("token"),
            expiration: FixedClock.now() + request.duration,
        })
    }
}

#[async_trait]
impl AuditTrail for StoreAndTrail {
    async fn record(&self, event: AuditEvent, version: i64) -> Result<Recorded, RegistryError> {
        sleep(&self.registry_takes).await;
        if *self.trail_is_full.lock().unwrap() {
            return Err(RegistryError::new("full"));
        }
        if version != self.restrictions.lock().unwrap().version() {
            return Ok(Recorded::RestrictionsChanged);
        }
        self.events.lock().unwrap().push(event);
        Ok(Recorded::Yes)
    }
}

#[async_trait]
impl RestrictionRegistry for StoreAndTrail {
    async fn restrictions(&self) -> Result<Restrictions, RegistryError> {
        sleep(&self.registry_takes).await;
        Ok(self.restrictions.lock().unwrap().clone())
    }
}

async fn sleep(duration: &Mutex<Duration>) {
    let duration = *duration.lock().unwrap();
    tokio::time::sleep(duration).await;
}

impl StoreAndTrail {
    fn restrict(&self, blocks: Blocked, revocations: Revoked) {
        let mut restrictions = self.restrictions.lock().unwrap();
        *restrictions = Restrictions::new(restrictions.version() + 1, blocks, revocations);
    }
}

fn issue(cap_to_token_expiry: bool, reuse: Option<&str>) -> (Arc<StoreAndTrail>, IssueSession) {
    let both = Arc::<StoreAndTrail>::default();
    let ports = IssueSessionPorts {
        rate_limiter: Arc::new(Nothing),
        ensure_bucket: Arc::new(test_ensure_bucket()),
        sessions: Arc::<StoreAndTrail>::clone(&both),
        restrictions: Arc::new(CurrentRestrictions::new(
            Arc::<StoreAndTrail>::clone(&both),
            Arc::new(FixedClock),
            BucketFormula::default(),
        )),
        audit_trail: Arc::<StoreAndTrail>::clone(&both),
        clock: Arc::new(FixedClock),
    };
    let settings = IssueSessionSettings {
        formula: BucketFormula::default(),
        session_policies: SessionPolicySettings::default(),
        session_duration: Duration::from_hours(1),
        cap_to_token_expiry,
        session_reuse: reuse.map(|share| share.parse().unwrap()),
    };
    (both, IssueSession::new(ports, settings))
}

/// Alice's request with a token that expires in so many minutes.
fn request(number: u8, token_minutes: i64) -> IssueRequest {
    let owner = alice();
    let Owner::Principal(principal) = owner.clone() else {
        unreachable!()
    };
    IssueRequest {
        request_id: RequestId::from_random([number; 16]),
        dialect: "test",
        caller: Caller::Token(TokenCaller {
            principal,
            memberships: Vec::new(),
            proof_expires: Some(FixedClock.now() + TimeDelta::minutes(token_minutes)),
            max_session: None,
        }),
        grant: Grant::whole(bucket_of(&owner), Access::ReadWrite),
        owner,
        duration: None,
    }
}

async fn ask(issue: &IssueSession, request: &IssueRequest) -> Result<Arc<Session>, Refusal> {
    let deadline = Deadline::after(Duration::from_secs(5));
    issue.issue(request, deadline).await
}

#[tokio::test]
async fn every_call_opens_a_session_by_default() {
    let (store, issue) = issue(false, None);
    for call in 1..=3 {
        let session = ask(&issue, &request(call, 60)).await.unwrap();
        assert_eq!(session.access_key_id, call.to_string());
    }
    assert_eq!(store.asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn each_time_a_session_is_handed_out_has_an_audit_event() {
    let (store, issue) = issue(false, Some("50%"));
    for call in 1..=3 {
        let session = ask(&issue, &request(call, 60)).await.unwrap();
        assert_eq!(session.access_key_id, "1");
    }
    let events = store.events.lock().unwrap();
    let ids = events
        .iter()
        .map(|event| (event.cause.request_id, event.key_id.clone()));
    let expected = (1..=3).map(|call| {
        let request_id = RequestId::from_random([call; 16]);
        (request_id, Some("1".to_owned()))
    });
    assert!(ids.eq(expected));
}

#[tokio::test]
async fn a_held_session_is_not_handed_out_without_its_audit_event() {
    let (store, issue) = issue(false, Some("50%"));
    ask(&issue, &request(1, 60)).await.unwrap();
    *store.trail_is_full.lock().unwrap() = true;
    let refused = ask(&issue, &request(2, 60)).await;
    assert!(matches!(refused, Err(Refusal::Internal(_))), "{refused:?}");
}

#[tokio::test]
async fn a_session_that_is_not_on_record_is_not_held() {
    let (store, issue) = issue(false, Some("50%"));
    *store.trail_is_full.lock().unwrap() = true;
    ask(&issue, &request(1, 60)).await.unwrap_err();
    *store.trail_is_full.lock().unwrap() = false;
    let session = ask(&issue, &request(2, 60)).await.unwrap();
    assert_eq!(session.access_key_id, "2");
}

#[tokio::test]
async fn a_call_that_asks_for_a_duration_gets_a_new_session_of_that_duration() {
    let (store, issue) = issue(false, Some("50%"));
    let asking = |number, minutes| IssueRequest {
        duration: Some(Duration::from_mins(minutes)),
        ..request(number, 60)
    };
    ask(&issue, &request(1, 60)).await.unwrap();
    for (number, minutes) in [(2, 15), (3, 15), (4, 60)] {
        let session = ask(&issue, &asking(number, minutes)).await.unwrap();
        assert_eq!(session.access_key_id, number.to_string());
    }
    // Such sessions are not handed out to calls without a duration.
    let session = ask(&issue, &request(5, 60)).await.unwrap();
    assert_eq!(session.access_key_id, "1");
    let asked = [60, 15, 15, 60].map(Duration::from_mins);
    assert_eq!(*store.asked.lock().unwrap(), asked);
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_share_the_timeout_of_the_one_that_opens() {
    let (store, issue) = issue(false, Some("50%"));
    *store.store_hangs.lock().unwrap() = true;
    let requests: Vec<_> = (1..=250).map(|number| request(number, 60)).collect();
    let calls = (1_600..).zip(&requests).map(|(milliseconds, request)| {
        let deadline = Deadline::after(Duration::from_millis(milliseconds));
        issue.issue(request, deadline)
    });
    for refused in join_all(calls).await {
        assert!(matches!(refused, Err(Refusal::Store(_))), "{refused:?}");
    }
    assert_eq!(store.asked.lock().unwrap().len(), 1);
    *store.store_hangs.lock().unwrap() = false;
    ask(&issue, &request(0, 60)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_slower_of_registry_and_store_is_to_blame_for_a_session_that_is_late() {
    for reuse in [None, Some("50%")] {
        for (registry, store, cut_off, registry_is_to_blame) in [
            (2_900, 9_000, "AssumeRole", true),
            (2_000, 9_000, "AssumeRole", false),
            (2_000, 2_700, "audit event", false),
            (2_400, 2_200, "audit event", true),
            (600, 3_500, "restrictions", false),
        ] {
            let (both, issue) = issue(false, reuse);
            if cut_off == "restrictions" {
                let change = |both: &StoreAndTrail| both.restrict(HashMap::new(), HashMap::new());
                *both.meanwhile.lock().unwrap() = Some(Box::new(change));
            }
            *both.registry_takes.lock().unwrap() = Duration::from_millis(registry);
            *both.store_takes.lock().unwrap() = Duration::from_millis(store);
            let late = ask(&issue, &request(1, 60)).await;
            let is_right = match &late {
                Err(Refusal::Internal(_)) => registry_is_to_blame,
                Err(Refusal::Store(_)) => !registry_is_to_blame,
                _ => false,
            };
            assert!(is_right, "{registry} and {store} ms: {late:?}");
            assert!(format!("{late:?}").contains(cut_off), "{late:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_another_ones_session_counts_its_own_time() {
    let (both, issue) = issue(false, Some("50%"));
    *both.store_hangs.lock().unwrap() = true;
    *both.registry_takes.lock().unwrap() = Duration::from_millis(2_900);
    let request = request(1, 60);
    let waiting = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        ask(&issue, &request).await
    };
    let (opening, waiting) = tokio::join!(ask(&issue, &request), waiting);
    assert!(matches!(opening, Err(Refusal::Internal(_))), "{opening:?}");
    assert!(matches!(waiting, Err(Refusal::Store(_))), "{waiting:?}");
    assert_eq!(both.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_reused_session_does_not_outlive_the_callers_token() {
    let (store, issue) = issue(true, Some("50%"));
    let mut sessions = Vec::new();
    for (call, token_minutes) in [(1, 60), (2, 30), (3, 30), (4, 60)] {
        let session = ask(&issue, &request(call, token_minutes)).await.unwrap();
        assert!(session.expiration <= FixedClock.now() + TimeDelta::minutes(token_minutes));
        sessions.push(session.access_key_id.clone());
    }
    assert_eq!(sessions, ["1", "2", "2", "1"]);
    let asked = [60, 30].map(Duration::from_mins);
    assert_eq!(*store.asked.lock().unwrap(), asked);
    let refused = ask(&issue, &request(5, 14)).await;
    assert!(
        matches!(refused, Err(Refusal::Token(TokenError::EndsTooSoon))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn tokens_share_a_session_that_need_not_end_with_them() {
    let (store, issue) = issue(false, Some("50%"));
    for (call, token_minutes) in [(1, 60), (2, 5)] {
        ask(&issue, &request(call, token_minutes)).await.unwrap();
    }
    assert_eq!(store.asked.lock().unwrap().len(), 1);
}

fn blocked(kind: &str, name: &str) -> Blocked {
    let block = BlockInForce {
        reason: "lost laptop".to_owned(),
        until: None,
    };
    HashMap::from([((kind.to_owned(), name.to_owned()), block)])
}

fn revoked(before: DateTime<Utc>) -> Revoked {
    let key = ("owner".to_owned(), alice().to_string());
    let revocation = RevocationInForce {
        before,
        frozen_until: None,
    };
    HashMap::from([(key, revocation)])
}

/// A request so many seconds after the clock's time.
fn request_at(seconds: i64) -> IssueRequest {
    let time = FixedClock.now() + TimeDelta::seconds(seconds);
    IssueRequest {
        request_id: RequestId::at(time, [1; 16]),
        ..request(1, 60)
    }
}

#[tokio::test]
async fn a_blocked_caller_gets_nothing_until_unblocked() {
    let (store, issue) = issue(false, None);
    ask(&issue, &request_at(0)).await.unwrap();
    store.restrict(blocked("client", "demo"), HashMap::new());
    let refused = ask(&issue, &request_at(1)).await;
    assert!(
        matches!(refused, Err(Refusal::Blocked { .. })),
        "{refused:?}"
    );
    assert_eq!(store.events.lock().unwrap().len(), 1);
    store.restrict(HashMap::new(), HashMap::new());
    ask(&issue, &request_at(2)).await.unwrap();
}

#[tokio::test]
async fn a_block_during_a_call_keeps_its_session_back() {
    let (store, issue) = issue(false, None);
    for (blocks, is_refused) in [
        (blocked("owner", &alice().to_string()), true),
        (blocked("client", "other"), false),
    ] {
        let restrict = move |store: &StoreAndTrail| store.restrict(blocks, HashMap::new());
        *store.meanwhile.lock().unwrap() = Some(Box::new(restrict));
        let done = ask(&issue, &request_at(0)).await;
        assert_eq!(
            matches!(done, Err(Refusal::Blocked { .. })),
            is_refused,
            "{done:?}"
        );
        store.restrict(HashMap::new(), HashMap::new());
    }
    assert_eq!(store.events.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_revoked_session_is_not_handed_out_again() {
    let (store, issue) = issue(false, Some("50%"));
    let first = ask(&issue, &request_at(0)).await.unwrap();
    let again = ask(&issue, &request_at(1)).await.unwrap();
    assert_eq!(first.access_key_id, again.access_key_id);
    let revocation = revoked(FixedClock.now() + TimeDelta::seconds(2));
    store.restrict(HashMap::new(), revocation);
    // The call finds out only when it records the old session.
    let fresh = ask(&issue, &request_at(3)).await.unwrap();
    assert_ne!(first.access_key_id, fresh.access_key_id);
    let events = store.events.lock().unwrap().len();
    assert_eq!(events, 3, "the old session has no event of this call");
    let late = ask(&issue, &request_at(1)).await;
    assert!(matches!(late, Err(Refusal::BeingRevoked)), "{late:?}");
}
