//! Forged and confused tokens over all issuers.

use std::collections::HashSet;

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::support::{ALICES_BUCKET, Answer, SigningKey, encode, seconds};

use super::world::{CLUSTER_ISSUER, GITHUB_ISSUER, Party, TRUST_DOMAIN, World};

/// What was done to the token, and the token.
type Forgery = (String, String);

fn remove(claims: &mut Value, name: &str) {
    claims.as_object_mut().unwrap().remove(name);
}

/// Keys, audiences and names of one issuer with the rest of another's token.
fn mixed(world: &World) -> Vec<Forgery> {
    let mut all = Vec::new();
    for one in world.parties() {
        for other in world.parties() {
            if one.name == other.name {
                continue;
            }
            let (a, b) = (one.name, other.name);
            let claims = one.but(|_| {});
            all.push((
                format!("{a}'s claims under {b}'s key and header"),
                other.sign(&claims),
            ));
            let header = one.header().to_string();
            all.push((
                format!("{a}'s claims and header under {b}'s key of the same name"),
                other.key.sign_raw(&header, &claims.to_string()),
            ));
            all.push((
                format!("{a}'s token for {b}'s audience"),
                one.token_but(|c| c["aud"] = json!(other.audience)),
            ));
            let iss = other.but(|_| {})["iss"].clone();
            all.push((
                format!("{a}'s token that says it is {b}'s"),
                one.token_but(|c| match &iss {
                    Value::Null => remove(c, "iss"),
                    iss => c["iss"] = iss.clone(),
                }),
            ));
            all.push((
                format!("{a}'s key under {b}'s claims but {a}'s iss"),
                one.sign(&other.but(|c| c["iss"] = one.but(|_| {})["iss"].clone())),
            ));
        }
    }
    // A token of one issuer with all of another's claims but its own `iss` is that issuer's own: it
    // is refused for its audience above.
    all
}

