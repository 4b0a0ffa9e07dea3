//! `cloakroom block`, `unblock` and `revoke`, see docs/revoke.md.

use serde_json::Value;

use crate::support::{Process, s3};

use super::{ask, boto, json, refused, said};

const WORKSPACE: &str = "/api/v1/org/acme/ws/research/storage/credentials";
const CONTAINER: &str = "/v1/credentials/container";
const OWN: &str = "/v1/credentials";

async fn status(process: &Process, path: &str, token: &str) -> u16 {
    ask(process, path, token).await.status().as_u16()
}

async fn web_identity(process: &Process, token: &str) -> (u16, String) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let form = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", "arn:aws:iam::000000000000:role/any"),
        ("RoleSessionName", "test"),
        ("WebIdentityToken", token),
    ];
    let answer = http.post(format!("{}/", process.gateway)).form(&form);
    let answer = answer.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Whether the session in an answer of `POST /v1/credentials` can list its bucket.
async fn lists(answer: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let keys = &answer["credentials"];
    let s3 = s3(
        &text(&answer["endpoint"]),
        &text(&keys["accessKeyId"]),
        &text(&keys["secretAccessKey"]),
        Some(&text(&keys["sessionToken"])),
    );
    let listed = s3.list_objects_v2().bucket(text(&answer["bucket"]));
    listed.send().await.is_ok()
}

