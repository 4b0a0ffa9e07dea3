//! `cloakroom backup`, beside a running gateway.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

use crate::support::{Answer, Process, cloakroom};

/// A gateway that has issued this many sessions, each with a row in the audit trail.
async fn at_work(calls: usize) -> Process {
    let process = Process::dev(&[]).await;
    let token = process.dev_token(&["alice"]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..calls {
        let url = format!("{}/v1/credentials", process.gateway);
        let answer = http.post(url).bearer_auth(&token).send().await.unwrap();
        Answer::read(answer).await.credentials();
    }
    process
}

async fn audit_rows(file: &Path) -> Result<i64, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection: SqliteConnection = options.connect().await?;
    sqlx::query_scalar("SELECT count(*) FROM audit_trail")
        .fetch_one(&mut connection)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_has_rows_that_a_copy_of_the_file_lacks() {
    let process = at_work(5).await;
    let registry = process.data("cloakroom.db");
    let rows = audit_rows(&registry).await.unwrap();
    assert!(rows >= 5, "{rows}");
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy.db");
    fs::copy(&registry, &copy).unwrap();
    assert_ne!(audit_rows(&copy).await.ok(), Some(rows));
    let directory = tempfile::tempdir().unwrap();
    let backup = directory.path().join("backup.db");
    let name = backup.to_str().unwrap();
    let printed = process.administer(&["backup", "--json", name]).await;
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        (&printed["file"], &printed["audit_rows"]),
        (&name.into(), &rows.into())
    );
    assert_eq!(audit_rows(&backup).await.unwrap(), rows);
    let mode = fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // No other file is left there.
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_backup_overwrites_nothing_and_leaves_no_file() {
    let process = at_work(1).await;
    let directory = tempfile::tempdir().unwrap();
    let backup = directory.path().join("backup.db");
    fs::write(&backup, "precious").unwrap();
    let missing = directory.path().join("missing/backup.db");
    for (target, complaint) in [(&backup, "exists"), (&missing, "cannot write")] {
        let output = process.command(&["backup", target.to_str().unwrap()]);
        let output = { output }.output().await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(complaint), "{message}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(fs::read(&backup).unwrap(), b"precious");
    // This one fails after the file was created.
    let empty = tempfile::NamedTempFile::new().unwrap();
    let url = format!("sqlite://{}?mode=rwc", empty.path().display());
    let target = directory.path().join("other.db");
    let mut command = process.command(&["backup", target.to_str().unwrap()]);
    command.env("CLOAKROOM_DATABASE__URL", url);
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("not a gateway's database"), "{message}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn backing_up_postgresql_names_pg_dump() {
    let output = cloakroom(&["backup", "registry.dump"])
        .envs([
            ("CLOAKROOM_OAUTH__ISSUER", "http://127.0.0.1:1"),
            ("CLOAKROOM_OAUTH__CLIENT_ID", "gateway"),
            ("CLOAKROOM_OAUTH__CLIENT_SECRET", "0123456789"),
            ("CLOAKROOM_STORAGE__ENDPOINT", "http://127.0.0.1:1"),
            (
                "CLOAKROOM_DATABASE__URL",
                "postgres://u:canary@127.0.0.1:1/d",
            ),
        ])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("pg_dump --format=custom --file=registry.dump"),
        "{message}"
    );
    assert!(!message.contains("canary"), "{message}");
}
