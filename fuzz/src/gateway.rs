//! A gateway with its database, an authorization server and a store that are well. The token `of.alice`
//! is alice's; alice is in acme/research, bob may read globex/research. The organisation acme has an API key.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

use cloakroom::config::Config;
use cloakroom::server::{Server, administer};
use cloakroom::service::{NewApiKey, NewArea};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::runtime::Builder;
use url::form_urlencoded;

use crate::upstream::{self, Answer, Request};
use crate::xml::texts;

/// The policy of each session that the store has opened, by its key.
pub(crate) type Policies = Arc<Mutex<HashMap<String, String>>>;

/// What the store's keys begin with.
pub(crate) const KEY: &str = "FUZZ";

/// The secret of each.
pub(crate) const SECRET: &str = "handed-out";

pub(crate) const CLIENT: &str = "demo";
pub(crate) const MEMBERS: [(&str, &str, &str); 2] =
    [("alice", "acme", "research"), ("bob", "globex", "research")];

/// The organisation that has an API key.
pub(crate) const ORGANISATION: &str = "acme";

pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) api_key: String,
    /// What its store has opened.
    pub(crate) policies: Policies,
}

pub(crate) static GATEWAY: LazyLock<Gateway> = LazyLock::new(start);

/// Runs the gateway with its upstreams, until the process ends.
fn start() -> Gateway {
    let policies = Policies::default();
    let opened = Arc::clone(&policies);
    let issuer = Arc::<Mutex<String>>::default();
    let own = Arc::clone(&issuer);
    let url = upstream::start(move |request| answer(request, &own.lock().unwrap(), &opened));
    issuer.lock().unwrap().clone_from(&url);
    let database = tempfile::tempdir().unwrap().keep().join("cloakroom.db");
    let settings = [
        ("HTTP__ADDRESS", "127.0.0.1:0".to_owned()),
        ("OAUTH__ISSUER", url.clone()),
        ("OAUTH__CLIENT_ID", "gateway".to_owned()),
        ("OAUTH__CLIENT_SECRET", "hunter2".to_owned()),
        ("OAUTH__INTROSPECTION_CACHE", "0s".to_owned()),
        ("STORAGE__ENDPOINT", url),
        ("STORAGE__ACCESS_KEY_ID", "key".to_owned()),
        ("STORAGE__SECRET_ACCESS_KEY", "hunter2".to_owned()),
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
            let key = NewApiKey {
                organisation: ORGANISATION.parse().unwrap(),
                label: "fuzz".to_owned(),
                expires_in: None,
                storage: true,
                scopes: Vec::new(),
            };
            let (key, _) = administer.create_api_key(key).await.unwrap();
            let key = key.expose().to_owned();
            sender.send((server.address(), key)).unwrap();
            server.run(std::future::pending()).await.unwrap();
        });
    });
    let (address, api_key) = started.recv().unwrap();
    Gateway {
        address,
        api_key,
        policies,
    }
}

/// The upstreams: discovery, introspection, STS, and a store that has no bucket yet and makes any.
fn answer(request: &Request, url: &str, policies: &Policies) -> Answer {
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
        let digest = Sha256::digest(policy);
        let key = format!("{KEY}{}", &hex::encode(digest)[..16]);
        let answer = format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>\
             <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>T</SessionToken>\
             <Expiration>{}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
            end(&form)
        );
        assert_eq!(
            texts(answer.as_bytes(), "AccessKeyId"),
            std::slice::from_ref(&key)
        );
        policies.lock().unwrap().insert(key, policy.clone());
        return (200, "text/xml", answer.into_bytes());
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
    let end = chrono::Utc::now() + chrono::TimeDelta::seconds(seconds.unwrap_or(900));
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
        "scope": "com.cleverbase.storage",
        "groups": groups,
    })
}
