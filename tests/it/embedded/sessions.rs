//! Expired, tampered and swapped session credentials; sessions that want more sessions.

use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata;

use crate::support::{Credentials, Setup, spawn_app};

async fn code(credentials: &Credentials) -> Option<String> {
    let listed = credentials
        .s3()
        .list_objects_v2()
        .bucket(&credentials.bucket)
        .send()
        .await;
    listed
        .err()
        .map(|error| error.code().unwrap_or("none").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_its_time_is_over() {
    let short = Setup::default().change(|config| {
        config.storage.session_duration = Duration::from_secs(1);
    });
    let app = short.spawn().await;
    let alice = app.credentials_of("alice").await;
    assert_eq!(code(&alice).await, None);
    let ended = async {
        while code(&alice).await.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), ended)
        .await
        .unwrap();
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
            &|c| c.keys.access_key_id = "ASIANOBODY".to_owned(),
            "InvalidAccessKeyId",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(code(&with(change)).await.as_deref(), Some(expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_opens_no_session() {
    let app = spawn_app().await;
    let alice = app.credentials_of("alice").await;
    let keys = &alice.keys;
    let token = Some(keys.session_token.clone());
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
        .endpoint_url(&alice.endpoint)
        .region(aws_sdk_sts::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_sts::config::Credentials::new(
            &keys.access_key_id,
            &keys.secret_access_key,
            token,
            None,
            "test",
        ))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let sts = aws_sdk_sts::Client::from_conf(config);
    let role = sts
        .assume_role()
        .role_arn("arn:aws:iam:::role/cloakroom")
        .role_session_name("more");
    let status = role
        .send()
        .await
        .unwrap_err()
        .raw_response()
        .unwrap()
        .status()
        .as_u16();
    assert_eq!(status, 403);
}
