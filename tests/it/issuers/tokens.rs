//! What tokens of named issuers open, at every route.

use chrono::DateTime;
use cloakroom::domain::{BucketFormula, Owner};
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::{Setup, fake_authorization_server, introspection_says, seconds};

use super::world::{
    GITHUB_ISSUER, TRUST_DOMAIN, World, cluster, github, mesh, named, with_cluster, with_github,
};

fn bucket_of(principal: &str) -> String {
    let owner = Owner::Principal(principal.parse().unwrap());
    BucketFormula::default().bucket(&owner).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_workload_has_the_bucket_that_the_formula_gives_it() {
    let world = World::start().await;
    for (party, principal) in [
        (&world.github, r#"["github","github","74"]"#),
        (
            &world.cluster,
            r#"["cluster","cluster","system:serviceaccount:team-a:worker"]"#,
        ),
        (
            &world.mesh,
            r#"["mesh","mesh","spiffe://example.org/ns/team-a/sa/worker"]"#,
        ),
    ] {
        let credentials = world.app.ask(&party.token()).await.credentials();
        assert_eq!(credentials.bucket, bucket_of(principal), "{}", party.name);
        let s3 = credentials.s3();
        let put = s3.put_object().bucket(&credentials.bucket).key("a");
        put.body(b"1".to_vec().into()).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_routes_of_the_aws_sdks_take_the_token_of_a_pod() {
    let world = World::start().await;
    let (app, token) = (&world.app, world.cluster.token());
    let container = app
        .http
        .get(format!("{}/v1/credentials/container", app.url));
    let container = app.send(container.header("authorization", &token)).await;
    assert_eq!(container.status, 200, "{}", container.text);
    let form = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", "arn:aws:iam::000000000000:role/pod"),
        ("RoleSessionName", "pod"),
        ("WebIdentityToken", &token),
    ];
    let sts = app.send(app.post("/").form(&form)).await;
    assert_eq!(sts.status, 200, "{}", sts.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_key_route_asks_for_its_own_scope() {
    let world = World::start().await;
    let app = &world.app;
    let route = "/core/v1/object_storage/access_keys/access_key/generate_credentials";
    let ask = async |token: String| {
        let body = json!({ "access_key": { "id": "ak_0123456789abcdef01234567" } });
        app.send(app.post(route).bearer_auth(token).json(&body))
            .await
    };
    let refused = ask(world.github.token()).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert_eq!(refused.json()["code"], "scope_not_granted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_scope_and_a_longest_session_belong_to_one_issuer() {
    let (github, cluster) = tokio::join!(github(), cluster());
    let setup = with_cluster(with_github(Setup::default(), &github), &cluster)
        .key("issuers.github.max_session", "15m")
        .key("issuers.cluster.required_scope", "storage");
    let app = setup.spawn().await;
    let refused = app.ask(&cluster.token()).await;
    refused.assert_problem(403, "insufficient-scope");
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains(r#"scope="storage""#), "{challenge}");
    let with_scope = cluster.token_but(|c| c["scope"] = json!("storage"));
    let length = async |token: String| {
        let expiration = app.ask(&token).await.credentials().keys.expiration;
        let end = DateTime::parse_from_rfc3339(&expiration).unwrap();
        (end.timestamp() - i64::try_from(seconds()).unwrap()) / 60
    };
    assert!(length(with_scope).await > 30);
    assert!(length(github.token()).await <= 15);
}

/// Whatever is wrong with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_named_issuer_is_never_sent_to_the_authorization_server() {
    let (github, cluster, mesh) = tokio::join!(github(), cluster(), mesh());
    let fake = fake_authorization_server().await;
    let active = json!({
        "active": true, "sub": "alice", "client_id": "demo", "scope": crate::support::SCOPE,
    });
    introspection_says(&fake, ResponseTemplate::new(200).set_body_json(active)).await;
    let setup = Setup::default().key("oauth.issuer", &fake.uri());
    let setup = with_cluster(with_github(setup, &github), &cluster);
    let app = named(setup, &mesh, TRUST_DOMAIN)
        .key("issuers.mesh.accept_typ", "JWT")
        .key("issuers.mesh.client_id", "fixed:mesh")
        .spawn()
        .await;
    let expired = github.token_but(|c| c["exp"] = json!(1));
    let foreign_key = cluster.key.sign_raw(
        &github.header().to_string(),
        &github.but(|_| {}).to_string(),
    );
    assert_eq!(app.ask(&github.token()).await.status, 200);
    let respelt = format!("{GITHUB_ISSUER}/");
    let respelt = github.token_but(|c| c["iss"] = json!(respelt));
    // As SPIRE writes it with `jwt_issuer`.
    let svid = mesh.token_but(|c| c["iss"] = json!("https://spire.example.org"));
    for token in [expired, foreign_key, respelt, svid] {
        app.ask(&token).await.assert_problem(401, "invalid-token");
    }
    let asked = fake.received_requests().await.unwrap();
    let asked = asked.iter().filter(|r| r.url.path() == "/introspect");
    assert_eq!(asked.count(), 0);
    assert_eq!(app.ask("opaque").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_name_a_workload_as_the_audit_trail_does() {
    let world = World::start().await;
    let app = &world.app;
    app.ask(&world.github.token()).await.credentials();
    let caller: String = sqlx::query_scalar("SELECT caller FROM audit_trail WHERE action = 'vend'")
        .fetch_one(&app.database().await)
        .await
        .unwrap();
    assert_eq!(caller, r#"principal ["github","github","74"]"#);
    let named = app
        .administer()
        .await
        .find_owner(r#"["github","github","74"]"#)
        .await;
    let expected = r#"["github","github","74"]"#.parse().unwrap();
    assert_eq!(named.unwrap(), Owner::Principal(expected));
}
