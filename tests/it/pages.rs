//! `GET /`, `GET /problems`, `GET /problems/{slug}`.

use crate::support::{Answer, App, Setup, spawn_app};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn get(app: &App, path: &str, accept: &str) -> Answer {
    let request = app.http.get(format!("{}{path}", app.url));
    app.send(request.header("accept", accept)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn home_page_shows_this_deployments_addresses() {
    let app = spawn_app().await;
    let lines = cloakroom::http::pages::snippets::functions(&app.url);
    let text = get(&app, "/", "*/*").await;
    assert_eq!(
        text.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert!(text.text.contains(&lines), "{}", text.text);
    assert!(text.text.contains(&app.oauth.issuer()));
    let html = get(&app, "/", BROWSER).await;
    assert_eq!(
        html.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(html.text.contains("<html lang=\"en\">") && html.text.contains(&app.url));
    for answer in [&text, &html] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("vary"), Some("Accept"));
        answer.assert_common_headers();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn home_page_says_how_to_sign_in_where_there_is_a_client_for_it() {
    let line = |app: &App| format!("cloakroom login --url {}", app.url);
    let without = spawn_app().await;
    assert!(
        !get(&without, "/", "*/*")
            .await
            .text
            .contains(&line(&without))
    );
    let setup = Setup::default().key("http.login_client_id", "demo");
    let with = setup.spawn().await;
    assert!(get(&with, "/", "*/*").await.text.contains(&line(&with)));
}

#[tokio::test(flavor = "multi_thread")]
async fn home_page_opens_the_console_where_there_is_one() {
    let door = |app: &App| format!("Sign in to my storage: {}/console/", app.url);
    let without = spawn_app().await;
    let text = get(&without, "/", "*/*").await.text;
    assert!(!text.contains("/console/"), "{text}");
    assert!(text.contains("\nStatus: ready\n"), "{text}");
    let with = Setup::default().key("http.console", "true").spawn().await;
    let text = get(&with, "/", "*/*").await.text;
    assert!(text.contains(&door(&with)), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_need_no_script_and_load_nothing() {
    let app = spawn_app().await;
    for path in ["/", "/problems", "/problems/invalid-token"] {
        let page = get(&app, path, BROWSER).await;
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        for tag in ["<script", "<img", "src=", "@import", "url("] {
            assert!(!page.text.contains(tag), "{path}: {tag}");
        }
        let links: Vec<&str> = page.text.split("<link ").skip(1).collect();
        let [icon] = links[..] else {
            panic!("{path}: {links:?}")
        };
        assert!(icon.starts_with("rel=\"icon\" href=\"data:image/svg+xml;base64,"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_type_has_a_page_that_explains_it() {
    let app = spawn_app().await;
    let index = get(&app, "/problems", "*/*").await.text;
    let addresses: Vec<&str> = index
        .lines()
        .filter_map(|line| line.strip_prefix("- ")?.split_once(": "))
        .map(|(_, address)| address)
        .filter(|address| address.starts_with("http"))
        .collect();
    assert_eq!(addresses.len(), 21, "{index}");
    for address in addresses {
        let page = app.send(app.http.get(address)).await;
        assert_eq!(page.status, 200, "{address}");
        for heading in ["## Likely causes", "## What to do", "## An example"] {
            assert!(page.text.contains(heading), "{address}: {heading}");
        }
        assert!(page.text.contains(&format!("\"type\": \"{address}\"")));
    }
    let problem = app.ask("nonsense").await.json();
    let page = app
        .send(app.http.get(problem["type"].as_str().unwrap()))
        .await;
    assert!(page.text.starts_with("Invalid token\n"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_problem_is_a_404() {
    let app = spawn_app().await;
    get(&app, "/problems/nothing", "*/*")
        .await
        .assert_problem(404, "not-found");
    let posted = app.send(app.post("/problems")).await;
    posted.assert_problem(405, "method-not-allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_of_listed_origins_may_call_the_gateway() {
    let app = Setup::default()
        .key("http.cors_origins", "https://app.example")
        .spawn()
        .await;
    let preflight = async |origin: &str| {
        let url = format!("{}/v1/credentials", app.url);
        let request = app.http.request(reqwest::Method::OPTIONS, url);
        app.send(
            request
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization"),
        )
        .await
    };
    let allowed = preflight("https://app.example").await;
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some("https://app.example")
    );
    assert_eq!(allowed.header("access-control-allow-credentials"), None);
    let refused = preflight("https://evil.example").await;
    assert_eq!(refused.header("access-control-allow-origin"), None);
    let token = app.token("alice").await;
    let answer = app.post("/v1/credentials").bearer_auth(token);
    let answer = app
        .send(answer.header("origin", "https://app.example"))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://app.example")
    );
}
