//! A bucket gets no other owner while a pair of an access key may still reach it.

use std::time::Duration;

use cloakroom::config::Config;
use cloakroom::domain::{
    AccessKey, AccessKeyId, AccessKeyState, ClientId, Owner, Principal, Subject,
};
use cloakroom::server::administer;
use cloakroom::service::{Administer, AdministerError, NewAccessKey, NewArea};
use sqlx::Executor as _;

use crate::support::{ALICES_BUCKET, App, Setup, spawn_app};

use super::*;

fn in_bucket(bucket: &str) -> NewArea {
    NewArea {
        bucket: Some(bucket.parse().unwrap()),
        prefix: None,
    }
}

fn alice() -> Owner {
    Owner::Principal(Principal {
        issuer: None,
        client_id: ClientId::parse("demo").unwrap(),
        subject: Subject::parse("alice").unwrap(),
    })
}

async fn operator(config: &Config) -> Administer {
    administer(config, "tester".parse().unwrap()).await.unwrap()
}

/// A gateway without a broker, which ends no pair by itself, and the configuration of one with.
async fn worlds() -> (App, Config) {
    let app = spawn_app().await;
    let replica = brokering(Setup::default().replica_of(&app)).await;
    let config = replica.config.clone();
    replica.stop().await;
    (app, config)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_keys_bucket_is_refused_until_its_pairs_are_ended() {
    let (app, with_broker) = worlds().await;
    let token = with_organisation(&app, "acme").await;
    let made = app.root().create_bucket().bucket("data").send().await;
    made.unwrap();
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let replica = brokering(Setup::default().replica_of(&app)).await;
    let pair = pair(&ask(&replica, token.expose(), key.id.as_str()).await);
    replica.stop().await;
    let administer = app.administer().await;
    administer.delete_access_key(&key.id).await.unwrap();
    let is_ended = administer.look_after_key(&key.id).await.unwrap();
    assert!(!is_ended, "nobody here can tell the engine");
    assert_eq!(listed(&client(&app, &pair), "data").await, 200);
    let create = async || {
        let other = "other".parse().unwrap();
        administer
            .create_organisation(other, &in_bucket("data"))
            .await
    };
    let refused = create().await;
    assert!(
        matches!(refused, Err(AdministerError::Reached(_))),
        "{refused:?}"
    );
    let done = operator(&with_broker).await.look_after_key(&key.id).await;
    assert!(done.unwrap());
    assert_eq!(listed(&client(&app, &pair), "data").await, 403);
    create().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_that_another_owners_key_reaches_is_neither_reserved_nor_assigned() {
    let (app, with_broker) = worlds().await;
    with_organisation(&app, "acme").await;
    let key = access_key(&app, of_acme(), named(&["data"], &[]), &[]).await;
    let database = app.database().await;
    // As after a change of the formula: such a key could not be created today.
    sqlx::query("UPDATE access_keys SET read_buckets = $1")
        .bind(ALICES_BUCKET)
        .execute(&database)
        .await
        .unwrap();
    let token = app.token("alice").await;
    app.ask(&token).await.assert_problem(409, "bucket-conflict");
    let made = app
        .root()
        .create_bucket()
        .bucket(ALICES_BUCKET)
        .send()
        .await;
    made.unwrap();
    let (administer, bucket) = (app.administer().await, ALICES_BUCKET.parse().unwrap());
    let assigned = administer.assign_bucket(&alice(), &bucket).await;
    assert!(
        matches!(assigned, Err(AdministerError::Reached(_))),
        "{assigned:?}"
    );
    app.ask(&token).await.assert_problem(409, "bucket-conflict");
    app.credentials_of("bob").await;
    app.administer()
        .await
        .delete_access_key(&key.id)
        .await
        .unwrap();
    app.ask(&token).await.assert_problem(409, "bucket-conflict");
    let done = operator(&with_broker).await.look_after_key(&key.id).await;
    assert!(done.unwrap());
    administer.assign_bucket(&alice(), &bucket).await.unwrap();
    assert_eq!(app.ask(&token).await.credentials().bucket, ALICES_BUCKET);
}

/// Two operators within milliseconds: both have looked before either writes.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_key_and_area_never_both_get_the_bucket() {
    let app = spawn_app().await;
    with_organisation(&app, "acme").await;
    let database = app.database().await;
    let mut winners = Vec::new();
    for round in 0..3 {
        let bucket = format!("bucket-{round}");
        let (one, two) = (app.administer().await, app.administer().await);
        let mut lock = database.acquire().await.unwrap();
        lock.execute("BEGIN IMMEDIATE").await.unwrap();
        let area = in_bucket(&bucket);
        let slug = format!("other-{round}").parse().unwrap();
        let area = tokio::spawn(async move { one.create_organisation(slug, &area).await.is_ok() });
        let new = NewAccessKey {
            name: "x".to_owned(),
            owner: of_acme(),
            rights: named(&[&bucket], &[]),
            networks: Vec::new(),
        };
        let key = tokio::spawn(async move { two.create_access_key(new).await.is_ok() });
        // Nothing tells when both wait for the lock; if one does not yet, the test proves less.
        tokio::time::sleep(Duration::from_millis(200)).await;
        lock.execute("ROLLBACK").await.unwrap();
        winners.push((area.await.unwrap(), key.await.unwrap()));
    }
    let is_fair = |winner: &(bool, bool)| winner.0 != winner.1;
    assert!(winners.iter().all(is_fair), "(area, key): {winners:?}");
}

#[test]
fn right_on_every_bucket_belongs_to_no_owner() {
    let mut key = AccessKey {
        id: AccessKeyId::from_random([1; 16]),
        name: String::new(),
        created_at: chrono::DateTime::UNIX_EPOCH,
        owner: of_acme(),
        rights: named(&["acme-data"], &[]),
        networks: Vec::new(),
        state: AccessKeyState::Active,
        disabled_at: None,
    };
    let bucket = "acme-data".parse().unwrap();
    let acme = Owner::Organisation("acme".parse().unwrap());
    let other = Owner::Organisation("other".parse().unwrap());
    assert!(!key.opens_to_others(&bucket, &acme));
    assert!(key.opens_to_others(&bucket, &other));
    assert!(!key.opens_to_others(&"elsewhere".parse().unwrap(), &other));
    key.rights.all_objects_read = true;
    key.rights.prefix = Some("acme-".parse().unwrap());
    assert!(key.opens_to_others(&bucket, &acme));
}
