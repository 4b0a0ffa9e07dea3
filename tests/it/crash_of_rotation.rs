//! A gateway that is killed in the middle of a rotation, at each step to the engine: before the
//! engine has heard of it, and after it was done and nobody has heard back.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::{App as Proxy, HttpRequest, HttpResponse, HttpServer, web};
use cloakroom::domain::{KeyOwner, KeyRights, Scope};
use cloakroom::service::{AccessKeyWish, AreaWish, KeyWish};
use serde_json::json;
use sqlx::SqlitePool;
use tokio::process::Child;

use crate::support::{App, Setup, cloakroom, s3};

const PATH: &str = "/core/v1/object_storage/access_keys/access_key/generate_credentials";

/// What a rotation of a key that has a pair asks of the engine: list the pairs, make the user, put
/// the policy, make the pair, list the pairs, end the old one, try the new one.
const STEPS: usize = 7;

/// Forwards so many requests. The next one is held, before or after the store has had it.
struct Gate {
    store: String,
    http: reqwest::Client,
    passes: AtomicUsize,
    does_the_last: bool,
    held: AtomicUsize,
}

async fn forward(gate: web::Data<Gate>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let take = |left: usize| left.checked_sub(1);
    let passes = gate
        .passes
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take);
    if passes.is_ok() || gate.does_the_last {
        let url = format!("{}{}", gate.store, request.uri());
        let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes()).unwrap();
        let mut forwarded = gate.http.request(method, url).body(body.to_vec());
        for (name, value) in request.headers() {
            forwarded = forwarded.header(name.as_str(), value.as_bytes());
        }
        let answer = forwarded.send().await.unwrap();
        if passes.is_ok() {
            let status = actix_web::http::StatusCode::from_u16(answer.status().as_u16()).unwrap();
            return HttpResponse::build(status)
                .content_type("text/xml")
                .body(answer.bytes().await.unwrap());
        }
    }
    gate.held.fetch_add(1, Ordering::SeqCst);
    std::future::pending().await
}

/// A gate on a port of its own.
fn gate(app: &App, passes: usize, does_the_last: bool) -> (Arc<Gate>, String) {
    let gate = web::Data::new(Gate {
        store: app.storage.url(),
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        passes: AtomicUsize::new(passes),
        does_the_last,
        held: AtomicUsize::new(0),
    });
    let shared = gate.clone();
    let server = HttpServer::new(move || {
        Proxy::new()
            .app_data(shared.clone())
            .default_service(web::to(forward))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    tokio::spawn(server.run());
    (gate.into_inner(), url)
}

/// A gateway in a process of its own, on the registry of `app`, with this engine.
async fn start(app: &App, engine: &str) -> (Child, String) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let (client, identity) = (app.oauth.resource_server(), app.storage.identity());
    let (id, secret) = (&identity.access_key_id, &identity.secret_access_key);
    let database = format!("{}?mode=rwc", app.database_url());
    let child = cloakroom(&["serve"])
        .envs([
            ("CLOAKROOM_HTTP__ADDRESS", address.as_str()),
            ("CLOAKROOM_OAUTH__ISSUER", &app.oauth.issuer()),
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
        ])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let url = format!("http://{address}");
    let ready = async {
        let readyz = format!("{url}/readyz");
        while !app
            .http
            .get(&readyz)
            .send()
            .await
            .is_ok_and(|answer| answer.status() == 200)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ready)
        .await
        .unwrap();
    (child, url)
}

struct World {
    app: App,
    token: String,
    key: String,
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
        app.organisation("acme", &AreaWish::default()).await;
        let administer = app.administer().await;
        let wish = KeyWish {
            organisation: "acme".parse().unwrap(),
            label: "test".to_owned(),
            expires_in: None,
            storage: false,
            scopes: vec![Scope::parse("object_storage").unwrap()],
        };
        let (token, _) = administer.create_key(wish).await.unwrap();
        let wish = AccessKeyWish {
            name: "test".to_owned(),
            owner: KeyOwner::Organisation("acme".parse().unwrap()),
            rights: KeyRights {
                read_buckets: vec!["data".parse().unwrap()],
                ..KeyRights::default()
            },
            networks: Vec::new(),
        };
        let key = administer.create_access_key(wish).await.unwrap();
        Self {
            token: token.expose().to_owned(),
            key: key.id.to_string(),
            database: app.database().await,
            app,
        }
    }

    fn rotate(&self, gateway: &str) -> reqwest::RequestBuilder {
        let body = json!({ "access_key": { "id": self.key } });
        let request = self.app.http.post(format!("{gateway}{PATH}"));
        request.bearer_auth(&self.token).json(&body)
    }

    async fn pair(&self, gateway: &str) -> (String, String) {
        let answer = self.app.send(self.rotate(gateway)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let key = &answer.json()["object_storage_access_key"];
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        (text("s3_access_key_id"), text("s3_secret_access_key"))
    }

    async fn lists(&self, pair: &(String, String)) -> bool {
        let client = s3(&self.app.storage.url(), &pair.0, &pair.1, None);
        client.list_objects_v2().bucket("data").send().await.is_ok()
    }

    /// The pairs of the key at the engine, and those on record.
    async fn pairs(&self) -> (Vec<String>, Vec<String>) {
        let file = self.app.directory.path().join("storage/iam.json");
        let users: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let mut there: Vec<String> = users["users"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|user| user["keys"].as_array().unwrap().clone())
            .map(|key| key["id"].as_str().unwrap().to_owned())
            .collect();
        there.sort();
        let recorded = sqlx::query_scalar("SELECT access_key_id FROM access_key_pairs ORDER BY 1");
        (there, recorded.fetch_all(&self.database).await.unwrap())
    }

    async fn is_settled(&self) -> bool {
        let rotation: String = sqlx::query_scalar("SELECT rotation FROM access_keys")
            .fetch_one(&self.database)
            .await
            .unwrap();
        let (there, recorded) = self.pairs().await;
        rotation.is_empty() && there == recorded && there.len() <= 1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_was_broken_off_at_any_step_is_repaired_at_the_next_start() {
    let world = World::new().await;
    for step in 0..STEPS {
        for does_it in [false, true] {
            let (mut calm, url) = start(&world.app, &world.app.storage.url()).await;
            let before = world.pair(&url).await;
            calm.kill().await.unwrap();
            let (gate, engine) = gate(&world.app, step, does_it);
            let (mut child, url) = start(&world.app, &engine).await;
            let asking = tokio::spawn(world.rotate(&url).send());
            let held = async {
                while gate.held.load(Ordering::SeqCst) == 0 {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            let what = format!("step {step}, done: {does_it}");
            tokio::time::timeout(Duration::from_secs(10), held)
                .await
                .expect(&what);
            child.kill().await.unwrap();
            asking.abort();
            // Nobody waits for 90 s here: time has passed.
            sqlx::query("UPDATE access_keys SET rotation_began_at = '2000-01-01T00:00:00Z' WHERE rotation <> ''")
                .execute(&world.database)
                .await
                .unwrap();
            let (mut child, url) = start(&world.app, &world.app.storage.url()).await;
            let settled = async {
                while !world.is_settled().await {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            let settled = tokio::time::timeout(Duration::from_secs(15), settled).await;
            let pairs = world.pairs().await;
            settled.unwrap_or_else(|_| panic!("{what}: {pairs:?}"));
            let after = world.pair(&url).await;
            assert!(world.lists(&after).await, "{what}");
            assert!(!world.lists(&before).await, "{what}");
            child.kill().await.unwrap();
        }
    }
}
