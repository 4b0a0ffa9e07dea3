//! `cloakroom migrate`, before a gateway starts.

use std::process::Output;

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

use crate::support::cloakroom;

/// Runs a command with this database.
async fn run(database: &str, arguments: &[&str]) -> Output {
    let running = cloakroom(arguments)
        .envs([
            ("CLOAKROOM_OAUTH__ISSUER", "http://127.0.0.1:1"),
            ("CLOAKROOM_OAUTH__CLIENT_ID", "gateway"),
            ("CLOAKROOM_OAUTH__CLIENT_SECRET", "0123456789"),
            ("CLOAKROOM_STORAGE__ENDPOINT", "http://127.0.0.1:1"),
            ("CLOAKROOM_STORAGE__ACCESS_KEY_ID", "key"),
            ("CLOAKROOM_STORAGE__SECRET_ACCESS_KEY", "0123456789"),
            ("CLOAKROOM_DATABASE__URL", database),
        ])
        .output();
    running.await.unwrap()
}

fn stdout(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    std::str::from_utf8(&output.stderr).unwrap()
}

#[tokio::test]
async fn migrate_makes_a_database_that_commands_take_and_can_be_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("registry.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    std::fs::write(&file, "").unwrap();
    let early = run(&url, &["org", "list"]).await;
    assert!(stderr(&early).contains("not one of this version's"));
    let migrated = run(&url, &["migrate"]).await;
    let schema: i64 = stdout(&migrated).trim_end().parse().unwrap();
    assert!(schema >= 8, "{schema}");
    assert_eq!(stdout(&run(&url, &["org", "list", "--json"]).await), "[]\n");
    let again = run(&url, &["migrate", "--json"]).await;
    let again: Value = serde_json::from_str(stdout(&again)).unwrap();
    assert_eq!(again["schema"], schema);
}

#[tokio::test]
async fn migrate_leaves_a_newer_schema_alone_and_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("registry.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    stdout(&run(&url, &["migrate"]).await);
    let options = SqliteConnectOptions::new().filename(&file);
    let mut connection: SqliteConnection = options.connect().await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'of the future', TRUE, x'00', 0)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let refused = run(&url, &["migrate"]).await;
    let message = stderr(&refused);
    assert!(message.starts_with("database.url: "), "{message}");
    assert!(message.contains("made by a newer cloakroom"), "{message}");
    assert!(message.contains("docs/backup.md"), "{message}");
    assert!(refused.stdout.is_empty());
}

#[tokio::test]
async fn migrate_names_a_server_that_is_away_without_its_password() {
    let url = "postgres://u:canary@127.0.0.1:1/d?sslmode=disable";
    let refused = run(url, &["migrate"]).await;
    let message = stderr(&refused);
    let begins = "database.url: cannot reach PostgreSQL at 127.0.0.1:1, database d";
    assert!(message.starts_with(begins), "{message}");
    assert!(!message.contains("canary"), "{message}");
}
