use cloakroom::domain::Access;

use crate::support::{s3, spawn_app};

use super::CONTAINER;

#[tokio::test(flavor = "multi_thread")]
async fn answer_is_what_sdks_read_with_the_scheme_or_without() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    for authorization in [
        token.clone(),
        format!("Bearer {token}"),
        format!("bearer {token}"),
    ] {
        let request = app.http.get(format!("{}{CONTAINER}", app.url));
        let answer = app
            .send(request.header("authorization", authorization))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.assert_common_headers();
        let body = answer.json();
        let names: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(
            names,
            [
                "AccessKeyId",
                "Expiration",
                "SecretAccessKey",
                "SessionToken",
                "Token",
                "Version"
            ]
        );
        assert_eq!(
            (&body["Version"], &body["Token"]),
            (&1.into(), &body["SessionToken"])
        );
        assert_eq!(body["Expiration"].as_str().unwrap().len(), 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_may_ask_for_a_workspace() {
    let app = spawn_app().await;
    app.workspace("acme/lab", &[("alice", Access::Read)]).await;
    let (member, stranger) = (app.token("alice").await, app.token("bob").await);
    let ask = async |token: &str, query: &str| {
        let request = app.http.get(format!("{}{CONTAINER}?{query}", app.url));
        app.send(request.bearer_auth(token)).await
    };
    let answer = ask(&member, "workspace=acme%2Flab").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    let lab = app.ask_workspace("acme/lab", &member).await.json();
    let bucket = lab["bucket"].as_str().unwrap();
    let s3 = s3(
        lab["endpoint"].as_str().unwrap(),
        &text("AccessKeyId"),
        &text("SecretAccessKey"),
        Some(&text("Token")),
    );
    let list = async |prefix: &str| {
        let list = s3.list_objects_v2().bucket(bucket).prefix(prefix);
        list.send().await.is_ok()
    };
    assert!(list("lab/").await);
    assert!(!list("other/").await);
    let put = s3.put_object().bucket(bucket).key("lab/a").send().await;
    assert!(put.is_err(), "a reader wrote");
    // Neither tells a stranger whether there is such a workspace.
    let hidden = ask(&stranger, "workspace=acme%2Flab").await;
    let missing = ask(&stranger, "workspace=acme%2Fnone").await;
    for refused in [&hidden, &missing] {
        assert_eq!(refused.status, 403);
        assert_eq!(refused.json()["code"], "AccessDenied");
    }
    assert_eq!(hidden.text, missing.text);
    for malformed in [
        "workspace=acme",
        "workspace=",
        "workspace=Acme%2Flab",
        "workspace=a%2Fb%2Fc",
    ] {
        let answer = ask(&member, malformed).await;
        assert_eq!(answer.status, 400, "{malformed}");
    }
}
