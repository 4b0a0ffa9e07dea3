//! `storage.session_reuse`, see docs/limits.md.

use cloakroom::domain::{Access, Member, Subject};
use cloakroom::service::NewArea;
use futures_util::future::join_all;
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{
    Answer, App, SCOPE, Setup, fake_authorization_server, fake_store, introspection_says,
    session_of,
};

const RESEARCH: &str = "acme/research";

fn reusing() -> Setup {
    Setup::default().key("storage.session_reuse", "50%")
}

/// The id of the key in an answer of any dialect.
fn key_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let (_, rest) = answer.text.split_once("ASIA").unwrap();
    rest.chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect()
}

async fn container(app: &App, token: &str) -> Answer {
    let request = app
        .http
        .get(format!("{}/v1/credentials/container", app.url));
    app.send(request.bearer_auth(token)).await
}

async fn sts(app: &App, token: &str) -> Answer {
    let form = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", "arn:aws:iam::000000000000:role/any"),
        ("RoleSessionName", "test"),
        ("WebIdentityToken", token),
    ];
    app.send(app.post("/").form(&form)).await
}

async fn narrowed(app: &App, token: &str, query: &str) -> Answer {
    let request = app.post(&format!("/v1/credentials?{query}"));
    app.send(request.bearer_auth(token)).await
}

