//! A running `cloakroom dev`, all its output, and no secret in it.

use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, Process};

const KATAPULT: &str = "/core/v1/object_storage/access_keys/access_key/generate_credentials";

/// An access key that lasts, and the secrets around it.
struct Lasting {
    id: String,
    api_key: String,
    secret: String,
    capability: String,
}

impl Lasting {
    async fn made(process: &Process, http: &reqwest::Client) -> Self {
        let run = async |arguments: &str| {
            let arguments: Vec<&str> = arguments.split(' ').collect();
            let printed = process.administer(&arguments).await;
            printed.trim_end().to_owned()
        };
        let id = run("access-key create --org acme --name test --write-bucket data").await;
        let api_key = "api-key create --org acme --label test --scope object_storage";
        let api_key = run(api_key).await;
        let capability = format!("access-key capability {id} --expires-in 1h");
        let capability = run(&capability).await;
        let mut secret = String::new();
        for token in [&api_key, &capability] {
            let asked = http
                .post(format!("{}{KATAPULT}", process.gateway))
                .bearer_auth(token)
                .json(&json!({ "access_key": { "id": id } }));
            let answer = Answer::read(asked.send().await.unwrap()).await.json();
            let pair = &answer["object_storage_access_key"];
            pair["s3_secret_access_key"]
                .as_str()
                .unwrap()
                .clone_into(&mut secret);
        }
        Self {
            id,
            api_key,
            secret,
            capability,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_any_log() {
    let process = Process::dev(&[]).await;
    let token = process.dev_token(&["alice"]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |path: &str| http.post(format!("{}{path}", process.gateway));
    let vended = Answer::read(
        post("/v1/credentials")
            .bearer_auth(&token)
            .send()
            .await
            .unwrap(),
    )
    .await;
    let vended = vended.credentials();
    let canary = "canary-in-a-token";
    let create = ["api-key", "create", "--org", "acme", "--label", "test"];
    let key = process.administer(&create).await.trim_end().to_owned();
    let with_key = |key: &str| post("/storage/boto").header("x-api-key", key);
    assert_eq!(with_key(&key).send().await.unwrap().status(), 200);
    let lasting = Lasting::made(&process, &http).await;
    let typo = format!("{key}{canary}");
    for request in [
        post("/v1/credentials").bearer_auth(canary),
        post(&format!("/v1/credentials?access_token={canary}")).bearer_auth(canary),
        post(&format!("/{canary}")),
        post("/v1/credentials").header("authorization", format!("Basic {canary}")),
        post("/v1/credentials").bearer_auth(&token).body(canary),
        post("/v1/credentials").header("x-request-id", canary),
        post("/v1/credentials?format=env").bearer_auth(canary),
        http.get(format!("{}/v1/credentials/container", process.gateway))
            .header("authorization", canary),
        with_key(canary),
        with_key(&typo),
        http.get(format!(
            "{}/api/v1/org/{canary}/ws/{canary}/storage/credentials",
            process.gateway
        ))
        .bearer_auth(canary),
        post("/").form(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleSessionName", canary),
            ("WebIdentityToken", canary),
        ]),
        post("/v1/credentials").bearer_auth(&key),
        post("/v1/credentials").bearer_auth(&lasting.capability),
    ] {
        request.send().await.unwrap();
    }
    let kept = process.database();
    let output = process.stop().await;
    assert!(
        output.matches("\"message\":\"request\"").count() >= 10,
        "{output}"
    );
    let keys = &vended.keys;
    for secret in [
        &token,
        &key,
        &lasting.api_key,
        &lasting.secret,
        &lasting.capability,
        &keys.secret_access_key,
        &keys.session_token,
        &canary.to_owned(),
    ] {
        assert!(!output.contains(secret.as_str()), "{secret} in {output}");
        let is_kept = kept.windows(secret.len()).any(|at| at == secret.as_bytes());
        assert!(!is_kept, "{secret} in the database");
    }
    let id = lasting.id.as_bytes();
    assert!(
        kept.windows(id.len()).any(|at| at == id),
        "it is the database"
    );
    for mistake in ["an API key", "a capability token"] {
        let said = format!("{mistake} of this gateway came as an access token");
        assert!(output.contains(&said), "{said}: {output}");
    }
    assert!(!output.contains("PRIVATE KEY"), "{output}");
    assert!(!output.contains("alice\""), "a subject in {output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_logs_one_line_with_what_operators_need() {
    let process = Process::dev(&[]).await;
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let answer = http
        .post(format!("{}/v1/credentials", process.gateway))
        .bearer_auth("x")
        .send()
        .await
        .unwrap();
    let id = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let output = process.stop().await;
    let lines: Vec<&str> = output.lines().filter(|line| line.contains(&id)).collect();
    assert_eq!(lines.len(), 1, "{output}");
    let line: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(line["request_id"], id);
    assert_eq!(line["outcome"], "invalid-token");
    assert_eq!(line["cause"], "the token is not active");
    assert_eq!(line["status"], 401);
    assert_eq!(line["route"], "/v1/credentials");
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
}
