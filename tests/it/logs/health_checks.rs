//! Health checks come every few seconds, so only failing ones are logged.

use cloakroom::embedded::authorization_server::AuthorizationServer;
use reqwest::Method;

use crate::support::{Serve, until_ready};

async fn ask(gateway: &Serve, method: Method, path: &str, status: u16) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = http.request(method, format!("{}{path}", gateway.url));
    assert_eq!(asked.send().await.unwrap().status(), status, "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_checks_are_logged_when_they_fail() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let nowhere = ("CLOAKROOM_OAUTH__ISSUER", "http://127.0.0.1:1");
    let mut gateway = Serve::start(&oauth, "http://127.0.0.1:9", &[nowhere]).await;
    ask(&gateway, Method::GET, "/livez", 200).await;
    ask(&gateway, Method::GET, "/readyz", 503).await;
    let line = gateway.line("request").await;
    assert_eq!(line["route"], "/readyz", "{line}");
    assert_eq!(line["status"], 503, "{line}");
    assert_eq!(line["cause"], "discovery", "{line}");
    ask(&gateway, Method::POST, "/livez", 405).await;
    let line = gateway.line("request").await;
    assert_eq!(
        (&line["route"], &line["status"]),
        (&"/livez".into(), &405.into()),
        "{line}"
    );
    gateway.signal("TERM").await;
    gateway.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_checks_that_pass_are_logged_at_debug_only() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    for (level, first) in [("info", "/problems"), ("debug", "/livez")] {
        let level = ("CLOAKROOM_LOG__LEVEL", level);
        let mut gateway = Serve::start(&oauth, "http://127.0.0.1:9", &[level]).await;
        until_ready(&gateway.url).await;
        ask(&gateway, Method::HEAD, "/readyz", 200).await;
        ask(&gateway, Method::GET, "/livez", 200).await;
        ask(&gateway, Method::GET, "/problems", 200).await;
        let line = loop {
            let line = gateway.line("request").await;
            if line["route"] != "/readyz" {
                break line;
            }
            // Sent before the gateway was ready.
            assert!(level.1 == "debug" || line["status"] == 503, "{line}");
        };
        assert_eq!(line["route"], first, "{line}");
        gateway.signal("TERM").await;
        gateway.ended().await;
    }
}
