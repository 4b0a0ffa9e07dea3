//! Claims within claims, named by JSON Pointers.

use serde_json::{Value, json};

use crate::support::{App, Setup};

use super::world::{Party, cluster, with_cluster};

async fn gateway(cluster: &Party) -> App {
    let conditions = json!([
        { "claim": "/kubernetes.io/namespace", "equals": "team-a" },
        { "claim": "/kubernetes.io/pod/name", "glob": "worker-*" },
    ]);
    let grants = json!([{
        "match": { "/kubernetes.io/serviceaccount/name": "worker" },
        "workspace": "acme/lab",
        "access": "read",
    }]);
    let subject = "{/kubernetes.io/namespace}:{/kubernetes.io/serviceaccount/name}";
    with_cluster(Setup::default(), cluster)
        .key("issuers.cluster.subject", subject)
        .key("issuers.cluster.conditions", &conditions.to_string())
        .key("issuers.cluster.grants", &grants.to_string())
        .spawn()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_claim_can_be_a_condition_a_subject_and_a_grant() {
    let cluster = cluster().await;
    let app = gateway(&cluster).await;
    app.workspace("acme/lab", &[]).await;
    let token = cluster.token();
    assert_eq!(app.ask(&token).await.status, 200);
    let rows =
        sqlx::query_scalar::<_, String>("SELECT owner_id FROM audit_trail WHERE bucket <> ''");
    let owners = rows.fetch_all(&app.database().await).await.unwrap();
    assert!(
        owners.contains(&r#"["cluster","cluster","team-a:worker"]"#.to_owned()),
        "{owners:?}"
    );
    assert_eq!(app.ask_workspace("acme/lab", &token).await.status, 200);
    let other = cluster.token_but(|c| c["kubernetes.io"]["serviceaccount"]["name"] = json!("web"));
    assert_eq!(app.ask(&other).await.status, 200);
    assert_eq!(app.ask_workspace("acme/lab", &other).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_nested_claim_opens_nothing() {
    let cluster = cluster().await;
    let app = gateway(&cluster).await;
    let kubernetes = cluster.but(|_| {})["kubernetes.io"].clone();
    let changed =
        |name: &str, value: Value| cluster.token_but(|c| c["kubernetes.io"][name] = value);
    let forged = [
        (
            "no object",
            cluster.token_but(|c| c["kubernetes.io"] = json!("team-a")),
        ),
        (
            "null",
            cluster.token_but(|c| c["kubernetes.io"] = Value::Null),
        ),
        (
            "a list of it",
            cluster.token_but(|c| c["kubernetes.io"] = json!([kubernetes])),
        ),
        (
            "missing",
            cluster.token_but(|c| {
                c.as_object_mut().unwrap().remove("kubernetes.io");
            }),
        ),
        (
            "an empty object",
            cluster.token_but(|c| c["kubernetes.io"] = json!({})),
        ),
        (
            "at the top only",
            cluster.token_but(|c| {
                c["kubernetes.io"] = json!({});
                c["namespace"] = json!("team-a");
                c["pod"] = json!({ "name": "worker-0" });
            }),
        ),
        (
            "the pointer as a name",
            cluster.token_but(|c| {
                c["kubernetes.io"]["namespace"] = json!("team-b");
                c["/kubernetes.io/namespace"] = json!("team-a");
                c["kubernetes.io/namespace"] = json!("team-a");
            }),
        ),
        ("another namespace", changed("namespace", json!("team-b"))),
        (
            "a list of namespaces",
            changed("namespace", json!(["team-a"])),
        ),
        (
            "an object",
            changed("namespace", json!({ "team-a": "team-a" })),
        ),
        ("a number", changed("namespace", json!(1))),
        ("no namespace", changed("namespace", Value::Null)),
        ("a pod that is text", changed("pod", json!("worker-0"))),
        (
            "a list of pods",
            changed("pod", json!([{ "name": "worker-0" }])),
        ),
        (
            "a name within a name",
            changed("pod", json!({ "name": { "name": "worker-0" } })),
        ),
        (
            "another case",
            changed("pod", json!({ "Name": "worker-0" })),
        ),
        (
            "the separator in the namespace",
            changed("namespace", json!("team-a:worker")),
        ),
    ];
    for (what, token) in forged {
        let answer = app.ask(&token).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
    }
    let text = cluster.but(|_| {}).to_string();
    let twice = text.replacen(
        "\"namespace\":\"team-a\"",
        "\"namespace\":\"team-b\",\"namespace\":\"team-a\"",
        1,
    );
    assert_ne!(twice, text);
    let twice = cluster.key.sign_raw(&cluster.header().to_string(), &twice);
    app.ask(&twice).await.assert_problem(401, "invalid-token");
}
