use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use serde_json::Value;

use crate::support::{Answer, Process};

/// The lines about requests to the store, and the whole log, of a process while Alice gets a missing
/// object with a presigned URL.
async fn logged(arguments: &[&str]) -> (Vec<Value>, String) {
    let process = Process::dev(arguments).await;
    let token = process.dev_token(&["alice"]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = http.post(format!("{}/v1/credentials", process.gateway));
    let answer = Answer::read(ask.bearer_auth(token).send().await.unwrap()).await;
    let alice = answer.credentials();
    let presigning = PresigningConfig::expires_in(Duration::from_mins(1)).unwrap();
    let get = alice.s3().get_object().bucket(&alice.bucket).key("missing");
    let url = get.presigned(presigning).await.unwrap().uri().to_owned();
    assert_eq!(http.get(&url).send().await.unwrap().status(), 404);
    let log = process.stop().await;
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let lines = lines.filter(|line: &Value| line["message"] == "store request");
    assert!(!log.contains(&alice.keys.session_token), "{log}");
    (lines.collect(), log)
}

#[tokio::test(flavor = "multi_thread")]
async fn verbose_logs_a_line_for_each_request_to_the_store() {
    let (lines, _) = logged(&["--verbose"]).await;
    let missing = lines
        .iter()
        .find(|line| line["method"] == "GET" && line["code"] == "NoSuchKey")
        .unwrap();
    assert_eq!(missing["status"], 404);
    assert!(missing["duration_ms"].is_f64(), "{missing}");
    let path = missing["path"].as_str().unwrap();
    assert!(path.contains("/missing?"), "{path}");
    assert!(path.contains("X-Amz-Signature=REDACTED"), "{path}");
    assert!(path.contains("X-Amz-Security-Token=REDACTED"), "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_the_store_are_not_logged_by_default() {
    let (lines, log) = logged(&[]).await;
    assert!(lines.is_empty(), "{log}");
}
