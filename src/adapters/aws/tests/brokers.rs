//! The brokers' requests to an engine, and their handling of its answers.

use std::sync::Arc;

use clap::ValueEnum as _;
use serde_json::json;
use wiremock::matchers::{any, method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::super::{CephBroker, Engine, IamBroker, MinioBroker};
use super::{SECRET, clients};
use crate::adapters::aws::brokers::minio_crypto::encrypt;
use crate::domain::{AccessKeyId, AccessKeyPolicy, AccessKeyRights, Loopholes};
use crate::service::{AccessKeyBroker, UpstreamError, UpstreamErrorKind};

const DEPLOYMENT: &str = "deployment";

/// What Ceph says about a user that does not exist.
const NO_SUCH_USER: &str = r#"{"Code":"NoSuchUser"}"#;

fn key() -> AccessKeyId {
    AccessKeyId::from_random([7; 16])
}

fn policy() -> AccessKeyPolicy {
    let rights = AccessKeyRights {
        read_buckets: vec!["data".parse().unwrap()],
        ..AccessKeyRights::default()
    };
    AccessKeyPolicy::for_rights(&rights, Loopholes::NONE).unwrap()
}

/// The brokers, each with the engine's error body for something that does not exist.
async fn brokers(engine: &str) -> Vec<(&'static str, Arc<dyn AccessKeyBroker>, String)> {
    let clients = clients(engine.to_owned()).await;
    let iam = IamBroker::new(&clients, &clients, DEPLOYMENT);
    let ceph = CephBroker::new(&clients, &clients, DEPLOYMENT).unwrap();
    let minio = MinioBroker::new(&clients, &clients, DEPLOYMENT).unwrap();
    let no_such = |code: &str| json!({ "Code": code }).to_string();
    let no_such_entity = "<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>";
    vec![
        ("iam", Arc::new(iam), no_such_entity.to_owned()),
        ("ceph", Arc::new(ceph), no_such("NoSuchUser")),
        ("minio", Arc::new(minio), no_such("XMinioAdminNoSuchPolicy")),
    ]
}

async fn answering(template: ResponseTemplate) -> MockServer {
    let engine = MockServer::start().await;
    Mock::given(any())
        .respond_with(template)
        .mount(&engine)
        .await;
    engine
}

async fn requests_to(engine: &MockServer) -> Vec<Request> {
    engine.received_requests().await.unwrap()
}

/// The results of all the broker's operations.
async fn outcomes(broker: &dyn AccessKeyBroker) -> [Result<(), UpstreamError>; 4] {
    [
        broker.issue(&key(), &policy()).await.map(|_| ()),
        broker.pairs(&key()).await.map(|_| ()),
        broker.withdraw(&key(), "CK0123").await,
        broker.remove(&key()).await,
    ]
}

#[tokio::test]
async fn an_answer_of_more_than_a_mebibyte_is_not_read() {
    let unreachable = "http://127.0.0.1:1";
    for (index, (name, _, not_found)) in brokers(unreachable).await.into_iter().enumerate() {
        for (padding, is_read) in [(900_000, true), (1_100_000, false)] {
            let body = format!("{not_found}{}", " ".repeat(padding));
            let engine = answering(ResponseTemplate::new(404).set_body_string(body)).await;
            let (_, broker, _) = brokers(&engine.uri()).await.swap_remove(index);
            match broker.pairs(&key()).await {
                Ok(pairs) => assert!(is_read && pairs.is_empty(), "{name}"),
                Err(failure) => {
                    assert!(
                        !is_read && failure.cause.contains("too long"),
                        "{name}: {failure}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn not_found_by_the_engine_is_success() {
    let unreachable = "http://127.0.0.1:1";
    for (index, (name, _, not_found)) in brokers(unreachable).await.into_iter().enumerate() {
        let engine = answering(ResponseTemplate::new(404).set_body_string(not_found)).await;
        let (_, broker, _) = brokers(&engine.uri()).await.swap_remove(index);
        assert_eq!(broker.pairs(&key()).await, Ok(Vec::new()), "{name}");
        assert_eq!(broker.withdraw(&key(), "CK0123").await, Ok(()), "{name}");
        assert_eq!(broker.remove(&key()).await, Ok(()), "{name}");
    }
}

#[tokio::test]
async fn a_404_without_the_engines_error_code_is_a_failure() {
    let elsewhere = [
        "not found",
        r#"{"Code":"NoSuchBucket"}"#,
        "<Error><Code>NoSuchBucket</Code></Error>",
    ];
    for body in elsewhere {
        let engine = answering(ResponseTemplate::new(404).set_body_string(body)).await;
        for (name, broker, _) in brokers(&engine.uri()).await {
            let [_, pairs, withdrawn, removed] = outcomes(broker.as_ref()).await;
            for outcome in [pairs, withdrawn, removed] {
                let failure = outcome.expect_err(name);
                assert_eq!(
                    failure.kind,
                    UpstreamErrorKind::Refused,
                    "{name}: {failure}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_engine_that_is_down_differs_from_one_that_refuses() {
    let down = answering(ResponseTemplate::new(500)).await;
    let forbidding = answering(ResponseTemplate::new(403)).await;
    for (engine, kind) in [
        ("http://127.0.0.1:1", UpstreamErrorKind::Unreachable),
        (&down.uri(), UpstreamErrorKind::Unreachable),
        (&forbidding.uri(), UpstreamErrorKind::Refused),
    ] {
        for (name, broker, _) in brokers(engine).await {
            for outcome in outcomes(broker.as_ref()).await {
                let failure = outcome.expect_err(name);
                assert_eq!(failure.kind, kind, "{name} at {engine}: {failure}");
            }
        }
    }
}

#[tokio::test]
async fn an_unreadable_answer_is_not_an_empty_list() {
    let engine = answering(ResponseTemplate::new(200).set_body_string("nonsense")).await;
    for (name, broker, _) in brokers(&engine.uri()).await {
        let failure = broker.pairs(&key()).await.expect_err(name);
        assert_eq!(
            failure.kind,
            UpstreamErrorKind::Nonsense,
            "{name}: {failure}"
        );
    }
}

#[tokio::test]
async fn iam_retries_until_a_new_user_is_known() {
    let engine = MockServer::start().await;
    let answer = |status, body: &str| ResponseTemplate::new(status).set_body_string(body);
    let action = |name: &'static str| {
        move |request: &Request| {
            let body = std::str::from_utf8(&request.body).unwrap();
            body.contains(&format!("Action={name}&"))
        }
    };
    let unknown = "<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>";
    let made = "<CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey><UserName>u</UserName>\
                <AccessKeyId>AKIA</AccessKeyId><Status>Active</Status><SecretAccessKey>s\
                </SecretAccessKey></AccessKey></CreateAccessKeyResult></CreateAccessKeyResponse>";
    for name in ["PutUserPolicy", "CreateAccessKey"] {
        Mock::given(action(name))
            .respond_with(answer(404, unknown))
            .up_to_n_times(1)
            .mount(&engine)
            .await;
    }
    let user = "<CreateUserResponse><CreateUserResult/></CreateUserResponse>";
    for (name, body) in [("CreateAccessKey", made), ("CreateUser", user)] {
        Mock::given(action(name))
            .respond_with(answer(200, body))
            .mount(&engine)
            .await;
    }
    Mock::given(any())
        .respond_with(answer(200, "<R/>"))
        .mount(&engine)
        .await;
    let clients = clients(engine.uri()).await;
    let broker = IamBroker::new(&clients, &clients, DEPLOYMENT);
    let pair = broker.issue(&key(), &policy()).await.unwrap();
    assert_eq!(pair.access_key_id, "AKIA");
    let bodies: Vec<String> = requests_to(&engine)
        .await
        .into_iter()
        .map(|request| String::from_utf8(request.body).unwrap())
        .collect();
    assert_eq!(bodies.len(), 5, "{bodies:?}");
    assert!(
        bodies[0].contains("Path=%2Fcloakroom%2Fdeployment%2F"),
        "{bodies:?}"
    );
}

#[tokio::test]
async fn a_ceph_pair_has_a_user_that_cannot_create_buckets() {
    let engine = MockServer::start().await;
    let user = format!("cloakroom-deployme-{}-a", key());
    let made = json!({ "keys": [{ "access_key": "A", "secret_key": "s" }] });
    let gone = ResponseTemplate::new(404).set_body_json(json!({ "Code": "NoSuchUser" }));
    Mock::given(method("PUT"))
        .and(path("/admin/user"))
        .and(query_param("uid", &user))
        .and(query_param("max-buckets", "-1"))
        .respond_with(ResponseTemplate::new(200).set_body_json(made))
        .expect(1)
        .mount(&engine)
        .await;
    Mock::given(path("/admin/user"))
        .respond_with(gone)
        .mount(&engine)
        .await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_string("<R/>"))
        .mount(&engine)
        .await;
    let clients = clients(engine.uri()).await;
    let broker = CephBroker::new(&clients, &clients, DEPLOYMENT).unwrap();
    let pair = broker.issue(&key(), &policy()).await.unwrap();
    assert_eq!(pair.access_key_id, "A");
    let last = requests_to(&engine).await.pop().unwrap();
    let put = String::from_utf8(last.body).unwrap();
    assert!(
        put.contains("Action=PutUserPolicy") && put.contains(&user),
        "{put}"
    );
}

#[tokio::test]
async fn a_minio_user_whose_policy_cannot_be_attached_is_removed() {
    let engine = MockServer::start().await;
    Mock::given(path("/minio/admin/v3/set-user-or-group-policy"))
        .respond_with(ResponseTemplate::new(500))
        .mount(&engine)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&engine)
        .await;
    let clients = clients(engine.uri()).await;
    let broker = MinioBroker::new(&clients, &clients, DEPLOYMENT).unwrap();
    let failure = broker.issue(&key(), &policy()).await.unwrap_err();
    assert_eq!(failure.kind, UpstreamErrorKind::Unreachable, "{failure}");
    let requests = requests_to(&engine).await;
    let steps: Vec<&str> = requests
        .iter()
        .map(|request| request.url.path().rsplit('/').next().unwrap())
        .collect();
    let expected = [
        "add-canned-policy",
        "add-user",
        "set-user-or-group-policy",
        "remove-user",
    ];
    assert_eq!(steps, expected);
    assert_eq!(requests[0].body, policy().as_str().as_bytes());
    let user = |request: &Request| {
        let mut pairs = request.url.query_pairs();
        let found = pairs.find(|(name, _)| name == "accessKey");
        found.unwrap().1.into_owned()
    };
    assert_eq!(user(&requests[1]), user(&requests[3]));
    let sealed = String::from_utf8_lossy(&requests[1].body).into_owned();
    assert!(!sealed.contains("secretKey"), "the body is encrypted");
}

#[tokio::test]
async fn half_a_pair_is_not_handed_out() {
    for (id, secret) in [("", "s"), ("AKIA", ""), ("", "")] {
        let engine = MockServer::start().await;
        let of_iam = format!(
            "<CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey><UserName>u</UserName>\
             <AccessKeyId>{id}</AccessKeyId><Status>Active</Status><SecretAccessKey>{secret}\
             </SecretAccessKey></AccessKey></CreateAccessKeyResult></CreateAccessKeyResponse>"
        );
        let of_ceph = json!({ "keys": [{ "access_key": id, "secret_key": secret }] }).to_string();
        Mock::given(any())
            .respond_with(move |request: &Request| {
                let body = std::str::from_utf8(&request.body).unwrap();
                let answer = match request.method.as_str() {
                    "GET" => return ResponseTemplate::new(404).set_body_string(NO_SUCH_USER),
                    "PUT" => &of_ceph,
                    _ if body.contains("Action=CreateAccessKey&") => &of_iam,
                    _ => "<CreateUserResponse><CreateUserResult/></CreateUserResponse>",
                };
                ResponseTemplate::new(200).set_body_string(answer)
            })
            .mount(&engine)
            .await;
        for (name, broker, _) in brokers(&engine.uri()).await.into_iter().take(2) {
            let refused = broker.issue(&key(), &policy()).await.unwrap_err();
            assert_eq!(
                refused.kind,
                UpstreamErrorKind::Nonsense,
                "{name}: {id} {secret}"
            );
            assert!(refused.cause.contains("half of one"), "{name}: {refused}");
        }
    }
}

#[tokio::test]
async fn iam_denies_sessions_to_pairs_except_on_seaweedfs() {
    let mut clients = clients("http://localhost".to_owned()).await;
    for engine in Engine::value_variants() {
        clients.settings.engine = *engine;
        let loopholes = IamBroker::new(&clients, &clients, DEPLOYMENT).loopholes();
        let expected = *engine != Engine::Seaweedfs;
        assert_eq!(loopholes.sessions_outlive_pairs, expected, "{engine:?}");
    }
}

#[tokio::test]
async fn minio_users_that_the_broker_did_not_create_are_not_pairs() {
    let ours = "CK0123456789ABCDEF01";
    let users = json!({ "policyMappings": [{ "users": [ours, "keys", "CKALICE", "alice"] }] });
    let body = encrypt(users.to_string().as_bytes(), SECRET).unwrap();
    assert_eq!(ours.len(), 20);
    let engine = answering(ResponseTemplate::new(200).set_body_bytes(body)).await;
    let clients = clients(engine.uri()).await;
    let broker = MinioBroker::new(&clients, &clients, DEPLOYMENT).unwrap();
    assert_eq!(broker.pairs(&key()).await.unwrap(), [ours]);
}
