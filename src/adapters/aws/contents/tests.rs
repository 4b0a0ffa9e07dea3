use wiremock::matchers::{method, query_param, query_param_contains, query_param_is_missing};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::adapters::aws::tests::clients;
use crate::service::KeptBecause;

async fn contents(store: &MockServer) -> S3Contents {
    S3Contents::new(&clients(store.uri()).await)
}

fn place(prefix: Option<&str>) -> Place {
    Place {
        bucket: "shared".parse().unwrap(),
        prefix: prefix.map(|prefix| prefix.parse().unwrap()),
    }
}

fn version(key: &str, id: Option<&str>) -> StoredVersion {
    StoredVersion {
        key: key.to_owned(),
        version_id: id.map(str::to_owned),
        bytes: 1,
        is_marker: false,
        is_latest: true,
    }
}

fn xml(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body.to_owned(), "application/xml")
}

fn refusal(status: u16, code: &str) -> ResponseTemplate {
    xml(status, &format!("<Error><Code>{code}</Code></Error>"))
}

async fn list(store: &MockServer, versions: &str) {
    let answer = xml(
        200,
        &format!("<ListVersionsResult>{versions}</ListVersionsResult>"),
    );
    let mock = Mock::given(method("GET")).and(query_param_contains("versions", ""));
    mock.respond_with(answer).mount(store).await;
}

#[tokio::test]
async fn keys_are_decoded_where_the_store_says_that_it_encoded_them() {
    let (encoded, plain) = (MockServer::start().await, MockServer::start().await);
    let entry = |key: &str| {
        format!("<Version><Key>{key}</Key><VersionId>1</VersionId><Size>7</Size></Version>")
    };
    let marker = "<DeleteMarker><Key>gone</Key><VersionId>2</VersionId></DeleteMarker>";
    let said = "<EncodingType>url</EncodingType>";
    list(
        &encoded,
        &format!("{said}{}{marker}", entry("a+b%2Bc%01%C3%A4&amp;d=e")),
    )
    .await;
    list(&plain, &entry("a+b%2Bc")).await;
    let page = contents(&encoded)
        .await
        .versions(&place(None), None)
        .await
        .unwrap();
    assert_eq!(page.items[0].key, "a b+c\u{1}ä&d=e");
    assert_eq!((page.items[0].bytes, page.items[0].is_marker), (7, false));
    assert_eq!(
        (page.items[1].key.as_str(), page.items[1].is_marker),
        ("gone", true)
    );
    assert_eq!(page.next, None);
    let page = contents(&plain)
        .await
        .versions(&place(None), None)
        .await
        .unwrap();
    assert_eq!(page.items[0].key, "a+b%2Bc");
}

#[tokio::test]
async fn a_page_begins_after_the_one_before() {
    let store = MockServer::start().await;
    let first = "<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>acme/b</NextKeyMarker>\
                 <NextVersionIdMarker>2</NextVersionIdMarker></ListVersionsResult>";
    Mock::given(method("GET"))
        .and(query_param("prefix", "acme/"))
        .and(query_param_is_missing("key-marker"))
        .respond_with(xml(200, first))
        .mount(&store)
        .await;
    Mock::given(method("GET"))
        .and(query_param("prefix", "acme/"))
        .and(query_param("key-marker", "acme/b"))
        .and(query_param("version-id-marker", "2"))
        .respond_with(xml(200, "<ListVersionsResult/>"))
        .mount(&store)
        .await;
    let contents = contents(&store).await;
    let acme = place(Some("acme/"));
    let next = contents.versions(&acme, None).await.unwrap().next.unwrap();
    let last = contents.versions(&acme, Some(&next)).await.unwrap();
    assert_eq!(last.next, None);
}

#[tokio::test]
async fn a_store_without_versions_lists_objects() {
    let store = MockServer::start().await;
    Mock::given(method("GET"))
        .and(query_param("list-type", "2"))
        .respond_with(xml(
            200,
            "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key><Size>3</Size>\
             </Contents></ListBucketResult>",
        ))
        .mount(&store)
        .await;
    let unknown = refusal(501, "NotImplemented");
    Mock::given(method("GET"))
        .respond_with(unknown)
        .mount(&store)
        .await;
    let page = contents(&store)
        .await
        .versions(&place(None), None)
        .await
        .unwrap();
    assert_eq!(
        page.items,
        [StoredVersion {
            bytes: 3,
            ..version("a", None)
        }]
    );
    assert_eq!(page.next.unwrap().key, "a");
}

