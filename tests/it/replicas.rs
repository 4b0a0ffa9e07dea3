//! Two gateways on one registry: what an operator ends or changes applies to both at the next call.

use cloakroom::domain::{Access, AccessKeyOwner, AccessKeyRights};
use cloakroom::service::{NewAccessKey, NewArea};
use serde_json::json;
use tokio::sync::oneshot;

use crate::access_keys::{PATH, brokering, with_organisation};
use crate::support::{Answer, App, Serve, Setup, spawn_app};

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_ends_is_refused_by_every_replica() {
    let one = spawn_app().await;
    let two = Setup::default().replica_of(&one).spawn().await;
    let key = one.organisation("acme", &NewArea::default()).await;
    one.workspace("acme/research", &[("alice", Access::ReadWrite)])
        .await;
    let token = one.token("alice").await;
    let statuses = async || {
        let mut statuses = Vec::new();
        for app in [&one, &two] {
            statuses.push(app.boto(&key).await.status);
            statuses.push(app.ask_workspace("acme/research", &token).await.status);
        }
        statuses
    };
    assert_eq!(statuses().await, [200, 200, 200, 200]);
    let administer = one.administer().await;
    let (acme, research) = ("acme".parse().unwrap(), "acme/research".parse().unwrap());
    administer.set_enabled(&acme, false).await.unwrap();
    assert_eq!(statuses().await, [403, 403, 403, 403]);
    administer.set_enabled(&acme, true).await.unwrap();
    assert_eq!(statuses().await, [200, 200, 200, 200]);
    administer.revoke_key(key.id()).await.unwrap();
    assert_eq!(statuses().await, [401, 200, 401, 200]);
    let alice = cloakroom::domain::Subject::parse("alice").unwrap();
    let removed = administer
        .remove_member(&research, None, &alice, None)
        .await;
    removed.unwrap();
    assert_eq!(statuses().await, [401, 404, 401, 404]);
}

const KATAPULT: &str = "com.cleverbase.storage api.katapult.io/core/v1/object_storage";

/// A person with an access key, an organisation with an API key, a workspace.
struct Callers {
    alice: String,
    bob: String,
    access_key: String,
    api_key: cloakroom::domain::ApiKey,
}

impl Callers {
    async fn of(app: &App) -> Self {
        with_organisation(app, "acme").await;
        app.workspace("acme/research", &[("alice", Access::ReadWrite)])
            .await;
        let new = NewAccessKey {
            name: "test".to_owned(),
            owner: AccessKeyOwner::Subject(cloakroom::domain::Subject::parse("alice").unwrap()),
            rights: AccessKeyRights {
                read_buckets: vec!["data".parse().unwrap()],
                ..AccessKeyRights::default()
            },
            networks: Vec::new(),
        };
        let root = app.root();
        root.create_bucket().bucket("data").send().await.unwrap();
        let key = app.administer().await.create_access_key(new).await;
        Self {
            alice: app.token_with(&[("scope", KATAPULT)]).await,
            bob: app.token("bob").await,
            access_key: key.unwrap().id.to_string(),
            api_key: app.key(&"acme".parse().unwrap(), true).await,
        }
    }

    async fn rotate(&self, app: &App) -> Answer {
        let body = json!({ "access_key": { "id": self.access_key } });
        let request = app.post(PATH).bearer_auth(&self.alice).json(&body);
        app.send(request).await
    }

    /// Everyone but bob, who has not called before.
    async fn statuses(&self, app: &App) -> [u16; 4] {
        [
            app.ask(&self.alice).await.status,
            app.boto(&self.api_key).await.status,
            app.ask_workspace("acme/research", &self.alice).await.status,
            self.rotate(app).await.status,
        ]
    }
}

async fn readyz(app: &App) -> (u16, String) {
    let answer = app.send(app.http.get(format!("{}/readyz", app.url))).await;
    (answer.status, answer.text)
}

