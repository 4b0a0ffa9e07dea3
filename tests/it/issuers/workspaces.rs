//! Workspaces of workloads: by a rule, and by membership.

use cloakroom::domain::{Access, Member, Subject, WorkspaceName};
use serde_json::{Value, json};

use crate::support::App;

use super::world::World;

async fn status(app: &App, workspace: &str, token: &str) -> u16 {
    app.ask_workspace(workspace, token).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_opens_its_workspace_to_tokens_that_match() {
    let world = World::start().await;
    let (app, github) = (&world.app, &world.github);
    for name in ["acme/ci", "acme/docs", "acme/other"] {
        app.workspace(name, &[]).await;
    }
    assert_eq!(status(app, "acme/ci", &github.token()).await, 200);
    assert_eq!(status(app, "acme/docs", &github.token()).await, 200);
    assert_eq!(status(app, "acme/other", &github.token()).await, 404);
    let others: [fn(&mut Value); 4] = [
        |c| c["ref"] = json!("refs/heads/next"),
        |c| c["repository"] = json!("acme/app2"),
        |c| c["repository"] = json!(["acme/app"]),
        |c| drop(c.as_object_mut().unwrap().remove("repository")),
    ];
    for change in others {
        let token = github.token_but(change);
        assert_eq!(status(app, "acme/ci", &token).await, 404);
        assert_eq!(status(app, "acme/docs", &token).await, 200);
    }
}

/// The names and accesses that `GET /v1/storage` lists.
async fn listed(app: &App, token: &str) -> Vec<(String, String)> {
    let request = app.http.get(format!("{}/v1/storage", app.url));
    let answer = app.send(request.bearer_auth(token)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let items = answer.json()["items"].as_array().unwrap().clone();
    let text = |item: &Value, member: &str| item[member].as_str().unwrap_or_default().to_owned();
    let items = items.iter().filter(|item| item["kind"] == "workspace");
    items
        .map(|item| (text(item, "name"), text(item, "access")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_storage_has_a_workloads_own_workspaces_only() {
    let world = World::start().await;
    let app = &world.app;
    for name in ["acme/ci", "acme/docs", "acme/lab"] {
        app.workspace(name, &[("alice", Access::ReadWrite)]).await;
    }
    let lab: WorkspaceName = "acme/lab".parse().unwrap();
    let of_cluster = Member {
        issuer: Some("cluster".parse().unwrap()),
        subject: Subject::parse("bob").unwrap(),
        client_id: None,
        access: Access::Read,
    };
    let administer = app.administer().await;
    administer.set_member(&lab, &of_cluster).await.unwrap();
    let of_cluster = |sub: &str| world.cluster.token_but(|c| c["sub"] = json!(sub));
    assert_eq!(listed(app, &world.oauth.token()).await.len(), 3);
    assert_eq!(listed(app, &of_cluster("alice")).await, []);
    let pair = |name: &str, access: &str| (name.to_owned(), access.to_owned());
    let bobs = listed(app, &of_cluster("bob")).await;
    assert_eq!(bobs, [pair("acme/lab", "read")]);
    let oauths_bob = world.oauth.token_but(|c| c["sub"] = json!("bob"));
    assert_eq!(listed(app, &oauths_bob).await, []);
    let granted = listed(app, &world.github.token()).await;
    let expected = [pair("acme/ci", "read-write"), pair("acme/docs", "read")];
    assert_eq!(granted, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_to_read_does_not_write() {
    let world = World::start().await;
    let app = &world.app;
    app.workspace("acme/docs", &[]).await;
    let answer = app.ask_workspace("acme/docs", &world.github.token()).await;
    let answer = answer.json();
    let text = |member: &str| answer[member].as_str().unwrap().to_owned();
    let token = text("session_token");
    let s3 = crate::support::s3(
        &text("endpoint"),
        &text("access_key_id"),
        &text("secret_access_key"),
        Some(&token),
    );
    let (bucket, prefix) = (text("bucket"), text("prefix"));
    let listing = s3.list_objects_v2().bucket(&bucket).prefix(&prefix);
    listing.send().await.unwrap();
    let put = s3.put_object().bucket(&bucket).key(format!("{prefix}a"));
    assert!(put.body(b"1".to_vec().into()).send().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_one_issuer_is_nobody_elses_member() {
    let world = World::start().await;
    let (app, cluster) = (&world.app, &world.cluster);
    app.workspace("acme/lab", &[("bob", Access::Read)]).await;
    let lab: WorkspaceName = "acme/lab".parse().unwrap();
    let administer = app.administer().await;
    let of_cluster = Member {
        issuer: Some("cluster".parse().unwrap()),
        subject: Subject::parse("alice").unwrap(),
        client_id: None,
        access: Access::ReadWrite,
    };
    administer.set_member(&lab, &of_cluster).await.unwrap();
    let members = administer.administration().members(&lab).await.unwrap();
    assert_eq!(members.len(), 2);
    assert!(members.contains(&of_cluster));
    let cluster_token = |sub: &str| cluster.token_but(|c| c["sub"] = json!(sub));
    let oauth_token = |sub: &str| world.oauth.token_but(|c| c["sub"] = json!(sub));
    assert_eq!(status(app, "acme/lab", &cluster_token("alice")).await, 200);
    assert_eq!(status(app, "acme/lab", &oauth_token("alice")).await, 404);
    assert_eq!(status(app, "acme/lab", &oauth_token("bob")).await, 200);
    assert_eq!(status(app, "acme/lab", &cluster_token("bob")).await, 404);
    let alice = Subject::parse("alice").unwrap();
    let nobody = administer.remove_member(&lab, None, &alice, None).await;
    assert!(nobody.is_err(), "alice of oauth.issuer is no member");
    let issuer = of_cluster.issuer.as_ref();
    administer
        .remove_member(&lab, issuer, &alice, None)
        .await
        .unwrap();
    assert_eq!(status(app, "acme/lab", &cluster_token("alice")).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_workspace_comes_back_without_workloads() {
    let world = World::start().await;
    let app = &world.app;
    app.workspace("acme/lab", &[]).await;
    let lab: WorkspaceName = "acme/lab".parse().unwrap();
    let administer = app.administer().await;
    let member = Member {
        issuer: Some("cluster".parse().unwrap()),
        subject: Subject::parse("system:serviceaccount:team-a:worker").unwrap(),
        client_id: None,
        access: Access::Read,
    };
    administer.set_member(&lab, &member).await.unwrap();
    let token = world.cluster.token();
    assert_eq!(status(app, "acme/lab", &token).await, 200);
    administer.delete_workspace(&lab, true).await.unwrap();
    app.workspace("acme/lab", &[]).await;
    assert_eq!(status(app, "acme/lab", &token).await, 404);
}
