mod banner;
mod samples;

use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::io;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::adapters::aws::{Engine, StaticIdentity};
use crate::adapters::oauth::ClientAuthentication;
use crate::adapters::{CapabilityKey, CapabilityKeys, fixed};
use crate::config::{
    AccessKeysConfig, BrokerConfig, BrokerKind, Config, DatabaseConfig, HttpConfig, LimitsConfig,
    LogConfig, LogLevel, NamingConfig, OauthClient, OauthConfig, Patience, StorageConfig,
    ValidationMode, WorkspacesConfig,
};
use crate::domain::Scope;
use crate::embedded::authorization_server::AuthorizationServer;
use crate::embedded::storage::Storage;
use crate::http::Samples;
use crate::server::{Server, StartError};
use crate::telemetry;

use super::error::CommandError;
use super::output::print;
use super::signals;

pub(super) const OAUTH_PORT: u16 = 8081;

/// The client of `dev-token` and of Swagger UI: a user has one bucket in both.
pub(super) const CLIENT: &str = "demo";

/// The gateway's own client at the embedded authorization server.
const GATEWAY: &str = "cloakroom";

/// Run everything on this machine, for development: gateway, store, authorization server
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom dev
  cloakroom dev --port 0 --storage-port 0 --oauth-port 0
  cloakroom dev --session-duration 5s --data-dir /tmp/locker

For development only: anyone who can reach this machine's loopback interface can get a token for any user.")]
pub(super) struct DevCommand {
    /// Port of the gateway; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// Port of the store; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    storage_port: u16,
    /// Port of the authorization server; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = OAUTH_PORT)]
    oauth_port: u16,
    /// Directory for objects, registry and audit trail
    #[arg(long, value_name = "DIR", default_value = ".cloakroom")]
    data_dir: PathBuf,
    /// Lifetime of credentials, from 1s to 12h
    #[arg(long, value_name = "TIME", default_value = "1h")]
    session_duration: humantime::Duration,
    /// Also log every request to the store
    #[arg(long)]
    verbose: bool,
}