/// The buckets that are recorded as people's own.
async fn reserved(app: &App) -> Vec<String> {
    let query = "SELECT bucket FROM owned_buckets WHERE owner_kind = 'principal' ORDER BY 1";
    let database = app.database().await;
    let rows = sqlx::query_scalar(query).fetch_all(&database).await;
    rows.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_with_an_outdated_formula_hands_out_nothing() {
    let old = brokering(Setup::default()).await;
    let callers = Callers::of(&old).await;
    // It remembers these buckets as ready for five minutes.
    assert_eq!(callers.statuses(&old).await, [200; 4]);
    assert_eq!(readyz(&old).await, (200, "ready\n".to_owned()));
    let new = Setup::default().replica_of(&old);
    let new = brokering(new.key("naming.namespace", "new")).await;
    assert_eq!(callers.statuses(&old).await, [500, 500, 500, 503]);
    for token in [&callers.alice, &callers.bob] {
        old.ask(token).await.assert_problem(500, "internal-error");
    }
    assert_eq!(
        callers.rotate(&old).await.json()["code"],
        "service_unavailable"
    );
    assert_eq!(reserved(&old).await, Vec::<String>::new());
    // The probe trusts its last result for a second.
    let (status, body) = loop {
        match readyz(&old).await {
            (200, _) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            answer => break answer,
        }
    };
    assert_eq!(status, 503);
    assert!(body.starts_with("not ready: formula "), "{body}");
    let alices = new.ask(&callers.alice).await.credentials().bucket;
    let bobs = new.ask(&callers.bob).await.credentials().bucket;
    assert_eq!(callers.statuses(&new).await, [200; 4]);
    // They have other buckets now, which is no conflict at the outdated replica, either.
    for token in [&callers.alice, &callers.bob] {
        old.ask(token).await.assert_problem(500, "internal-error");
    }
    let mut buckets = vec![alices, bobs];
    buckets.sort();
    assert_eq!(reserved(&old).await, buckets);
    assert_eq!(readyz(&new).await, (200, "ready\n".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_issuer_outdates_replicas_and_the_former_one_can_come_back() {
    let old = spawn_app().await;
    let token = old.token("alice").await;
    let bucket = old.ask(&token).await.credentials().bucket;
    let unreachable = "http://127.0.0.1:1";
    let other = Setup::default()
        .beside(&old)
        .key("oauth.issuer", unreachable)
        .spawn()
        .await;
    old.ask(&token).await.assert_problem(500, "internal-error");
    other.stop().await;
    let back = Setup::default().replica_of(&old).spawn().await;
    for app in [&old, &back] {
        assert_eq!(app.ask(&token).await.credentials().bucket, bucket);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outdated_replica_raises_one_alarm_that_names_the_keys() {
    let app = spawn_app().await;
    let identity = app.storage.identity();
    let url = app.registry_url();
    let variables = [
        ("CLOAKROOM_DATABASE__URL", url.as_str()),
        ("CLOAKROOM_STORAGE__ACCESS_KEY_ID", &identity.access_key_id),
        (
            "CLOAKROOM_STORAGE__SECRET_ACCESS_KEY",
            &identity.secret_access_key,
        ),
    ];
    let mut old = Serve::start(&app.oauth, &app.storage.url(), &variables).await;
    let token = app.token("alice").await;
    let ask = async || {
        let request = app.http.post(format!("{}/v1/credentials", old.url));
        app.send(request.bearer_auth(&token)).await.status
    };
    assert_eq!(ask().await, 200);
    let new = Setup::default().replica_of(&app);
    new.key("naming.namespace", "new").spawn().await;
    for _ in 0..3 {
        assert_eq!(ask().await, 500);
    }
    old.signal("TERM").await;
    let lines = old.rest().await;
    let alarms = lines.iter().filter(|line| !line["alarm"].is_null());
    let alarms: Vec<_> = alarms.map(|line| (&line["alarm"], &line["keys"])).collect();
    assert_eq!(
        alarms,
        [(&json!("formula-changed"), &json!("naming.namespace"))]
    );
}

/// A reservation that has begun ends before the formula changes or is refused after it, so no bucket
/// of the former formula stays recorded.
#[tokio::test(flavor = "multi_thread")]
async fn first_calls_during_a_change_of_formula_reserve_no_outdated_bucket() {
    let old = spawn_app().await;
    let mut tokens = Vec::new();
    for user in 0..30 {
        tokens.push(old.token(&format!("user-{user}")).await);
    }
    let (begun, has_begun) = oneshot::channel();
    let calls = async {
        let mut statuses = vec![old.ask(&tokens[0]).await.status];
        begun.send(()).unwrap();
        let rest = futures_util::future::join_all(tokens[1..].iter().map(|token| old.ask(token)));
        statuses.extend(rest.await.iter().map(|answer| answer.status));
        statuses
    };
    let change = async {
        has_begun.await.unwrap();
        let new = Setup::default().replica_of(&old);
        new.key("naming.prefix", "new-").spawn().await
    };
    let (statuses, new) = tokio::join!(calls, change);
    assert!(
        statuses.iter().all(|status| [200, 500].contains(status)),
        "{statuses:?}"
    );
    let left = reserved(&old).await;
    assert!(
        left.iter().all(|bucket| bucket.starts_with("new-")),
        "{left:?}"
    );
    for token in &tokens {
        assert!(
            new.ask(token)
                .await
                .credentials()
                .bucket
                .starts_with("new-")
        );
    }
}
