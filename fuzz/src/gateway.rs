//! A gateway with its database, an authorization server and a store that are well. The token `of.alice`
//! is alice's; alice is in acme/research, bob may read globex/research. The organisation acme has an API key.
//! The two organisations and alice have an access key each, and there is a capability token for globex's.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

use chrono::{TimeDelta, Utc};
use cloakroom::adapters::CapabilityKey;
use cloakroom::config::Config;
use cloakroom::domain::{AccessKeyOwner, AccessKeyRights, Principal, Scope};
use cloakroom::server::{Server, administer};
use cloakroom::service::{Administer, NewAccessKey, NewApiKey, NewArea};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use url::form_urlencoded;

use crate::requests::bucket_of;
use crate::store::Store;
use crate::upstream::{self, Answer, Request};

pub(crate) const CLIENT: &str = "demo";
pub(crate) const MEMBERS: [(&str, &str, &str); 2] =
    [("alice", "acme", "research"), ("bob", "globex", "research")];

/// The organisation that has an API key.
pub(crate) const ORGANISATION: &str = "acme";

/// What alice's access key opens.
pub(crate) const ALICES_BUCKET: &str = "reports";

/// What the gateway has made for its callers; the ids are access keys'.
pub(crate) struct Made {
    pub(crate) api_key: String,
    pub(crate) of_acme: String,
    pub(crate) of_globex: String,
    pub(crate) of_alice: String,
    /// For globex's access key.
    pub(crate) capability: String,
}

pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) made: Made,
    pub(crate) store: Arc<Mutex<Store>>,
}

pub(crate) static GATEWAY: LazyLock<Gateway> = LazyLock::new(start);

/// Runs the gateway with its upstreams, until the process ends.
fn start() -> Gateway {
    let store = Arc::<Mutex<Store>>::default();
    let own_store = Arc::clone(&store);
    let issuer = Arc::<Mutex<String>>::default();
    let own = Arc::clone(&issuer);
    let url = upstream::start(move |request| answer(request, &own.lock().unwrap(), &own_store));
    issuer.lock().unwrap().clone_from(&url);
    let database = tempfile::tempdir().unwrap().keep().join("cloakroom.db");
    let signing = CapabilityKey::generate().unwrap();
    let settings = [
        ("HTTP__ADDRESS", "127.0.0.1:0".to_owned()),
        ("OAUTH__ISSUER", url.clone()),
        ("OAUTH__CLIENT_ID", "gateway".to_owned()),
        ("OAUTH__CLIENT_SECRET", "hunter2".to_owned()),
        ("OAUTH__INTROSPECTION_CACHE", "0s".to_owned()),
        ("STORAGE__ENDPOINT", url),
        ("STORAGE__ACCESS_KEY_ID", "key".to_owned()),
        ("STORAGE__SECRET_ACCESS_KEY", "hunter2".to_owned()),
        ("ACCESS_KEYS__BROKER", "iam".to_owned()),
        ("ACCESS_KEYS__ADMIN_ACCESS_KEY_ID", "users".to_owned()),
        ("ACCESS_KEYS__ADMIN_SECRET_ACCESS_KEY", "hunter2".to_owned()),
        (
            "ACCESS_KEYS__CAPABILITY_KEY",
            signing.expose_secret().to_owned(),
        ),
        ("WORKSPACES__MEMBERSHIP_CLAIM", "groups".to_owned()),
        ("LIMITS__PER_CALLER", "100000/s burst 100000".to_owned()),
        ("LIMITS__PER_OWNER", "100000/s burst 100000".to_owned()),
        (
            "DATABASE__URL",
            format!("sqlite://{}?mode=rwc", database.display()),
        ),
    ];
    let settings = settings.map(|(name, value)| (format!("CLOAKROOM_{name}"), value));
    let config = Config::load(None, settings.into()).unwrap();
    let (sender, started) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let server = Server::build(&config).await.unwrap();
            let administer = administer(&config, "fuzz".parse().unwrap()).await.unwrap();
            for (_, org, ws) in MEMBERS {
                let new = NewArea::default();
                administer
                    .create_organisation(org.parse().unwrap(), &new)
                    .await
                    .unwrap();
                let workspace = format!("{org}/{ws}").parse().unwrap();
                administer.create_workspace(workspace, &new).await.unwrap();
            }
            let made = make(&administer, &CapabilityKey::new(&signing).unwrap()).await;
            sender.send((server.address(), made)).unwrap();
            server.run(std::future::pending()).await.unwrap();
        });
    });
    let (address, made) = started.recv().unwrap();
    Gateway {
        address,
        made,
        store,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the gateway that is fuzzed has the real clock"
)]
async fn make(administer: &Administer, signing: &CapabilityKey) -> Made {
    let api_key = NewApiKey {
        organisation: ORGANISATION.parse().unwrap(),
        label: "fuzz".to_owned(),
        expires_in: None,
        storage: true,
        scopes: vec![Scope::parse("object_storage").unwrap()],
    };
    let (api_key, _) = administer.create_api_key(api_key).await.unwrap();
    let organisation = |name: &str| AccessKeyOwner::Organisation(name.parse().unwrap());
    let alice: Principal = json!([CLIENT, "alice"]).to_string().parse().unwrap();
    let owners = [
        (organisation("acme"), bucket_of(&["org", "acme", ""])),
        (organisation("globex"), bucket_of(&["org", "globex", ""])),
        (AccessKeyOwner::Principal(alice), ALICES_BUCKET.to_owned()),
    ];
    let mut ids = Vec::new();
    for (owner, bucket) in owners {
        let new = NewAccessKey {
            name: "fuzz".to_owned(),
            owner,
            rights: AccessKeyRights {
                read_buckets: vec![bucket.parse().unwrap()],
                ..AccessKeyRights::default()
            },
            networks: Vec::new(),
        };
        ids.push(administer.create_access_key(new).await.unwrap().id);
    }
    let [of_acme, of_globex, of_alice] = ids.try_into().unwrap();
    let end = Utc::now() + TimeDelta::days(1);
    let name = administer.name_capability(&of_globex, end).await.unwrap();
    let capability = signing.sign(&name, &of_globex, Utc::now(), end).unwrap();
    Made {
        api_key: api_key.expose().to_owned(),
        of_acme: of_acme.to_string(),
        of_globex: of_globex.to_string(),
        of_alice: of_alice.to_string(),
        capability,
    }
}