async fn assume_role_calls(store: &MockServer) -> usize {
    let requests = store.received_requests().await.unwrap();
    let calls = requests.iter();
    calls.filter(|request| request.method == "POST").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_routes_to_a_bucket_hand_out_the_callers_session_each_with_an_audit_row() {
    let app = reusing().spawn().await;
    let token = app.token("alice").await;
    let first = app.ask(&token).await;
    let mut answers = vec![app.ask(&token).await];
    answers.push(container(&app, &token).await);
    answers.push(sts(&app, &token).await);
    // Another token of the same person.
    answers.push(app.ask(&app.token("alice").await).await);
    for answer in &answers {
        assert_eq!(key_of(answer), key_of(&first));
    }
    let (one, two) = (first.credentials(), answers[0].credentials());
    assert_eq!(one.keys.secret_access_key, two.keys.secret_access_key);
    assert_eq!(one.keys.expiration, two.keys.expiration);
    let query = "SELECT request_id FROM audit_trail WHERE access_key_id = $1 ORDER BY time";
    let rows = sqlx::query_scalar::<_, String>(query).bind(one.keys.access_key_id);
    let mut rows = rows.fetch_all(&app.database().await).await.unwrap();
    let ids = std::iter::once(&first).chain(&answers);
    let mut ids: Vec<_> = ids
        .map(|answer| answer.header("x-request-id").unwrap().to_owned())
        .collect();
    ids.sort();
    rows.sort();
    assert_eq!(rows, ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_person_access_or_duration_is_another_session() {
    let app = reusing().spawn().await;
    let token = app.token("alice").await;
    let mut keys = vec![
        key_of(&app.ask(&token).await),
        key_of(&app.ask(&app.token("bob").await).await),
        key_of(
            &app.ask(&app.token_with(&[("client_id", "other")]).await)
                .await,
        ),
        key_of(&narrowed(&app, &token, "access=read").await),
    ];
    for _ in 0..2 {
        keys.push(key_of(&narrowed(&app, &token, "duration=1800").await));
    }
    let reused = key_of(&narrowed(&app, &token, "access=read").await);
    assert_eq!(reused, keys[3]);
    assert_eq!(key_of(&app.ask(&token).await), keys[0]);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_of_one_owner_have_sessions_of_their_own() {
    let app = reusing().spawn().await;
    let api_keys = [
        app.organisation("acme", &NewArea::default()).await,
        app.key(&"acme".parse().unwrap(), true).await,
    ];
    let members = [("alice", Access::ReadWrite), ("bob", Access::ReadWrite)];
    app.workspace(RESEARCH, &members).await;
    let tokens = [app.token("alice").await, app.token("bob").await];
    let ask = async || {
        let mut keys = Vec::new();
        for key in &api_keys {
            keys.push(key_of(&app.boto(key).await));
        }
        for token in &tokens {
            keys.push(key_of(&app.ask_workspace(RESEARCH, token).await));
        }
        keys
    };
    let mut keys = ask().await;
    assert_eq!(ask().await, keys);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_ends_is_refused_although_a_session_is_held() {
    let app = reusing().spawn().await;
    let api_key = app.organisation("acme", &NewArea::default()).await;
    app.workspace(RESEARCH, &[("alice", Access::ReadWrite)])
        .await;
    let token = app.token("alice").await;
    let statuses = async || {
        let boto = app.boto(&api_key).await.status;
        [boto, app.ask_workspace(RESEARCH, &token).await.status]
    };
    assert_eq!(statuses().await, [200, 200]);
    let administer = app.administer().await;
    let acme = "acme".parse().unwrap();
    administer.set_enabled(&acme, false).await.unwrap();
    assert_eq!(statuses().await, [403, 403]);
    administer.set_enabled(&acme, true).await.unwrap();
    assert_eq!(statuses().await, [200, 200]);
    administer.revoke_key(api_key.id()).await.unwrap();
    assert_eq!(statuses().await, [401, 200]);
    let (research, alice) = (RESEARCH.parse().unwrap(), Subject::parse("alice").unwrap());
    let removed = administer
        .remove_member(&research, None, &alice, None)
        .await;
    removed.unwrap();
    assert_eq!(statuses().await, [401, 404]);
    let member = Member {
        issuer: None,
        subject: alice,
        client_id: None,
        access: Access::ReadWrite,
    };
    administer.set_member(&research, &member).await.unwrap();
    assert_eq!(statuses().await, [401, 200]);
    administer.delete_workspace(&research, false).await.unwrap();
    assert_eq!(statuses().await, [401, 404]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_access_shrinks_gets_a_session_that_allows_less() {
    let app = reusing().spawn().await;
    app.workspace(RESEARCH, &[("alice", Access::ReadWrite)])
        .await;
    let token = app.token("alice").await;
    let before = app.ask_workspace(RESEARCH, &token).await;
    let member = Member {
        issuer: None,
        subject: Subject::parse("alice").unwrap(),
        client_id: None,
        access: Access::Read,
    };
    let research = RESEARCH.parse().unwrap();
    let administer = app.administer().await;
    administer.set_member(&research, &member).await.unwrap();
    let after = app.ask_workspace(RESEARCH, &token).await;
    assert_ne!(key_of(&before), key_of(&after));
    let body = after.json();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    let (id, secret) = (text("access_key_id"), text("secret_access_key"));
    let s3 = crate::support::s3(
        &text("endpoint"),
        &id,
        &secret,
        Some(&text("session_token")),
    );
    let put = s3.put_object().bucket(text("bucket"));
    let put = put.key(format!("{}x", text("prefix"))).send();
    let refused = put.await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_has_ended_gets_no_held_session() {
    let fake = fake_authorization_server().await;
    let answer = |active| {
        let claims = json!({ "active": active, "sub": "a", "client_id": "c", "scope": SCOPE });
        ResponseTemplate::new(200).set_body_json(claims)
    };
    introspection_says(&fake, answer(true)).await;
    let app = reusing()
        .key("oauth.issuer", &fake.uri())
        .key("oauth.introspection_cache", "0s")
        .spawn()
        .await;
    let first = app.ask("token").await;
    assert_eq!(key_of(&app.ask("token").await), key_of(&first));
    fake.reset().await;
    introspection_says(&fake, answer(false)).await;
    app.ask("token").await.assert_problem(401, "invalid-token");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_open_one_session() {
    let slowly = session_of(3_600).set_delay(std::time::Duration::from_millis(300));
    let store = fake_store(slowly).await;
    let app = reusing()
        .key("storage.endpoint", &store.uri())
        .spawn()
        .await;
    let token = app.token("alice").await;
    let answers = join_all((0..20).map(|_| app.ask(&token))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(assume_role_calls(&store).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_store_is_not_held() {
    let store = fake_store(ResponseTemplate::new(403)).await;
    let app = reusing()
        .key("storage.endpoint", &store.uri())
        .spawn()
        .await;
    let token = app.token("alice").await;
    let refused = app.ask(&token).await;
    refused.assert_problem(502, "storage-unavailable");
    store.reset().await;
    crate::support::furnish_store(&store, session_of(3_600)).await;
    assert_eq!(app.ask(&token).await.status, 200);
    assert_eq!(app.ask(&token).await.status, 200);
    assert_eq!(assume_role_calls(&store).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_15_minutes_are_not_reused() {
    let app = reusing()
        .key("storage.session_duration", "15min")
        .spawn()
        .await;
    let token = app.token("alice").await;
    let (one, two) = (app.ask(&token).await, app.ask(&token).await);
    assert_ne!(key_of(&one), key_of(&two));
}
