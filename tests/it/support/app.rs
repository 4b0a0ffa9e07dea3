use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_s3::config::{Credentials as SdkCredentials, Region, StalledStreamProtectionConfig};
use cloakroom::config::Config;
use cloakroom::domain::{Access, ApiKey, Member, Slug, Subject, WorkspaceName};
use cloakroom::embedded::authorization_server::AuthorizationServer;
use cloakroom::embedded::storage::Storage;
use cloakroom::server::{Server, administer};
use cloakroom::service::{Administer, AdministerError, NewApiKey, NewArea};
use reqwest::RequestBuilder;
use serde_json::Value;
use sqlx::SqlitePool;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Answer, Credentials, SCOPE};

/// The differences from an ordinary gateway.
pub(crate) struct Setup {
    variables: HashMap<String, String>,
    removed: Vec<String>,
    file: Option<String>,
    change: Box<dyn FnOnce(&mut Config) + Send>,
}

/// A gateway with its upstreams, on free ports.
pub(crate) struct App {
    pub(crate) url: String,
    /// The URL of its metrics, if it serves them.
    pub(crate) metrics: Option<String>,
    pub(crate) oauth: AuthorizationServer,
    pub(crate) storage: Storage,
    pub(crate) directory: TempDir,
    pub(crate) http: reqwest::Client,
    pub(crate) config: Config,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

pub(crate) async fn spawn_app() -> App {
    Setup::default().spawn().await
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            variables: HashMap::new(),
            removed: Vec::new(),
            file: None,
            change: Box::new(|_| {}),
        }
    }
}

impl Setup {
    /// Uses the registry of another gateway.
    pub(crate) fn beside(self, other: &App) -> Self {
        self.key(
            "database.url",
            &format!("{}?mode=rwc", other.database_url()),
        )
    }

    /// Another replica of this gateway: the same registry, store and authorization server.
    pub(crate) fn replica_of(self, other: &App) -> Self {
        let identity = other.storage.identity();
        self.beside(other)
            .key("storage.endpoint", &other.storage.url())
            .key("storage.access_key_id", &identity.access_key_id)
            .key("storage.secret_access_key", &identity.secret_access_key)
            .key("oauth.issuer", &other.oauth.issuer())
            .key(
                "oauth.client_secret",
                &other.oauth.resource_server().client_secret,
            )
    }

    /// Sets a key of the configuration, as the environment would.
    pub(crate) fn key(mut self, key: &str, value: &str) -> Self {
        self.variables.insert(variable(key), value.to_owned());
        self
    }

    /// Adds a configuration file with this text.
    pub(crate) fn file(mut self, text: &str) -> Self {
        self.file = Some(text.to_owned());
        self
    }

    /// Leaves out a key that an ordinary gateway has.
    pub(crate) fn without(mut self, key: &str) -> Self {
        self.removed.push(variable(key));
        self
    }

    /// Changes the configuration after its checks.
    pub(crate) fn change(mut self, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.change = Box::new(change);
        self
    }

    pub(crate) async fn spawn(self) -> App {
        self.spawn_in(tempfile::tempdir().unwrap()).await
    }

    /// Why such a gateway does not start.
    pub(crate) async fn refused(self) -> String {
        let directory = tempfile::tempdir().unwrap();
        let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
        let storage = Storage::start(0, directory.path().join("storage"))
            .await
            .unwrap();
        let config = self.config(&oauth, &storage, &directory);
        match Server::build(&config).await {
            Ok(_) => panic!("it starts"),
            Err(error) => error.to_string(),
        }
    }

