//! The attacks' requests, and the answers that count as a refusal.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::S3Attacker;
use super::clients;
use crate::domain::{BucketName, Session};
use crate::service::doctor::{Attacker as _, Attempt, ListCall, Listing, Object, S3Operation};

fn session() -> Session {
    Session {
        access_key_id: "ASIA".to_owned(),
        secret_access_key: SecretString::from("secret"),
        session_token: SecretString::from("token"),
        expiration: DateTime::<Utc>::MAX_UTC,
    }
}

fn bucket() -> BucketName {
    "shared".parse().unwrap()
}

/// The outcome of an operation at a store with this answer, and the requests that it received.
async fn attempt(
    operation: S3Operation<'_>,
    status: u16,
    body: &str,
) -> (Attempt, Vec<wiremock::Request>) {
    let store = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(status).set_body_string(body))
        .mount(&store)
        .await;
    let attacker = S3Attacker::new(&clients(store.uri()).await).unwrap();
    let attempt = attacker.attempt(Some(&session()), operation).await;
    (attempt, store.received_requests().await.unwrap())
}

#[tokio::test]
async fn a_prefix_header_is_sent_and_signed_beside_the_query() {
    let bucket = bucket();
    let listing = Listing {
        call: ListCall::ObjectsV1,
        query: &[("prefix", "acme-evil/"), ("Prefix", "acme/")],
        header: Some("acme/"),
        ..Listing::of(&bucket, "acme-evil/")
    };
    let (_, requests) = attempt(S3Operation::List(listing), 403, "").await;
    let pairs: Vec<_> = requests[0].url.query_pairs().collect();
    for pair in [("prefix", "acme-evil/"), ("Prefix", "acme/")] {
        assert!(pairs.contains(&(pair.0.into(), pair.1.into())), "{pairs:?}");
    }
    assert_eq!(requests[0].headers["prefix"], "acme/");
    let signed = requests[0].headers["authorization"].to_str().unwrap();
    assert!(signed.contains(";prefix;"), "{signed}");
}

#[tokio::test]
async fn a_listing_succeeds_only_if_it_shows_the_forbidden_prefix() {
    let bucket = bucket();
    let page = |of: &str| format!("<ListBucketResult>{of}</ListBucketResult>");
    let key = page("<Contents><Key>acme-evil/secret</Key></Contents>");
    let folder = page("<CommonPrefixes><Prefix>acme-evil/</Prefix></CommonPrefixes>");
    let own = page("<Contents><Key>acme/own</Key></Contents>");
    for call in [ListCall::Objects, ListCall::ObjectsV1] {
        let listing = Listing {
            call,
            ..Listing::of(&bucket, "acme-evil/")
        };
        for (body, expected) in [
            (&key, Attempt::Done),
            (&folder, Attempt::Done),
            (&own, Attempt::ShowedNothing),
        ] {
            let (attempt, _) = attempt(S3Operation::List(listing), 200, body).await;
            assert_eq!(attempt, expected, "{body}");
        }
    }
}

#[tokio::test]
async fn only_access_denied_is_a_refusal() {
    let bucket = bucket();
    let object = Object {
        bucket: &bucket,
        key: "acme/x",
    };
    let error = |code: &str| format!("<Error><Code>{code}</Code></Error>");
    for operation in [
        S3Operation::Get(object),
        S3Operation::Put(object),
        S3Operation::Tag(object),
        S3Operation::ChangeAcl(object),
        S3Operation::DeleteBatch(object),
        S3Operation::BeginUpload(object),
        S3Operation::List(Listing::of(&bucket, "acme/")),
    ] {
        let (refused, _) = attempt(operation, 403, &error("AccessDenied")).await;
        assert_eq!(refused, Attempt::Refused, "{operation:?}");
        let (misread, _) = attempt(operation, 403, &error("SignatureDoesNotMatch")).await;
        assert_eq!(misread, Attempt::Misread, "{operation:?}");
        for (status, code) in [
            (400, "InvalidRequest"),
            (404, "NoSuchKey"),
            (501, "NotImplemented"),
        ] {
            let (unclear, _) = attempt(operation, status, &error(code)).await;
            assert!(
                matches!(unclear, Attempt::Unclear(_)),
                "{operation:?}: {unclear:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_batch_is_refused_if_its_objects_are() {
    let bucket = bucket();
    let batch = S3Operation::DeleteBatch(Object {
        bucket: &bucket,
        key: "acme/x",
    });
    let answer = |of: &str| format!("<DeleteResult>{of}</DeleteResult>");
    let error = |code: &str| {
        answer(&format!(
            "<Error><Key>acme/x</Key><Code>{code}</Code></Error>"
        ))
    };
    for (body, expected) in [
        (
            answer("<Deleted><Key>acme/x</Key></Deleted>"),
            Attempt::Done,
        ),
        (answer(""), Attempt::Done),
        (error("AccessDenied"), Attempt::Refused),
    ] {
        assert_eq!(attempt(batch, 200, &body).await.0, expected, "{body}");
    }
    let (unclear, _) = attempt(batch, 200, &error("InternalError")).await;
    assert!(matches!(unclear, Attempt::Unclear(_)), "{unclear:?}");
}

#[tokio::test]
async fn an_upload_that_cannot_begin_proves_nothing() {
    let bucket = bucket();
    let object = Object {
        bucket: &bucket,
        key: "acme/x",
    };
    let other = session();
    for operation in [
        S3Operation::UploadPart(object, &other),
        S3Operation::MultipartCopy(object, object),
    ] {
        let (unclear, _) =
            attempt(operation, 403, "<Error><Code>AccessDenied</Code></Error>").await;
        assert!(
            matches!(unclear, Attempt::Unclear(_)),
            "{operation:?}: {unclear:?}"
        );
    }
}
