//! What is removed for good: organisations by `org delete`, workspaces by `workspace purge`.

use cloakroom::domain::{
    AuditCause, AuditEvent, Organisation, Owner, RequestId, Slug, Workspace, WorkspaceName,
};
use cloakroom::service::{Added, AdministerError, GoesAlong, NewArea};
use serde_json::{Value, json};

use crate::support::{Process, s3, spawn_app};

use super::{ask, boto, json, refused, said};

const DELETE_BETA: [&str; 4] = ["org", "delete", "beta", "--yes"];
const PURGE_LAB: [&str; 4] = ["workspace", "purge", "beta/lab", "--yes"];

/// An organisation `beta` with the prefix `beta/` in the bucket `clients`, and its API key.
async fn with_beta() -> (Process, String) {
    let process = Process::dev(&[]).await;
    process
        .administer(&["org", "create", "beta", "--bucket", "clients"])
        .await;
    let create = ["api-key", "create", "--org", "beta", "--label", "ci"];
    let key = process.administer(&create).await.trim_end().to_owned();
    (process, key)
}

/// Puts an object into beta's area, with a session of beta's.
async fn put_something(process: &Process, key: &str) {
    let token = process.dev_token(&["alice"]).await;
    let alices = ask(process, "/v1/credentials", &token).await.text().await;
    let alices: Value = serde_json::from_str(&alices.unwrap()).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(format!("{}/storage/boto", process.gateway));
    let answer = request.header("x-api-key", key).send().await.unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let text = |name: &str| answer["credentials"][name].as_str().unwrap();
    let beta = s3(
        alices["endpoint"].as_str().unwrap(),
        text("aws_key_id"),
        text("aws_secret_access_key"),
        Some(text("aws_session_token")),
    );
    let put = beta.put_object().bucket("clients").key("beta/report");
    put.send().await.unwrap();
}

