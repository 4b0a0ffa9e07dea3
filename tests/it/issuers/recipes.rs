//! The recipes of docs/workloads.md, with tokens as the platforms sign them.

use std::fs;

use cloakroom::domain::{BucketFormula, Owner};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::support::{Setup, SigningKey, seconds};

use super::keys::api_server;

const PAGE: &str = include_str!("../../../docs/workloads.md");

/// The header (without `kid`) and the claims of a token, and whose it is.
struct Sample {
    issuer: &'static str,
    header: Value,
    claims: Value,
    owner: &'static str,
}

fn samples() -> [Sample; 4] {
    [
        Sample {
            issuer: "github",
            header: json!({ "typ": "JWT", "x5t": "HyQ4NATAWNUfJv9cFFMqRbVLUgw" }),
            claims: json!({
                "jti": "example-id",
                "sub": "repo:acme/app:ref:refs/heads/main",
                "aud": "cloakroom",
                "ref": "refs/heads/main",
                "sha": "example-sha",
                "repository": "acme/app",
                "repository_owner": "acme",
                "actor_id": "12",
                "repository_visibility": "private",
                "repository_id": "74",
                "repository_owner_id": "1234",
                "run_id": "example-run-id",
                "run_number": "10",
                "run_attempt": "2",
                "runner_environment": "github-hosted",
                "actor": "octocat",
                "workflow": "example-workflow",
                "head_ref": "",
                "base_ref": "",
                "event_name": "push",
                "ref_type": "branch",
                "workflow_ref": "acme/app/.github/workflows/ci.yml@refs/heads/main",
                "iss": "https://token.actions.githubusercontent.com",
            }),
            owner: r#"["github","github","74"]"#,
        },
        Sample {
            issuer: "gitlab",
            header: json!({ "typ": "JWT" }),
            claims: json!({
                "namespace_id": "72",
                "namespace_path": "acme",
                "project_id": "20",
                "project_path": "acme/app",
                "user_id": "1",
                "user_login": "sample-user",
                "user_email": "sample-user@example.com",
                "user_access_level": "developer",
                "pipeline_id": "574",
                "pipeline_source": "push",
                "job_id": "302",
                "ref": "main",
                "ref_type": "branch",
                "ref_path": "refs/heads/main",
                "ref_protected": "true",
                "groups_direct": ["acme", "acme/team"],
                "runner_id": 1,
                "runner_environment": "gitlab-hosted",
                "sub": "project_path:acme/app:ref_type:branch:ref:main",
                "iss": "https://gitlab.com",
                "aud": "https://storage-authorization.example.com",
            }),
            owner: r#"["gitlab","gitlab","20"]"#,
        },
        Sample {
            issuer: "cluster",
            header: json!({}),
            claims: json!({
                "aud": ["cloakroom"],
                "iss": "https://kubernetes.default.svc.cluster.local",
                "kubernetes.io": {
                    "namespace": "team-a",
                    "node": { "name": "worker-0", "uid": "646e7c5e" },
                    "pod": { "name": "worker", "uid": "5e0bd49b" },
                    "serviceaccount": { "name": "worker", "uid": "14ee3fa4" },
                },
                "sub": "system:serviceaccount:team-a:worker",
            }),
            owner: r#"["cluster","cluster","system:serviceaccount:team-a:worker"]"#,
        },
        Sample {
            issuer: "mesh",
            header: json!({ "typ": "JWT" }),
            claims: json!({
                "sub": "spiffe://example.org/ns/team-a/sa/worker",
                "aud": ["cloakroom"],
            }),
            owner: r#"["mesh","mesh","spiffe://example.org/ns/team-a/sa/worker"]"#,
        },
    ]
}

fn sign(key: &SigningKey, sample: &Sample) -> String {
    let (mut header, mut claims) = (sample.header.clone(), sample.claims.clone());
    header["alg"] = json!("RS256");
    header["kid"] = json!(key.kid);
    for (claim, time) in [
        ("iat", seconds()),
        ("nbf", seconds() - 5),
        ("exp", seconds() + 300),
    ] {
        claims[claim] = json!(time);
    }
    key.sign_raw(&header.to_string(), &claims.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recipe_of_the_documentation_takes_the_tokens_of_its_platform() {
    let key = SigningKey::generate("a", Algorithm::RS256);
    let server = api_server(&key.jwk()).await;
    let directory = tempfile::tempdir().unwrap();
    let folder = format!("{}/", directory.path().display());
    let authority = rcgen::generate_simple_self_signed(vec!["kubernetes".to_owned()]).unwrap();
    let mut svid_key = key.jwk();
    svid_key["use"] = json!("jwt-svid");
    let bundle = json!({ "keys": [svid_key], "spiffe_sequence": 1, "spiffe_refresh_hint": 300 });
    for (name, content) in [
        ("ca.crt", authority.cert.pem()),
        ("token", "gateways-own-token".to_owned()),
        ("bundle.json", bundle.to_string()),
    ] {
        fs::write(directory.path().join(name), content).unwrap();
    }
    let blocks = PAGE.split("```toml\n").skip(1);
    let blocks: String = blocks.filter_map(|rest| rest.split("```").next()).collect();
    let blocks = blocks
        .replace("/var/run/secrets/kubernetes.io/serviceaccount/", &folder)
        .replace("/run/spire/", &folder);
    let jwks = format!("{}/openid/v1/jwks", server.uri());
    let app = Setup::default()
        .file(&blocks)
        .key("issuers.cluster.jwks_uri", &jwks)
        .key("issuers.github.jwks_uri", &jwks)
        .key("issuers.github.bearer_token", "gateways-own-token")
        .key("issuers.gitlab.jwks_uri", &jwks)
        .key("issuers.gitlab.bearer_token", "gateways-own-token")
        .spawn()
        .await;
    for sample in samples() {
        let token = sign(&key, &sample);
        let bucket = app.ask(&token).await.credentials().bucket;
        let owner = Owner::Principal(sample.owner.parse().unwrap());
        let expected = BucketFormula::default().bucket(&owner).to_string();
        assert_eq!(bucket, expected, "{}", sample.issuer);
    }
}
