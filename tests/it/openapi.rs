use crate::support::spawn_app;

const FILE: &str = include_str!("../../openapi.yaml");

#[test]
fn openapi_yaml_matches_the_code() {
    assert!(
        FILE == cloakroom::http::openapi_yaml(),
        "openapi.yaml has drifted: cargo run -- openapi > openapi.yaml"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_serves_openapi_yaml() {
    let app = spawn_app().await;
    let yaml = app
        .send(app.http.get(format!("{}/openapi.yaml", app.url)))
        .await;
    assert_eq!(yaml.text, FILE);
    let json = app
        .send(app.http.get(format!("{}/openapi.json", app.url)))
        .await
        .json();
    assert!(json["paths"]["/v1/credentials"]["post"].is_object());
}

#[test]
fn credentials_to_your_own_bucket_come_first() {
    let paths = FILE.split_once("\npaths:\n").unwrap().1;
    assert!(
        paths.starts_with("  /v1/credentials:\n    post:\n"),
        "{}",
        &paths[..80]
    );
}

#[test]
fn every_status_of_the_route_has_an_example() {
    let contract: serde_json::Value =
        serde_json::from_str(&cloakroom::http::openapi_json()).unwrap();
    let responses = contract["paths"]["/v1/credentials"]["post"]["responses"]
        .as_object()
        .unwrap();
    let mut statuses: Vec<&str> = responses.keys().map(String::as_str).collect();
    statuses.sort_unstable();
    assert_eq!(
        statuses,
        [
            "200", "400", "401", "403", "405", "409", "413", "415", "429", "500", "502", "503"
        ]
    );
    for (status, response) in responses {
        for (media_type, content) in response["content"].as_object().unwrap() {
            let has = content["example"].is_object()
                || content["examples"]
                    .as_object()
                    .is_some_and(|examples| !examples.is_empty());
            assert!(has, "{status} {media_type}");
        }
    }
}
