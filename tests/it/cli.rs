use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use crate::support::{Process, cloakroom};

async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let variables = variables.iter().copied();
    let running = cloakroom(arguments).envs(variables).output();
    tokio::time::timeout(Duration::from_secs(20), running)
        .await
        .unwrap()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The message of the last line that `serve` logs. Every line is JSON.
fn last_message(output: &Output) -> String {
    let text = stderr(output);
    let mut lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let last: serde_json::Value = lines.next_back().unwrap();
    assert_eq!(last["level"], "ERROR", "{last}");
    last["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn prints_help_without_a_subcommand() {
    let help = stderr(&run(&[], &[]).await);
    for command in [
        "dev",
        "dev-token",
        "serve",
        "config",
        "login",
        "logout",
        "whoami",
        "setup",
        "credentials",
        "org",
        "api-key",
        "access-key",
        "workspace",
        "audit",
        "backup",
        "migrate",
        "bucket",
        "openapi",
        "healthcheck",
        "completions",
    ] {
        assert!(help.contains(command), "{help}");
    }
}

#[tokio::test]
async fn bad_configuration_exits_with_64_and_lists_every_error() {
    let output = run(
        &["serve"],
        &[
            ("CLOAKROOM_HTTP__ADRESS", "x"),
            ("CLOAKROOM_LOG__LEVEL", "loud"),
        ],
    )
    .await;
    assert_eq!(output.status.code(), Some(64));
    let text = stderr(&output);
    for key in [
        "http.adress:",
        "oauth.issuer:",
        "oauth.client_id:",
        "storage.endpoint:",
        "log.level:",
    ] {
        assert_eq!(
            text.lines().filter(|line| line.starts_with(key)).count(),
            1,
            "{key} in {text}"
        );
    }
}

#[tokio::test]
async fn taken_port_is_reported_with_its_key() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let database = format!(
        "sqlite://{}?mode=rwc",
        directory.path().join("x.db").display()
    );
    let variables = minimal(&database, &address);
    let output = run(&["serve"], &as_pairs(&variables)).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        last_message(&output).starts_with("http.address:"),
        "{output:?}"
    );
    for flag in ["--port", "--storage-port", "--oauth-port"] {
        let port = listener.local_addr().unwrap().port().to_string();
        let data = directory.path().join(flag).display().to_string();
        let mut arguments = vec!["dev", "--data-dir", &data];
        for other in ["--port", "--storage-port", "--oauth-port"] {
            arguments.extend([other, if other == flag { &port } else { "0" }]);
        }
        let output = run(&arguments, &[]).await;
        assert_eq!(output.status.code(), Some(1));
        let complaint = format!("{flag}: port {port} is taken");
        assert!(stderr(&output).contains(&complaint), "{}", stderr(&output));
        assert!(!Path::new(&data).exists(), "it has left {data}");
    }
}

#[tokio::test]
async fn dev_reports_every_taken_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let data = tempfile::tempdir().unwrap().path().display().to_string();
    let arguments = ["dev", "--data-dir", &data, "--port", &port];
    let more = ["--storage-port", &port, "--oauth-port", "0"];
    let output = run(&[arguments.as_slice(), &more].concat(), &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    for line in [
        format!("--port: port {port} is taken;"),
        format!("--storage-port: port {port} is taken;"),
        "Is another `cloakroom dev` running?".to_owned(),
    ] {
        assert_eq!(text.matches(&line).count(), 1, "{line} in {text}");
    }
}

#[tokio::test]
async fn unopenable_database_is_reported_with_its_key() {
    for (url, line) in [
        (
            "sqlite:///nonexistent/x.db?mode=rwc",
            "database.url: cannot write /nonexistent/x.db as user id ",
        ),
        (
            "sqlite:///nonexistent/x.db",
            "database.url: there is no file /nonexistent/x.db: ",
        ),
    ] {
        let variables = minimal(url, "127.0.0.1:0");
        let output = run(&["serve"], &as_pairs(&variables)).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(last_message(&output).starts_with(line), "{output:?}");
    }
}

#[tokio::test]
async fn dev_is_ready_within_two_seconds_and_stops_at_sigterm() {
    let mut took = Vec::new();
    // The machine may be busy for a moment.
    let process = loop {
        let started = Instant::now();
        let process = Process::dev(&[]).await;
        took.push(started.elapsed());
        if took.last() < Some(&Duration::from_secs(2)) {
            break process;
        }
        assert!(took.len() < 3, "{took:?}");
        process.stop().await;
    };
    let ready = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = ready
        .get(format!("{}/livez", process.gateway))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let token = process.dev_token(&["bob", "--expires-in", "5m"]).await;
    assert_eq!(token.split('.').count(), 3);
    process.stop().await;
}

