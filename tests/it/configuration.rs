//! What the program says of a configuration that it takes, and that should be looked at.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use cloakroom::embedded::authorization_server::AuthorizationServer;
use tempfile::TempDir;

use crate::support::{Serve, cloakroom};

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
        // Variables of the command line are read.
        ("CLOAKROOM_OPERATOR", "tester"),
        ("CLOAKROOM_URL", "https://gateway.example"),
        // Kubernetes sets them.
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
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let lines: Vec<_> = said.lines().collect();
    let exposed = format!(
        "warning: storage.secret_access_key_file: {}: every user of this machine can read",
        path.display()
    );
    let [one, two] = lines.as_slice() else {
        panic!("{said}");
    };
    assert!(one.starts_with(&exposed), "{said}");
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
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert_eq!(
        said,
        "CLOAKROOM_OAUTH__CLIENT_SECRET: the value is not UTF-8\n"
    );
}

#[tokio::test]
async fn config_check_refuses_a_secret_that_others_can_write() {
    let (_directory, path) = secret_file(0o666);
    let output = check(&path).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    let correction = format!("chmod 400 {}", path.display());
    assert!(said.contains(&correction), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_logs_the_warnings_and_takes_no_secret_that_others_can_write() {
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
        .line("the file is no good: what it held before stays in use")
        .await;
    assert_eq!(refused["key"], "storage.secret_access_key_file");
    let what = refused["what"].as_str().unwrap();
    assert!(what.contains("other users can write this file"), "{what}");
    gateway.signal("TERM").await;
    gateway.ended().await;
}
