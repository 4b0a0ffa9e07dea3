//! A gateway whose database or authorization server starts later, or not at all.

use std::time::{Duration, Instant};

use cloakroom::embedded::authorization_server::AuthorizationServer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Answer, Reserved, Serve, dev_token};

const STORE: &str = "http://127.0.0.1:9";
const WAITING: &str = "waiting for the database";

const STARTING: (&str, &str) = ("57P03", "the database system is starting up");
const WRONG_PASSWORD: (&str, &str) = ("28P01", "password authentication failed for user \"u\"");

/// A connection is tried every 0.1 s for 3 s; then the server counts as unreachable.
const STARTING_FOR_LONG: [(&str, &str); 36] = {
    let mut reasons = [STARTING; 36];
    reasons[35] = WRONG_PASSWORD;
    reasons
};

/// A server that speaks `PostgreSQL` just long enough to refuse connections, for these reasons in
/// turn; the last one stays.
async fn refusing_postgres(reasons: &'static [(&str, &str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url_of(&listener);
    tokio::spawn(async move {
        for number in 0.. {
            let mut stream = started(&listener).await;
            let (code, message) = reasons[number.min(reasons.len() - 1)];
            let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0\0");
            let length = u32::try_from(fields.len() + 4).unwrap();
            let error = [b"E", &length.to_be_bytes()[..], fields.as_bytes()].concat();
            stream.write_all(&error).await.unwrap();
        }
    });
    url
}

/// A server that accepts every connection, and then stays silent or hangs up.
async fn mute_postgres(hangs_up: bool) -> String {
    const AUTHENTICATED: &[u8] = b"R\0\0\0\x08\0\0\0\0";
    const READY: &[u8] = b"Z\0\0\0\x05I";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url_of(&listener);
    tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            let mut stream = started(&listener).await;
            let welcome = [AUTHENTICATED, READY].concat();
            stream.write_all(&welcome).await.unwrap();
            if hangs_up {
                stream.read_u8().await.unwrap();
            } else {
                kept.push(stream);
            }
        }
    });
    url
}

fn url_of(listener: &TcpListener) -> String {
    let address = listener.local_addr().unwrap();
    format!("postgres://u:canary-password@{address}/lockers?sslmode=disable")
}

/// Accepts a connection and reads its first message.
async fn started(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let length = stream.read_u32().await.unwrap();
    let mut startup = vec![0; usize::try_from(length).unwrap() - 4];
    stream.read_exact(&mut startup).await.unwrap();
    stream
}

