//! Attacks that opened other products of this trade, tried on the gateway.

use aws_sdk_s3::primitives::ByteStream;
use cloakroom::domain::{Access, Block, BlockTarget, ClientId};
use futures_util::future::join_all;
use reqwest::RequestBuilder;
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{
    App, Authority, Credentials, SCOPE, Setup, fake_authorization_server, fake_store, in_front_of,
    introspection_says, session_of, spawn_app,
};

/// The status of reading an object with these credentials.
async fn reads(with: &Credentials, bucket: &str) -> u16 {
    let got = with.s3().get_object().bucket(bucket).key("secret");
    let got = got.send().await;
    got.map_or_else(|e| e.raw_response().unwrap().status().as_u16(), |_| 200)
}

/// The status of a listing with these credentials.
async fn lists(with: &Credentials, bucket: &str) -> u16 {
    let got = with.s3().list_objects_v2().bucket(bucket).send().await;
    got.map_or_else(|e| e.raw_response().unwrap().status().as_u16(), |_| 200)
}

/// Apache Polaris, CVE-2026-42810: a `*` in a name widened the session policy.
#[tokio::test(flavor = "multi_thread")]
async fn wildcards_and_variables_in_a_callers_names_open_nothing_more() {
    let app = spawn_app().await;
    let alice = app.credentials_of("alice").await;
    let put = alice.s3().put_object().bucket(&alice.bucket).key("secret");
    let body = ByteStream::from_static(b"hers");
    put.body(body).send().await.unwrap();
    for (client, user) in [
        ("demo", "*"),
        ("demo", "ali*"),
        ("demo", "?????"),
        ("demo", "${*}"),
        ("demo", "${aws:username}"),
        ("demo", "../alice"),
        ("demo", "alice/*"),
        ("demo", "x\",\"arn:aws:s3:::*"),
        ("*", "alice"),
        ("dem?", "alice"),
        ("*", "*"),
    ] {
        let names = [("client_id", client), ("user", user)];
        let thief = app.ask(&app.token_with(&names).await).await.credentials();
        assert_eq!(lists(&thief, &thief.bucket).await, 200, "{client} {user}");
        assert_eq!(lists(&thief, &alice.bucket).await, 403, "{client} {user}");
        assert_eq!(reads(&thief, &alice.bucket).await, 403, "{client} {user}");
    }
    assert_eq!(reads(&alice, &alice.bucket).await, 200);
}

async fn sessions_opened_at(store: &MockServer) -> usize {
    let requests = store.received_requests().await.unwrap();
    let calls = requests.iter();
    calls.filter(|request| request.method == "POST").count()
}

/// Calls that are refused, each with the reason and the status.
async fn refused_calls(app: &App) -> Vec<(&'static str, u16, RequestBuilder)> {
    let own = || app.post("/v1/credentials");
    let token = async |changes: &[(&str, &str)]| app.token_with(changes).await;
    let good = token(&[]).await;
    let expired = token(&[("expires_in", "-1")]).await;
    let subjectless = token(&[("without_claim", "sub")]).await;
    let scopeless = token(&[("scope", "openid")]).await;
    let blocked = token(&[("client_id", "blocked")]).await;
    let workspace = |name: &str| app.get_workspace(name).bearer_auth(&good);
    let boto = app.post("/storage/boto");
    let sts = |token: &str| {
        app.post("/").form(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", "arn:aws:iam::000000000000:role/any"),
            ("RoleSessionName", "test"),
            ("WebIdentityToken", token),
        ])
    };
    let container = app
        .http
        .get(format!("{}/v1/credentials/container", app.url));
    let access_key =
        app.post("/core/v1/object_storage/access_keys/access_key/generate_credentials");
    let id = json!({ "access_key": { "id": "ak_010101010101010101010101" } });
    let forged = "ck_00000000000000000000000000000000000000000000000000000000000000000000";
    vec![
        ("no token", 401, own()),
        ("an unknown token", 401, own().bearer_auth("nonsense")),
        ("an expired token", 401, own().bearer_auth(&expired)),
        ("no subject", 400, own().bearer_auth(subjectless)),
        ("no scope", 403, own().bearer_auth(scopeless)),
        ("a blocked client", 403, own().bearer_auth(&blocked)),
        (
            "a typo in a parameter",
            400,
            app.post("/v1/credentials?acess=read").bearer_auth(&good),
        ),
        (
            "a session that is too long",
            400,
            app.post("/v1/credentials?duration=999999")
                .bearer_auth(&good),
        ),
        ("a body", 415, own().bearer_auth(&good).body("a=1")),
        ("no member", 404, workspace("acme/research")),
        ("a wildcard for a workspace", 422, workspace("acme/*")),
        ("an unknown API key", 401, boto.header("x-api-key", forged)),
        ("STS with an expired token", 400, sts(&expired)),
        ("STS of a blocked client", 403, sts(&blocked)),
        ("a container without a token", 401, container),
        (
            "an access key without its scope",
            403,
            access_key.bearer_auth(&good).json(&id),
        ),
    ]
}

