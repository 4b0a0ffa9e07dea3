use serde_json::{Value, json};

use crate::support::{Process, s3};

use super::{ask, json, refused};

const PATH: &str = "/api/v1/org/acme/ws/lab/storage/credentials";
const ADD_CAROL: [&str; 5] = ["workspace", "add-member", "acme/lab", "--subject", "carol"];
const REMOVE_CAROL: [&str; 5] = [
    "workspace",
    "remove-member",
    "acme/lab",
    "--subject",
    "carol",
];

/// A workspace `acme/lab` below `lab/` in the bucket `clients`.
async fn with_lab() -> Process {
    let process = Process::dev(&[]).await;
    let create = ["workspace", "create", "acme/lab", "--bucket", "clients"];
    assert_eq!(process.administer(&create).await, "s3://clients/lab/\n");
    process
}

async fn status(process: &Process, token: &str) -> u16 {
    ask(process, PATH, token).await.status().as_u16()
}

async fn put_something(process: &Process, token: &str) {
    let vended = ask(process, PATH, token).await.text().await.unwrap();
    let vended: Value = serde_json::from_str(&vended).unwrap();
    let text = |name: &str| vended[name].as_str().unwrap();
    let lab = s3(
        text("endpoint"),
        text("access_key_id"),
        text("secret_access_key"),
        Some(text("session_token")),
    );
    let put = lab.put_object().bucket("clients").key("lab/x");
    put.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_and_go() {
    let process = with_lab().await;
    let token = process.dev_token(&["carol"]).await;
    assert_eq!(status(&process, &token).await, 404);
    let view = json(&process, &ADD_CAROL).await;
    let carol = json!({"subject": "carol", "client_id": null, "access": "read-write"});
    assert_eq!(view["members"], json!([carol]));
    assert_eq!(status(&process, &token).await, 200);
    let less = [&ADD_CAROL[..], &["--access", "read"]].concat();
    assert_eq!(json(&process, &less).await["members"][0]["access"], "read");
    process.administer(&REMOVE_CAROL).await;
    assert_eq!(status(&process, &token).await, 404);
    let said = refused(&process, &REMOVE_CAROL).await;
    assert!(said.contains("there is no member"), "{said}");
    let through = [&ADD_CAROL[..], &["--client-id", "editor"]].concat();
    process.administer(&through).await;
    assert_eq!(status(&process, &token).await, 404);
    process.administer(&REMOVE_CAROL).await;
    let empty = json(&process, &["workspace", "show", "acme/lab"]).await;
    assert_eq!(empty["members"], json!([]), "removed through every client");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_holds_objects_is_deleted_only_when_they_may_stay() {
    let process = with_lab().await;
    process.administer(&ADD_CAROL).await;
    let token = process.dev_token(&["carol"]).await;
    put_something(&process, &token).await;
    let delete = ["workspace", "delete", "acme/lab"];
    let said = refused(&process, &delete).await;
    let why = "s3://clients/lab/ still holds objects";
    assert!(said.contains(why), "{said}");
    assert_eq!(status(&process, &token).await, 200);
    let keep = [&delete[..], &["--keep-objects"]].concat();
    process.administer(&keep).await;
    assert_eq!(status(&process, &token).await, 404);
    let said = refused(&process, &delete).await;
    assert!(said.contains("it is deleted"), "{said}");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_is_found_again_and_is_nobody_elses() {
    let process = with_lab().await;
    process.administer(&ADD_CAROL).await;
    process
        .administer(&["workspace", "delete", "acme/lab"])
        .await;
    let kept = json(&process, &["workspace", "list", "--deleted"]).await;
    let kept = &kept.as_array().unwrap()[0];
    let found = (&kept["uri"], &kept["state"]);
    assert_eq!(found, (&json!("s3://clients/lab/"), &json!("deleted")));
    let other = [
        "workspace",
        "create",
        "acme/other",
        "--bucket",
        "clients",
        "--prefix",
        "lab/",
    ];
    let said = refused(&process, &other).await;
    let why = "overlaps with the area of workspace acme/lab";
    assert!(said.contains(why), "{said}");
    let elsewhere = ["workspace", "create", "acme/lab", "--bucket", "elsewhere"];
    let said = refused(&process, &elsewhere).await;
    assert!(said.contains("what was kept"), "{said}");
    let back = process.administer(&["workspace", "create", "acme/lab"]);
    assert_eq!(back.await, "s3://clients/lab/\n");
    let token = process.dev_token(&["carol"]).await;
    assert_eq!(
        status(&process, &token).await,
        404,
        "its members are forgotten"
    );
    process.administer(&ADD_CAROL).await;
    assert_eq!(status(&process, &token).await, 200);
    process.stop().await;
}
