use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::{Credentials as SdkCredentials, Region, StalledStreamProtectionConfig};
use cloakroom::config::Config;
use cloakroom::domain::{Access, ApiKey, Member, Slug, Subject, WorkspaceName};
use cloakroom::embedded::authorization_server::AuthorizationServer;
use cloakroom::embedded::storage::Storage;
use cloakroom::server::{Server, administer_by};
use cloakroom::service::{Administer, AdministerError, Clock, NewApiKey, NewArea};
use reqwest::RequestBuilder;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use sqlx::SqlitePool;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Answer, Credentials, SCOPE, Setup};

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
    pub(crate) clock: Arc<dyn Clock>,
    running: Running,
}

/// A gateway that answers, and what stops it.
struct Running {
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

pub(crate) async fn spawn_app() -> App {
    Setup::default().spawn().await
}

impl App {
    pub(super) async fn start(
        clock: Arc<dyn Clock>,
        config: Config,
        oauth: AuthorizationServer,
        storage: Storage,
        directory: TempDir,
    ) -> Self {
        let (server, running) = Running::start(&clock, &config).await;
        Self {
            url: format!("http://{}", server.0),
            metrics: server.1.map(|address| format!("http://{address}/metrics")),
            oauth,
            storage,
            directory,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            config,
            clock,
            running,
        }
    }

    /// Stops the gateway as SIGTERM does, and starts it again with the same files and upstreams.
    pub(crate) async fn restarted(self) -> Self {
        self.running.stop().await;
        Self::start(
            self.clock,
            self.config,
            self.oauth,
            self.storage,
            self.directory,
        )
        .await
    }

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

    /// `database.url` of the configuration.
    pub(crate) fn registry_url(&self) -> String {
        let url = self.config.database.url.borrow();
        url.expose_secret().to_owned()
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
        let administer = administer_by(Arc::clone(&self.clock), &self.config, operator);
        Box::pin(administer).await.unwrap()
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
    pub(crate) async fn stop(self) -> TempDir {
        self.running.stop().await;
        self.directory
    }
}

impl Running {
    /// Starts a gateway. Returns where it listens, and where its metrics are.
    async fn start(
        clock: &Arc<dyn Clock>,
        config: &Config,
    ) -> ((SocketAddr, Option<SocketAddr>), Self) {
        let server = Server::build_by(Arc::clone(clock), config).await.unwrap();
        let addresses = (server.address(), server.metrics_address());
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or(()) };
            server.run(stopped).await.unwrap();
        });
        (addresses, Self { stop, ended })
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap();
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