/// The upstreams: discovery, introspection, and the store.
fn answer(request: &Request, url: &str, store: &Mutex<Store>) -> Answer {
    let json = |value: Value| (200, "application/json", value.to_string().into_bytes());
    let form: HashMap<String, String> = form_urlencoded::parse(request.body.as_bytes())
        .into_owned()
        .collect();
    let method = request.line.split(' ').next().unwrap_or_default();
    if request.line.contains("/.well-known/") {
        return json(
            json!({ "issuer": url, "introspection_endpoint": format!("{url}/introspect") }),
        );
    }
    if let Some(token) = form.get("token") {
        return json(introspected(token));
    }
    if let Some(policy) = form.get("Policy") {
        let answer = store.lock().unwrap().assume_role(policy, &end(&form));
        return (200, "text/xml", answer.into_bytes());
    }
    if let Some(answer) = store.lock().unwrap().iam(&form) {
        return (200, "text/xml", answer.into_bytes());
    }
    // A listing tries a new pair.
    if request.line.contains("list-type=2") {
        let no_bucket = "<Error><Code>NoSuchBucket</Code></Error>";
        return (404, "text/xml", Vec::from(no_bucket));
    }
    let no_tags = "<Error><Code>NoSuchTagSet</Code></Error>";
    match method {
        "PUT" => (200, "text/xml", Vec::new()),
        _ => (404, "text/xml", no_tags.as_bytes().to_vec()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the gateway that is fuzzed has the real clock"
)]
fn end(form: &HashMap<String, String>) -> String {
    let seconds = form
        .get("DurationSeconds")
        .and_then(|seconds| seconds.parse().ok());
    let end = Utc::now() + TimeDelta::seconds(seconds.unwrap_or(900));
    end.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn introspected(token: &str) -> Value {
    let name = token.strip_prefix("of.").unwrap_or_default();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return json!({ "active": false });
    }
    let groups = match name {
        "alice" => vec!["acme/research"],
        "bob" => vec!["globex/research:read"],
        _ => Vec::new(),
    };
    json!({
        "active": true,
        "sub": name,
        "client_id": CLIENT,
        "scope": "com.cleverbase.storage api.katapult.io/core/v1/object_storage",
        "groups": groups,
    })
}
