//! `cloakroom org`, `api-key`, `workspace` and `audit` beside a running gateway.

use cloakroom::domain::Slug;
use cloakroom::service::{AdministerError, AreaWish};
use serde_json::{Value, json};

use crate::support::{ALICES_BUCKET, Process, s3, spawn_app};

async fn json(process: &Process, arguments: &[&str]) -> Value {
    let text = process.administer(&[arguments, &["--json"]].concat()).await;
    serde_json::from_str(&text).unwrap()
}

/// What a command that must fail says.
async fn refused(process: &Process, arguments: &[&str]) -> String {
    let output = process.command(arguments).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

async fn boto(process: &Process, key: &str) -> u16 {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(format!("{}/storage/boto", process.gateway));
    let answer = request.header("x-api-key", key).send().await.unwrap();
    answer.status().as_u16()
}

async fn ask(process: &Process, path: &str, token: &str) -> reqwest::Response {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", process.gateway);
    let request = match path {
        "/v1/credentials" => http.post(url),
        _ => http.get(url),
    };
    request.bearer_auth(token).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_from_its_making_to_its_end() {
    let process = Process::dev(&[]).await;
    let made = process
        .administer(&["org", "create", "beta", "--bucket", "clients"])
        .await;
    assert_eq!(made, "s3://clients/beta/\n");
    let key = process
        .administer(&["api-key", "create", "--org", "beta", "--label", "ci"])
        .await;
    let key = key.trim_end();
    assert_eq!(boto(&process, key).await, 200);
    let shown = json(&process, &["org", "show", "beta"]).await;
    assert_eq!(shown["state"], "enabled");
    assert_eq!(shown["uri"], "s3://clients/beta/");
    let all = json(&process, &["org", "list"]).await;
    let slugs: Vec<&Value> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|org| &org["slug"])
        .collect();
    assert_eq!(slugs, ["acme", "beta"]);
    let disabled = json(&process, &["org", "disable", "beta"]).await;
    assert_eq!(disabled["state"], "disabled");
    assert_eq!(boto(&process, key).await, 403);
    process.administer(&["org", "enable", "beta"]).await;
    assert_eq!(boto(&process, key).await, 200);
    let keys = json(&process, &["api-key", "list", "--org", "beta"]).await;
    assert_eq!(keys[0]["id"], key[..19]);
    assert_eq!(
        (&keys[0]["label"], &keys[0]["state"]),
        (&json!("ci"), &json!("active"))
    );
    assert!(keys[0]["last_used"].as_str().unwrap().ends_with(":00:00Z"));
    assert!(!keys.to_string().contains(key));
    process.administer(&["api-key", "revoke", &key[..19]]).await;
    assert_eq!(boto(&process, key).await, 401);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_may_end_by_themselves_or_open_other_things() {
    let process = Process::dev(&[]).await;
    let create = |more: &'static [&'static str]| {
        let arguments = [
            &["api-key", "create", "--org", "acme", "--label", "x"],
            more,
        ]
        .concat();
        let process = &process;
        async move { json(process, &arguments).await }
    };
    let ninety = create(&["--expires-in", "90d"]).await;
    let days = |text: &Value| {
        text.as_str().unwrap()[..10]
            .parse::<chrono::NaiveDate>()
            .unwrap()
    };
    let lifetime = days(&ninety["expires_at"]) - days(&ninety["created_at"]);
    assert_eq!(lifetime.num_days(), 90);
    assert_eq!(boto(&process, ninety["key"].as_str().unwrap()).await, 200);
    let over = create(&["--expires-in", "0s"]).await;
    assert_eq!(
        (
            boto(&process, over["key"].as_str().unwrap()).await,
            &over["state"]
        ),
        (401, &json!("expired"))
    );
    let other = create(&["--no-storage", "--scope", "object_storage"]).await;
    assert_eq!(other["scopes"], json!(["object_storage"]));
    assert_eq!(boto(&process, other["key"].as_str().unwrap()).await, 403);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn areas_of_one_bucket_never_overlap_and_nobody_gets_a_persons() {
    let process = Process::dev(&[]).await;
    let token = process.dev_token(&["alice"]).await;
    assert_eq!(ask(&process, "/v1/credentials", &token).await.status(), 200);
    process
        .administer(&[
            "org", "create", "beta", "--bucket", "clients", "--prefix", "b/c/",
        ])
        .await;
    for prefix in ["b/c/", "b/", "b/c/d/"] {
        let said = refused(
            &process,
            &[
                "org", "create", "x", "--bucket", "clients", "--prefix", prefix,
            ],
        )
        .await;
        assert!(
            said.contains("overlaps with the area of organisation beta"),
            "{said}"
        );
        let workspace = [
            "workspace",
            "create",
            "acme/x",
            "--bucket",
            "clients",
            "--prefix",
            prefix,
        ];
        assert!(refused(&process, &workspace).await.contains("overlaps"));
    }
    let beside = [
        "org",
        "create",
        "beta-evil",
        "--bucket",
        "clients",
        "--prefix",
        "b/c-evil/",
    ];
    process.administer(&beside).await;
    let said = refused(&process, &["org", "create", "x", "--bucket", ALICES_BUCKET]).await;
    assert!(said.contains("is or was a principal's own"), "{said}");
    assert!(
        refused(&process, &["org", "create", "beta"])
            .await
            .contains("exists already")
    );
    for bad in [
        &["org", "create", "Beta"][..],
        &["org", "create", "x", "--prefix", "x"],
        &["org", "create", "x", "--prefix", "../"],
        &["org", "create", "x", "--bucket", "B_"],
        &["workspace", "create", "acme"],
        &["api-key", "revoke", "ck_1"],
    ] {
        let output = process.command(bad).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{bad:?}: {output:?}");
    }
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_stood_there_before_is_taken_only_when_it_is_named() {
    let app = spawn_app().await;
    let administer = app.administer().await;
    let root = app.root();
    // printf '%s\0org\0%s\0' "" acme | sha256sum | cut -c1-63
    let own = "6862f51151aa047480136116ad5c1686d7df9ad98a83586787acfbb2b22500a";
    for bucket in [own, "clients"] {
        root.create_bucket().bucket(bucket).send().await.unwrap();
    }
    let acme: Slug = "acme".parse().unwrap();
    let refused = administer
        .create_organisation(acme.clone(), &AreaWish::default())
        .await;
    assert!(
        matches!(refused, Err(AdministerError::BucketConflict(_))),
        "{refused:?}"
    );
    let named = AreaWish {
        bucket: Some("clients".parse().unwrap()),
        prefix: None,
    };
    administer
        .create_organisation(acme.clone(), &named)
        .await
        .unwrap();
    let key = app.key(&acme, true).await;
    assert_eq!(
        app.boto(&key).await.json()["bucket_info"]["name"],
        "clients"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_name_an_organisation_has_taken_is_refused() {
    let app = spawn_app().await;
    let taken = AreaWish {
        bucket: Some(ALICES_BUCKET.parse().unwrap()),
        prefix: None,
    };
    let key = app.organisation("acme", &taken).await;
    let token = app.token("alice").await;
    app.ask(&token).await.assert_problem(409, "bucket-conflict");
    assert_eq!(app.boto(&key).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_audit_trail_cannot_be_written_nothing_changes() {
    let app = spawn_app().await;
    let key = app.organisation("acme", &AreaWish::default()).await;
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
        .create_organisation(beta, &AreaWish::default())
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
async fn a_workspace_from_its_making_to_its_end_and_back() {
    let process = Process::dev(&[]).await;
    let made = process
        .administer(&["workspace", "create", "acme/lab", "--bucket", "clients"])
        .await;
    assert_eq!(made, "s3://clients/lab/\n");
    let path = "/api/v1/org/acme/ws/lab/storage/credentials";
    let token = process.dev_token(&["carol"]).await;
    let status = async || ask(&process, path, &token).await.status().as_u16();
    assert_eq!(status().await, 404);
    let member = ["workspace", "add-member", "acme/lab", "--subject", "carol"];
    let view = json(&process, &member).await;
    assert_eq!(
        view["members"],
        json!([{"subject": "carol", "client_id": null, "access": "read-write"}])
    );
    let vended: Value =
        serde_json::from_str(&ask(&process, path, &token).await.text().await.unwrap()).unwrap();
    let text = |name: &str| vended[name].as_str().unwrap();
    let lab = s3(
        text("endpoint"),
        text("access_key_id"),
        text("secret_access_key"),
        Some(text("session_token")),
    );
    lab.put_object()
        .bucket("clients")
        .key("lab/x")
        .send()
        .await
        .unwrap();
    let said = refused(&process, &["workspace", "delete", "acme/lab"]).await;
    assert!(
        said.contains("s3://clients/lab/ still holds objects"),
        "{said}"
    );
    assert_eq!(status().await, 200);
    process
        .administer(&["workspace", "delete", "acme/lab", "--keep-objects"])
        .await;
    assert_eq!(status().await, 404);
    let kept = json(&process, &["workspace", "list", "--deleted"]).await;
    let kept = &kept.as_array().unwrap()[0];
    assert_eq!(
        (&kept["uri"], &kept["state"]),
        (&json!("s3://clients/lab/"), &json!("deleted"))
    );
    // What was kept is nobody else's.
    let other = [
        "workspace",
        "create",
        "acme/other",
        "--bucket",
        "clients",
        "--prefix",
        "lab/",
    ];
    assert!(
        refused(&process, &other)
            .await
            .contains("overlaps with the area of workspace acme/lab")
    );
    let elsewhere = [
        "workspace",
        "create",
        "acme/lab",
        "--bucket",
        "other-bucket",
    ];
    assert!(
        refused(&process, &elsewhere)
            .await
            .contains("what was kept")
    );
    let back = process
        .administer(&["workspace", "create", "acme/lab"])
        .await;
    assert_eq!(back, "s3://clients/lab/\n");
    assert_eq!(status().await, 404, "its members are forgotten");
    process.administer(&member).await;
    assert_eq!(status().await, 200);
    lab.delete_object()
        .bucket("clients")
        .key("lab/x")
        .send()
        .await
        .unwrap();
    process
        .administer(&[
            "workspace",
            "remove-member",
            "acme/lab",
            "--subject",
            "carol",
        ])
        .await;
    assert_eq!(status().await, 404);
    let again = [
        "workspace",
        "remove-member",
        "acme/lab",
        "--subject",
        "carol",
    ];
    assert!(
        refused(&process, &again)
            .await
            .contains("there is no member")
    );
    process
        .administer(&["workspace", "delete", "acme/lab"])
        .await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_answers_who_held_which_key_and_who_changed_what() {
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
    let nobody = json(&process, &["audit", "--owner", "lice"]).await;
    assert_eq!(nobody, json!([]));
    let bucket = json(&process, &["audit", "--bucket", ALICES_BUCKET]).await;
    assert_eq!(bucket.as_array().unwrap().len(), 1);
    assert_eq!(rows(&["audit", "--since", "2999-01-01"]).await, json!([]));
    let newest = rows(&["audit", "--limit", "1", "--since", "1h"]).await;
    assert_eq!(column(&newest, "owner"), ["principal [\"demo\",\"alice\"]"]);
    let text = process.administer(&["audit"]).await;
    assert!(!text.contains(key), "{text}");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_shows_lines_that_work() {
    let process = Process::dev(&[]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = http
        .get(&process.gateway)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let line = |start: &str| page.lines().find(|line| line.starts_with(start)).unwrap();
    let by_key = line("curl -sX POST");
    assert!(by_key.contains("/storage/boto"), "{by_key}");
    let key = by_key
        .split("x-api-key: ")
        .nth(1)
        .unwrap()
        .trim_end_matches('"');
    assert_eq!(boto(&process, key).await, 200);
    assert!(line("curl -s http").contains("/api/v1/org/acme/ws/research/storage/credentials"));
    let research = "/api/v1/org/acme/ws/research/storage/credentials";
    for (user, expected) in [("alice", 200), ("bob", 200), ("carol", 404)] {
        let token = process.dev_token(&[user]).await;
        assert_eq!(
            ask(&process, research, &token).await.status(),
            expected,
            "{user}"
        );
    }
    process.stop().await;
}