async fn get(gateway: &Serve, path: &str) -> (u16, String) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.get(format!("{}{path}", gateway.url)).send().await;
    let answer = Answer::read(answer.unwrap()).await;
    (answer.status, answer.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_database_is_waited_for_and_named() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let reserved = Reserved::new();
    let address = reserved.address();
    let url = format!("postgres://u:canary-password@{address}/lockers");
    let variables = [
        ("CLOAKROOM_DATABASE__URL", url.as_str()),
        ("CLOAKROOM_HTTP__DRAIN_DELAY", "20s"),
    ];
    let mut gateway = Serve::launch(&oauth, STORE, &variables);
    gateway.listening().await;
    let first = gateway.line(WAITING).await;
    let cause = first["cause"].as_str().unwrap();
    let named = format!("cannot reach PostgreSQL at {address}, database lockers: ");
    assert!(cause.starts_with(&named), "{first}");
    assert!(cause.contains("refused"), "{first}");
    assert_eq!(get(&gateway, "/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(
        get(&gateway, "/readyz").await,
        (503, "not ready: registry\n".to_owned())
    );
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = http.post(format!("{}/v1/credentials", gateway.url));
    let answer = asked.bearer_auth("token").send().await.unwrap();
    Answer::read(answer)
        .await
        .assert_problem(500, "internal-error");
    gateway.line(WAITING).await;
    let told = Instant::now();
    gateway.signal("TERM").await;
    let rest = gateway.rest().await;
    gateway.ended().await;
    assert!(told.elapsed() < Duration::from_secs(5), "{rest:?}");
    assert!(!format!("{first}{rest:?}").contains("canary"), "{rest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_starting_database_is_waited_for_and_a_wrong_password_is_fatal() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let url = refusing_postgres(&STARTING_FOR_LONG).await;
    let mut gateway = Serve::launch(&oauth, STORE, &[("CLOAKROOM_DATABASE__URL", &url)]);
    let waiting = gateway.line(WAITING).await;
    assert!(waiting.to_string().contains(STARTING.1), "{waiting}");
    let rest = gateway.rest().await;
    let last = rest.iter().rfind(|line| line["level"] == "ERROR").unwrap();
    let message = last["message"].as_str().unwrap();
    assert!(
        message.starts_with("database.url: cannot open PostgreSQL at 127.0.0.1:"),
        "{last}"
    );
    assert!(message.ends_with(WRONG_PASSWORD.1), "{last}");
    assert!(!format!("{rest:?}").contains("canary"), "{rest:?}");
    assert_eq!(gateway.exit_code().await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_behind_a_pooler_is_waited_for() {
    const FAILING: (&str, &str) = ("08P01", "server login has been failing, try again later");
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let url = refusing_postgres(&[FAILING, WRONG_PASSWORD]).await;
    let mut gateway = Serve::launch(&oauth, STORE, &[("CLOAKROOM_DATABASE__URL", &url)]);
    let waiting = gateway.line(WAITING).await;
    assert!(waiting.to_string().contains(FAILING.1), "{waiting}");
    assert_eq!(gateway.exit_code().await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_or_hangs_up_is_retried_while_the_gateway_listens() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    for (hangs_up, expected) in [
        (false, "timed out"),
        (true, "connection closed|reset by peer"),
    ] {
        let url = mute_postgres(hangs_up).await;
        let mut gateway = Serve::launch(&oauth, STORE, &[("CLOAKROOM_DATABASE__URL", &url)]);
        gateway.listening().await;
        assert_eq!(get(&gateway, "/livez").await, (200, "ok\n".to_owned()));
        // The lines of two attempts.
        for _ in 0..2 {
            let line = gateway.line(WAITING).await;
            let cause = line["cause"].as_str().unwrap();
            assert!(cause.starts_with("cannot reach PostgreSQL at "), "{line}");
            let mut causes = expected.split('|');
            assert!(causes.any(|expected| cause.contains(expected)), "{line}");
        }
        assert_eq!(
            get(&gateway, "/readyz").await,
            (503, "not ready: registry\n".to_owned())
        );
        gateway.signal("TERM").await;
        gateway.ended().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_database_is_fatal_at_once() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let url = refusing_postgres(&[("3D000", "database \"lockers\" does not exist")]).await;
    let mut gateway = Serve::launch(&oauth, STORE, &[("CLOAKROOM_DATABASE__URL", &url)]);
    let lines = gateway.rest().await;
    assert!(
        lines.iter().all(|line| line["message"] != WAITING),
        "{lines:?}"
    );
    assert_eq!(gateway.exit_code().await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_metadata_is_logged_with_its_url_and_backoff() {
    const DOCUMENT: &str = "/.well-known/openid-configuration";
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let late = MockServer::start().await;
    let issuer = late.uri();
    let variables = [("CLOAKROOM_OAUTH__ISSUER", issuer.as_str())];
    let mut gateway = Serve::start(&oauth, STORE, &variables).await;
    let line = gateway.line("waiting for discovery").await;
    assert_eq!(
        line["cause"],
        format!("{issuer}{DOCUMENT}: the answer is 404 Not Found"),
        "{line}"
    );
    // Six rounds of two documents, one a second; a line at 0, 1 and 3 s.
    let asked = async || late.received_requests().await.unwrap().len();
    while asked().await < 12 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let metadata = json!({
        "issuer": issuer,
        "introspection_endpoint": format!("{issuer}/introspect"),
    });
    Mock::given(method("GET"))
        .and(path(DOCUMENT))
        .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
        .mount(&late)
        .await;
    let mut lines: Vec<Value> = Vec::new();
    loop {
        lines.push(gateway.next_line().await.unwrap());
        if lines.last().unwrap()["message"] == "no longer waiting for discovery" {
            break;
        }
    }
    assert!(lines.len() <= 3, "{lines:?}");
    assert_eq!(get(&gateway, "/readyz").await.0, 200);
    gateway.signal("TERM").await;
    gateway.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_and_recovers_is_logged_once_each() {
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let store = MockServer::start().await;
    let answers = async |status: u16| {
        store.reset().await;
        let answer = Mock::given(any()).respond_with(ResponseTemplate::new(status));
        answer.mount(&store).await;
    };
    let mut gateway = Serve::start(&oauth, &store.uri(), &[]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let token = dev_token(&http, &oauth, &[]).await;
    let url = format!("{}/v1/credentials", gateway.url);
    let call = async || {
        let sent = http.post(&url).bearer_auth(&token).send().await;
        assert_eq!(sent.unwrap().status(), 502);
    };
    answers(503).await;
    call().await;
    call().await;
    let line = gateway
        .line("waiting for the store (storage.endpoint)")
        .await;
    assert_eq!(
        (&line["level"], &line["cause"]),
        (&json!("WARN"), &json!("status 503"))
    );
    answers(403).await;
    call().await;
    let line = gateway
        .line("no longer waiting for the store (storage.endpoint)")
        .await;
    assert_eq!(line["level"], "INFO");
}
