//! The lifecycle and CORS rules that the gateway keeps on a bucket, beside the operator's.

use wiremock::matchers::{method, query_param_contains};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::clients;
use crate::adapters::aws::{BucketRules, S3Buckets};
use crate::service::{Buckets, UpstreamErrorKind};

const OPERATORS_LIFECYCLE: &str = "<Rule><ID>tidy</ID><Filter><Prefix>tmp/</Prefix></Filter>\
     <Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule>";

const OPERATORS_CORS: &str = "<CORSRule><AllowedOrigin>https://theirs.example</AllowedOrigin>\
     <AllowedMethod>GET</AllowedMethod></CORSRule>";

fn lifecycle(rules: &str) -> ResponseTemplate {
    let body = format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>");
    ResponseTemplate::new(200)
        .insert_header(
            "x-amz-transition-default-minimum-object-size",
            "varies_by_storage_class",
        )
        .set_body_string(body)
}

fn our_lifecycle(days: u8) -> String {
    format!(
        "<Rule><ID>cloakroom-abort-multipart</ID><Prefix></Prefix><Status>Enabled</Status>\
         <AbortIncompleteMultipartUpload><DaysAfterInitiation>{days}</DaysAfterInitiation>\
         </AbortIncompleteMultipartUpload></Rule>"
    )
}

fn cors(rules: &str) -> ResponseTemplate {
    let body = format!("<CORSConfiguration>{rules}</CORSConfiguration>");
    ResponseTemplate::new(200).set_body_string(body)
}

fn our_cors(origin: &str) -> String {
    format!(
        "<CORSRule><ID>cloakroom-cors</ID><AllowedMethod>HEAD</AllowedMethod>\
         <AllowedMethod>DELETE</AllowedMethod><AllowedMethod>POST</AllowedMethod>\
         <AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod>\
         <AllowedOrigin>{origin}</AllowedOrigin><AllowedHeader>*</AllowedHeader>\
         <ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3600</MaxAgeSeconds></CORSRule>"
    )
}

fn error(status: u16, code: &str) -> ResponseTemplate {
    let body = format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
    ResponseTemplate::new(status).set_body_string(body)
}

/// A store whose buckets have these rules; it takes whatever is written.
async fn store(lifecycle: ResponseTemplate, cors: ResponseTemplate) -> MockServer {
    let store = MockServer::start().await;
    for (parameter, answer) in [("lifecycle", lifecycle), ("cors", cors)] {
        Mock::given(method("GET"))
            .and(query_param_contains(parameter, ""))
            .respond_with(answer)
            .mount(&store)
            .await;
    }
    for verb in ["PUT", "DELETE"] {
        Mock::given(method(verb))
            .respond_with(ResponseTemplate::new(200))
            .mount(&store)
            .await;
    }
    store
}

fn rules(days: Option<u16>, origins: Option<&[&str]>) -> BucketRules {
    let origins = origins.map(|origins| origins.iter().map(ToString::to_string).collect());
    BucketRules {
        abort_multipart_after: days,
        cors_origins: origins,
    }
}

async fn buckets(store: &MockServer, rules: BucketRules) -> S3Buckets {
    S3Buckets::new(&clients(store.uri()).await, rules)
}

/// The requests after a repair that succeeded: method, query and body.
async fn repaired(store: &MockServer, rules: BucketRules) -> Vec<Request> {
    let bucket = "clients".parse().unwrap();
    let buckets = buckets(store, rules).await;
    buckets.repair_rules(&bucket).await.unwrap();
    store.received_requests().await.unwrap()
}

fn written(requests: &[Request], parameter: &str) -> Option<String> {
    let is_written = |request: &&Request| {
        let query = request.url.query().unwrap_or_default();
        request.method == "PUT" && query.contains(parameter)
    };
    let request = requests.iter().find(is_written)?;
    Some(String::from_utf8(request.body.clone()).unwrap())
}