/// Damage that no token of any issuer survives.
#[expect(clippy::too_many_lines, reason = "one list")]
fn damaged(party: &Party) -> Vec<Forgery> {
    let text = party.but(|_| {}).to_string();
    let good = party.token();
    let pieces: Vec<&str> = good.split('.').collect();
    let [head, body, signature] = pieces.as_slice() else {
        panic!("three parts");
    };
    let header = |change: &dyn Fn(&mut Value)| party.token_under(|h| change(h));
    let signed = |change: &dyn Fn(&mut Value)| party.token_but(|c| change(c));
    let twice = |claim: &str| {
        let doubled = text.replacen('{', &format!("{{\"{claim}\":\"x\","), 1);
        party.key.sign_raw(&party.header().to_string(), &doubled)
    };
    let hs256 = |secret: &str| {
        let mut header = party.header();
        header["alg"] = json!("HS256");
        let message = format!("{}.{body}", encode(header.to_string()));
        let secret = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        let mac = jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256);
        format!("{message}.{}", mac.unwrap())
    };
    let mut none = party.header();
    none["alg"] = json!("none");
    let none = encode(none.to_string());
    let stranger = SigningKey::generate("one", Algorithm::ES256);
    let forgeries = [
        ("alg none", format!("{none}.{body}.")),
        (
            "alg none with the signature",
            format!("{none}.{body}.{signature}"),
        ),
        (
            "HS256 with the public key",
            hs256(&party.key.jwk().to_string()),
        ),
        ("HS256 with an empty key", hs256("")),
        (
            "a stranger's key of the same name",
            stranger.sign_raw(&party.header().to_string(), &text),
        ),
        ("a key in its own header", {
            let mut header = party.header();
            header["jwk"] = stranger.jwk();
            stranger.sign_raw(&header.to_string(), &text)
        }),
        ("an unknown kid", header(&|h| h["kid"] = json!("two"))),
        ("a kid that is a number", header(&|h| h["kid"] = json!(1))),
        ("crit", header(&|h| h["crit"] = json!(["exp"]))),
        (
            "typ of a refresh token",
            header(&|h| h["typ"] = json!("refresh+jwt")),
        ),
        (
            "typ of a DPoP proof",
            header(&|h| h["typ"] = json!("dpop+jwt")),
        ),
        ("typ that is a list", header(&|h| h["typ"] = json!(["JWT"]))),
        ("no signature", format!("{head}.{body}.")),
        (
            "the signature of another token",
            format!(
                "{head}.{body}.{}",
                signed(&|c| c["jti"] = json!("2"))
                    .split('.')
                    .next_back()
                    .unwrap()
            ),
        ),
        ("expired", signed(&|c| c["exp"] = json!(seconds() - 61))),
        ("no exp", signed(&|c| remove(c, "exp"))),
        ("exp as text", signed(&|c| c["exp"] = json!("9999999999"))),
        ("exp null", signed(&|c| c["exp"] = Value::Null)),
        ("not yet", signed(&|c| c["nbf"] = json!(seconds() + 120))),
        ("no aud", signed(&|c| remove(c, "aud"))),
        (
            "a list of other audiences",
            signed(&|c| c["aud"] = json!(["sts.amazonaws.com", "cloakroom2"])),
        ),
        (
            "aud as an object",
            signed(&|c| c["aud"] = json!({ "a": 1 })),
        ),
        (
            "an empty list of audiences",
            signed(&|c| c["aud"] = json!([])),
        ),
        (
            "bound to a key",
            signed(&|c| c["cnf"] = json!({ "jkt": "x" })),
        ),
        ("an ID token", signed(&|c| c["typ"] = json!("ID"))),
        (
            "token_use of an ID token",
            signed(&|c| c["token_use"] = json!("id")),
        ),
        ("sub twice", twice("sub")),
        ("aud twice", twice("aud")),
        ("exp twice", twice("exp")),
        (
            "claims that are a list",
            party.key.sign_raw(&party.header().to_string(), "[]"),
        ),
        (
            "a token in a token",
            party
                .key
                .sign_raw(&party.header().to_string(), &format!("\"{good}\"")),
        ),
    ];
    let name = party.name;
    let forgeries = forgeries.into_iter();
    forgeries
        .map(|(what, token)| (format!("{name}: {what}"), token))
        .collect()
}

/// Claims that the settings of the issuer name, and its conditions at their edges.
fn unfit(github: &Party) -> Vec<Forgery> {
    let mut all = Vec::new();
    for claim in ["repository_owner_id", "ref", "repository_id"] {
        let token = github.token_but(|c| remove(c, claim));
        all.push((format!("no {claim}"), token));
        let odd = [
            json!(null),
            json!(["1234"]),
            json!({ "a": "1234" }),
            json!(1234.5),
        ];
        for odd in odd.into_iter().chain([json!(1e30), json!([]), json!({})]) {
            let what = format!("{claim} is {odd}");
            all.push((what, github.token_but(|c| c[claim] = odd.clone())));
        }
        let doubled = github.but(|_| {}).to_string();
        let doubled = doubled.replacen('{', &format!("{{\"{claim}\":\"1234\","), 1);
        let header = github.header().to_string();
        let token = github.key.sign_raw(&header, &doubled);
        all.push((format!("{claim} twice"), token));
    }
    for owner in [
        "12345",
        "123",
        "01234",
        " 1234",
        "1234 ",
        "1234\n",
        "\u{ff11}234",
        "*",
        "",
    ] {
        let token = github.token_but(|c| c["repository_owner_id"] = json!(owner));
        all.push((format!("owner {owner:?}"), token));
    }
    for name in [
        "refs/heads",
        "refs/headsx/main",
        "xrefs/heads/main",
        "refs/heads/a/b",
        "refs/heads/a:b",
        "refs/tags/main",
        "Refs/heads/main",
        "refs/he\u{430}ds/main",
        "refs/heads/../tags/main",
    ] {
        let token = github.token_but(|c| c["ref"] = json!(name));
        all.push((format!("ref {name:?}"), token));
    }
    all
}

