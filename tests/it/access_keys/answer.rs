use cloakroom::domain::AccessKeyRights;
use cloakroom::service::{AdministerError, NewAccessKey, NewArea};
use serde_json::{Value, json};

use crate::support::Setup;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn answer_matches_seed_001() {
    let (app, token) = acme(Setup::default()).await;
    let key = access_key(&app, of_acme(), named(&["data"], &["data"]), &[]).await;
    let answer = ask(&app, token.expose(), key.id.as_str()).await;
    let (id, secret) = pair(&answer);
    answer.assert_common_headers();
    let text = answer
        .text
        .replace(&id, "")
        .replace(&secret, "")
        .replace(key.id.as_str(), "")
        .replace(&app.storage.url(), "")
        .replace(&key.created_at.timestamp().to_string(), "0");
    insta::assert_snapshot!(
        text,
        @r#"{"object_storage_access_key":{"id":"","name":"backups","created_at":0,"region":"us-east-1","state":"active","all_buckets_read":false,"all_objects_read":false,"all_objects_write":false,"read_buckets":["data"],"write_buckets":["data"],"server_url":"","s3_access_key_id":"","s3_secret_access_key":""}}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pair_reaches_only_what_its_key_allows() {
    let app = brokering(Setup::default()).await;
    let token = with_organisation(&app, "acme").await;
    for bucket in ["reading", "writing", "neither"] {
        app.root()
            .create_bucket()
            .bucket(bucket)
            .send()
            .await
            .unwrap();
        let put = app.root().put_object().bucket(bucket).key("x");
        put.send().await.unwrap();
    }
    let rights = named(&["reading"], &["writing"]);
    let key = access_key(&app, of_acme(), rights, &[]).await;
    let got = pair(&ask(&app, token.expose(), key.id.as_str()).await);
    let client = client(&app, &got);
    for (bucket, list, get, put) in [
        ("reading", 200, 200, 403),
        ("writing", 200, 403, 200),
        ("neither", 403, 403, 403),
    ] {
        assert_eq!(listed(&client, bucket).await, list, "{bucket}");
        let read = client.get_object().bucket(bucket).key("x").send().await;
        let read = read.map_or_else(|e| e.raw_response().unwrap().status().as_u16(), |_| 200);
        let wrote = client.put_object().bucket(bucket).key("y").send().await;
        let wrote = wrote.map_or_else(|e| e.raw_response().unwrap().status().as_u16(), |_| 200);
        assert_eq!((read, wrote), (get, put), "{bucket}");
    }
    let made = client.create_bucket().bucket("brand-new").send().await;
    let status = made.unwrap_err().raw_response().unwrap().status();
    assert_eq!(status.as_u16(), 403);
    let buckets = client.list_buckets().send().await;
    let status = buckets.unwrap_err().raw_response().unwrap().status();
    assert_eq!(status.as_u16(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn pair_reaches_no_other_owners_bucket() {
    let app = brokering(Setup::default().key("access_keys.bucket_prefix", "reports-")).await;
    let token = with_organisation(&app, "acme").await;
    with_organisation(&app, "other").await;
    let alices = app.credentials_of("alice").await.bucket;
    let of = |slug: &str| {
        let formula = app.config.naming.formula.clone();
        let owner = cloakroom::domain::Owner::Organisation(slug.parse().unwrap());
        formula.bucket(&owner).to_string()
    };
    let administer = app.administer().await;
    let new = |rights: AccessKeyRights| NewAccessKey {
        name: "x".to_owned(),
        owner: of_acme(),
        rights,
        networks: Vec::new(),
    };
    let unborn = "0".repeat(63);
    for bucket in [&alices, &of("other"), &unborn] {
        for rights in [named(&[bucket], &[]), named(&[], &[bucket])] {
            let refused = administer.create_access_key(new(rights)).await;
            let refused = refused.unwrap_err();
            let is_somebodys =
                matches!(&refused, AdministerError::BucketOfOthers(b) if b == bucket);
            assert!(is_somebodys, "{refused}");
        }
    }
    let own = of("acme");
    let key = access_key(&app, of_acme(), named(&[&own], &[]), &[]).await;
    pair(&ask(&app, token.expose(), key.id.as_str()).await);
    // A workspace is its members'.
    app.workspace("acme/lab", &[]).await;
    let lab = cloakroom::domain::Owner::Workspace("acme/lab".parse().unwrap());
    let lab = app.config.naming.formula.bucket(&lab).to_string();
    let refused = administer.create_access_key(new(named(&[&lab], &[]))).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, AdministerError::BucketOfOthers(_)),
        "{refused}"
    );
    // If a bucket that a key reaches becomes another owner's, no new credentials are handed out.
    let free = access_key(&app, of_acme(), named(&["clients"], &[]), &[]).await;
    let shared = NewArea {
        bucket: Some("clients".parse().unwrap()),
        prefix: None,
    };
    let refused = administer
        .create_organisation("third".parse().unwrap(), &shared)
        .await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, AdministerError::Reached(_)), "{refused}");
    sqlx::query("INSERT INTO owned_buckets VALUES ('shared', 'clients', 'clients', 'ready', '')")
        .execute(&app.database().await)
        .await
        .unwrap();
    let answer = ask(&app, token.expose(), free.id.as_str()).await;
    assert_refused(&answer, 422, "object_storage_provisioning_error");
    // A wildcard and an owner never meet.
    let all = AccessKeyRights {
        all_objects_read: true,
        ..AccessKeyRights::default()
    };
    let key = access_key(&app, of_acme(), all, &[]).await;
    pair(&ask(&app, token.expose(), key.id.as_str()).await);
    let under = NewArea {
        bucket: Some("reports-acme".parse().unwrap()),
        prefix: None,
    };
    let refused = administer
        .create_organisation("fourth".parse().unwrap(), &under)
        .await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, AdministerError::Reached(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_and_disable_leave_nothing_at_the_store() {
    let (app, token) = acme(Setup::default()).await;
    let administer = app.administer().await;
    for delete in [true, false] {
        let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
        let got = pair(&ask(&app, token.expose(), key.id.as_str()).await);
        if delete {
            administer.delete_access_key(&key.id).await.unwrap();
        } else {
            administer.disable_access_key(&key.id).await.unwrap();
        }
        assert!(administer.look_after_key(&key.id).await.unwrap());
        assert_eq!(listed(&client(&app, &got), "data").await, 403);
        let answer = ask(&app, token.expose(), key.id.as_str()).await;
        assert_eq!(answer.status, if delete { 404 } else { 403 });
    }
    let users = std::fs::read_to_string(app.directory.path().join("storage/iam.json")).unwrap();
    let users: Value = serde_json::from_str(&users).unwrap();
    let users: Vec<&Value> = users["users"].as_object().unwrap().values().collect();
    assert_eq!(users.len(), 1, "the disabled one's: {users:?}");
    assert_eq!(users[0]["keys"], json!([]));
}