impl DevCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let level = self.log_level();
        let _flush = telemetry::start(level).map_err(|error| failed(&error))?;
        let length = Duration::from(self.session_duration).as_secs();
        if !(1..=43_200).contains(&length) {
            return Err(CommandError::Failed(
                "--session-duration: must be from 1s to 12h".to_owned(),
            ));
        }
        self.check_ports()?;
        std::fs::create_dir_all(&self.data_dir).map_err(|error| {
            failed(&format!("--data-dir: {}: {error}", self.data_dir.display()))
        })?;
        let _lock = self.lock()?;
        let oauth = AuthorizationServer::start(self.oauth_port, GATEWAY)
            .map_err(|error| taken("--oauth-port", self.oauth_port, &error))?;
        let storage = Storage::start(self.storage_port, self.data_dir.join("storage"))
            .await
            .map_err(|error| taken("--storage-port", self.storage_port, &error))?;
        let capability_key = CapabilityKey::generate().map_err(|error| failed(&error))?;
        let config = self
            .config(&oauth, &storage, &capability_key)
            .map_err(|error| failed(&error))?;
        let shown = Arc::<OnceLock<Samples>>::default();
        let built = Server::build_with_samples(&config, Arc::clone(&shown)).await;
        let server = built.map_err(|error| match error {
            StartError::Listen { error, .. } => taken("--port", self.port, &error),
            other => other.into(),
        })?;
        // The port is ours: nothing of another `dev` on the same data is ended by mistake.
        let made = samples::make(&config, banner::token_command(&oauth)).await;
        let made = made.map_err(|error| failed(&error))?;
        let samples = shown.get_or_init(|| made);
        let file = self.write_config(&oauth, &storage, &server, &capability_key)?;
        print(&self.banner(&server, &oauth, &storage, samples, &file))?;
        Ok(server.run(signals::stop()).await?)
    }

    /// Names every port that is taken, before there is anything to clear away.
    fn check_ports(&self) -> Result<(), CommandError> {
        let ports = [
            ("--port", self.port),
            ("--storage-port", self.storage_port),
            ("--oauth-port", self.oauth_port),
        ];
        // All are held until the last is looked at: two flags may name one port.
        let mut held = Vec::new();
        let mut complaints = Vec::new();
        let mut is_any_taken = false;
        for (flag, port) in ports {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                Ok(listener) => held.push(listener),
                Err(error) => {
                    is_any_taken |= error.kind() == io::ErrorKind::AddrInUse;
                    complaints.push(taken(flag, port, &error).to_string());
                }
            }
        }
        if complaints.is_empty() {
            return Ok(());
        }
        if is_any_taken {
            complaints.push("Is another `cloakroom dev` running?".to_owned());
        }
        Err(failed(&complaints.join("\n")))
    }

    fn log_level(&self) -> LogLevel {
        if self.verbose {
            LogLevel::Debug
        } else {
            LogLevel::Info
        }
    }

    /// Two on the same data would end each other's samples and rewrite each other's configuration.
    fn lock(&self) -> Result<File, CommandError> {
        let path = self.data_dir.join("lock");
        let said = |what: &dyn ToString| {
            failed(&format!(
                "--data-dir: {}: {}",
                path.display(),
                what.to_string()
            ))
        };
        let opened = private()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let file = opened.map_err(|error| said(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(said(
                &"another `cloakroom dev` is running on this data; choose another --data-dir, and ports",
            )),
            Err(TryLockError::Error(error)) => Err(said(&error)),
        }
    }

    /// `--data-dir`, as every folder knows it.
    fn directory(&self) -> Result<PathBuf, CommandError> {
        std::fs::canonicalize(&self.data_dir)
            .map_err(|error| failed(&format!("--data-dir: {}: {error}", self.data_dir.display())))
    }

    /// A folder's name may hold blanks, and what else means something in a URL.
    fn database_url(&self) -> Result<String, CommandError> {
        let file = self.directory()?.join("cloakroom.db");
        let url = Url::from_file_path(&file)
            .map_err(|()| failed(&format!("--data-dir: {}: no file's name", file.display())))?;
        Ok(format!("sqlite://{}?mode=rwc", url.path()))
    }

    /// The store's root administers its keys.
    fn access_keys(
        storage: &Storage,
        capability_key: &SecretString,
    ) -> Result<AccessKeysConfig, Box<dyn std::error::Error>> {
        let capability_key = CapabilityKeys::new(fixed(capability_key.clone()))?;
        Ok(AccessKeysConfig {
            broker: Some(BrokerConfig {
                kind: BrokerKind::Iam,
                endpoint: None,
                identity: StaticIdentity {
                    access_key_id: fixed(storage.identity().access_key_id.clone().into()),
                    secret_access_key: fixed(storage.identity().secret_access_key.clone().into()),
                },
            }),
            capability_key: Some(Arc::new(capability_key)),
            ..AccessKeysConfig::without_broker()?
        })
    }

    /// The same once more as a file, so that administrative commands and `doctor` find this
    /// deployment; nobody else may read it.
    fn write_config(
        &self,
        oauth: &AuthorizationServer,
        storage: &Storage,
        server: &Server,
        capability_key: &SecretString,
    ) -> Result<PathBuf, CommandError> {
        let path = self.directory()?.join("cloakroom.toml");
        let said = |error: io::Error| failed(&format!("{}: {error}", path.display()));
        let text = toml(&[
            ("http.address", server.address().to_string()),
            ("http.swagger_ui_client_id", CLIENT.to_owned()),
            ("oauth.issuer", oauth.issuer()),
            ("oauth.client_id", oauth.resource_server().client_id.clone()),
            (
                "oauth.client_secret",
                oauth.resource_server().client_secret.clone(),
            ),
            ("oauth.audience", GATEWAY.to_owned()),
            ("storage.endpoint", storage.url()),
            (
                "storage.access_key_id",
                storage.identity().access_key_id.clone(),
            ),
            (
                "storage.secret_access_key",
                storage.identity().secret_access_key.clone(),
            ),
            ("access_keys.broker", "iam".to_owned()),
            (
                "access_keys.admin_access_key_id",
                storage.identity().access_key_id.clone(),
            ),
            (
                "access_keys.admin_secret_access_key",
                storage.identity().secret_access_key.clone(),
            ),
            (
                "access_keys.capability_key",
                capability_key.expose_secret().to_owned(),
            ),
            ("database.url", self.database_url()?),
        ]);
        // A file that is there keeps its mode.
        let _ = std::fs::remove_file(&path);
        let file = private().write(true).create_new(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(said)?;
        Ok(path)
    }

    /// The same configuration as any gateway's, in code.
    fn config(
        &self,
        oauth: &AuthorizationServer,
        storage: &Storage,
        capability_key: &SecretString,
    ) -> Result<Config, Box<dyn std::error::Error>> {
        let issuer = oauth.issuer();
        Ok(Config {
            http: HttpConfig {
                address: SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)),
                public_url: None,
                trusted_proxies: Vec::new(),
                cors_origins: Vec::new(),
                max_in_flight: 512,
                max_connections: 2048,
                drain_delay: Duration::ZERO,
                patience: Patience::default(),
                swagger_ui: true,
                swagger_ui_client_id: CLIENT.to_owned(),
            },
            oauth: OauthConfig {
                discovery_url: Url::parse(&issuer)?,
                issuer,
                introspection_endpoint: None,
                jwks_uri: None,
                validation: ValidationMode::Introspection,
                accept_plain_jwt: false,
                client: Some(OauthClient {
                    id: oauth.resource_server().client_id.clone(),
                    authentication: ClientAuthentication::SecretBasic(fixed(
                        oauth.resource_server().client_secret.clone().into(),
                    )),
                }),
                required_scope: Scope::parse("com.cleverbase.storage")?,
                audience: Some(GATEWAY.to_owned()),
                introspection_cache: Duration::from_secs(10),
                introspection_cache_bytes: 16 * 1024 * 1024,
                max_in_flight: 256,
                allow_http: false,
                authorities: fixed(None),
            },
            storage: StorageConfig {
                engine: Engine::Generic,
                endpoint: Some(Url::parse(&storage.url())?),
                public_endpoint: None,
                sts_endpoint: None,
                region: "us-east-1".to_owned(),
                identity: Some(StaticIdentity {
                    access_key_id: fixed(storage.identity().access_key_id.clone().into()),
                    secret_access_key: fixed(storage.identity().secret_access_key.clone().into()),
                }),
                role_arn: None,
                external_id: None,
                path_style: true,
                session_duration: self.session_duration.into(),
                cap_to_token_expiry: false,
                bucket_recheck: Duration::from_mins(5),
                extra_actions: Vec::new(),
                allow_http: false,
                authorities: fixed(None),
            },
            naming: NamingConfig {
                // With --oauth-port 0 every start is another issuer.
                accept_change: true,
                ..NamingConfig::default()
            },
            workspaces: WorkspacesConfig::default(),
            access_keys: Self::access_keys(storage, capability_key)?,
            limits: LimitsConfig {
                per_owner: "20/s burst 100".parse()?,
                per_caller: "50/s burst 200".parse()?,
            },
            database: DatabaseConfig {
                url: fixed(SecretString::from(self.database_url()?)),
            },
            log: LogConfig {
                level: self.log_level(),
            },
            settings: Vec::new(),
            files: Vec::new(),
            warnings: Vec::new(),
        })
    }
}

/// A file that only we can read.
fn private() -> std::fs::OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there is no mode to set"))]
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// Basic strings of TOML are written like JSON's.
fn toml(settings: &[(&str, String)]) -> String {
    let mut text =
        "# Written by `cloakroom dev` at its start, for commands beside it.\n".to_owned();
    for (key, value) in settings {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{key} = {}", serde_json::json!(value));
    }
    text
}

fn failed(error: &dyn ToString) -> CommandError {
    CommandError::Failed(error.to_string())
}

fn taken(flag: &str, port: u16, error: &io::Error) -> CommandError {
    CommandError::Failed(match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{flag}: port {port} is taken; choose another, or 0 for any free one")
        }
        _ => format!("{flag}: {error}"),
    })
}
