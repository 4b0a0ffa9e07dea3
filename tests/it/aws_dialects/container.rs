use std::time::{Duration, Instant};

use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::{Setup, fake_authorization_server, introspection_says, spawn_app};

use super::{CONTAINER, container};

#[tokio::test(flavor = "multi_thread")]
async fn answer_is_what_sdks_read_with_the_scheme_or_without() {
    let app = spawn_app().await;
    let token = app.token("alice").await;
    for authorization in [
        token.clone(),
        format!("Bearer {token}"),
        format!("bearer {token}"),
    ] {
        let request = app.http.get(format!("{}{CONTAINER}", app.url));
        let answer = app
            .send(request.header("authorization", authorization))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.assert_common_headers();
        let body = answer.json();
        let names: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(
            names,
            [
                "AccessKeyId",
                "Expiration",
                "SecretAccessKey",
                "SessionToken",
                "Token",
                "Version"
            ]
        );
        assert_eq!(
            (&body["Version"], &body["Token"]),
            (&1.into(), &body["SessionToken"])
        );
        assert_eq!(body["Expiration"].as_str().unwrap().len(), 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_or_clean_failure_comes_within_1800_ms() {
    for (delay, expected) in [(1_500, 401), (10_000, 502)] {
        let fake = fake_authorization_server().await;
        let slow = ResponseTemplate::new(200)
            .set_body_json(json!({"active": false}))
            .set_delay(Duration::from_millis(delay));
        introspection_says(&fake, slow).await;
        let app = Setup::default()
            .key("oauth.issuer", &fake.uri())
            .spawn()
            .await;
        let started = Instant::now();
        assert_eq!(container(&app, Some("token")).await.status, expected);
        let took = started.elapsed();
        assert!(took < Duration::from_millis(1_800), "{took:?}");
    }
}
