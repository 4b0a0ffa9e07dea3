//! Web pages of other origins use the store by the CORS rules of the bucket.

use aws_sdk_s3::types::{CorsConfiguration, CorsRule};
use reqwest::{Method, Response, StatusCode};

use super::{outcome, put, refused};
use crate::support::{App, Setup};

const PAGE: &str = "https://console.example";

fn rule(origin: &str, methods: &[&str]) -> CorsRule {
    let methods = methods.iter().map(ToString::to_string).collect();
    let rule = CorsRule::builder().allowed_origins(origin);
    let rule = rule.set_allowed_methods(Some(methods)).allowed_headers("*");
    let rule = rule.expose_headers("ETag").max_age_seconds(60);
    rule.build().unwrap()
}

async fn preflight(app: &App, url: &str, origin: &str, method: &str) -> Response {
    app.http
        .request(Method::OPTIONS, url)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "authorization,x-amz-date")
        .send()
        .await
        .unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn cors_rules_are_kept_and_answer_browsers() {
    let app = Setup::default().key("buckets.cors_origins", "*");
    let app = app.spawn().await;
    let alice = app.credentials_of("alice").await;
    put(&alice.s3(), &alice.bucket, "secret").await.unwrap();
    let (root, bucket) = (app.root(), &alice.bucket);
    let made = root.get_bucket_cors().bucket(bucket).send().await.unwrap();
    assert_eq!(made.cors_rules()[0].id(), Some("cloakroom-cors"));
    let cors = CorsConfiguration::builder()
        .cors_rules(rule("https://readers.example", &["GET"]))
        .cors_rules(rule(PAGE, &["GET", "PUT"]))
        .build()
        .unwrap();
    let put = root.put_bucket_cors().bucket(bucket);
    put.cors_configuration(cors).send().await.unwrap();
    let url = format!("{}/{bucket}/secret", app.storage.url());
    let granted = preflight(&app, &url, PAGE, "PUT").await;
    assert_eq!(granted.status(), StatusCode::OK);
    for (name, value) in [
        ("access-control-allow-origin", PAGE),
        ("access-control-allow-methods", "GET, PUT"),
        ("access-control-allow-headers", "authorization, x-amz-date"),
        ("access-control-expose-headers", "ETag"),
        ("access-control-max-age", "60"),
    ] {
        assert_eq!(header(&granted, name), Some(value), "{name}");
    }
    for (origin, method) in [
        (PAGE, "DELETE"),
        ("https://readers.example", "PUT"),
        ("https://evil.example", "GET"),
    ] {
        let refused = preflight(&app, &url, origin, method).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{origin} {method}");
        assert_eq!(header(&refused, "access-control-allow-origin"), None);
    }
    // An answer tells the browser, too, a refusal included.
    let get = app.http.get(&url).header("origin", PAGE);
    let answer = get.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&answer, "access-control-allow-origin"), Some(PAGE));
    let delete = root.delete_bucket_cors().bucket(bucket);
    delete.send().await.unwrap();
    let none = root.get_bucket_cors().bucket(bucket).send().await;
    assert_eq!(outcome(none), refused("404 NoSuchCORSConfiguration"));
    let refused = preflight(&app, &url, PAGE, "PUT").await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn console_may_use_the_buckets_and_other_pages_may_not() {
    let setup = Setup::default()
        .key("http.console", "true")
        .key("http.public_url", "https://gateway.example");
    let app = setup.spawn().await;
    let alice = app.credentials_of("alice").await;
    let url = format!("{}/{}/secret", app.storage.url(), alice.bucket);
    for method in ["GET", "PUT", "POST", "DELETE", "HEAD"] {
        let granted = preflight(&app, &url, "https://gateway.example", method).await;
        assert_eq!(granted.status(), StatusCode::OK, "{method}");
        let exposed = header(&granted, "access-control-expose-headers");
        assert_eq!(exposed, Some("ETag"));
    }
    let refused = preflight(&app, &url, PAGE, "GET").await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}
