//! Session credentials that expired, were tampered with, or ask for another session.

use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata;

use crate::support::{Credentials, Setup, spawn_app};

use super::{assert_denied, outcome, sts};

async fn code(credentials: &Credentials) -> Option<String> {
    let list = credentials.s3().list_objects_v2();
    let error = list.bucket(&credentials.bucket).send().await.err()?;
    Some(error.code().unwrap_or("none").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn session_expires() {
    let short = Setup::default().change(|config| {
        config.storage.session_duration = Duration::from_secs(3);
    });
    let app = short.spawn().await;
    let alice = app.credentials_of("alice").await;
    assert_eq!(code(&alice).await, None);
    let ended = async {
        while code(&alice).await.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, ended).await.unwrap();
    assert_eq!(code(&alice).await.as_deref(), Some("ExpiredToken"));
}

type Change<'a> = &'a dyn Fn(&mut Credentials);

#[tokio::test(flavor = "multi_thread")]
async fn tampered_and_swapped_credentials_are_refused() {
    let app = spawn_app().await;
    let (alice, bob) = (
        app.credentials_of("alice").await,
        app.credentials_of("bob").await,
    );
    assert_eq!(code(&alice).await, None);
    let with = |change: &dyn Fn(&mut Credentials)| {
        let mut changed = alice.clone();
        change(&mut changed);
        changed
    };
    let bobs = &bob.keys;
    let cases: [(Change<'_>, &str); 6] = [
        (&|c| c.keys.session_token.push('0'), "InvalidToken"),
        (
            &|c| c.keys.session_token = bobs.session_token.clone(),
            "InvalidToken",
        ),
        (&|c| c.keys.session_token.clear(), "InvalidToken"),
        (
            &|c| c.keys.secret_access_key = bobs.secret_access_key.clone(),
            "SignatureDoesNotMatch",
        ),
        (
            &|c| c.keys.access_key_id = bobs.access_key_id.clone(),
            "SignatureDoesNotMatch",
        ),
        (
            &|c| c.keys.access_key_id = "ASIAUNKNOWN".to_owned(),
            "InvalidAccessKeyId",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(code(&with(change)).await.as_deref(), Some(expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn session_cannot_open_a_session() {
    let app = spawn_app().await;
    let alice = app.credentials_of("alice").await;
    let keys = &alice.keys;
    let (id, secret) = (&keys.access_key_id, &keys.secret_access_key);
    let sts = sts(&alice.endpoint, id, secret, Some(&keys.session_token));
    let role = sts.assume_role().role_arn("arn:aws:iam:::role/cloakroom");
    let assumed = role.role_session_name("more").send().await;
    assert_denied("assume a role", &outcome(assumed));
}
