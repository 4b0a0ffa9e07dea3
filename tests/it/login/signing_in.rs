use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::support::{ALICES_BUCKET, SCOPE, spawn_app};

use super::{User, Waiting, browse, gateway, http, on_page, sign_in};

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_work_after_signing_in_with_the_browser() {
    let app = gateway().await;
    let user = User::at(&app);
    let mut waiting = user.login(&["--browser"]);
    browse(&waiting.link().await, "alice").await;
    let ran = waiting.end().await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("Signed in as alice at "), "{ran:?}");
    let ran = user.run(&["credentials"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed["Version"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_work_after_signing_in_on_another_device() {
    let app = gateway().await;
    let user = User::at(&app);
    let mut waiting = user.login(&["--device"]);
    on_page(&waiting.link().await, &[("user", "alice")]).await;
    assert_eq!(waiting.end().await.code, Some(0));
    assert_eq!(user.run(&["credentials"]).await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_a_display_signs_in_by_code() {
    let app = gateway().await;
    let user = User::at(&app);
    let mut command = user.command(&["login", "--yes"]);
    command.env_remove("BROWSER");
    Waiting::of(command).line_with("on any device").await;
}

/// A gateway could name the authorization server and the client of another, to get its tokens.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_sign_in_at_a_gateway_shows_all_that_it_chooses_and_asks() {
    let app = gateway().await;
    let user = User::at(&app);
    let ran = user.run(&["login", "--browser"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("confirm with --yes"), "{ran:?}");
    for line in [
        format!("Gateway: {}\n", app.url),
        format!("Authorization server: {}\n", app.oauth.issuer()),
        "Client: demo\n".to_owned(),
        format!("Scopes: {SCOPE}"),
    ] {
        assert!(ran.stderr.contains(&line), "{line}: {ran:?}");
    }
    let user = User::signed_in(&app).await;
    let again = user.command(&["login", "--browser"]);
    Waiting::of(again).link().await;
    user.change(|kept| kept["client_id"] = "another".into());
    let ran = user.run(&["login", "--browser"]).await;
    assert!(ran.stderr.contains("confirm with --yes"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_in_a_file_that_nobody_else_can_read() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    let file = user.file().unwrap();
    assert_eq!((mode_of(&file), mode_of(&user.state())), (0o600, 0o700));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let ran = user.run(&["credentials"]).await;
    assert_eq!(ran.code, Some(1));
    let remedy = format!("chmod 600 {}", file.display());
    assert!(ran.stderr.contains(&remedy), "{ran:?}");
    assert!(!ran.stderr.contains(&user.access_token()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_denied_is_not_signed_in() {
    let app = gateway().await;
    let user = User::at(&app);
    let mut waiting = user.login(&["--device"]);
    on_page(&waiting.link().await, &[("deny", "yes")]).await;
    let ran = waiting.end().await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("refused: access_denied"), "{ran:?}");
    assert_eq!(user.file(), None);
}

/// A page in the same browser can send requests to the port, but does not know the state.
#[tokio::test(flavor = "multi_thread")]
async fn requests_of_other_pages_neither_sign_in_nor_end_the_sign_in() {
    let app = gateway().await;
    let user = User::at(&app);
    let mut waiting = user.login(&["--browser"]);
    let link = waiting.link().await;
    let back = sign_in(&link, "alice").await;
    let mut forged = back.clone();
    forged.set_query(Some("code=forged&state=forged"));
    let mut elsewhere = back.clone();
    elsewhere.set_path("/favicon.ico");
    for (url, status) in [(forged, 400), (elsewhere, 404)] {
        assert_eq!(http().get(url).send().await.unwrap().status(), status);
    }
    assert_eq!(http().get(back).send().await.unwrap().status(), 200);
    assert_eq!(waiting.end().await.code, Some(0));
}

/// Other users of the machine see the browser's arguments.
#[tokio::test(flavor = "multi_thread")]
async fn the_browser_is_opened_at_a_link_that_works_once() {
    let app = gateway().await;
    let user = User::at(&app);
    let (browser, opened) = (
        user.home.path().join("browser"),
        user.home.path().join("opened"),
    );
    let script = "#!/bin/sh\nprintf %s \"$1\" >\"$0.part\"\nmv \"$0.part\" \"${0%/*}/opened\"\n";
    std::fs::write(&browser, script).unwrap();
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = user.command(&["login", "--yes", "--browser"]);
    command.env("BROWSER", &browser);
    let mut waiting = Waiting::of(command);
    let printed = waiting.link().await;
    while !opened.exists() {
        tokio::task::yield_now().await;
    }
    let link = std::fs::read_to_string(&opened).unwrap();
    let first = http().get(&link).send().await.unwrap();
    assert_eq!(first.headers()["location"], printed.as_str());
    assert_eq!(http().get(&link).send().await.unwrap().status(), 410);
    let ran = waiting.end().await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("opened twice"), "{ran:?}");
    assert_eq!(user.file(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_another_authorization_server_is_refused() {
    let app = gateway().await;
    let user = User::at(&app);
    let mut waiting = user.login(&["--browser"]);
    let back = sign_in(&waiting.link().await, "alice").await;
    let mixed_up = back.as_str().replace(
        &url::form_urlencoded::byte_serialize(app.oauth.issuer().as_bytes()).collect::<String>(),
        "https%3A%2F%2Fevil.example",
    );
    assert_ne!(mixed_up, back.as_str());
    http().get(mixed_up).send().await.unwrap();
    let ran = waiting.end().await;
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains("another authorization server's"),
        "{ran:?}"
    );
    assert_eq!(user.file(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_must_be_named_as_it_names_itself() {
    let app = gateway().await;
    let user = User::at(&app);
    let other_name = app.url.replace("127.0.0.1", "localhost");
    let ran = user.run(&["login", "--url", &other_name]).await;
    assert_eq!(ran.code, Some(1));
    let remedy = format!("use --url {}", app.url);
    assert!(ran.stderr.contains(&remedy), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_no_gateways_is_told_from_one_that_does_not_answer() {
    let app = gateway().await;
    let user = User::at(&app);
    let with_tls = app.url.replace("http:", "https:");
    let elsewhere = app.oauth.issuer();
    for (url, expected) in [
        (
            elsewhere.as_str(),
            "404 Not Found: is this the gateway's address?",
        ),
        ("http://127.0.0.1:1", "no answer: is the gateway running"),
        (&with_tls, "no secure connection"),
    ] {
        let ran = user.run(&["login", "--url", url]).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.starts_with(&format!("{url}: ")), "{ran:?}");
        assert!(ran.stderr.contains(expected), "{ran:?}");
    }
    let ran = user.run(&["login", "--url", "cloakroom.example.com"]).await;
    assert!(ran.stderr.contains("like https://"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_names_no_client_needs_one_on_the_command_line() {
    let app = spawn_app().await;
    let user = User::at(&app);
    let ran = user.run(&["login", "--browser"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("--client-id"), "{ran:?}");
    let mut waiting = user.login(&["--browser", "--client-id", "demo"]);
    browse(&waiting.link().await, "alice").await;
    assert_eq!(waiting.end().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_terminals_can_sign_in_at_once() {
    let app = gateway().await;
    let user = User::at(&app);
    let (mut one, mut other) = (user.login(&["--browser"]), user.login(&["--browser"]));
    let links = [one.link().await, other.link().await];
    for link in &links {
        browse(link, "alice").await;
    }
    assert_eq!(one.end().await.code, Some(0));
    assert_eq!(other.end().await.code, Some(0));
    assert_eq!(user.run(&["credentials"]).await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoami_shows_the_person_and_what_they_may_open() {
    let app = gateway().await;
    let member = [("alice", cloakroom::domain::Access::Read)];
    app.workspace("acme/research", &member).await;
    let user = User::signed_in(&app).await;
    let ran = user.run(&["whoami"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for part in [
        "alice",
        "demo",
        app.url.as_str(),
        "not made yet",
        "acme/research",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    user.run(&["credentials"]).await;
    let ran = user.run(&["whoami", "--json"]).await;
    let shown: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(shown["subject"], "alice");
    assert_eq!(shown["storage"][0]["bucket"], ALICES_BUCKET);
    assert_eq!(shown["storage"][1]["access"], "read");
    assert!(!ran.stdout.contains(&user.access_token()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_gateway_that_one_is_signed_in_at_needs_no_name() {
    let (one, other) = (gateway().await, gateway().await);
    let user = User::at(&one);
    let nameless = async |arguments: &[&str]| {
        let mut command = user.command(arguments);
        command.env_remove("CLOAKROOM_URL");
        super::Ran::of(command.output().await.unwrap())
    };
    // Any user of the machine can listen on the port of `cloakroom dev`.
    for command in ["login", "credentials"] {
        let ran = nameless(&[command]).await;
        assert_eq!(ran.code, Some(77), "{ran:?}");
        assert!(ran.stderr.contains("name the gateway"), "{ran:?}");
    }
    let mut waiting = user.login(&["--browser"]);
    browse(&waiting.link().await, "alice").await;
    assert_eq!(waiting.end().await.code, Some(0));
    assert_eq!(nameless(&["credentials"]).await.code, Some(0));
    let mut waiting = user.login(&["--browser", "--url", &other.url]);
    browse(&waiting.link().await, "alice").await;
    assert_eq!(waiting.end().await.code, Some(0));
    let ran = nameless(&["credentials"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("more than one gateway"), "{ran:?}");
    let ran = nameless(&["credentials", "--url", &other.url]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
}