#[tokio::test]
async fn dev_writes_a_configuration_without_mistakes_or_warnings() {
    let process = Process::dev(&[]).await;
    let checked = process
        .command(&["config", "check"])
        .output()
        .await
        .unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    assert_eq!(stderr(&checked), "");
    let text = std::fs::read_to_string(process.data("cloakroom.toml")).unwrap();
    assert!(!text.contains("accept_change"), "{text}");
    process.stop().await;
}

#[tokio::test]
async fn dev_token_without_dev_says_what_to_do() {
    let output = run(&["dev-token", "alice", "--oauth-port", "1"], &[]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(stderr(&output).contains("--oauth-port"));
}

#[tokio::test]
async fn healthcheck_reports_readiness() {
    let variables = minimal("sqlite://x.db", "127.0.0.1:1");
    let output = run(&["healthcheck"], &as_pairs(&variables)).await;
    assert_eq!(output.status.code(), Some(1));
    let app = crate::support::spawn_app().await;
    app.credentials_of("alice").await;
    let address = app.url.trim_start_matches("http://").to_owned();
    let variables = minimal("sqlite://x.db", &address);
    let output = run(&["healthcheck"], &as_pairs(&variables)).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

fn minimal(database: &str, address: &str) -> Vec<(&'static str, String)> {
    vec![
        ("CLOAKROOM_HTTP__ADDRESS", address.to_owned()),
        ("CLOAKROOM_OAUTH__ISSUER", "http://127.0.0.1:1".to_owned()),
        ("CLOAKROOM_OAUTH__CLIENT_ID", "gateway".to_owned()),
        ("CLOAKROOM_OAUTH__CLIENT_SECRET", "0123456789".to_owned()),
        (
            "CLOAKROOM_STORAGE__ENDPOINT",
            "http://127.0.0.1:1".to_owned(),
        ),
        ("CLOAKROOM_STORAGE__ACCESS_KEY_ID", "key".to_owned()),
        (
            "CLOAKROOM_STORAGE__SECRET_ACCESS_KEY",
            "0123456789".to_owned(),
        ),
        ("CLOAKROOM_DATABASE__URL", database.to_owned()),
    ]
}

fn as_pairs<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

#[tokio::test]
async fn config_check_prints_effective_values_without_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cloakroom.toml");
    std::fs::write(&file, "[http]\nmax_in_flight = 7\n").unwrap();
    let output = run(
        &["config", "check", "--config", file.to_str().unwrap()],
        &[
            ("CLOAKROOM_OAUTH__ISSUER", "https://as.example"),
            ("CLOAKROOM_OAUTH__CLIENT_ID", "gateway"),
            ("CLOAKROOM_OAUTH__CLIENT_SECRET", "canary-secret"),
            ("CLOAKROOM_STORAGE__ENDPOINT", "https://s3.example"),
            ("CLOAKROOM_NAMING__SECRET", "canary-naming-secret"),
        ],
    )
    .await;
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |start: &str| {
        let line = text.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("{start} in {text}"))
            .to_owned()
    };
    assert!(line("http.max_in_flight = 7 ").ends_with("cloakroom.toml:2:1"));
    assert!(line("oauth.issuer = \"https://as.example\" ").ends_with("# CLOAKROOM_OAUTH__ISSUER"));
    assert!(line("storage.session_duration = \"1h\" ").ends_with("# the default"));
    assert!(
        line("oauth.client_secret = \"(hidden)\" ").ends_with("# CLOAKROOM_OAUTH__CLIENT_SECRET")
    );
    assert!(line("# oauth.audience ").ends_with("# not set"));
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn config_check_fails_like_serve() {
    let output = run(&["config", "check"], &[]).await;
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("oauth.issuer: is required"));
}

#[tokio::test]
async fn every_command_shows_an_example_and_shells_complete() {
    for command in [
        "dev",
        "dev-token",
        "serve",
        "credentials",
        "org",
        "api-key",
        "access-key",
        "workspace",
        "audit",
        "openapi",
        "healthcheck",
        "completions",
    ] {
        let help = String::from_utf8(run(&[command, "--help"], &[]).await.stdout).unwrap();
        assert!(help.contains("Example"), "{help}");
        assert!(!help.contains('\u{1b}'), "no colours unless on a terminal");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell], &[]).await.stdout;
        assert!(
            String::from_utf8(script).unwrap().contains("dev-token"),
            "{shell}"
        );
    }
}
