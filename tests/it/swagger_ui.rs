//! `GET /swagger-ui/…`

use cloakroom::embedded::authorization_server::AuthorizationServer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Answer, App, Serve, Setup, spawn_app};

const BUNDLE: &str = "/swagger-ui/swagger-ui-bundle.js";

async fn get(app: &App, path: &str) -> Answer {
    app.send(app.http.get(format!("{}{path}", app.url))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_comes_with_a_policy_and_no_secret() {
    let app = spawn_app().await;
    let page = get(&app, "/swagger-ui/index.html").await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert!(
        policy.contains(&format!("connect-src 'self' {};", app.oauth.issuer())),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'"));
    let settings = get(&app, "/swagger-ui/swagger-initializer.js").await.text;
    for setting in [
        "\"queryConfigEnabled\": false",
        "\"usePkceWithAuthorizationCodeGrant\": true",
        "\"clientId\": \"swagger-ui\"",
        "\"validatorUrl\": \"none\"",
        "\"persistAuthorization\": false",
    ] {
        assert!(settings.contains(setting), "{setting} in {settings}");
    }
    assert!(!settings.contains("clientSecret"));
    assert!(!settings.contains(&app.oauth.resource_server().client_secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_static_files_may_be_cached() {
    let app = spawn_app().await;
    let caching = async |file: &str| {
        let answer = get(&app, &format!("/swagger-ui/{file}")).await;
        answer.header("cache-control").unwrap().to_owned()
    };
    assert_eq!(
        caching("swagger-ui-bundle.js").await,
        "public, max-age=86400"
    );
    for file in ["index.html", "swagger-initializer.js", "nothing.js"] {
        assert_eq!(caching(file).await, "no-store", "{file}");
    }
    get(&app, "/swagger-ui/..%2fetc")
        .await
        .assert_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_says_where_to_sign_in() {
    let app = spawn_app().await;
    let contract = get(&app, "/openapi.json").await.json();
    let flow = &contract["components"]["securitySchemes"]["authorization_code"]["flows"]["authorizationCode"];
    assert_eq!(
        flow["authorizationUrl"],
        format!("{}/authorize", app.oauth.issuer())
    );
    assert_eq!(flow["tokenUrl"], format!("{}/token", app.oauth.issuer()));
    assert_eq!(contract["servers"][0]["url"], app.url);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_switched_off() {
    let app = Setup::default()
        .key("http.swagger_ui", "false")
        .spawn()
        .await;
    for path in ["/swagger-ui", "/swagger-ui/", "/swagger-ui/index.html"] {
        get(&app, path).await.assert_problem(404, "not-found");
    }
    assert!(!get(&app, "/").await.text.contains("Swagger"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_has_a_file_is_not_sent_it_again() {
    let app = spawn_app().await;
    let bundle = get(&app, BUNDLE).await;
    assert_eq!(
        bundle.text.len().to_string(),
        bundle.header("content-length").unwrap()
    );
    let ask = async |tags: &str| {
        let request = app.http.get(format!("{}{BUNDLE}", app.url));
        app.send(request.header("if-none-match", tags)).await
    };
    let tag = bundle.header("etag").unwrap();
    let again = ask(&format!("\"other\", {tag}")).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(again.header("etag"), Some(tag));
    assert_eq!(
        again.header("cache-control"),
        bundle.header("cache-control")
    );
    assert_eq!(ask("\"other\"").await.text, bundle.text);
}

/// How many bytes the kernel holds that were sent from this port and not taken, for the connection
/// with the most (`tx_queue` in `proc_net_tcp.txt` of the kernel's documentation).
#[cfg(target_os = "linux")]
fn most_untaken_from(port: &str) -> u64 {
    let port = format!(":{:04X}", port.parse::<u16>().unwrap());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let queues = table.lines().skip(1).filter_map(|row| {
        let fields: Vec<&str> = row.split_whitespace().collect();
        let (sent, _) = fields[4].split_once(':').unwrap();
        let is_from_port = fields[1].ends_with(&port);
        is_from_port.then(|| u64::from_str_radix(sent, 16).unwrap())
    });
    queues.max().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_take_little_memory() {
    const CONNECTIONS: u64 = 60;
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let mut gateway = Serve::start(&oauth, "http://127.0.0.1:9", &[]).await;
    let address = gateway.url.strip_prefix("http://").unwrap().to_owned();
    let request = format!("GET {BUNDLE} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let ask = async || {
        let mut connection = TcpStream::connect(&address).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        // The answer has begun.
        assert_eq!(connection.peek(&mut [0]).await.unwrap(), 1);
        connection
    };
    let mut connections = vec![ask().await];
    let before = gateway.memory();
    for _ in 0..CONNECTIONS {
        connections.push(ask().await);
    }
    let taken = gateway.memory().saturating_sub(before) / CONNECTIONS;
    assert!(taken < 300_000, "{taken} bytes a connection");
    let (_, port) = address.split_once(':').unwrap();
    let untaken = most_untaken_from(port);
    assert!(
        (1..500_000).contains(&untaken),
        "{untaken} bytes in the kernel"
    );
    drop(connections);
    gateway.signal("TERM").await;
    gateway.ended().await;
}
