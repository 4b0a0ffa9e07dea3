use serde_json::{Value, json};

use crate::support::Process;

use super::{ask, boto, json, refused};

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_from_creation_to_its_end() {
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
async fn api_key_show_prints_all_that_is_known_of_a_key() {
    let process = Process::dev(&[]).await;
    let create = ["api-key", "create", "--org", "acme", "--label", "nightly"];
    let more = ["--expires-in", "90d", "--scope", "a", "--scope", "b"];
    let made = json(&process, &[&create[..], &more].concat()).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!(boto(&process, made["key"].as_str().unwrap()).await, 200);
    process.administer(&["api-key", "revoke", id]).await;
    let shown = json(&process, &["api-key", "show", id]).await;
    let all = json(&process, &["api-key", "list"]).await;
    let all = all.as_array().unwrap();
    assert!(all.contains(&shown), "{shown}");
    assert_eq!(shown["state"], "revoked");
    let text = process.administer(&["api-key", "show", id]).await;
    for (name, field) in [
        ("KEY", "id"),
        ("ORGANISATION", "organisation"),
        ("LABEL", "label"),
        ("CREATED", "created_at"),
        ("EXPIRES", "expires_at"),
        ("REVOKED", "revoked_at"),
        ("LAST USED", "last_used"),
    ] {
        let value = shown[field].as_str().unwrap();
        assert!(text.contains(&format!("{name:<14}{value}\n")), "{text}");
    }
    assert!(
        text.contains("STORAGE       yes\nSCOPES        a b\n"),
        "{text}"
    );
    assert!(!text.contains(made["key"].as_str().unwrap()), "{text}");
    let said = refused(&process, &["api-key", "show", "ck_0123456789abcdef"]).await;
    assert!(
        said.contains("there is no API key ck_0123456789abcdef"),
        "{said}"
    );
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_keys_may_expire_and_have_scopes() {
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
async fn dev_has_a_workspace_of_alice_and_bob() {
    let process = Process::dev(&[]).await;
    let research = "/api/v1/org/acme/ws/research/storage/credentials";
    for (user, expected) in [("alice", 200), ("bob", 200), ("carol", 404)] {
        let token = process.dev_token(&[user]).await;
        let answer = ask(&process, research, &token).await;
        assert_eq!(answer.status(), expected, "{user}");
    }
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_dev_that_fails_leaves_the_first_alone() {
    let process = Process::dev(&[]).await;
    let key = process
        .administer(&["api-key", "create", "--org", "acme", "--label", "dev"])
        .await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = http.get(&process.gateway).send().await.unwrap();
    let page = page.text().await.unwrap();
    let shown = page.split("x-api-key: ").nth(1).unwrap();
    let second = process.dev_again().await;
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(
        said.contains("another `cloakroom dev` is running on this data"),
        "{said}"
    );
    assert_eq!(boto(&process, key.trim_end()).await, 200);
    assert_eq!(boto(&process, &shown[..75]).await, 200);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_that_lives_too_long_is_refused() {
    let process = Process::dev(&[]).await;
    let create = ["api-key", "create", "--org", "acme", "--label", "x"];
    for time in ["100000000d", "40000d"] {
        let said = refused(&process, &[&create[..], &["--expires-in", time]].concat()).await;
        assert!(said.starts_with("--expires-in:"), "{said}");
    }
    process.stop().await;
}
