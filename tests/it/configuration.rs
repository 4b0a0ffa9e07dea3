//! Warnings about a configuration that is valid, and the reference and the schema of its keys.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use cloakroom::embedded::authorization_server::AuthorizationServer;
use serde_json::Value;
use tempfile::TempDir;
use toml::de::{DeTable, DeValue};

use crate::support::{Process, Serve, cloakroom};

const REFERENCE: &str = include_str!("../../docs/configuration.md");

const SECRET_FILE: &str = "CLOAKROOM_STORAGE__SECRET_ACCESS_KEY_FILE";
const MISSPELT: &str = "CLOAKROOM_OAUTH_AUDIENCE: nothing reads this variable; did you mean CLOAKROOM_OAUTH__AUDIENCE?";

fn secret_file(mode: u32) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    write(&path, "0123456789abcdef", mode);
    (directory, path)
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

async fn check(secret: &Path) -> Output {
    let mut command = cloakroom(&["config", "check"]);
    command.env(SECRET_FILE, secret).envs([
        ("CLOAKROOM_OAUTH__ISSUER", "https://as.example"),
        ("CLOAKROOM_OAUTH__CLIENT_ID", "gateway"),
        ("CLOAKROOM_OAUTH__CLIENT_SECRET", "0123456789"),
        ("CLOAKROOM_STORAGE__ENDPOINT", "https://s3.example"),
        ("CLOAKROOM_STORAGE__ACCESS_KEY_ID", "key"),
        // The command line reads these variables.
        ("CLOAKROOM_OPERATOR", "tester"),
        ("CLOAKROOM_URL", "https://gateway.example"),
        // Kubernetes sets these.
        ("CLOAKROOM_SERVICE_HOST", "10.0.0.1"),
        ("CLOAKROOM_PORT", "tcp://10.0.0.1:80"),
        ("CLOAKROOM_OAUTH_AUDIENCE", "canary"),
    ]);
    command.output().await.unwrap()
}

#[tokio::test]
async fn config_check_warns() {
    let (_directory, path) = secret_file(0o444);
    let output = check(&path).await;
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{message}");
    let lines: Vec<_> = message.lines().collect();
    let exposed = format!(
        "warning: storage.secret_access_key_file: {}: every user of this machine can read",
        path.display()
    );
    let [one, two] = lines.as_slice() else {
        panic!("{message}");
    };
    assert!(one.starts_with(&exposed), "{message}");
    assert_eq!(*two, format!("warning: {MISSPELT}"));
}

#[tokio::test]
async fn a_value_that_is_not_utf_8_is_refused_and_not_shown() {
    let mut command = cloakroom(&["config", "check"]);
    command.env(
        "CLOAKROOM_OAUTH__CLIENT_SECRET",
        OsStr::from_bytes(b"canary\xff"),
    );
    let output = command.output().await.unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{message}");
    assert_eq!(
        message,
        "CLOAKROOM_OAUTH__CLIENT_SECRET: the value is not UTF-8\n"
    );
}

#[tokio::test]
async fn config_check_refuses_a_secret_that_others_can_write() {
    let (_directory, path) = secret_file(0o666);
    let output = check(&path).await;
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{message}");
    let correction = format!("chmod 400 {}", path.display());
    assert!(message.contains(&correction), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_logs_the_warnings_and_refuses_a_secret_that_others_can_write() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let (_directory, path) = secret_file(0o444);
    let variables = [
        (SECRET_FILE, path.to_str().unwrap()),
        ("CLOAKROOM_OAUTH_AUDIENCE", "canary"),
    ];
    let mut gateway = Serve::launch(&oauth, "http://127.0.0.1:1", &variables);
    let mut lines = Vec::new();
    loop {
        let line = gateway.next_line().await.unwrap();
        if line["message"] == "listening" {
            break;
        }
        lines.push(line);
    }
    for message in ["storage.secret_access_key_file: ", MISSPELT] {
        let is_it = |line: &&serde_json::Value| {
            let text = line["message"].as_str().unwrap();
            text.starts_with(message) && line["level"] == "WARN"
        };
        assert_eq!(lines.iter().filter(is_it).count(), 1, "{lines:#?}");
    }
    write(&path, "fedcba9876543210", 0o666);
    let refused = gateway
        .line("the file is invalid: its previous content stays in use")
        .await;
    assert_eq!(refused["key"], "storage.secret_access_key_file");
    let what = refused["what"].as_str().unwrap();
    assert!(what.contains("other users can write this file"), "{what}");
    gateway.signal("TERM").await;
    gateway.ended().await;
}

#[test]
fn reference_in_docs_matches_the_declarations() {
    assert!(
        REFERENCE == cloakroom::config::reference(),
        "docs/configuration.md has drifted: cargo run -- config reference > docs/configuration.md"
    );
}

#[tokio::test]
async fn config_reference_and_schema_are_printed() {
    let printed = async |what| {
        let output = cloakroom(&["config", what]).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(printed("reference").await, REFERENCE);
    let schema: Value = serde_json::from_str(&printed("schema").await).unwrap();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
}

/// The keys of a file that the schema does not allow, or not with this type.
fn refused_by_schema(text: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(&cloakroom::config::schema()).unwrap();
    let mut refused = Vec::new();
    for (section, keys) in DeTable::parse(text).unwrap().into_inner() {
        let DeValue::Table(keys) = keys.into_inner() else {
            panic!("{section:?}");
        };
        let properties = &schema["properties"][&**section.get_ref()]["properties"];
        for (key, value) in keys {
            let property = &properties[&**key.get_ref()];
            let is_allowed = match value.get_ref() {
                DeValue::String(text) => {
                    let words = property["enum"].as_array();
                    property["type"] == "string"
                        && words.is_none_or(|words| words.iter().any(|word| word == &**text))
                }
                DeValue::Integer(_) => property["type"] == "integer",
                DeValue::Boolean(_) => property["type"] == "boolean",
                DeValue::Array(_) => property["type"] == "array",
                _ => false,
            };
            if !is_allowed {
                refused.push(format!("{}.{}", section.get_ref(), key.get_ref()));
            }
        }
    }
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_accepts_the_file_that_dev_writes() {
    let mut dev = Process::dev(&[]).await;
    dev.blocks_to_paste().await;
    let text = fs::read_to_string(dev.data("cloakroom.toml")).unwrap();
    assert!(text.contains("oauth.issuer"), "{text}");
    assert_eq!(refused_by_schema(&text), Vec::<String>::new());
    dev.stop().await;
}

#[test]
fn the_schema_refuses_unknown_keys_and_other_types() {
    let text = "[http]\nadress = 'x'\nmax_in_flight = 'many'\n[log]\nlevel = 'loud'\n";
    assert_eq!(
        refused_by_schema(text),
        ["http.adress", "http.max_in_flight", "log.level"]
    );
}
