use crate::support::{ALICES_BUCKET, Process};

use super::{ask, json, refused};

#[tokio::test(flavor = "multi_thread")]
async fn export_prints_credentials_that_only_read() {
    let process = Process::dev(&[]).await;
    let token = process.dev_token(&["alice"]).await;
    assert_eq!(ask(&process, "/v1/credentials", &token).await.status(), 200);
    let given = json(
        &process,
        &["export", "--owner", "demo/alice", "--for", "2h"],
    )
    .await;
    assert_eq!(
        (&given["Version"], &given["Bucket"]),
        (&1.into(), &ALICES_BUCKET.into())
    );
    let text = |name: &str| given[name].as_str().unwrap().to_owned();
    let (id, secret, session) = (
        text("AccessKeyId"),
        text("SecretAccessKey"),
        text("SessionToken"),
    );
    let s3 = crate::support::s3(&text("Endpoint"), &id, &secret, Some(&session));
    s3.list_objects_v2()
        .bucket(ALICES_BUCKET)
        .send()
        .await
        .unwrap();
    let put = s3
        .put_object()
        .bucket(ALICES_BUCKET)
        .key("a")
        .send()
        .await
        .unwrap_err();
    assert_eq!(put.raw_response().unwrap().status().as_u16(), 403);
    let rows = json(&process, &["audit", "--access-key", &id]).await;
    assert_eq!(rows[0]["action"], "export");
    assert_eq!(rows[0]["access"], "read");
    let env = process.administer(&["export", "--owner", "acme"]).await;
    assert!(env.contains("export PREFIX='acme/'\n"), "{env}");
    let said = refused(&process, &["export", "--owner", "demo/nobody"]).await;
    assert!(said.contains("there is no bucket of"), "{said}");
    process.stop().await;
}