    pub(crate) async fn spawn_in(self, directory: TempDir) -> App {
        let oauth = AuthorizationServer::start(0, "cloakroom").unwrap();
        let storage = Storage::start(0, directory.path().join("storage"))
            .await
            .unwrap();
        let config = self.config(&oauth, &storage, &directory);
        let server = Server::build(&config).await.unwrap();
        let url = format!("http://{}", server.address());
        let metrics = server.metrics_address();
        let metrics = metrics.map(|address| format!("http://{address}/metrics"));
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(async move {
            server
                .run(async { stopped.await.unwrap_or(()) })
                .await
                .unwrap();
        });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        App {
            url,
            metrics,
            oauth,
            storage,
            directory,
            http,
            config,
            stop: Some(stop),
            running,
        }
    }

    fn config(self, oauth: &AuthorizationServer, storage: &Storage, directory: &TempDir) -> Config {
        let database = directory.path().join("cloakroom.db");
        let identity = storage.identity();
        let mut variables: HashMap<String, String> = [
            ("HTTP__ADDRESS", "127.0.0.1:0".to_owned()),
            ("OAUTH__ISSUER", oauth.issuer()),
            (
                "OAUTH__CLIENT_ID",
                oauth.resource_server().client_id.clone(),
            ),
            (
                "OAUTH__CLIENT_SECRET",
                oauth.resource_server().client_secret.clone(),
            ),
            ("STORAGE__ENDPOINT", storage.url()),
            ("STORAGE__ACCESS_KEY_ID", identity.access_key_id.clone()),
            (
                "STORAGE__SECRET_ACCESS_KEY",
                identity.secret_access_key.clone(),
            ),
            (
                "DATABASE__URL",
                format!("sqlite://{}?mode=rwc", database.display()),
            ),
            ("NAMING__ACCEPT_CHANGE", "true".to_owned()),
        ]
        .map(|(name, value)| (format!("CLOAKROOM_{name}"), value))
        .into();
        variables.retain(|name, _| !self.removed.contains(name));
        variables.extend(self.variables);
        let file = self.file.map(|text| {
            let path = directory.path().join("cloakroom.toml");
            std::fs::write(&path, text).unwrap();
            path
        });
        let mut config = Config::load(file.as_deref(), variables).unwrap();
        (self.change)(&mut config);
        config
    }
}

fn variable(key: &str) -> String {
    format!("CLOAKROOM_{}", key.to_uppercase().replace('.', "__"))
}

impl App {
    /// A token of the authorization server, as `cloakroom dev-token` gets it.
    pub(crate) async fn token(&self, user: &str) -> String {
        self.token_with(&[("user", user)]).await
    }

    pub(crate) async fn token_with(&self, changes: &[(&str, &str)]) -> String {
        dev_token(&self.http, &self.oauth, changes).await
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::read(request.send().await.unwrap()).await
    }

    /// `POST /v1/credentials` with this token.
    pub(crate) async fn ask(&self, token: &str) -> Answer {
        self.send(self.post("/v1/credentials").bearer_auth(token))
            .await
    }

    pub(crate) async fn credentials_of(&self, user: &str) -> Credentials {
        self.ask(&self.token(user).await).await.credentials()
    }

    pub(crate) fn database_url(&self) -> String {
        format!(
            "sqlite://{}",
            self.directory.path().join("cloakroom.db").display()
        )
    }

    /// The administrative use cases, on the same registry.
    pub(crate) async fn administer(&self) -> Administer {
        let operator = "tester".parse().unwrap();
        administer(&self.config, operator).await.unwrap()
    }

    /// A new organisation and its API key.
    pub(crate) async fn organisation(&self, slug: &str, new: &NewArea) -> ApiKey {
        let administer = self.administer().await;
        let slug: Slug = slug.parse().unwrap();
        let made = administer.create_organisation(slug.clone(), new).await;
        made.unwrap();
        self.key(&slug, true).await
    }

    /// A new API key of an organisation.
    pub(crate) async fn key(&self, organisation: &Slug, storage: bool) -> ApiKey {
        let new = NewApiKey {
            organisation: organisation.clone(),
            label: "test".to_owned(),
            expires_in: None,
            storage,
            scopes: Vec::new(),
        };
        self.administer().await.create_api_key(new).await.unwrap().0
    }

