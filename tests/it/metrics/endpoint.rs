//! The listener of `/metrics`.

use std::time::Duration;

use cloakroom::embedded::authorization_server::AuthorizationServer;
use cloakroom::server::Server;
use reqwest::Method;
use wiremock::ResponseTemplate;

use crate::support::{
    Answer, Raw, Serve, fake_authorization_server, introspection_says, spawn_app, until_ready,
};

use super::{measured, samples, scrape, until};

#[tokio::test(flavor = "multi_thread")]
async fn only_get_and_head_of_metrics_are_answered() {
    let app = measured().spawn().await;
    let url = app.metrics.clone().unwrap();
    let base = url.strip_suffix("/metrics").unwrap();
    let ask = async |method: Method, url: &str| app.send(app.http.request(method, url)).await;
    let got = ask(Method::GET, &url).await;
    assert_eq!(got.status, 200);
    let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(got.header("content-type"), Some(openmetrics));
    assert_eq!(got.header("cache-control"), Some("no-store"));
    assert!(got.text.ends_with("\n# EOF\n"));
    let head = ask(Method::HEAD, &url).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    let posted = ask(Method::POST, &url).await;
    assert_eq!(
        (posted.status, posted.header("allow")),
        (405, Some("GET, HEAD"))
    );
    for path in ["", "/", "/metrics/", "/readyz", "/v1/credentials"] {
        assert_eq!(ask(Method::GET, &format!("{base}{path}")).await.status, 404);
    }
    let on_the_gateway = format!("{}/metrics", app.url);
    assert_eq!(ask(Method::GET, &on_the_gateway).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_address_nothing_is_served() {
    assert_eq!(spawn_app().await.metrics, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_answer_while_the_gateway_is_full() {
    let fake = fake_authorization_server().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(2));
    introspection_says(&fake, slow).await;
    let setup = measured().key("http.max_in_flight", "1");
    let app = setup.key("oauth.issuer", &fake.uri()).spawn().await;
    let url = app.metrics.clone().unwrap();
    let waiting = async { app.ask("token").await.status };
    let seen = until(&url, "a call is under way", |samples| {
        let taken = |limit: &str| {
            samples.count(&format!("cloakroom_places_taken{{limit=\"{limit}\"}}")) >= 1
        };
        [
            "http.max_in_flight",
            "oauth.max_in_flight",
            "http.max_connections",
        ]
        .into_iter()
        .all(taken)
    });
    let (status, seen) = tokio::join!(waiting, seen);
    assert_eq!(status, 502);
    assert_eq!(
        seen.count("cloakroom_places{limit=\"http.max_in_flight\"}"),
        1
    );
    let free = samples(&app).await;
    assert_eq!(
        free.count("cloakroom_places_taken{limit=\"http.max_in_flight\"}"),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_clients_do_not_keep_scrapes_out_for_long() {
    let app = measured().spawn().await;
    let url = app.metrics.clone().unwrap();
    let base = url.strip_suffix("/metrics").unwrap();
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(Raw::open(base).await);
    }
    let scraped = tokio::time::timeout(Duration::from_secs(15), scrape(&app)).await;
    assert!(scraped.is_ok());
    assert!(silent[0].is_closed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_whose_registry_is_gone_is_not_ready_by_its_metrics() {
    let app = measured().spawn().await;
    let url = app.metrics.clone().unwrap();
    until_ready(&app.url).await;
    assert_eq!(samples(&app).await.count("cloakroom_ready"), 1);
    std::fs::remove_file(app.directory.path().join("cloakroom.db")).unwrap();
    until(&url, "its registry is gone", |samples| {
        samples.count("cloakroom_ready") == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_answer_while_the_gateway_drains() {
    let app = measured().key("http.drain_delay", "3s").spawn().await;
    let url = app.metrics.clone().unwrap();
    until_ready(&app.url).await;
    assert_eq!(samples(&app).await.count("cloakroom_ready"), 1);
    let stopped = tokio::spawn(app.stop());
    until(&url, "it is stopping", |samples| {
        samples.count("cloakroom_ready") == 0
    })
    .await;
    stopped.await.unwrap();
    assert!(reqwest::get(&url).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_an_error_that_names_the_key() {
    let app = measured().spawn().await;
    let taken = app.metrics.clone().unwrap();
    let taken = taken.strip_prefix("http://").unwrap();
    let taken = taken.strip_suffix("/metrics").unwrap().to_owned();
    let mut config = app.config.clone();
    config.metrics.address = Some(taken.parse().unwrap());
    let Err(error) = Server::build(&config).await else {
        panic!("it starts");
    };
    let error = error.to_string();
    let begins = format!("metrics.address: cannot listen on {taken}: ");
    assert!(error.starts_with(&begins), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_answer_before_the_database_does() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let nowhere = "postgres://nobody:0123456789abcdef@127.0.0.1:1/none";
    let variables = [
        ("CLOAKROOM_METRICS__ADDRESS", "127.0.0.1:0"),
        ("CLOAKROOM_DATABASE__URL", nowhere),
    ];
    let mut serve = Serve::launch(&oauth, "http://127.0.0.1:1", &variables);
    let line = serve.line("metrics are served").await;
    let url = format!("http://{}/metrics", line["address"].as_str().unwrap());
    serve.listening().await;
    let answer = Answer::read(reqwest::get(&url).await.unwrap()).await;
    assert!(answer.text.contains("\ncloakroom_ready 0\n"), "{answer:?}");
    assert!(answer.text.contains("database=\"postgres\""), "{answer:?}");
}