#[tokio::test]
async fn missing_rules_are_written_beside_the_operators() {
    let store = store(lifecycle(OPERATORS_LIFECYCLE), cors(OPERATORS_CORS)).await;
    let requests = repaired(&store, rules(Some(7), Some(&["https://ours.example"]))).await;
    let sent = written(&requests, "lifecycle").unwrap();
    for part in [
        "<ID>tidy</ID>",
        "<Prefix>tmp/</Prefix>",
        "<Expiration><Days>30</Days></Expiration>",
        "<ID>cloakroom-abort-multipart</ID>",
        "<DaysAfterInitiation>7</DaysAfterInitiation>",
    ] {
        assert!(sent.contains(part), "{part} in {sent}");
    }
    let kept = requests.iter().any(|request| {
        let size = "x-amz-transition-default-minimum-object-size";
        request.method == "PUT"
            && request
                .headers
                .get(size)
                .is_some_and(|size| size == "varies_by_storage_class")
    });
    assert!(kept, "a setting beside the rules is kept");
    let sent = written(&requests, "cors").unwrap();
    for part in [
        "<AllowedOrigin>https://theirs.example</AllowedOrigin>",
        "<ID>cloakroom-cors</ID>",
        "<AllowedOrigin>https://ours.example</AllowedOrigin>",
        "<AllowedHeader>*</AllowedHeader>",
        "<ExposeHeader>ETag</ExposeHeader>",
    ] {
        assert!(sent.contains(part), "{part} in {sent}");
    }
    for method in ["GET", "PUT", "POST", "DELETE", "HEAD"] {
        let part = format!("<AllowedMethod>{method}</AllowedMethod>");
        assert!(sent.contains(&part), "{part} in {sent}");
    }
}

#[tokio::test]
async fn nothing_is_written_without_a_difference() {
    let ours = "https://ours.example";
    let store = store(
        lifecycle(&(our_lifecycle(7) + OPERATORS_LIFECYCLE)),
        cors(&(OPERATORS_CORS.to_owned() + &our_cors(ours))),
    )
    .await;
    let requests = repaired(&store, rules(Some(7), Some(&[ours]))).await;
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert!(requests.iter().all(|request| request.method == "GET"));
}

#[tokio::test]
async fn drifted_rules_are_replaced() {
    let store = store(
        lifecycle(&our_lifecycle(1)),
        cors(&our_cors("https://evil.example")),
    )
    .await;
    let requests = repaired(&store, rules(Some(7), Some(&["https://ours.example"]))).await;
    let sent = written(&requests, "lifecycle").unwrap();
    assert!(
        sent.contains("<DaysAfterInitiation>7</DaysAfterInitiation>"),
        "{sent}"
    );
    assert_eq!(sent.matches("<Rule>").count(), 1, "{sent}");
    let sent = written(&requests, "cors").unwrap();
    assert!(!sent.contains("evil"), "{sent}");
}

#[tokio::test]
async fn rules_are_removed_on_request_and_left_alone_otherwise() {
    let present = || {
        store(
            lifecycle(&(our_lifecycle(7) + OPERATORS_LIFECYCLE)),
            cors(&our_cors("https://ours.example")),
        )
    };
    let store = present().await;
    let requests = repaired(&store, rules(Some(0), Some(&[]))).await;
    let sent = written(&requests, "lifecycle").unwrap();
    assert!(
        sent.contains("tidy") && !sent.contains("cloakroom"),
        "{sent}"
    );
    let deleted = |request: &&Request| request.method == "DELETE";
    let deleted: Vec<_> = requests.iter().filter(deleted).collect();
    assert_eq!(deleted.len(), 1, "{requests:?}");
    assert!(deleted[0].url.query().unwrap().contains("cors"));
    let store = present().await;
    assert_eq!(repaired(&store, rules(None, None)).await.len(), 0);
}

#[tokio::test]
async fn store_without_rules_is_no_failure_and_a_refusal_is() {
    let both = rules(Some(7), Some(&["*"]));
    let bucket = "clients".parse().unwrap();
    let lacking = store(error(501, "NotImplemented"), error(501, "NotImplemented")).await;
    let buckets_there = buckets(&lacking, both.clone()).await;
    assert_eq!(buckets_there.repair_rules(&bucket).await, Ok(()));
    let none = store(
        error(404, "NoSuchLifecycleConfiguration"),
        error(404, "NoSuchCORSConfiguration"),
    )
    .await;
    let requests = repaired(&none, both.clone()).await;
    assert!(written(&requests, "lifecycle").is_some() && written(&requests, "cors").is_some());
    let refusing = store(error(403, "AccessDenied"), cors(&our_cors("*"))).await;
    let failure = buckets(&refusing, both).await.repair_rules(&bucket).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind, UpstreamErrorKind::Refused);
    assert!(
        failure
            .cause
            .starts_with("GetBucketLifecycleConfiguration: AccessDenied")
    );
}
