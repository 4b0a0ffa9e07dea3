//! `GetCallerIdentity` on `POST /`.

use cloakroom::domain::Access;
use cloakroom::service::NewArea;
use reqwest::RequestBuilder;

use crate::support::{Answer, App, Setup, spawn_app};

use super::{assert_sts, container, sts};

const UNKNOWN: (u16, &str) = (403, "InvalidClientTokenId");

/// As SDKs send it.
fn asking(app: &App) -> RequestBuilder {
    app.post("/")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=a, Signature=b",
        )
        .form(&[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")])
}

async fn ask(app: &App, session_token: &str) -> Answer {
    app.send(asking(app).header("x-amz-security-token", session_token))
        .await
}

async fn session_token(app: &App, user: &str) -> String {
    app.credentials_of(user).await.keys.session_token
}

fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap();
    rest.split_once('<').unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_matches_that_of_aws_and_of_the_exchange() {
    let app = spawn_app().await;
    let exchanged = sts(&app, Some(&app.token("alice").await)).await;
    let session_token = element(&exchanged.text, "SessionToken");
    let answer = ask(&app, session_token).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.assert_common_headers();
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    let request_id = answer.header("x-request-id").unwrap();
    assert_eq!(answer.header("x-amzn-requestid"), Some(request_id));
    let arn = element(&exchanged.text, "Arn");
    let user_id = element(&exchanged.text, "AssumedRoleId");
    let expected = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <GetCallerIdentityResult><Arn>{arn}</Arn><UserId>{user_id}</UserId>\
         <Account>000000000000</Account></GetCallerIdentityResult><ResponseMetadata>\
         <RequestId>{request_id}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    );
    assert_eq!(answer.text, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_may_be_a_parameter_of_the_form_or_of_a_presigned_query() {
    let app = spawn_app().await;
    let token = session_token(&app, "alice").await;
    let form = [
        ("Action", "GetCallerIdentity"),
        ("X-Amz-Security-Token", &token),
    ];
    let in_form = app.send(app.post("/").form(&form)).await;
    assert_eq!(in_form.status, 200, "{in_form:?}");
    let presigned = app.post("/").query(&[
        ("Action", "GetCallerIdentity"),
        ("Version", "2011-06-15"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", "a/20261126/us-east-1/sts/aws4_request"),
        ("X-Amz-Date", "20261126T000000Z"),
        ("X-Amz-Expires", "60"),
        ("X-Amz-SignedHeaders", "host"),
        ("X-Amz-Security-Token", &token),
        ("X-Amz-Signature", "0"),
    ]);
    let presigned = app.send(presigned).await;
    assert_eq!(presigned.status, 200, "{presigned:?}");
    assert_eq!(
        element(&in_form.text, "Arn"),
        element(&presigned.text, "Arn")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_every_dialect_are_known() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    app.workspace("acme/lab", &[("alice", Access::Read)]).await;
    let key = app.organisation("globex", &NewArea::default()).await;
    let boto = app.boto(&key).await.json();
    let workspace = app.ask_workspace("acme/lab", &token).await.json();
    let container = container(&app, Some(&token)).await.json();
    let tokens = [
        app.ask(&token).await.credentials().keys.session_token,
        container["Token"].as_str().unwrap().to_owned(),
        workspace["session_token"].as_str().unwrap().to_owned(),
        boto["credentials"]["aws_session_token"]
            .as_str()
            .unwrap()
            .to_owned(),
        element(&sts(&app, Some(&token)).await.text, "SessionToken").to_owned(),
    ];
    for session_token in tokens {
        let answer = ask(&app, &session_token).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_no_live_session_are_all_refused_alike() {
    let app = spawn_app().await;
    let database = app.database().await;
    let expired = session_token(&app, "alice").await;
    sqlx::query("UPDATE audit_trail SET expiration = '2026-01-01T00:00:00Z'")
        .execute(&database)
        .await
        .unwrap();
    let revoked = app.credentials_of("bob").await.keys.session_token;
    let own = app.post("/v1/credentials/revoke");
    let own = app.send(own.bearer_auth(app.token("bob").await)).await;
    assert_eq!(own.status, 200, "{own:?}");
    let known = session_token(&app, "carol").await;
    let access_token = app.token("carol").await;
    let refused = [
        app.send(asking(&app)).await,
        ask(&app, "").await,
        ask(&app, "unknown").await,
        ask(&app, &access_token).await,
        ask(&app, &known[1..]).await,
        ask(&app, &known.to_uppercase()).await,
        ask(&app, &expired).await,
        ask(&app, &revoked).await,
        app.send(asking(&app).bearer_auth(&access_token)).await,
    ];
    for answer in &refused {
        assert_sts(answer, UNKNOWN);
        let message = "<Message>The security token included in the request is invalid.</Message>";
        assert!(answer.text.contains(message), "{answer:?}");
    }
    assert_eq!(ask(&app, &known).await.status, 200);
    let anew = session_token(&app, "bob").await;
    assert_eq!(ask(&app, &anew).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_refused() {
    let app = spawn_app().await;
    let token = session_token(&app, "alice").await;
    let malformed = (400, "ValidationError");
    for more in [
        ("Version", "2011-06-16"),
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Action", "GetCallerIdentity"),
        ("WebIdentityToken", "x"),
        ("Anything", "else"),
    ] {
        let form = [("Action", "GetCallerIdentity"), more];
        let request = app.post("/").header("x-amz-security-token", &token);
        assert_sts(&app.send(request.form(&form)).await, malformed);
    }
    let twice = asking(&app).header("x-amz-security-token", &token);
    let header = twice.try_clone().unwrap();
    let header = header.header("x-amz-security-token", &token);
    assert_sts(&app.send(header).await, malformed);
    let parameter = twice.query(&[("X-Amz-Security-Token", &token)]);
    assert_sts(&app.send(parameter).await, malformed);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_from_one_address_are_limited() {
    let app = Setup::default()
        .key("limits.per_caller", "1/s burst 3")
        .spawn()
        .await;
    let token = session_token(&app, "alice").await;
    for _ in 0..3 {
        assert_sts(&ask(&app, "guess").await, UNKNOWN);
    }
    let limited = ask(&app, &token).await;
    assert_sts(&limited, (400, "Throttling"));
    assert_eq!(limited.header("retry-after"), Some("1"));
    app.ask(&app.token("alice").await).await.credentials();
}

/// A presigned link carries the session token of its maker.
#[tokio::test(flavor = "multi_thread")]
async fn questions_do_not_spend_the_callers_own_calls() {
    let app = Setup::default()
        .key("limits.per_caller", "1/s burst 3")
        .spawn()
        .await;
    let token = session_token(&app, "alice").await;
    for _ in 0..3 {
        assert_eq!(ask(&app, &token).await.status, 200);
    }
    app.ask(&app.token("alice").await).await.credentials();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_fails_is_not_the_tokens_fault() {
    let app = spawn_app().await;
    let token = session_token(&app, "alice").await;
    sqlx::query("DROP TABLE audit_trail")
        .execute(&app.database().await)
        .await
        .unwrap();
    assert_sts(&ask(&app, &token).await, (500, "InternalFailure"));
}
