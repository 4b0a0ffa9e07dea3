//! `cloakroom credentials`, as a `credential_process`.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{App, cloakroom, spawn_app};

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

async fn run(app: &App, token: &str, more: &[&str]) -> Ran {
    let (_directory, file) = token_file(token);
    let file = file.display().to_string();
    run_with(&[&["--url", &app.url, "--token-file", &file], more].concat()).await
}

async fn run_with(arguments: &[&str]) -> Ran {
    let output = cloakroom(&["credentials"]).args(arguments).output();
    let output = output.await.unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn token_file(token: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    (directory, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn prints_only_credentials() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    let ran = run(&app, &token, &["--access", "read", "--duration", "900"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed["Version"], 1);
    for name in [
        "AccessKeyId",
        "SecretAccessKey",
        "SessionToken",
        "Expiration",
    ] {
        assert!(printed[name].is_string(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_exits_with_1_and_prints_one_sentence() {
    let app = spawn_app().await;
    let alice = app.token("alice").await;
    for (token, more, message) in [
        (
            "nonsense",
            &[][..],
            "InvalidIdentityToken: The access token is not valid here",
        ),
        (
            &alice,
            &["--duration", "1"],
            "InvalidRequest: The duration is out of bounds",
        ),
        ("two words", &[], "InvalidRequest: The Bearer token is"),
        ("a\u{1}", &[], "the token is not valid"),
        ("", &[], "holds no token"),
    ] {
        let ran = run(&app, token, more).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{message}");
        assert!(ran.stderr.contains(message), "{}", ran.stderr);
        assert!(!ran.stderr.contains(&alice));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn address_that_is_not_a_gateway_is_reported() {
    let app = spawn_app().await;
    let (_directory, file) = token_file("token");
    let file = file.display().to_string();
    for (url, message) in [
        ("http://127.0.0.1:1", "is the gateway running"),
        (&app.oauth.issuer(), "is this the gateway's address?"),
        (
            "http://gateway.example",
            "the token would travel unprotected",
        ),
    ] {
        let ran = run_with(&["--url", url, "--token-file", &file]).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{url}");
        assert!(ran.stderr.contains(message), "{url}: {}", ran.stderr);
    }
    let missing = run_with(&["--url", &app.url, "--token-file", "/nowhere/token"]).await;
    assert_eq!(missing.code, Some(1));
    assert!(
        missing.stderr.contains("--token-file /nowhere/token:"),
        "{}",
        missing.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_server_can_neither_fill_memory_nor_control_the_terminal() {
    let (_directory, file) = token_file("token");
    let file = file.display().to_string();
    let evil = json!({"code": "a\u{1b}[2Jb", "message": "c\nd\u{9b}e"});
    for (answer, message) in [
        (
            ResponseTemplate::new(401).set_body_json(evil),
            "a [2Jb: c d e",
        ),
        (
            ResponseTemplate::new(200).set_body_string(" ".repeat(300_000)),
            "the answer is too long",
        ),
    ] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let ran = run_with(&["--url", &server.uri(), "--token-file", &file]).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
        assert!(ran.stderr.contains(message), "{:?}", ran.stderr);
    }
    for url in ["http://bob:hunter2@127.0.0.1:1", "ftp://127.0.0.1"] {
        let ran = run_with(&["--url", url, "--token-file", &file]).await;
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.starts_with("--url: must be"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"));
    }
}
