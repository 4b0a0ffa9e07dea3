use std::time::Duration;

use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{User, gateway, http};

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_that_expires_is_renewed() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    for _ in 0..3 {
        let before = user.access_token();
        user.expire();
        let ran = user.run(&["credentials"]).await;
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        assert_ne!(user.access_token(), before);
    }
}

/// Refresh tokens are good once: if each process used the one that it has read, all but one would fail.
#[tokio::test(flavor = "multi_thread")]
async fn processes_at_once_refresh_once() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    user.expire();
    let run = || user.run(&["credentials"]);
    let all = [run(), run(), run(), run(), run(), run(), run(), run()];
    for ran in futures_util::future::join_all(all).await {
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    }
    assert_eq!(user.run(&["credentials"]).await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_gateway_refuses_is_renewed() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    let before = user.access_token();
    let form = [("token", before.as_str()), ("client_id", "demo")];
    let revoke = http().post(format!("{}/revoke", app.oauth.issuer()));
    revoke.form(&form).send().await.unwrap();
    assert_eq!(app.ask(&before).await.status, 401);
    let ran = user.run(&["credentials"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_ne!(user.access_token(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_has_ended_exits_with_77_and_says_what_to_do() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    user.expire();
    user.change(|kept| kept["granted"]["refresh_token"] = json!("spent"));
    for command in ["credentials", "whoami"] {
        let ran = user.run(&[command]).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(77), ""));
        let remedy = format!("cloakroom login --url {}", app.url);
        assert!(ran.stderr.contains(&remedy), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_authorization_server_costs_nothing() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    user.expire();
    let endpoint = user.kept()["token_endpoint"].clone();
    let failing = MockServer::start().await;
    let answer = ResponseTemplate::new(503);
    Mock::given(any())
        .respond_with(answer)
        .mount(&failing)
        .await;
    for broken in [
        "http://127.0.0.1:1/token",
        &format!("{}/token", failing.uri()),
    ] {
        user.change(|kept| kept["token_endpoint"] = json!(broken));
        let before = user.kept();
        let ran = user.run(&["credentials"]).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.starts_with(&app.oauth.issuer()), "{ran:?}");
        assert_eq!(user.kept(), before);
    }
    user.change(|kept| kept["token_endpoint"] = endpoint);
    assert_eq!(user.run(&["credentials"]).await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_while_it_refreshes_keeps_nobody_waiting() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    user.expire();
    let endpoint = user.kept()["token_endpoint"].clone();
    let hanging = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
    Mock::given(any())
        .respond_with(answer)
        .mount(&hanging)
        .await;
    user.change(|kept| kept["token_endpoint"] = json!(hanging.uri()));
    let mut child = user.command(&["credentials"]).spawn().unwrap();
    while hanging.received_requests().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    child.kill().await.unwrap();
    user.change(|kept| kept["token_endpoint"] = endpoint);
    let ran = user.run(&["credentials"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_writer_left_behind_is_removed() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    let unfinished = user.unfinished();
    std::fs::write(&unfinished, "{\"gateway\":").unwrap();
    user.expire();
    assert_eq!(user.run(&["credentials"]).await.code, Some(0));
    assert!(!unfinished.exists());
}

/// Killed between the new file and its name: the old refresh token is spent.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_tokens_of_a_killed_writer_are_used() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    std::fs::copy(user.file().unwrap(), user.unfinished()).unwrap();
    user.expire();
    user.change(|kept| kept["granted"]["refresh_token"] = "spent".into());
    let ran = user.run(&["credentials"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!user.unfinished().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_reported() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    std::fs::write(user.file().unwrap(), "{").unwrap();
    let ran = user.run(&["credentials"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("sign in again"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_tokens_do_not_travel_unprotected() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    user.expire();
    user.change(|kept| kept["token_endpoint"] = "http://as.example/token".into());
    let ran = user.run(&["credentials"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("is plain http"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_another_gateway_are_not_used() {
    let app = gateway().await;
    let user = User::signed_in(&app).await;
    user.change(|kept| kept["gateway"] = "https://other.example".into());
    let ran = user.run(&["credentials"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains("is for https://other.example"),
        "{ran:?}"
    );
}
