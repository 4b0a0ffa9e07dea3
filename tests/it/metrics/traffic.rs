//! A scrape while every dialect is used: strict text, few series, and nothing of a caller in it.

use std::sync::Arc;

use cloakroom::domain::Access;
use cloakroom::http::ROUTES;
use reqwest::Method;

use crate::access_keys::{access_key, brokering, named, request, with_organisation};
use crate::support::{App, Credentials};

use super::text::Samples;
use super::{measured, scrape};

/// Far more than a gateway needs that meets every cause in every dialect.
const MOST_SERIES: usize = 3_000;

/// The canaries that a call of each dialect hands in or gets back.
async fn call_every_dialect(app: &App) -> Vec<String> {
    let subject = ("user", "canary-subject");
    let client = ("client_id", "canary-client");
    let token = app.token_with(&[subject, client]).await;
    app.workspace("canary-org/canary-ws", &[("canary-subject", Access::Read)])
        .await;
    let api_key = app.key(&"canary-org".parse().unwrap(), true).await;
    let vended: Credentials = app.ask(&token).await.credentials();
    let container = app
        .http
        .get(format!("{}/v1/credentials/container", app.url));
    let form = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", "arn:aws:iam::000000000000:role/canary-role"),
        ("RoleSessionName", "canary-name"),
        ("WebIdentityToken", &token),
    ];
    for request in [
        container.bearer_auth(&token),
        app.post("/").form(&form),
        app.post("/storage/boto")
            .header("x-api-key", api_key.expose()),
        app.get_workspace("canary-org/canary-ws")
            .bearer_auth(&token),
    ] {
        let answer = app.send(request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let keys = vended.keys;
    let mut canaries = vec![token, api_key.expose().to_owned(), vended.bucket];
    canaries.extend([
        keys.access_key_id,
        keys.secret_access_key,
        keys.session_token,
    ]);
    canaries.extend(rotate(app).await);
    canaries
}

/// A rotation of an access key, which is no session.
async fn rotate(app: &App) -> [String; 2] {
    let api_key = with_organisation(app, "canary-keys").await;
    let made = app
        .root()
        .create_bucket()
        .bucket("canary-data")
        .send()
        .await;
    made.unwrap();
    let owner = cloakroom::domain::AccessKeyOwner::Organisation("canary-keys".parse().unwrap());
    let key = access_key(app, owner, named(&["canary-data"], &[]), &[]).await;
    let rotated = app
        .send(request(app, api_key.expose(), key.id.as_str()))
        .await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    [api_key.expose().to_owned(), key.id.as_str().to_owned()]
}

/// Requests that are refused, with canaries wherever a request can hold one.
async fn call_wrongly(app: &App) {
    let url = &app.url;
    let odd = Method::from_bytes(b"CANARY").unwrap();
    let wrong = [
        app.http
            .request(odd.clone(), format!("{url}/v1/credentials")),
        app.http
            .request(odd, format!("{url}/canary-path?canary=query")),
        app.http.get(format!("{url}/canary-path")),
        app.post("/v1/credentials"),
        app.post("/v1/credentials?canary=query"),
        app.post("/v1/credentials").bearer_auth("canary-token"),
        app.post("/").form(&[("Action", "canary-action")]),
        app.post("/storage/boto").header("x-api-key", "canary-key"),
        app.get_workspace("canary-org/canary-other")
            .bearer_auth("canary-token"),
        request(app, "canary-token", "canary-id"),
        app.http.get(format!("{url}/problems/canary-slug")),
        app.http.get(format!("{url}/swagger-ui/canary-file")),
    ];
    for request in wrong {
        let status = app.send(request).await.status;
        assert!((400..500).contains(&status), "{status}");
    }
    let pages = ROUTES.iter().filter(|route| !route.contains('{'));
    for page in pages {
        app.send(app.http.get(format!("{url}{page}"))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_under_traffic_are_strict_few_and_impersonal() {
    let app = brokering(measured().key("http.cors_origins", "https://canary.example")).await;
    let app = Arc::new(app);
    let scraping = tokio::spawn({
        let app = Arc::clone(&app);
        async move {
            for _ in 0..50 {
                Samples::parse(&scrape(&app).await);
            }
        }
    });
    let canaries = call_every_dialect(&app).await;
    call_wrongly(&app).await;
    scraping.await.unwrap();

    let text = scrape(&app).await;
    for canary in canaries
        .iter()
        .map(String::as_str)
        .chain(["canary", "CANARY"])
    {
        assert!(!text.contains(canary), "{canary}");
    }
    let samples = Samples::parse(&text);
    assert!(samples.len() < MOST_SERIES, "{} series", samples.len());
    let mut routes = samples.values_of("http_route");
    assert!(routes.remove("none"));
    for route in &routes {
        assert!(ROUTES.contains(&route.as_str()), "{route} is not in ROUTES");
    }
    let methods = samples.values_of("http_request_method");
    assert!(methods.contains("_OTHER"), "{methods:?}");
    for (dialect, owner, access) in [
        ("v1", "principal", "read-write"),
        ("container", "principal", "read-write"),
        ("sts", "principal", "read-write"),
        ("minerva", "organisation", "read-write"),
        ("workspace", "workspace", "read"),
    ] {
        let issued = format!(
            "cloakroom_sessions_issued_total{{dialect=\"{dialect}\",owner_kind=\"{owner}\",\
             access=\"{access}\"}}"
        );
        assert_eq!(samples.count(&issued), 1, "{issued}");
        let refused = format!("cloakroom_refusals_total{{dialect=\"{dialect}\"}}");
        let is_refused = samples.count(&refused) > 0 || dialect == "container";
        assert!(is_refused, "{refused}");
    }
    assert!(samples.count("cloakroom_refusals_total{dialect=\"katapult\"}") > 0);
}

/// Every route is one by which metrics count.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_counted_under_its_own_name() {
    let app = measured().spawn().await;
    for route in ROUTES {
        let path: String = route.replace(['{', '}'], "");
        app.send(app.http.get(format!("{}{path}", app.url))).await;
    }
    let routes = Samples::parse(&scrape(&app).await).values_of("http_route");
    let expected = ROUTES.iter().map(ToString::to_string).collect();
    assert_eq!(routes, expected);
}