/// Other issuers that look like one.
fn lookalikes(github: &Party) -> Vec<Forgery> {
    let mut all = Vec::new();
    for iss in [
        format!("{GITHUB_ISSUER}/"),
        format!("{GITHUB_ISSUER}:443"),
        format!(" {GITHUB_ISSUER}"),
        format!("{GITHUB_ISSUER}\u{0}"),
        format!("{GITHUB_ISSUER}#"),
        format!("{GITHUB_ISSUER}/acme"),
        GITHUB_ISSUER.to_uppercase(),
        GITHUB_ISSUER.replace("https", "http"),
        GITHUB_ISSUER.replace('o', "\u{43e}"),
        GITHUB_ISSUER.trim_start_matches("https://").to_owned(),
        String::new(),
        "github".to_owned(),
    ] {
        let token = github.token_but(|c| c["iss"] = json!(iss));
        all.push((format!("iss {iss:?}"), token));
    }
    for iss in [
        json!([GITHUB_ISSUER]),
        json!({ "a": GITHUB_ISSUER }),
        json!(null),
        json!(7),
    ] {
        let what = format!("iss is {iss}");
        all.push((what, github.token_but(|c| c["iss"] = iss.clone())));
    }
    let header = github.header().to_string();
    let iss_twice = |first: &str| {
        let text = github.but(|_| {}).to_string();
        let text = text.replacen('{', &format!("{{\"iss\":\"{first}\","), 1);
        github.key.sign_raw(&header, &text)
    };
    all.push(("iss twice".to_owned(), iss_twice(CLUSTER_ISSUER)));
    all.push(("the same iss twice".to_owned(), iss_twice(GITHUB_ISSUER)));
    all
}

/// JWT-SVIDs of other trust domains, and ones that are none.
fn svids(mesh: &Party) -> Vec<Forgery> {
    let mut all = Vec::new();
    for sub in [
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe://example.org.evil/ns/team-a/sa/worker",
        "spiffe://evil/ns/team-a/sa/worker",
        "spiffe://example.org/ns/team-b/sa/worker",
        "spiffe://example.org/ns/team-a",
        "SPIFFE://example.org/ns/team-a/sa/worker",
        "spiffe://example.org/ns/team-a/../team-b/sa/worker",
        "spiffe://example.org/ns/team-a/%2e%2e/team-b/sa/worker",
        "spiffe://example.org/ns/team-a//sa/worker",
        "spiffe://example.org/ns/team-a/sa/worker?x",
        "alice",
    ] {
        let token = mesh.token_but(|c| c["sub"] = json!(sub));
        all.push((format!("JWT-SVID of {sub:?}"), token));
    }
    let no_kid = mesh.token_under(|h| remove(h, "kid"));
    all.push(("JWT-SVID without a kid".to_owned(), no_kid));
    let named = mesh.token_but(|c| c["iss"] = json!(TRUST_DOMAIN));
    all.push(("JWT-SVID with an iss".to_owned(), named));
    all
}