    /// `POST /storage/boto` with this key.
    pub(crate) async fn boto(&self, key: &ApiKey) -> Answer {
        self.send(self.post("/storage/boto").header("x-api-key", key.expose()))
            .await
    }

    /// A new workspace with these members through any client. Creates the organisation if it is
    /// missing.
    pub(crate) async fn workspace(&self, name: &str, members: &[(&str, Access)]) {
        let administer = self.administer().await;
        let name: WorkspaceName = name.parse().unwrap();
        let new = NewArea::default();
        let slug = name.organisation.clone();
        match administer.create_organisation(slug, &new).await {
            Ok(_) | Err(AdministerError::Exists(_)) => {}
            Err(error) => panic!("{error}"),
        }
        administer
            .create_workspace(name.clone(), &new)
            .await
            .unwrap();
        for (subject, access) in members {
            let member = Member {
                issuer: None,
                subject: Subject::parse(subject).unwrap(),
                client_id: None,
                access: *access,
            };
            administer.set_member(&name, &member).await.unwrap();
        }
    }

    /// `GET /api/v1/org/{org}/ws/{ws}/storage/credentials`
    pub(crate) fn get_workspace(&self, name: &str) -> RequestBuilder {
        let (org, ws) = name.split_once('/').unwrap();
        let path = format!("/api/v1/org/{org}/ws/{ws}/storage/credentials");
        self.http.get(format!("{}{path}", self.url))
    }

    /// The same, sent with a token.
    pub(crate) async fn ask_workspace(&self, name: &str, token: &str) -> Answer {
        self.send(self.get_workspace(name).bearer_auth(token)).await
    }

    /// The registry and the audit trail, beside the gateway.
    pub(crate) async fn database(&self) -> SqlitePool {
        SqlitePool::connect(&self.database_url()).await.unwrap()
    }

    /// The store as its root sees it.
    pub(crate) fn root(&self) -> aws_sdk_s3::Client {
        let identity = self.storage.identity();
        s3(
            &self.storage.url(),
            &identity.access_key_id,
            &identity.secret_access_key,
            None,
        )
    }

    /// Stops the gateway as SIGTERM does, and keeps its files.
    pub(crate) async fn stop(mut self) -> TempDir {
        self.stop.take().unwrap().send(()).unwrap();
        self.running.await.unwrap();
        self.directory
    }
}

/// A token as `cloakroom dev-token` gets it, alice's by default.
pub(crate) async fn dev_token(
    http: &reqwest::Client,
    oauth: &AuthorizationServer,
    changes: &[(&str, &str)],
) -> String {
    let mut form: HashMap<&str, &str> = [
        ("user", "alice"),
        ("client_id", "demo"),
        ("scope", SCOPE),
        ("expires_in", "3600"),
    ]
    .into();
    form.extend(changes.iter().copied());
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let answer = http
        .post(format!("{}/dev/token", oauth.issuer()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

impl Credentials {
    /// An S3 client with these credentials.
    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let keys = &self.keys;
        let token = Some(keys.session_token.as_str());
        s3(
            &self.endpoint,
            &keys.access_key_id,
            &keys.secret_access_key,
            token,
        )
    }
}

/// An S3 client with these keys.
pub(crate) fn s3(
    endpoint: &str,
    id: &str,
    secret: &str,
    token: Option<&str>,
) -> aws_sdk_s3::Client {
    let token = token.map(str::to_owned);
    let config = aws_sdk_s3::Config::builder()
        .behavior_version_latest()
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(SdkCredentials::new(id, secret, token, None, "test"))
        .force_path_style(true)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(
            aws_sdk_s3::config::timeout::TimeoutConfig::builder()
                .operation_timeout(Duration::from_secs(20))
                .build(),
        )
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_s3::Client::from_conf(config)
}
