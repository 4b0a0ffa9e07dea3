//! `POST /core/v1/object_storage/access_keys/access_key/generate_credentials`, see docs/api/access-keys.md.

mod answer;
mod leases;
mod reached;
mod refusals;
mod rotation;

use cloakroom::domain::{AccessKey, AccessKeyOwner, AccessKeyRights, ApiKey, Scope, Slug};
use cloakroom::service::{NewAccessKey, NewApiKey, NewArea};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::{Answer, App, Setup, s3};

pub(super) const PATH: &str = "/core/v1/object_storage/access_keys/access_key/generate_credentials";
pub(super) const OAUTH_SCOPE: &str =
    "com.cleverbase.storage api.katapult.io/core/v1/object_storage";

/// A gateway that brokers keys on the embedded store.
pub(super) async fn brokering(setup: Setup) -> App {
    setup
        .change(|config| {
            let identity = config.storage.identity.clone().unwrap();
            config.access_keys.broker = Some(cloakroom::config::BrokerConfig {
                kind: cloakroom::config::BrokerKind::Iam,
                endpoint: None,
                identity,
            });
        })
        .spawn()
        .await
}

/// An organisation, and a key of its own that may ask for pairs.
pub(super) async fn with_organisation(app: &App, slug: &str) -> ApiKey {
    app.organisation(slug, &NewArea::default()).await;
    let new = NewApiKey {
        organisation: slug.parse().unwrap(),
        label: "katapult".to_owned(),
        expires_in: None,
        storage: false,
        scopes: vec![Scope::parse("object_storage").unwrap()],
    };
    app.administer().await.create_api_key(new).await.unwrap().0
}

/// The same with the organisation `acme` and a bucket `data`.
pub(super) async fn acme(setup: Setup) -> (App, ApiKey) {
    let app = brokering(setup).await;
    let token = with_organisation(&app, "acme").await;
    let made = app.root().create_bucket().bucket("data").send().await;
    made.unwrap();
    (app, token)
}

pub(super) fn named(read: &[&str], write: &[&str]) -> AccessKeyRights {
    let parse = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    AccessKeyRights {
        read_buckets: parse(read),
        write_buckets: parse(write),
        ..AccessKeyRights::default()
    }
}

pub(super) async fn access_key(
    app: &App,
    owner: AccessKeyOwner,
    rights: AccessKeyRights,
    networks: &[&str],
) -> AccessKey {
    let new = NewAccessKey {
        name: "backups".to_owned(),
        owner,
        rights,
        networks: networks
            .iter()
            .map(|network| network.parse().unwrap())
            .collect(),
    };
    app.administer().await.create_access_key(new).await.unwrap()
}

pub(super) fn of_acme() -> AccessKeyOwner {
    AccessKeyOwner::Organisation("acme".parse::<Slug>().unwrap())
}

pub(super) fn request(app: &App, token: &str, id: &str) -> RequestBuilder {
    let body = json!({ "access_key": { "id": id } });
    app.post(PATH).bearer_auth(token).json(&body)
}

pub(super) async fn ask(app: &App, token: &str, id: &str) -> Answer {
    app.send(request(app, token, id)).await
}

pub(super) fn assert_refused(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.assert_common_headers();
    let body = answer.json();
    assert_eq!(body["code"], code);
    assert!(
        body["description"].as_str().unwrap().ends_with('.') || status == 400,
        "{body}"
    );
    assert!(body["detail"].is_object());
    assert_eq!(body.as_object().unwrap().len(), 3);
    body["detail"].clone()
}

pub(super) fn pair(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let key = &answer.json()["object_storage_access_key"];
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (text("s3_access_key_id"), text("s3_secret_access_key"))
}

pub(super) fn client(app: &App, pair: &(String, String)) -> aws_sdk_s3::Client {
    s3(&app.storage.url(), &pair.0, &pair.1, None)
}

pub(super) async fn listed(client: &aws_sdk_s3::Client, bucket: &str) -> u16 {
    match client.list_objects_v2().bucket(bucket).send().await {
        Ok(_) => 200,
        Err(error) => error.raw_response().unwrap().status().as_u16(),
    }
}
