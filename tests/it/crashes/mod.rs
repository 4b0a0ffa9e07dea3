//! Processes that are killed while they change access keys, at each request to the engine: before the
//! engine gets it, and after the engine has acted but before the answer arrives.

mod ending;
mod examination;
mod gate;
mod rotation;

use std::process::Stdio;
use std::time::Duration;

use cloakroom::domain::{AccessKeyOwner, AccessKeyRights, Scope};
use cloakroom::service::{NewAccessKey, NewApiKey, NewArea};
use serde_json::json;
use sqlx::SqlitePool;
use tokio::process::{Child, Command};

use crate::support::{Answer, App, Reserved, Setup, cloakroom, s3, until_ready};

const PATH: &str = "/core/v1/object_storage/access_keys/access_key/generate_credentials";

/// The program in a separate process, on the registry of `app`, with this engine.
fn program(app: &App, engine: &str, arguments: &[&str]) -> Command {
    let (client, identity) = (app.oauth.resource_server(), app.storage.identity());
    let (id, secret) = (&identity.access_key_id, &identity.secret_access_key);
    let database = app.registry_url();
    let mut command = cloakroom(arguments);
    command
        .envs([
            ("CLOAKROOM_OAUTH__ISSUER", app.oauth.issuer().as_str()),
            ("CLOAKROOM_OAUTH__CLIENT_ID", &client.client_id),
            ("CLOAKROOM_OAUTH__CLIENT_SECRET", &client.client_secret),
            ("CLOAKROOM_STORAGE__ENDPOINT", engine),
            ("CLOAKROOM_STORAGE__ACCESS_KEY_ID", id),
            ("CLOAKROOM_STORAGE__SECRET_ACCESS_KEY", secret),
            ("CLOAKROOM_ACCESS_KEYS__BROKER", "iam"),
            ("CLOAKROOM_ACCESS_KEYS__ADMIN_ACCESS_KEY_ID", id),
            ("CLOAKROOM_ACCESS_KEYS__ADMIN_SECRET_ACCESS_KEY", secret),
            ("CLOAKROOM_DATABASE__URL", &database),
            ("CLOAKROOM_LOG__LEVEL", "error"),
            ("CLOAKROOM_OPERATOR", "tester"),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A gateway that is ready.
async fn start(app: &App, engine: &str) -> (Child, String) {
    let reserved = Reserved::new();
    let address = reserved.address().to_string();
    let mut serve = program(app, engine, &["serve"]);
    let serve = serve.env("CLOAKROOM_HTTP__ADDRESS", &address);
    let child = serve.spawn().unwrap();
    let url = format!("http://{address}");
    until_ready(&url).await;
    (child, url)
}

struct World {
    app: App,
    token: String,
    database: SqlitePool,
}

impl World {
    async fn new() -> Self {
        let app = Setup::default().spawn().await;
        app.root()
            .create_bucket()
            .bucket("data")
            .send()
            .await
            .unwrap();
        app.organisation("acme", &NewArea::default()).await;
        let administer = app.administer().await;
        let new = NewApiKey {
            organisation: "acme".parse().unwrap(),
            label: "test".to_owned(),
            expires_in: None,
            storage: false,
            scopes: vec![Scope::parse("object_storage").unwrap()],
        };
        let (token, _) = administer.create_api_key(new).await.unwrap();
        Self {
            token: token.expose().to_owned(),
            database: app.database().await,
            app,
        }
    }

    /// A key that may read `data`.
    async fn key(&self) -> String {
        let new = NewAccessKey {
            name: "test".to_owned(),
            owner: AccessKeyOwner::Organisation("acme".parse().unwrap()),
            rights: AccessKeyRights {
                read_buckets: vec!["data".parse().unwrap()],
                ..AccessKeyRights::default()
            },
            networks: Vec::new(),
        };
        let key = self
            .app
            .administer()
            .await
            .create_access_key(new)
            .await
            .unwrap();
        key.id.to_string()
    }

    fn rotate(&self, gateway: &str, key: &str) -> reqwest::RequestBuilder {
        let body = json!({ "access_key": { "id": key } });
        let request = self.app.http.post(format!("{gateway}{PATH}"));
        request.bearer_auth(&self.token).json(&body)
    }

    /// A new pair, whose rotation has finished.
    async fn pair(&self, gateway: &str, key: &str) -> (String, String) {
        let answer = self.app.send(self.rotate(gateway, key)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        until("a rotation ends", async || self.lease(key).await.is_empty()).await;
        state_and_pair(&answer).1
    }

    async fn lists(&self, pair: &(String, String)) -> bool {
        let client = s3(&self.app.storage.url(), &pair.0, &pair.1, None);
        match client.list_objects_v2().bucket("data").send().await {
            Ok(_) => true,
            Err(error) => {
                let status = error.raw_response().map(|answer| answer.status().as_u16());
                assert_eq!(status, Some(403), "{error:?}");
                false
            }
        }
    }

    /// The engine's users.
    fn accounts(&self) -> serde_json::Map<String, serde_json::Value> {
        let file = self.app.directory.path().join("storage/iam.json");
        let Ok(text) = std::fs::read_to_string(file) else {
            return serde_json::Map::new();
        };
        let accounts: serde_json::Value = serde_json::from_str(&text).unwrap();
        accounts["users"].as_object().unwrap().clone()
    }

    /// The users' names.
    fn users(&self) -> String {
        let names: Vec<String> = self.accounts().keys().cloned().collect();
        names.join(" ")
    }

    /// The pairs at the engine, and those in the registry.
    async fn pairs(&self) -> (Vec<String>, Vec<String>) {
        let accounts = self.accounts();
        let mut there: Vec<String> = accounts
            .values()
            .flat_map(|user| user["keys"].as_array().unwrap().clone())
            .map(|key| key["id"].as_str().unwrap().to_owned())
            .collect();
        there.sort();
        let recorded = sqlx::query_scalar("SELECT access_key_id FROM access_key_pairs ORDER BY 1");
        (there, recorded.fetch_all(&self.database).await.unwrap())
    }

    /// The rotation that holds the key, or an empty text.
    async fn lease(&self, key: &str) -> String {
        let query = sqlx::query_scalar("SELECT rotation FROM access_keys WHERE id = $1").bind(key);
        query.fetch_one(&self.database).await.unwrap()
    }

    /// Moves the start of every rotation into the past instead of waiting for 90 s.
    async fn pass_time(&self) {
        let update = "UPDATE access_keys SET rotation_began_at = '2000-01-01T00:00:00Z' \
                      WHERE rotation <> ''";
        sqlx::query(update).execute(&self.database).await.unwrap();
    }
}

/// The state and the pair in the answer to a rotation.
fn state_and_pair(answer: &Answer) -> (String, (String, String)) {
    let key = &answer.json()["object_storage_access_key"];
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    let pair = (text("s3_access_key_id"), text("s3_secret_access_key"));
    (text("state"), pair)
}

/// Waits until the next start has repaired the key.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(15), waiting).await;
    assert!(waited.is_ok(), "{what}");
}
