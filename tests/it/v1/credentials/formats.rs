//! `tests/clients/run` tries each format in its real tool.

use reqwest::header::ACCEPT;

use crate::support::{ALICES_BUCKET, spawn_app};

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_gets_variables_by_parameter_or_by_accept() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    let by_parameter = app.post("/v1/credentials?format=env");
    let by_accept = app
        .post("/v1/credentials")
        .header(ACCEPT, "text/x-shellscript");
    for request in [by_parameter, by_accept] {
        let answer = app.send(request.bearer_auth(&token)).await;
        assert_eq!(answer.status, 200);
        answer.assert_common_headers();
        assert_eq!(
            answer.header("content-type"),
            Some("text/x-shellscript; charset=utf-8")
        );
        let script = format!(
            "{}\necho \"$BUCKET $AWS_ENDPOINT_URL_S3 $AWS_REGION\"",
            answer.text
        );
        let mut shell = tokio::process::Command::new("sh");
        let ran = shell
            .args(["-c", &script])
            .env_clear()
            .output()
            .await
            .unwrap();
        let said = String::from_utf8(ran.stdout).unwrap();
        assert_eq!(
            said,
            format!("{ALICES_BUCKET} {} us-east-1\n", app.storage.url())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn iceberg_gets_storage_credentials_for_the_buckets_locations() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    let request = app.post("/v1/credentials?format=iceberg");
    let answer = app.send(request.bearer_auth(&token)).await;
    assert_eq!(answer.status, 200);
    answer.assert_common_headers();
    let body: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    let credentials = body["storage-credentials"].as_array().unwrap();
    assert_eq!(credentials.len(), 1);
    assert_eq!(
        credentials[0]["prefix"],
        format!("s3://{ALICES_BUCKET}/").as_str()
    );
    let config = credentials[0]["config"].as_object().unwrap();
    assert!(config.values().all(serde_json::Value::is_string));
    assert_eq!(config["s3.endpoint"], app.storage.url().as_str());
    assert_eq!(config["s3.path-style-access"], "true");
    assert_eq!(config["client.region"], "us-east-1");
    let expires: i64 = config["s3.session-token-expires-at-ms"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(expires > 1_700_000_000_000, "in milliseconds: {expires}");
    for secret in [
        "s3.access-key-id",
        "s3.secret-access-key",
        "s3.session-token",
    ] {
        assert!(!config[secret].as_str().unwrap().is_empty(), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_gets_its_own_text_and_json_stays_json() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    for (format, first) in [
        ("aws-profile", "[profile cloakroom]"),
        ("rclone", "[cloakroom]"),
        ("s3cmd", "[default]"),
        ("duckdb", "CREATE OR REPLACE SECRET cloakroom ("),
    ] {
        let request = app.post(&format!("/v1/credentials?format={format}"));
        let answer = app.send(request.bearer_auth(&token)).await;
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert!(answer.text.lines().any(|line| line == first), "{format}");
        assert!(answer.text.lines().next().unwrap().contains("until 20"));
    }
    let request = app.post("/v1/credentials?format=json");
    app.send(request.bearer_auth(&token)).await.credentials();
}
