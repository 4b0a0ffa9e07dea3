//! The meaning of each answer about a bucket: only one proves that another account owns it.

use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::clients;
use crate::adapters::aws::{BucketRules, S3Buckets};
use crate::domain::BucketName;
use crate::service::{Buckets, Creation, Presence};

const HTML: &str = "<html><body>It works!</body></html>";

async fn store_answering(answers: &[(&str, ResponseTemplate)]) -> (S3Buckets, MockServer) {
    let store = MockServer::start().await;
    for (verb, answer) in answers {
        Mock::given(method(*verb))
            .respond_with(answer.clone())
            .mount(&store)
            .await;
    }
    let clients = clients(store.uri()).await;
    (S3Buckets::new(&clients, BucketRules::default()), store)
}

fn bucket() -> BucketName {
    "clients".parse().unwrap()
}

fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

fn error(status: u16, code: &str) -> ResponseTemplate {
    let body = format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
    ResponseTemplate::new(status).set_body_string(body)
}

fn html(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_string(HTML)
}

#[tokio::test]
async fn head_bucket_never_proves_a_foreign_bucket() {
    let failing = [
        301, 302, 307, 308, 400, 401, 405, 409, 410, 412, 416, 429, 451, 500, 501, 503,
    ];
    let mut cases: Vec<_> = failing.map(|code| (status(code), None)).into();
    cases.push((status(200), Some(Presence::Ours)));
    cases.push((status(404), Some(Presence::Missing)));
    for (answer, presence) in cases {
        let shown = format!("{answer:?}");
        let (buckets, _store) = store_answering(&[("HEAD", answer)]).await;
        assert_eq!(buckets.look(&bucket()).await.ok(), presence, "{shown}");
    }
}

#[tokio::test]
async fn a_forbidden_head_bucket_is_explained_by_get_bucket_location() {
    let location = "<LocationConstraint>eu-west-1</LocationConstraint>";
    for (answer, presence) in [
        (error(403, "AccessDenied"), Some(Presence::Hidden)),
        (
            status(200).set_body_string(location),
            Some(Presence::Hidden),
        ),
        (error(404, "NoSuchBucket"), Some(Presence::Missing)),
        (error(403, "InvalidAccessKeyId"), None),
        (status(403), None),
        (html(403), None),
        (html(200), None),
        (status(301), None),
        (error(500, "InternalError"), None),
    ] {
        let shown = format!("{answer:?}");
        let (buckets, _store) = store_answering(&[("HEAD", status(403)), ("GET", answer)]).await;
        assert_eq!(buckets.look(&bucket()).await.ok(), presence, "{shown}");
    }
}

#[tokio::test]
async fn only_bucket_already_exists_proves_a_foreign_bucket() {
    for (answer, creation) in [
        (status(200), Some(Creation::Made)),
        (
            error(409, "BucketAlreadyOwnedByYou"),
            Some(Creation::AlreadyOurs),
        ),
        (error(409, "BucketAlreadyExists"), Some(Creation::Foreign)),
        (error(409, "OperationAborted"), None),
        (error(409, "Conflict"), None),
        (status(409), None),
        (html(409), None),
        (error(403, "BucketAlreadyExists"), None),
        (error(500, "BucketAlreadyExists"), None),
        (error(403, "AccessDenied"), None),
        (error(400, "TooManyBuckets"), None),
        (status(301), None),
        (error(307, "TemporaryRedirect"), None),
        (html(404), None),
        (status(503), None),
    ] {
        let shown = format!("{answer:?}");
        let (buckets, _store) = store_answering(&[("HEAD", status(404)), ("PUT", answer)]).await;
        assert_eq!(buckets.create(&bucket()).await.ok(), creation, "{shown}");
    }
}

#[tokio::test]
async fn only_a_tag_proves_another_deployments_bucket() {
    let tagged = |key: &str| {
        let tag = format!("<Tag><Key>{key}</Key><Value>theirs</Value></Tag>");
        let tagging = format!("<Tagging><TagSet>{tag}</TagSet></Tagging>");
        status(200).set_body_string(tagging)
    };
    for (answer, marker) in [
        (
            tagged("cloakroom-deployment"),
            Some(Some("theirs".to_owned())),
        ),
        (tagged("cost-centre"), Some(None)),
        (status(200).set_body_string("<Tagging><TagSet>"), None),
        (error(404, "NoSuchTagSet"), Some(None)),
        (error(501, "NotImplemented"), Some(None)),
        (error(404, "NoSuchBucket"), None),
        (error(403, "AccessDenied"), None),
        (status(404), None),
        (status(200), None),
        (html(200), None),
        (status(301), None),
        (status(503), None),
    ] {
        let shown = format!("{answer:?}");
        let (buckets, _store) = store_answering(&[("GET", answer)]).await;
        assert_eq!(buckets.marker(&bucket()).await.ok(), marker, "{shown}");
    }
}

#[tokio::test]
async fn a_redirect_names_the_other_region() {
    for (header, expected) in [
        (Some("eu-west-1"), "another region (eu-west-1)"),
        (None, "another region (the store does not say which)"),
        (
            Some("<script>"),
            "another region (the store does not say which)",
        ),
    ] {
        let mut answer = status(301);
        if let Some(region) = header {
            answer = answer.insert_header("x-amz-bucket-region", region);
        }
        let (buckets, _store) = store_answering(&[("HEAD", answer)]).await;
        let cause = buckets.look(&bucket()).await.unwrap_err().cause;
        assert!(
            cause.contains(expected) && cause.contains("storage.region is us-east-1"),
            "{cause}"
        );
    }
    let wrong = status(400).insert_header("x-amz-bucket-region", "eu-west-1");
    let (buckets, _store) = store_answering(&[("HEAD", wrong)]).await;
    let cause = buckets.look(&bucket()).await.unwrap_err().cause;
    assert!(cause.contains("another region (eu-west-1)"), "{cause}");
}
