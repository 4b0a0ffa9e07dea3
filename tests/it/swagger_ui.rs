//! `GET /swagger-ui/…`

use cloakroom::embedded::authorization_server::AuthorizationServer;
use reqwest::redirect::Policy;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use url::Url;

use crate::support::{Answer, App, Process, SCOPE, Serve, Setup, spawn_app, until_ready};

const BUNDLE: &str = "/swagger-ui/swagger-ui-bundle.js";

async fn get(app: &App, path: &str) -> Answer {
    app.send(app.http.get(format!("{}{path}", app.url))).await
}

/// A gateway that has read the metadata of its authorization server.
async fn spawn_ready() -> App {
    let app = spawn_app().await;
    until_ready(&app.url).await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_comes_with_a_policy_and_no_secret() {
    let app = spawn_ready().await;
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
    assert!(!policy.contains('*'), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"));
    let settings = get(&app, "/swagger-ui/swagger-initializer.js").await.text;
    for setting in [
        "\"queryConfigEnabled\": false",
        "\"usePkceWithAuthorizationCodeGrant\": true",
        "\"clientId\": \"swagger-ui\"",
        "\"validatorUrl\": \"none\"",
        "\"persistAuthorization\": false",
        "plugins: [\n      SwaggerUIBundle.plugins.DownloadUrl,\n      () => ({ wrapComponents: { Input:",
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
    let app = spawn_ready().await;
    let contract = get(&app, "/openapi.json").await.json();
    let schemes = &contract["components"]["securitySchemes"];
    let flow = &schemes["SignIn"]["flows"]["authorizationCode"];
    assert_eq!(
        flow["authorizationUrl"],
        format!("{}/authorize", app.oauth.issuer())
    );
    assert_eq!(flow["tokenUrl"], format!("{}/token", app.oauth.issuer()));
    let security = &contract["paths"]["/v1/credentials"]["post"]["security"];
    assert_eq!(security, &json!([{ "SignIn": [SCOPE] }, { "bearer": [] }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_comes_first() {
    let app = spawn_ready().await;
    let contract = get(&app, "/openapi.json").await.text;
    let schemes = contract.split_once("\"securitySchemes\":{").unwrap().1;
    assert!(schemes.starts_with("\"SignIn\":"), "{schemes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_names_the_public_url_and_the_page_its_own() {
    let public_url = "https://gateway.example/storage";
    let app = Setup::default()
        .key("http.public_url", public_url)
        .spawn()
        .await;
    let contract = get(&app, "/openapi.json").await.json();
    assert_eq!(contract["servers"], json!([{ "url": public_url }]));
    let settings = get(&app, "/swagger-ui/swagger-initializer.js").await.text;
    assert!(settings.contains("servers: [{ url: new URL('..', location.href)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn redirect_keeps_the_host_name_that_was_typed() {
    let app = spawn_app().await;
    let http = reqwest::Client::builder().no_proxy();
    let http = http.redirect(Policy::none()).build().unwrap();
    let port = app.url.rsplit(':').next().unwrap();
    for typed in [
        format!("http://127.0.0.1:{port}/swagger-ui"),
        format!("http://localhost:{port}/swagger-ui/"),
        format!("http://localhost:{port}/swagger-ui"),
    ] {
        let answer = http.get(&typed).send().await.unwrap();
        assert_eq!(answer.status(), 308, "{typed}");
        let location = answer.headers()["location"].to_str().unwrap();
        let led_to = Url::parse(&typed).unwrap().join(location).unwrap();
        let page = format!("{}/index.html", typed.trim_end_matches('/'));
        assert_eq!(led_to.as_str(), page);
    }
}

/// A hostile website can point its name at this machine (DNS rebinding).
#[tokio::test(flavor = "multi_thread")]
async fn page_ignores_the_host_name() {
    let app = spawn_ready().await;
    let port = app.url.rsplit(':').next().unwrap();
    let by = async |name: &str, path: &str| {
        let request = app.http.get(format!("{}{path}", app.url));
        let host = format!("{name}:{port}");
        app.send(request.header("host", host)).await
    };
    for path in [
        "/swagger-ui/index.html",
        "/swagger-ui/swagger-initializer.js",
        "/openapi.json",
    ] {
        let own = by("127.0.0.1", path).await;
        for name in ["localhost", "[::1]", "evil.example"] {
            let answer = by(name, path).await;
            assert_eq!(answer.text, own.text, "{name}{path}");
            for header in ["content-security-policy", "access-control-allow-origin"] {
                assert_eq!(answer.header(header), own.header(header), "{name}{path}");
            }
        }
        assert_eq!(own.header("access-control-allow-origin"), None);
    }
}

/// The README shows this bucket for the client `demo` and the subject `alice`.
#[tokio::test(flavor = "multi_thread")]
async fn page_of_dev_uses_the_client_of_dev_token() {
    let dev = Process::dev(&[]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/swagger-ui/swagger-initializer.js", dev.gateway);
    let settings = http.get(url).send().await.unwrap().text().await.unwrap();
    assert!(settings.contains("\"clientId\": \"demo\""), "{settings}");
    let url = format!("{}/v1/credentials", dev.gateway);
    let token = dev.dev_token(&["alice"]).await;
    let answer = http.post(url).bearer_auth(token).send().await.unwrap();
    let bucket = "5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a";
    assert_eq!(Answer::read(answer).await.credentials().bucket, bucket);
    let config = std::fs::read_to_string(dev.data("cloakroom.toml")).unwrap();
    assert!(config.contains("http.swagger_ui_client_id = \"demo\""));
    dev.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn swagger_ui_can_be_disabled() {
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
async fn unchanged_file_is_304() {
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

/// How many bytes sent from this port the kernel still holds, for the connection with the most
/// (`tx_queue` in `proc_net_tcp.txt` of the kernel's documentation).
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
async fn unread_answers_take_little_memory() {
    const CONNECTIONS: u64 = 60;
    let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
    let mut gateway = Serve::start(&oauth, "http://127.0.0.1:9", &[]).await;
    let address = gateway.url.strip_prefix("http://").unwrap().to_owned();
    let request = format!("GET {BUNDLE} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let ask = async || {
        let mut connection = TcpStream::connect(&address).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        // The answer has started.
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