async fn session(process: &Process, token: &str) -> Value {
    let answer = ask(process, OWN, token).await;
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// Alice's token, a session of hers and one of bob's.
async fn alice_and_two_sessions(process: &Process) -> (String, Value, Value) {
    let (alice, bob) = (
        process.dev_token(&["alice"]).await,
        process.dev_token(&["bob"]).await,
    );
    let (hers, his) = (session(process, &alice).await, session(process, &bob).await);
    (alice, hers, his)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_caller_gets_the_403_of_every_api_until_unblocked() {
    let process = Process::dev(&[]).await;
    let (alice, bob) = (
        process.dev_token(&["alice"]).await,
        process.dev_token(&["bob"]).await,
    );
    assert_eq!(status(&process, OWN, &alice).await, 200);
    let block = ["block", "--caller", "demo/alice", "--reason", "ticket 4711"];
    process.administer(&block).await;
    for path in [OWN, CONTAINER, WORKSPACE] {
        let answer = ask(&process, path, &alice).await;
        assert_eq!(answer.status(), 403, "{path}");
        let text = answer.text().await.unwrap();
        assert!(
            !text.contains("4711"),
            "the reason is the operator's: {text}"
        );
    }
    let (refused, xml) = web_identity(&process, &alice).await;
    assert!(refused == 403 && xml.contains("AccessDenied"), "{xml}");
    assert_eq!(status(&process, OWN, &bob).await, 200);
    let listed = json(&process, &["block", "--list"]).await;
    assert_eq!(listed[0]["name"], "demo/alice");
    assert_eq!(listed[0]["reason"], "ticket 4711");
    process
        .administer(&["unblock", "--caller", "demo/alice"])
        .await;
    assert_eq!(status(&process, OWN, &alice).await, 200);
    let said = said(&process, &["unblock", "--caller", "demo/alice"]).await;
    assert!(said.contains("Nothing changed"), "{said}");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_and_a_client_can_be_blocked() {
    let process = Process::dev(&[]).await;
    let token = process.dev_token(&["alice"]).await;
    let key = json(
        &process,
        &["api-key", "create", "--org", "acme", "--label", "x"],
    )
    .await;
    let key = key["key"].as_str().unwrap().to_owned();
    assert_eq!(boto(&process, &key).await, 200);
    let because = ["--reason", "invoice unpaid"];
    process
        .administer(&[&["block", "--owner", "acme"], &because[..]].concat())
        .await;
    assert_eq!(boto(&process, &key).await, 403);
    assert_eq!(status(&process, WORKSPACE, &token).await, 200);
    let workspace = ["block", "--owner", "acme/research"];
    process
        .administer(&[&workspace[..], &because].concat())
        .await;
    assert_eq!(status(&process, WORKSPACE, &token).await, 403);
    assert_eq!(status(&process, OWN, &token).await, 200);
    process
        .administer(&[&["block", "--client", "demo"], &because[..]].concat())
        .await;
    assert_eq!(status(&process, OWN, &token).await, 403);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_ends_at_its_time_and_bad_input_is_explained() {
    let process = Process::dev(&[]).await;
    let token = process.dev_token(&["alice"]).await;
    let block = [
        "block",
        "--caller",
        "demo/alice",
        "--reason",
        "x",
        "--until",
    ];
    process.administer(&[&block[..], &["5s"]].concat()).await;
    assert_eq!(status(&process, OWN, &token).await, 403);
    while status(&process, OWN, &token).await == 403 {
        tokio::task::yield_now().await;
    }
    assert_eq!(status(&process, OWN, &token).await, 200);
    let past = refused(&process, &[&block[..], &["2026-01-01"]].concat()).await;
    assert!(past.contains("the time has passed"), "{past}");
    let unknown = ["block", "--owner", "nobody", "--reason", "x"];
    let unknown = refused(&process, &unknown).await;
    assert!(unknown.contains("there is no owner nobody"), "{unknown}");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_sessions_stop_working_and_new_ones_work() {
    let process = Process::dev(&[]).await;
    let (alice, hers, his) = alice_and_two_sessions(&process).await;
    assert!(lists(&hers).await && lists(&his).await);
    let report = json(&process, &["revoke", "--caller", "demo/alice"]).await;
    assert_eq!(report[0]["revoked"], "immediate");
    assert!(!lists(&hers).await && lists(&his).await);
    assert!(lists(&session(&process, &alice).await).await);
    let blocking = ["revoke", "--owner", "demo/alice", "--and-block"];
    process.administer(&blocking).await;
    assert_eq!(status(&process, OWN, &alice).await, 403);
    let trail = json(&process, &["audit", "--owner", "demo/alice"]).await;
    let actions = trail.as_array().unwrap().iter();
    let actions: Vec<&str> = actions.map(|row| row["action"].as_str().unwrap()).collect();
    for action in ["revoke", "revoke end", "block"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_ends_their_own_sessions_and_no_others() {
    let process = Process::dev(&[]).await;
    let (alice, hers, his) = alice_and_two_sessions(&process).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/v1/credentials/revoke", process.gateway);
    let answer = http.post(&url).bearer_auth(&alice).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(answer["revoked"], "immediate");
    assert!(answer["by"].as_str().unwrap().ends_with('Z'));
    assert!(!lists(&hers).await && lists(&his).await);
    let refused = http.post(&url).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let refused = http.post(format!("{url}?all=1")).bearer_auth(&alice);
    assert_eq!(refused.send().await.unwrap().status(), 400);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_of_someone_without_a_bucket_says_to_check_the_name() {
    let process = Process::dev(&[]).await;
    let carol = process.dev_token(&["carol"]).await;
    assert_eq!(status(&process, OWN, &carol).await, 200);
    for (caller, is_warned) in [("demo/carrol", true), ("demo/carol", false)] {
        let block = ["block", "--caller", caller, "--reason", "test"];
        let said = said(&process, &block).await;
        assert!(said.contains("Blocked"), "{said}");
        assert_eq!(said.contains("check the name"), is_warned, "{said}");
    }
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unblocking_an_owner_who_is_blocked_as_a_caller_names_that_block() {
    let process = Process::dev(&[]).await;
    let block = ["block", "--caller", "demo/alice", "--reason", "test"];
    process.administer(&block).await;
    let unblock = said(&process, &["unblock", "--owner", "demo/alice"]).await;
    assert!(unblock.contains("is not blocked"), "{unblock}");
    let help = "cloakroom unblock --caller demo/alice";
    assert!(unblock.contains(help), "{unblock}");
    process.stop().await;
}