async fn actions(process: &Process, owner: &str) -> Vec<String> {
    let rows = json(process, &["audit", "--owner", owner]).await;
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["action"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_organisations_name_and_area_are_never_given_out_again() {
    let (process, key) = with_beta().await;
    assert_eq!(boto(&process, &key).await, 200);
    let said = refused(&process, &DELETE_BETA).await;
    let why = "organisation beta still has\n  API keys, 1, and access keys, 0: ";
    assert!(said.contains(why), "{said}");
    assert_eq!(boto(&process, &key).await, 200);
    process.administer(&["api-key", "revoke", &key[..19]]).await;
    let gone = json(&process, &DELETE_BETA).await;
    let seen = (&gone["slug"], &gone["state"], &gone["uri"]);
    let expected = ["beta", "removed", "s3://clients/beta/"].map(|text| json!(text));
    assert_eq!(seen, (&expected[0], &expected[1], &expected[2]));
    assert_eq!(boto(&process, &key).await, 401);
    let said = refused(&process, &["org", "show", "beta"]).await;
    assert!(said.contains("there is no organisation beta"), "{said}");
    for elsewhere in [&[][..], &["--bucket", "clients"], &["--prefix", "new/"]] {
        let create = [&["org", "create", "beta"], elsewhere].concat();
        let said = refused(&process, &create).await;
        let why =
            "organisation beta was removed for good: its name and its area s3://clients/beta/";
        assert!(said.contains(why), "{said}");
    }
    for prefix in ["beta/", "beta/x/"] {
        for (kind, name) in [("org", "gamma"), ("workspace", "acme/gamma")] {
            let area = ["--bucket", "clients", "--prefix", prefix];
            let create = [&[kind, "create", name], &area[..]].concat();
            let said = refused(&process, &create).await;
            let why = "overlaps with the area of organisation beta";
            assert!(said.contains(why), "{said}");
        }
    }
    let all = actions(&process, "beta").await;
    let expected = [
        "org create",
        "api-key create",
        "vend",
        "vend",
        "api-key revoke",
        "org delete",
    ];
    assert_eq!(all, expected);
    let shown = json(&process, &["bucket", "show", "beta"]).await;
    assert_eq!(shown[0]["areas"][0]["owner"], "organisation beta");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_goes_with_what_it_has_only_when_told() {
    let (process, key) = with_beta().await;
    put_something(&process, &key).await;
    process
        .administer(&["workspace", "create", "beta/lab"])
        .await;
    process
        .administer(&["workspace", "create", "beta/old"])
        .await;
    process
        .administer(&["workspace", "delete", "beta/old"])
        .await;
    let create = ["access-key", "create", "--name", "n", "--org", "beta"];
    let create = [&create[..], &["--read-bucket", "clients-2"]].concat();
    process.administer(&create).await;
    let refusal = refused(&process, &DELETE_BETA).await;
    for line in [
        "  workspaces, 2: beta/lab, beta/old: ",
        "  API keys, 1, and access keys, 1: ",
        "  objects at s3://clients/beta/: ",
    ] {
        assert!(refusal.contains(line), "{line} in {refusal}");
    }
    for flag in ["--with-workspaces", "--with-keys", "--keep-objects"] {
        assert!(refusal.contains(flag), "{flag} in {refusal}");
        refused(&process, &[&DELETE_BETA[..], &[flag]].concat()).await;
    }
    assert_eq!(boto(&process, &key).await, 200, "nothing was changed");
    let along = ["--with-workspaces", "--with-keys", "--keep-objects"];
    let said = said(&process, &[&DELETE_BETA[..], &along].concat()).await;
    assert!(said.starts_with("Deleted beta. Its name"), "{said}");
    assert_eq!(boto(&process, &key).await, 401);
    let all = json(&process, &["workspace", "list", "--deleted"]).await;
    let names = all.as_array().unwrap().iter().map(|one| &one["workspace"]);
    assert_eq!(names.collect::<Vec<_>>(), ["research"]);
    let keys = json(&process, &["access-key", "list"]).await;
    assert_eq!(keys, json!([]));
    let lab = actions(&process, "beta/lab").await;
    let expected = ["workspace create", "workspace delete", "workspace purge"];
    assert_eq!(lab, expected);
    let last = json(&process, &["audit", "--owner", "beta", "--limit", "1"]).await;
    let seen = (&last[0]["action"], &last[0]["detail"]);
    assert_eq!(seen, (&json!("org delete"), &json!("objects kept")));
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_workspaces_name_and_area_are_never_given_out_again() {
    let (process, _) = with_beta().await;
    let create = ["workspace", "create", "beta/lab", "--bucket", "clients"];
    process.administer(&create).await;
    let said = refused(&process, &PURGE_LAB).await;
    assert!(said.contains("workspace beta/lab is not deleted"), "{said}");
    process
        .administer(&["workspace", "delete", "beta/lab"])
        .await;
    let gone = json(&process, &PURGE_LAB).await;
    assert_eq!(gone["state"], "removed");
    let said = refused(&process, &["workspace", "show", "beta/lab"]).await;
    assert!(said.contains("there is no workspace beta/lab"), "{said}");
    let said = refused(&process, &create).await;
    let why = "workspace beta/lab was removed for good: its name and its area s3://clients/lab/";
    assert!(said.contains(why), "{said}");
    let other = ["workspace", "create", "acme/lab", "--bucket", "clients"];
    let said = refused(&process, &other).await;
    let why = "overlaps with the area of workspace beta/lab";
    assert!(said.contains(why), "{said}");
    let said = refused(&process, &PURGE_LAB).await;
    assert!(said.contains("there is no workspace beta/lab"), "{said}");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_with_objects_is_not_purged() {
    let app = spawn_app().await;
    app.workspace("acme/lab", &[]).await;
    let administer = app.administer().await;
    let name: WorkspaceName = "acme/lab".parse().unwrap();
    let deleted = administer.delete_workspace(&name, true).await.unwrap();
    let bucket = deleted.area.bucket.as_str();
    let (root, key) = (app.root(), "lab/report");
    let put = root.put_object().bucket(bucket).key(key);
    put.send().await.unwrap();
    let error = administer.purge_workspace(&name).await.unwrap_err();
    let said = error.to_string();
    assert!(
        said.ends_with(
            "of workspace acme/lab still holds objects: delete them first (cloakroom erase --owner acme/lab)"
        ),
        "{said}"
    );
    let delete = root.delete_object().bucket(bucket).key(key);
    delete.send().await.unwrap();
    administer.purge_workspace(&name).await.unwrap();
}

/// Another operator has found the name free before it was removed.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_is_removed_meanwhile_is_not_added() {
    let app = spawn_app().await;
    app.workspace("acme/lab", &[]).await;
    let administer = app.administer().await;
    let name: WorkspaceName = "acme/lab".parse().unwrap();
    let slug: Slug = "acme".parse().unwrap();
    let lab = administer.delete_workspace(&name, true).await.unwrap();
    administer.purge_workspace(&name).await.unwrap();
    let along = GoesAlong::default();
    let acme = administer.delete_organisation(&slug, along).await.unwrap();
    let event = |owner| {
        let cause = AuditCause {
            time: chrono::DateTime::UNIX_EPOCH,
            request_id: RequestId::from_random([7; 16]),
            dialect: "cli",
            caller: "operator tester".to_owned(),
        };
        AuditEvent::change(cause, "create", owner)
    };
    let directory = administer.administration();
    let workspace = Workspace {
        deleted_at: None,
        ..lab.clone()
    };
    let owner = Owner::Workspace(name);
    let added = directory.add_workspace(&workspace, &event(owner)).await;
    assert_eq!(added, Ok(Added::Removed(lab.area)));
    let area = acme.area.clone();
    let elsewhere = Organisation {
        area: cloakroom::domain::Area {
            prefix: "elsewhere/".parse().unwrap(),
            ..area.clone()
        },
        ..acme
    };
    let owner = Owner::Organisation(slug);
    let added = directory.add_organisation(&elsewhere, &event(owner)).await;
    assert_eq!(added, Ok(Added::Removed(area)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_when_the_audit_trail_cannot_be_written() {
    let app = spawn_app().await;
    app.workspace("acme/lab", &[]).await;
    app.organisation("beta", &NewArea::default()).await;
    let administer = app.administer().await;
    let name: WorkspaceName = "acme/lab".parse().unwrap();
    administer.delete_workspace(&name, true).await.unwrap();
    let database = app.database().await;
    let rename = |statement: &'static str| sqlx::query(statement).execute(&database);
    rename("ALTER TABLE audit_trail RENAME TO gone")
        .await
        .unwrap();
    let beta: Slug = "beta".parse().unwrap();
    let along = GoesAlong {
        keys: true,
        ..GoesAlong::default()
    };
    assert!(administer.purge_workspace(&name).await.is_err());
    assert!(administer.delete_organisation(&beta, along).await.is_err());
    rename("ALTER TABLE gone RENAME TO audit_trail")
        .await
        .unwrap();
    administer.purge_workspace(&name).await.unwrap();
    let without_keys = administer
        .delete_organisation(&beta, GoesAlong::default())
        .await;
    assert!(
        matches!(without_keys, Err(AdministerError::StillHas(_))),
        "{without_keys:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_for_good_is_confirmed() {
    let (process, _) = with_beta().await;
    for (arguments, question) in [
        (&DELETE_BETA[..3], "The name beta and its storage"),
        (&PURGE_LAB[..3], "The name beta/lab and its storage"),
    ] {
        let said = refused(&process, arguments).await;
        assert!(said.starts_with(question), "{said}");
        assert!(said.contains("confirm with --yes"), "{said}");
    }
    process.stop().await;
}