/// What a refusal looks like but for the request's id and the time.
fn seen(answer: &Answer) -> String {
    let mut body = answer.json();
    body["instance"] = Value::Null;
    let kept = |(name, value): (&_, &_)| {
        let name: &reqwest::header::HeaderName = name;
        let value: &reqwest::header::HeaderValue = value;
        let varies = ["date", "x-request-id"].contains(&name.as_str());
        (!varies).then(|| format!("{name}: {value:?}\n"))
    };
    let mut headers: Vec<String> = answer.headers.iter().filter_map(kept).collect();
    headers.sort();
    format!("{}\n{headers:?}\n{body}", answer.status)
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_confused_tokens_open_nothing_and_cannot_be_told_apart() {
    let world = World::start().await;
    let app = &world.app;
    app.workspace("acme/ci", &[]).await;
    let mut good = HashSet::new();
    for party in world.parties() {
        good.insert(app.ask(&party.token()).await.credentials().bucket);
    }
    assert_eq!(good.len(), 4, "each has its own bucket");
    let mut forgeries = mixed(&world);
    forgeries.extend(world.parties().into_iter().flat_map(damaged));
    forgeries.extend(unfit(&world.github));
    forgeries.extend(lookalikes(&world.github));
    forgeries.extend(svids(&world.mesh));
    assert!(forgeries.len() >= 60, "{}", forgeries.len());
    let mut seen_here = HashSet::new();
    let mut seen_at_workspaces = HashSet::new();
    for (what, token) in &forgeries {
        let answer = app.ask(token).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        answer.assert_problem(401, "invalid-token");
        seen_here.insert(seen(&answer));
        let answer = app.ask_workspace("acme/ci", token).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        seen_at_workspaces.insert(seen(&answer));
    }
    assert_eq!(seen_here.len(), 1, "{seen_here:#?}");
    assert_eq!(seen_at_workspaces.len(), 1, "{seen_at_workspaces:#?}");
    let issued: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_trail WHERE action = 'vend'")
        .fetch_one(&app.database().await)
        .await
        .unwrap();
    assert_eq!(issued, 4, "only the good ones");
}

/// These tokens are genuine. They are callers of their own, whatever they copy.
#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_copies_a_persons_claims_opens_its_own_bucket_only() {
    let world = World::start().await;
    let app = &world.app;
    app.workspace("acme/ci", &[("alice", cloakroom::domain::Access::Read)])
        .await;
    let alices = app.ask(&world.oauth.token()).await.credentials().bucket;
    assert_eq!(alices, ALICES_BUCKET);
    let opened = app.ask_workspace("acme/ci", &world.oauth.token()).await;
    assert_eq!(opened.status, 200, "{}", opened.text);
    let token = world.cluster.token_but(|c| {
        c["sub"] = json!("alice");
        c["client_id"] = json!("demo");
        c["azp"] = json!("demo");
        c["scope"] = json!(crate::support::SCOPE);
        c["groups"] = json!(["acme/ci"]);
    });
    let copied = app.ask(&token).await.credentials().bucket;
    assert_ne!(copied, alices);
    let refused = app.ask_workspace("acme/ci", &token).await;
    assert_eq!(refused.status, 404, "{}", refused.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_jwt_svids_signs_nothing_else() {
    let world = World::start().await;
    // The bundle of a trust domain with a key for signatures, and a key set with one for JWT-SVIDs.
    let (mut for_svids, mut for_signatures) = (world.cluster.key.jwk(), world.mesh.key.jwk());
    for_svids["use"] = json!("jwt-svid");
    for_signatures["use"] = json!("sig");
    let second = SigningKey::generate("two", Algorithm::ES256);
    let mut of_svids = second.jwk();
    of_svids["use"] = json!("jwt-svid");
    world.cluster.server.server.reset().await;
    world.mesh.server.server.reset().await;
    world
        .cluster
        .server
        .publish(&[for_svids, second.jwk()])
        .await;
    world.mesh.server.publish(&[for_signatures, of_svids]).await;
    let fresh = world.restarted().await;
    for party in [&fresh.cluster, &fresh.mesh] {
        fresh
            .app
            .ask(&party.token())
            .await
            .assert_problem(401, "invalid-token");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_identity_is_told_like_that_of_any_token() {
    let world = World::start().await;
    let long = "x".repeat(256);
    for id in ["", "a\nb", &long] {
        let token = world.github.token_but(|c| c["repository_id"] = json!(id));
        world
            .app
            .ask(&token)
            .await
            .assert_problem(400, "missing-claims");
    }
}
