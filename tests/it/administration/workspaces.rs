use cloakroom::domain::{
    Access, AuditCause, AuditEvent, Member, Owner, RequestId, Subject, WorkspaceName,
};
use cloakroom::service::{AdministerError, NewArea};
use serde_json::{Value, json};

use crate::support::{Process, s3, spawn_app};

use super::{ask, json, refused, said};

const PATH: &str = "/api/v1/org/acme/ws/lab/storage/credentials";
const ADD_CAROL: [&str; 5] = ["workspace", "add-member", "acme/lab", "--subject", "carol"];
const REMOVE_CAROL: [&str; 5] = [
    "workspace",
    "remove-member",
    "acme/lab",
    "--subject",
    "carol",
];

/// A workspace `acme/lab` with the prefix `lab/` in the bucket `clients`.
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
async fn members_are_added_and_removed() {
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
async fn add_member_says_what_changed() {
    let process = with_lab().await;
    let read = [&ADD_CAROL[..], &["--access", "read"]].concat();
    let editor = ["--client-id", "editor"];
    let through = [&ADD_CAROL[..], &editor].concat();
    let remove = [&REMOVE_CAROL[..], &editor].concat();
    for (arguments, expected) in [
        (&ADD_CAROL[..], "Added carol to acme/lab (read-write).\n"),
        (
            &read,
            "Changed carol's access in acme/lab from read-write to read.\n",
        ),
        (
            &read,
            "Nothing changed: carol already has read access in acme/lab.\n",
        ),
        (
            &through,
            "Added carol (through the client editor) to acme/lab (read-write).\n",
        ),
        (
            &remove,
            "Removed carol (through the client editor) from acme/lab. \
             carol still has read access through any client.\n",
        ),
        (&REMOVE_CAROL, "Removed carol from acme/lab.\n"),
    ] {
        assert_eq!(said(&process, arguments).await, expected, "{arguments:?}");
    }
    let lab = ["audit", "--owner", "acme/lab"];
    let trail = json(&process, &lab).await;
    let adds = trail.as_array().unwrap().iter();
    let adds = adds.filter(|entry| entry["action"] == "workspace add-member");
    assert_eq!(adds.count(), 3, "{trail}");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_with_objects_is_deleted_only_with_keep_objects() {
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
async fn kept_objects_return_with_their_workspace_only() {
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
    let why = "the objects of the deleted workspace acme/lab are at s3://clients/lab/";
    assert!(said.contains(why), "{said}");
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

/// An operator adds a member while another deletes the workspace.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_workspace_has_no_members_even_when_it_comes_back() {
    let app = spawn_app().await;
    app.workspace("acme/lab", &[("alice", Access::ReadWrite)])
        .await;
    let name: WorkspaceName = "acme/lab".parse().unwrap();
    let administer = app.administer().await;
    administer.delete_workspace(&name, true).await.unwrap();
    let late = Member {
        issuer: None,
        subject: Subject::parse("mallory").unwrap(),
        client_id: None,
        access: Access::ReadWrite,
    };
    let directory = administer.administration();
    let cause = AuditCause {
        time: chrono::DateTime::UNIX_EPOCH,
        request_id: RequestId::from_random([7; 16]),
        dialect: "cli",
        caller: "operator tester".to_owned(),
    };
    let owner = Owner::Workspace(name.clone());
    let event = AuditEvent::change(cause, "workspace add-member", owner);
    let done = directory.set_member(&name, &late, &event).await;
    assert_eq!(done.unwrap(), None);
    let database = app.database().await;
    sqlx::query("INSERT INTO members VALUES ('acme', 'lab', 'mallory', '', 'read')")
        .execute(&database)
        .await
        .unwrap();
    administer
        .create_workspace(name.clone(), &NewArea::default())
        .await
        .unwrap();
    assert_eq!(directory.members(&name).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_too_long_for_a_policy_is_refused_first() {
    let app = spawn_app().await;
    app.workspace("acme/lab", &[]).await;
    let long = NewArea {
        bucket: None,
        prefix: Some(format!("{}/", "a".repeat(1_000)).parse().unwrap()),
    };
    let administer = app.administer().await;
    let name: WorkspaceName = "acme/long".parse().unwrap();
    let refused = administer.create_workspace(name.clone(), &long).await;
    assert!(
        matches!(refused, Err(AdministerError::PrefixTooLong)),
        "{refused:?}"
    );
    let new = NewArea::default();
    let again = administer.create_workspace(name, &new).await;
    assert!(again.is_ok(), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_a_named_issuer_is_shown_with_it() {
    let process = with_lab().await;
    process.administer(&ADD_CAROL).await;
    let of = |command: &'static str| {
        let arguments = ["workspace", command, "acme/lab", "--subject", "carol"];
        [&arguments[..], &["--issuer", "ci"]].concat()
    };
    let unknown = refused(&process, &of("add-member")).await;
    assert!(unknown.contains("no issuers.ci"), "{unknown}");
    let issuer = [
        ("CLOAKROOM_ISSUERS__CI__ISSUER", "https://ci.example"),
        ("CLOAKROOM_ISSUERS__CI__AUDIENCE", "cloakroom"),
    ];
    let mut adding = process.command(&of("add-member"));
    let added = adding.envs(issuer).output().await.unwrap();
    let added = String::from_utf8(added.stderr).unwrap();
    let expected = "Added carol of issuers.ci to acme/lab (read-write).\n";
    assert_eq!(added, expected);
    let shown = json(&process, &["workspace", "show", "acme/lab"]).await;
    let issuers = shown["members"].as_array().unwrap().iter();
    let issuers = issuers.map(|member| member["issuer"].clone());
    assert_eq!(issuers.collect::<Vec<_>>(), [json!(null), json!("ci")]);
    let removed = said(&process, &of("remove-member")).await;
    assert_eq!(removed, "Removed carol of issuers.ci from acme/lab.\n");
    process.stop().await;
}
