//! A gateway whose registry's file is exposed, removed or replaced.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cloakroom::adapters::database::Database;
use cloakroom::embedded::authorization_server::AuthorizationServer;

use crate::support::{App, Serve, spawn_app};

fn file(app: &App, suffix: &str) -> PathBuf {
    app.directory.path().join(format!("cloakroom.db{suffix}"))
}

async fn readiness(app: &App) -> String {
    let answer = app.http.get(format!("{}/readyz", app.url)).send().await;
    answer.unwrap().text().await.unwrap()
}

/// No call gets anything, and `/readyz` says why within the 2 s of a check.
async fn assert_hands_out_nothing(app: &App, tokens: &[String]) {
    for token in tokens {
        app.ask(token).await.assert_problem(500, "internal-error");
    }
    let unready = async {
        while readiness(app).await != "not ready: registry\n" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(2), unready).await;
    assert!(waited.is_ok(), "{}", readiness(app).await);
}

/// A gateway that has issued a session, and two tokens: one whose bucket is known, and a new one.
async fn at_work() -> (App, [String; 2]) {
    let app = spawn_app().await;
    let tokens = [app.token("alice").await, app.token("bob").await];
    app.ask(&tokens[0]).await.credentials();
    assert_eq!(readiness(&app).await, "ready\n");
    (app, tokens)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_registry_hands_out_nothing() {
    let (app, tokens) = at_work().await;
    for suffix in ["", "-wal", "-shm"] {
        fs::remove_file(file(&app, suffix)).unwrap();
    }
    assert_hands_out_nothing(&app, &tokens).await;
    assert!(!file(&app, "").exists(), "a new registry took its place");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_registry_hands_out_nothing() {
    let (app, tokens) = at_work().await;
    let copy = file(&app, ".copy");
    fs::copy(file(&app, ""), &copy).unwrap();
    fs::rename(copy, file(&app, "")).unwrap();
    assert_hands_out_nothing(&app, &tokens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_write_ahead_log_hands_out_nothing() {
    let (app, tokens) = at_work().await;
    fs::remove_file(file(&app, "-wal")).unwrap();
    assert_hands_out_nothing(&app, &tokens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_removed_during_a_statement_hands_out_nothing() {
    let (app, tokens) = at_work().await;
    let mut other = app.database().await.acquire().await.unwrap().detach();
    let statement = |text: &'static str| sqlx::query(text);
    let lock = statement("BEGIN IMMEDIATE");
    lock.execute(&mut other).await.unwrap();
    let removed = async {
        // Gives the call time to reach its statement, which waits for the lock.
        tokio::time::sleep(Duration::from_millis(500)).await;
        for suffix in ["", "-wal", "-shm"] {
            fs::remove_file(file(&app, suffix)).unwrap();
        }
        statement("COMMIT").execute(&mut other).await.unwrap();
    };
    let (answer, ()) = tokio::join!(app.ask(&tokens[0]), removed);
    answer.assert_problem(500, "internal-error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_comes_back_is_used_again() {
    let (app, tokens) = at_work().await;
    let away = file(&app, ".away");
    fs::rename(file(&app, ""), &away).unwrap();
    assert_hands_out_nothing(&app, &tokens).await;
    fs::rename(&away, file(&app, "")).unwrap();
    for token in &tokens {
        app.ask(token).await.credentials();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_user_can_read_the_registry() {
    let app = spawn_app().await;
    app.credentials_of("alice").await;
    for suffix in ["", "-wal", "-shm"] {
        let metadata = fs::metadata(file(&app, suffix)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{suffix}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_others_can_read_is_warned_of_with_the_fix() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("old.db");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let variables = [("CLOAKROOM_DATABASE__URL", url.as_str())];
    let mut serve = Serve::launch(&oauth, "http://127.0.0.1:1", &variables);
    let path = path.display();
    serve
        .line(&format!(
            "database.url: other users of this machine can read the registry and the audit \
             trail: chmod 600 {path} {path}-wal {path}-shm"
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alarm_of_a_removed_registry_says_to_save_it_before_a_stop() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lost.db");
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let variables = [("CLOAKROOM_DATABASE__URL", url.as_str())];
    let mut serve = Serve::launch(&oauth, "http://127.0.0.1:1", &variables);
    serve.line("listening").await;
    fs::remove_file(&path).unwrap();
    let alarm = serve.line("no credentials are issued any more").await;
    let what_to_do = alarm["error"].as_str().unwrap();
    assert!(
        what_to_do.contains("Do not stop the gateway yet"),
        "{alarm}"
    );
    assert!(what_to_do.contains("docs/backup.md"), "{alarm}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_registry_is_reported_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.db");
    fs::write(&path, "no database at all. ".repeat(1000)).unwrap();
    let message = start_error(&path, "rwc").await;
    assert!(message.contains("file is not a database"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_registry_is_reported_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read-only.db");
    Database::open(&format!("sqlite://{}?mode=rwc", path.display()))
        .await
        .unwrap()
        .close()
        .await;
    let message = start_error(&path, "ro").await;
    assert!(message.contains("readonly database"), "{message}");
}

async fn start_error(path: &Path, mode: &str) -> String {
    let url = format!("sqlite://{}?mode={mode}", path.display());
    Database::open(&url).await.unwrap_err().to_string()
}