#[tokio::test]
async fn a_missing_bucket_holds_nothing() {
    let store = MockServer::start().await;
    let missing = refusal(404, "NoSuchBucket");
    Mock::given(wiremock::matchers::any())
        .respond_with(missing)
        .mount(&store)
        .await;
    let contents = contents(&store).await;
    assert!(
        contents
            .versions(&place(None), None)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert!(
        contents
            .uploads(&place(None), None)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    let bucket = place(None).bucket;
    assert_eq!(contents.remove_bucket(&bucket).await, Ok(Removal::Gone));
}

#[tokio::test]
async fn uploads_of_neighbours_are_left_out() {
    let store = MockServer::start().await;
    let upload = |key: &str| format!("<Upload><Key>{key}</Key><UploadId>1</UploadId></Upload>");
    let listed = format!(
        "<ListMultipartUploadsResult>{}{}{}</ListMultipartUploadsResult>",
        upload("acme/a"),
        upload("acme-evil/a"),
        upload("a")
    );
    Mock::given(method("GET"))
        .and(query_param_is_missing("prefix"))
        .respond_with(xml(200, &listed))
        .mount(&store)
        .await;
    let page = contents(&store)
        .await
        .uploads(&place(Some("acme/")), None)
        .await
        .unwrap();
    let keys: Vec<_> = page
        .items
        .iter()
        .map(|upload| upload.key.as_str())
        .collect();
    assert_eq!(keys, ["acme/a"]);
}

/// The requests with this method.
async fn sent(store: &MockServer, method: &str) -> Vec<Request> {
    let requests = store.received_requests().await.unwrap();
    let sent = requests
        .into_iter()
        .filter(|request| request.method == *method);
    sent.collect()
}

#[tokio::test]
async fn keys_that_xml_cannot_hold_are_deleted_one_by_one() {
    let store = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(xml(200, "<DeleteResult/>"))
        .mount(&store)
        .await;
    Mock::given(method("DELETE"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&store)
        .await;
    let versions = [version("a&b", Some("1")), version("a\u{1}b", Some("2"))];
    let bucket = place(None).bucket;
    let kept = contents(&store)
        .await
        .delete(&bucket, &versions, Governance::Bypass)
        .await;
    assert_eq!(kept, Ok(vec![]));
    let (batches, single) = (sent(&store, "POST").await, sent(&store, "DELETE").await);
    let body = String::from_utf8(batches[0].body.clone()).unwrap();
    assert!(
        body.contains("<Key>a&amp;b</Key><VersionId>1</VersionId>"),
        "{body}"
    );
    assert_eq!(body.matches("<Object>").count(), 1, "{body}");
    assert_eq!(single.len(), 1);
    assert_eq!(single[0].url.path(), "/shared/a%01b");
    let bypass = |request: &Request| request.headers["x-amz-bypass-governance-retention"] == "true";
    assert!(batches.iter().chain(&single).all(bypass));
}

#[tokio::test]
async fn a_store_without_batches_gets_one_request_for_each() {
    let store = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(refusal(403, "AccessDenied"))
        .mount(&store)
        .await;
    Mock::given(method("DELETE"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&store)
        .await;
    let versions = [version("a", None), version("b", Some("1"))];
    let bucket = place(None).bucket;
    let kept = contents(&store)
        .await
        .delete(&bucket, &versions, Governance::Respect)
        .await;
    assert_eq!(kept, Ok(vec![]));
    let single = sent(&store, "DELETE").await;
    assert_eq!(single.len(), 2);
    let header = "x-amz-bypass-governance-retention";
    assert!(
        single
            .iter()
            .all(|request| !request.headers.contains_key(header))
    );
}

#[tokio::test]
async fn a_version_that_is_kept_has_the_reason() {
    let store = MockServer::start().await;
    let errors = ["compliance", "hold", "denied", "gone"].map(|key| {
        let code = if key == "gone" {
            "NoSuchVersion"
        } else {
            "AccessDenied"
        };
        format!("<Error><Key>{key}</Key><VersionId>1</VersionId><Code>{code}</Code></Error>")
    });
    let errors = format!("<DeleteResult>{}</DeleteResult>", errors.concat());
    Mock::given(method("POST"))
        .respond_with(xml(200, &errors))
        .mount(&store)
        .await;
    let hold = "<LegalHold><Status>ON</Status></LegalHold>";
    Mock::given(wiremock::matchers::path("/shared/hold"))
        .and(query_param_contains("legal-hold", ""))
        .respond_with(xml(200, hold))
        .mount(&store)
        .await;
    let retention = "<Retention><Mode>COMPLIANCE</Mode>\
                     <RetainUntilDate>2027-01-01T00:00:00Z</RetainUntilDate></Retention>";
    Mock::given(wiremock::matchers::path("/shared/compliance"))
        .and(query_param_contains("retention", ""))
        .respond_with(xml(200, retention))
        .mount(&store)
        .await;
    let none = refusal(404, "NoSuchObjectLockConfiguration");
    Mock::given(method("GET"))
        .respond_with(none)
        .mount(&store)
        .await;
    let versions = ["compliance", "hold", "denied", "gone", "deleted"];
    let versions = versions.map(|key| version(key, Some("1")));
    let bucket = place(None).bucket;
    let kept = contents(&store)
        .await
        .delete(&bucket, &versions, Governance::Respect)
        .await;
    let kept: Vec<_> = kept
        .unwrap()
        .into_iter()
        .map(|kept| (kept.key, kept.why))
        .collect();
    let until = "2027-01-01T00:00:00Z".parse().unwrap();
    let expected = [
        ("compliance".to_owned(), KeptBecause::Compliance(until)),
        ("hold".to_owned(), KeptBecause::LegalHold),
        (
            "denied".to_owned(),
            KeptBecause::Refused("AccessDenied".to_owned()),
        ),
    ];
    assert_eq!(kept, expected);
}

#[tokio::test]
async fn a_store_that_fails_at_a_version_has_not_refused() {
    let store = MockServer::start().await;
    let busy = "<DeleteResult><Error><Key>a</Key><Code>SlowDown</Code></Error></DeleteResult>";
    Mock::given(method("POST"))
        .respond_with(xml(200, busy))
        .mount(&store)
        .await;
    let bucket = place(None).bucket;
    let versions = [version("a", None)];
    let kept = contents(&store)
        .await
        .delete(&bucket, &versions, Governance::Respect)
        .await
        .unwrap();
    assert_eq!(kept[0].why, KeptBecause::Failed("SlowDown".to_owned()));
}
