//! `GET /console/…`

use reqwest::redirect::Policy;

use crate::support::{Answer, App, Raw, Setup, spawn_app, until_ready};

async fn get(app: &App, path: &str) -> Answer {
    app.send(app.http.get(format!("{}{path}", app.url))).await
}

/// A gateway with the console, which has read the metadata of its authorization server.
async fn spawn_with_console() -> App {
    let app = Setup::default().key("http.console", "true").spawn().await;
    until_ready(&app.url).await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn console_is_off_unless_it_is_switched_on() {
    let app = spawn_app().await;
    for path in [
        "/console",
        "/console/",
        "/console/app.js",
        "/console/settings.json",
    ] {
        get(&app, path).await.assert_problem(404, "not-found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_may_talk_to_its_peers_and_nobody_else() {
    let app = spawn_with_console().await;
    let page = get(&app, "/console/").await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; "),
        "{policy}"
    );
    let store = get(&app, "/console/settings.json").await.json()["store"]["endpoint"].clone();
    let peers = format!(
        "connect-src 'self' {} {};",
        app.oauth.issuer(),
        store.as_str().unwrap()
    );
    assert!(policy.contains(&peers), "{peers} in {policy}");
    assert!(policy.contains("frame-ancestors 'none'; require-trusted-types-for 'script'"));
    assert!(
        !policy.contains('*') && !policy.contains("unsafe"),
        "{policy}"
    );
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(page.header(name), Some(value));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_loads_only_what_the_gateway_serves() {
    let app = spawn_with_console().await;
    let page = get(&app, "/console/").await.text;
    let addresses = page
        .split('"')
        .filter(|part| part.contains('.') && !part.contains(['<', ' ']));
    let addresses: Vec<&str> = addresses.collect();
    assert!(
        addresses.iter().any(|address| address.ends_with("/app.js")),
        "{addresses:?}"
    );
    for address in addresses {
        let file = get(&app, &format!("/console/{address}")).await;
        assert_eq!(file.status, 200, "{address}");
        let media_type = file.header("content-type").unwrap();
        let expected = match address.rsplit_once('.').unwrap().1 {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "json" => "application/json",
            _ => "image/svg+xml",
        };
        assert_eq!(media_type, expected, "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_files_of_the_console_are_served() {
    let app = spawn_with_console().await;
    for path in ["nothing.js", "index.html", "files", "vendor/"] {
        get(&app, &format!("/console/{path}"))
            .await
            .assert_problem(404, "not-found");
    }
}

/// As no browser would send it.
#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_the_consoles_files() {
    let app = spawn_with_console().await;
    let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/pages");
    for path in [
        "../design/page.css",
        "%2e%2e/design/page.css",
        "..%2fdesign%2fpage.css",
        "design/../app.js",
        "files/../app.js",
        "/app.js",
        &format!("{pages}/design/page.css"),
        &format!("/{pages}/design/page.css"),
    ] {
        let mut client = Raw::open(&app.url).await;
        let answer = client.get(&format!("/console/{path}")).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let mut client = Raw::open(&app.url).await;
    assert_eq!(client.get("/console/design/page.css").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_ask_once_for_the_files_of_a_version() {
    let app = spawn_with_console().await;
    let page = get(&app, "/console/").await.text;
    let (_, version) = page.split_once("\"v-").unwrap();
    let (version, _) = version.split_once('/').unwrap();
    for (path, caching) in [
        (
            format!("v-{version}/app.js"),
            "public, max-age=31536000, immutable",
        ),
        ("v-0000000000000000/app.js".to_owned(), "no-cache"),
        ("app.js".to_owned(), "no-cache"),
    ] {
        let file = get(&app, &format!("/console/{path}")).await;
        assert_eq!(file.status, 200, "{path}");
        assert_eq!(file.header("cache-control"), Some(caching), "{path}");
    }
    let missing = get(&app, &format!("/console/v-{version}/nothing.js")).await;
    missing.assert_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn unchanged_file_of_the_console_is_304() {
    let app = spawn_with_console().await;
    let file = get(&app, "/console/app.js").await;
    assert_eq!(file.header("cache-control"), Some("no-cache"));
    let again = app.http.get(format!("{}/console/app.js", app.url));
    let again = again.header("if-none-match", file.header("etag").unwrap());
    let again = app.send(again).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_packed_for_browsers_that_take_it() {
    let app = spawn_with_console().await;
    let ask = async |accepted: &str| {
        let request = app.http.get(format!("{}/console/sign_in.js", app.url));
        let answer = request
            .header("accept-encoding", accepted)
            .send()
            .await
            .unwrap();
        let encoding = answer.headers().get("content-encoding").cloned();
        (encoding, answer.bytes().await.unwrap())
    };
    let (encoding, plain) = ask("identity").await;
    assert_eq!(encoding, None);
    let (encoding, packed) = ask("gzip, deflate, br").await;
    assert_eq!(encoding.unwrap(), "gzip");
    assert!(packed.len() * 2 < plain.len() && packed.starts_with(&[0x1f, 0x8b]));
    assert_eq!(ask("gzip;q=0").await.0, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_say_where_to_sign_in_and_hold_no_secret() {
    let app = spawn_with_console().await;
    let answer = get(&app, "/console/settings.json").await;
    answer.assert_common_headers();
    let settings = answer.json();
    let issuer = app.oauth.issuer();
    assert_eq!(settings["client_id"], "console");
    assert_eq!(settings["login"], false);
    assert_eq!(settings["scope"], "openid com.cleverbase.storage");
    assert_eq!(settings["sign_in"]["token"], format!("{issuer}/token"));
    assert_eq!(
        settings["sign_in"]["revocation"],
        format!("{issuer}/revoke")
    );
    assert!(
        !answer
            .text
            .contains(&app.oauth.resource_server().client_secret)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn console_without_a_slash_leads_to_the_page() {
    let app = spawn_with_console().await;
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .unwrap();
    let answer = http
        .get(format!("{}/console", app.url))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 308);
    assert_eq!(answer.headers()["location"], "console/");
}