/// Apache Polaris, CVE-2026-42809: credentials were made before the request was checked.
#[tokio::test(flavor = "multi_thread")]
async fn no_session_is_opened_for_a_call_that_is_refused() {
    let store = fake_store(session_of(3_600)).await;
    let app = Setup::default().key("storage.endpoint", &store.uri());
    let app = app.spawn().await;
    app.workspace("acme/research", &[("bob", Access::Read)])
        .await;
    let block = Block {
        target: BlockTarget::Client(ClientId::parse("blocked").unwrap()),
        reason: "a test".parse().unwrap(),
        until: None,
    };
    app.administer().await.block(&block).await.unwrap();
    let before = sessions_opened_at(&store).await;
    for (what, status, request) in refused_calls(&app).await {
        let answer = app.send(request).await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert_eq!(sessions_opened_at(&store).await, before, "{what}");
    }
    app.credentials_of("alice").await;
    assert_eq!(sessions_opened_at(&store).await, before + 1);
}

/// `MinIO` issue 21404: one user who called `AssumeRole` in a loop took a cluster down.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_in_a_loop_does_not_reach_the_store_beyond_the_limit() {
    let store = fake_store(session_of(3_600)).await;
    let app = Setup::default()
        .key("storage.endpoint", &store.uri())
        .key("limits.per_owner", "1/s burst 3")
        .spawn()
        .await;
    let token = app.token("alice").await;
    let answers = join_all((0..60).map(|_| app.ask(&token))).await;
    let count = |status| answers.iter().filter(|a| a.status == status).count();
    assert_eq!(count(200) + count(429), 60);
    assert!(count(429) > 30, "{} were refused", count(429));
    assert_eq!(sessions_opened_at(&store).await, count(200));
}

/// Apache APISIX, CVE-2026-31923: introspection did not verify the server's certificate.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_sent_to_a_server_with_a_trusted_certificate_only() {
    let fake = fake_authorization_server().await;
    let claims = json!({ "active": true, "sub": "alice", "client_id": "demo", "scope": SCOPE });
    introspection_says(&fake, ResponseTemplate::new(200).set_body_json(claims)).await;
    let (private, anothers) = (Authority::generate(), Authority::generate());
    let folder = tempfile::tempdir().unwrap();
    let ours = private.write(folder.path(), "ours.pem");
    let anothers = anothers.write(folder.path(), "anothers.pem");
    let asked = async || {
        let requests = fake.received_requests().await.unwrap();
        let about_tokens = requests.iter().filter(|r| r.url.path() == "/introspect");
        about_tokens.count()
    };
    for (name, trusted, status) in [
        ("127.0.0.1", None, 502),
        ("127.0.0.1", Some(&anothers), 502),
        ("as.example", Some(&ours), 502),
        ("127.0.0.1", Some(&ours), 200),
    ] {
        let server = in_front_of(&fake.uri(), private.certify(name)).await;
        let mut setup = Setup::default().key("oauth.issuer", &fake.uri()).key(
            "oauth.introspection_endpoint",
            &format!("{server}/introspect"),
        );
        if let Some(file) = trusted {
            setup = setup.key("oauth.ca_file", file.to_str().unwrap());
        }
        let app = setup.spawn().await;
        let answer = app.ask("token").await;
        assert_eq!(answer.status, status, "{name} {trusted:?}: {answer:?}");
        if status != 200 {
            answer.assert_problem(502, "identification-unavailable");
        }
        assert_eq!(
            asked().await,
            usize::from(status == 200),
            "{name} {trusted:?}"
        );
    }
}
