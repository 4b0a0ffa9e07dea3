//! `cloakroom migrate`, before a gateway starts.

use std::path::Path;
use std::process::Output;

use cloakroom::adapters::database::latest_schema;
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
    assert!(stderr(&early).contains("not a gateway's"));
    let migrated = run(&url, &["migrate"]).await;
    let schema: i64 = stdout(&migrated).trim_end().parse().unwrap();
    assert!(schema >= 8, "{schema}");
    assert_eq!(stdout(&run(&url, &["org", "list", "--json"]).await), "[]\n");
    let again = run(&url, &["migrate", "--json"]).await;
    let again: Value = serde_json::from_str(stdout(&again)).unwrap();
    assert_eq!(again["schema"], schema);
}

/// A database with the schema before this version's.
async fn earlier(file: &Path) -> String {
    let url = format!("sqlite://{}?mode=rwc", file.display());
    stdout(&run(&url, &["migrate"]).await);
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection: SqliteConnection = options.connect().await.unwrap();
    let forget = "DELETE FROM _sqlx_migrations WHERE version = \
                  (SELECT max(version) FROM _sqlx_migrations)";
    sqlx::query(forget).execute(&mut connection).await.unwrap();
    url
}

#[tokio::test]
async fn an_earlier_schema_is_named_with_the_command_that_helps() {
    let directory = tempfile::tempdir().unwrap();
    let url = earlier(&directory.path().join("registry.db")).await;
    for arguments in [&["org", "list"][..], &["migrate", "--check"]] {
        let refused = run(&url, arguments).await;
        let (message, needed) = (stderr(&refused), latest_schema());
        assert!(message.contains(&format!("needs {needed}")), "{message}");
        assert!(message.contains("cloakroom migrate"), "{message}");
    }
}

#[tokio::test]
async fn migrate_check_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("registry.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let checked = run(&url, &["migrate", "--check"]).await;
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    assert!(!file.exists());
    stdout(&run(&url, &["migrate"]).await);
    let checked = run(&url, &["migrate", "--check"]).await;
    assert_eq!(stdout(&checked), format!("{}\n", latest_schema()));
}

#[tokio::test]
async fn migrate_says_whether_there_was_anything_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("registry.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let said = [run(&url, &["migrate"]).await, run(&url, &["migrate"]).await];
    let said = said.map(|output| String::from_utf8(output.stderr).unwrap());
    assert!(said[0].contains("new database"), "{said:?}");
    assert!(said[1].contains("nothing to do"), "{said:?}");
}

#[tokio::test]
async fn the_version_names_the_schema_that_the_upgrade_page_lists() {
    let printed = cloakroom(&["--version"]).output().await.unwrap();
    let (version, schema) = (env!("CARGO_PKG_VERSION"), latest_schema());
    let expected = format!("cloakroom {version}\ndatabase schema {schema}\n");
    assert_eq!(stdout(&printed), expected);
    let page = std::fs::read_to_string("docs/upgrading.md").unwrap();
    let row = format!("| {version} | {schema} |");
    assert!(page.contains(&row), "docs/upgrading.md lacks {row}");
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
