use std::collections::HashMap;
use std::sync::Arc;

use cloakroom::adapters::SystemClock;
use cloakroom::config::Config;
use cloakroom::embedded::authorization_server::AuthorizationServer;
use cloakroom::embedded::storage::Storage;
use cloakroom::server::Server;
use cloakroom::service::Clock;
use tempfile::TempDir;

use super::App;

/// The differences from an ordinary gateway.
pub(crate) struct Setup {
    variables: HashMap<String, String>,
    removed: Vec<String>,
    file: Option<String>,
    change: Box<dyn FnOnce(&mut Config) + Send>,
    clock: Arc<dyn Clock>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            variables: HashMap::new(),
            removed: Vec::new(),
            file: None,
            change: Box::new(|_| {}),
            clock: Arc::new(SystemClock),
        }
    }
}

impl Setup {
    /// Uses the registry of another gateway.
    pub(crate) fn beside(self, other: &App) -> Self {
        self.key("database.url", &other.registry_url())
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

    /// Gives the gateway and its operators another clock than the machine's.
    pub(crate) fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
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
        let clock = Arc::clone(&self.clock);
        let config = self.config(&oauth, &storage, &directory);
        App::start(clock, config, oauth, storage, directory).await
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
