use cloakroom::service::NewArea;
use serde_json::{Value, json};

use crate::support::{ALICES_BUCKET, Process, spawn_app};

use super::{ask, boto, json};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_changes_when_the_audit_trail_cannot_be_written() {
    let app = spawn_app().await;
    let key = app.organisation("acme", &NewArea::default()).await;
    let database = app.database().await;
    let rename = |statement: &'static str| sqlx::query(statement).execute(&database);
    rename("ALTER TABLE audit_trail RENAME TO gone")
        .await
        .unwrap();
    let administer = app.administer().await;
    assert!(administer.revoke_key(key.id()).await.is_err());
    let acme = "acme".parse().unwrap();
    assert!(administer.set_enabled(&acme, false).await.is_err());
    let beta = "beta".parse().unwrap();
    let made = administer
        .create_organisation(beta, &NewArea::default())
        .await;
    assert!(made.is_err());
    rename("ALTER TABLE gone RENAME TO audit_trail")
        .await
        .unwrap();
    assert_eq!(app.boto(&key).await.status, 200);
    let all = administer.administration().organisations().await.unwrap();
    assert_eq!(all.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_finds_who_had_which_key_and_who_changed_what() {
    let process = Process::dev(&[]).await;
    process.administer(&["org", "create", "beta"]).await;
    let key = process
        .administer(&["api-key", "create", "--org", "beta", "--label", "ci"])
        .await;
    let key = key.trim_end();
    assert_eq!(boto(&process, key).await, 200);
    let token = process.dev_token(&["alice"]).await;
    let research = "/api/v1/org/acme/ws/research/storage/credentials";
    assert_eq!(ask(&process, research, &token).await.status(), 200);
    assert_eq!(ask(&process, "/v1/credentials", &token).await.status(), 200);
    let rows = |arguments: &'static [&'static str]| json(&process, arguments);
    let beta = rows(&["audit", "--owner", "beta"]).await;
    let column = |rows: &Value, name: &str| -> Vec<String> {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row[name].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        column(&beta, "action"),
        ["org create", "api-key create", "vend"]
    );
    let by_key = format!("api-key {}", &key[..19]);
    assert_eq!(
        column(&beta, "caller"),
        ["operator tester", "operator tester", &by_key]
    );
    assert!(
        column(&beta, "owner")
            .iter()
            .all(|owner| owner == "organisation beta")
    );
    let vended = beta[2]["access_key_id"].as_str().unwrap();
    let found = json(&process, &["audit", "--access-key", vended]).await;
    assert_eq!(found, json!([beta[2]]));
    let of_key = json(&process, &["audit", "--access-key", &key[..19]]).await;
    assert_eq!(column(&of_key, "action"), ["api-key create", "vend"]);
    let alices = column(&rows(&["audit", "--caller", "alice"]).await, "owner");
    assert_eq!(
        alices,
        ["workspace acme/research", "principal [\"demo\",\"alice\"]"]
    );
    for owner in ["alice", "demo/alice"] {
        let owned = json(&process, &["audit", "--owner", owner]).await;
        assert_eq!(column(&owned, "bucket"), [ALICES_BUCKET], "{owner}");
    }
    let none = json(&process, &["audit", "--owner", "lice"]).await;
    assert_eq!(none, json!([]));
    let bucket = json(&process, &["audit", "--bucket", ALICES_BUCKET]).await;
    assert_eq!(bucket.as_array().unwrap().len(), 1);
    assert_eq!(rows(&["audit", "--since", "2999-01-01"]).await, json!([]));
    let newest = rows(&["audit", "--limit", "1", "--since", "1h"]).await;
    assert_eq!(column(&newest, "owner"), ["principal [\"demo\",\"alice\"]"]);
    let text = process.administer(&["audit"]).await;
    assert!(!text.contains(key), "{text}");
    assert!(
        text.contains("demo/alice") && !text.contains("[\""),
        "{text}"
    );
    let text = process.administer(&["bucket", "show", "demo/alice"]).await;
    assert!(
        text.contains("demo/alice") && !text.contains("[\""),
        "{text}"
    );
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_only_read_change_nothing() {
    let process = Process::dev(&[]).await;
    let token = process.dev_token(&["alice"]).await;
    assert_eq!(ask(&process, "/v1/credentials", &token).await.status(), 200);
    let with = async |name: &str, value: &str| {
        let mut command = process.command(&["audit"]);
        let output = command.env(name, value).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said)
    };
    let (code, said) = with("CLOAKROOM_NAMING__PREFIX", "x-").await;
    assert_eq!(code, Some(64), "{said}");
    let accepting = process
        .command(&["audit"])
        .env("CLOAKROOM_NAMING__PREFIX", "x-")
        .env("CLOAKROOM_NAMING__ACCEPT_CHANGE", "true")
        .output();
    let accepting = accepting.await.unwrap();
    assert_eq!(accepting.status.code(), Some(64), "{accepting:?}");
    assert_eq!(ask(&process, "/v1/credentials", &token).await.status(), 200);
    process.administer(&["audit"]).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("none.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let (code, said) = with("CLOAKROOM_DATABASE__URL", &url).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("database.url:"), "{said}");
    assert!(!file.exists(), "a database is made by the gateway only");
    process.stop().await;
}
