use std::time::Duration;

use cloakroom::embedded::authorization_server::AuthorizationServer;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use super::process::cloakroom;

/// A `cloakroom serve` in a separate process, and its log, which is read only on demand.
pub(crate) struct Serve {
    pub(crate) url: String,
    _directory: TempDir,
    child: Child,
    log: Option<Lines<BufReader<ChildStderr>>>,
}

impl Serve {
    /// Starts the gateway with a store at this address and these variables.
    pub(crate) async fn start(
        oauth: &AuthorizationServer,
        store: &str,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut serve = Self::launch(oauth, store, variables);
        serve.listening().await;
        serve
    }

    /// Waits until the gateway listens.
    pub(crate) async fn listening(&mut self) {
        let listening = self.line("listening").await;
        self.url = format!("http://{}", listening["address"].as_str().unwrap());
    }

    /// Starts the gateway without waiting until it listens.
    pub(crate) fn launch(
        oauth: &AuthorizationServer,
        store: &str,
        variables: &[(&str, &str)],
    ) -> Self {
        Self::run(cloakroom(&["serve"]), oauth, store, variables)
    }

    /// The same with this command.
    pub(crate) fn run(
        mut command: Command,
        oauth: &AuthorizationServer,
        store: &str,
        variables: &[(&str, &str)],
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("cloakroom.db");
        let client = oauth.resource_server();
        command
            .env("CLOAKROOM_HTTP__ADDRESS", "127.0.0.1:0")
            .env("CLOAKROOM_OAUTH__ISSUER", oauth.issuer())
            .env("CLOAKROOM_OAUTH__CLIENT_ID", &client.client_id)
            .env("CLOAKROOM_OAUTH__CLIENT_SECRET", &client.client_secret)
            .env("CLOAKROOM_STORAGE__ENDPOINT", store)
            .env("CLOAKROOM_STORAGE__ACCESS_KEY_ID", "AKIATEST")
            .env("CLOAKROOM_STORAGE__SECRET_ACCESS_KEY", "0123456789abcdef")
            .env(
                "CLOAKROOM_DATABASE__URL",
                format!("sqlite://{}?mode=rwc", database.display()),
            )
            .envs(variables.iter().copied())
            .stderr(std::process::Stdio::piped());
        // A secret comes as a value or as a file.
        let names = variables.iter().map(|(name, _)| name);
        for value in names.filter_map(|name| name.strip_suffix("_FILE")) {
            command.env_remove(value);
        }
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self {
            url: String::new(),
            _directory: directory,
            child,
            log: Some(log),
        }
    }

    /// The next line of the log, unless the log has ended.
    pub(crate) async fn next_line(&mut self) -> Option<Value> {
        let log = self.log.as_mut().expect("the log is open");
        let line = tokio::time::timeout(Duration::from_secs(20), log.next_line());
        let line = line.await.expect("a line of the log").unwrap()?;
        Some(serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}")))
    }

    /// The next line with this message.
    pub(crate) async fn line(&mut self, message: &str) -> Value {
        loop {
            let line = self.next_line().await;
            let line = line.unwrap_or_else(|| panic!("the log ended before '{message}'"));
            if line["message"] == message {
                return line;
            }
        }
    }

    /// All remaining lines; the log ends with the process.
    pub(crate) async fn rest(&mut self) -> Vec<Value> {
        let mut lines = Vec::new();
        while let Some(line) = self.next_line().await {
            lines.push(line);
        }
        lines
    }

    /// Closes the log, so the process can no longer write to it.
    pub(crate) fn close_log(&mut self) {
        self.log = None;
    }

    /// The memory that the process uses, in bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id().unwrap());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
        kibibytes.parse::<u64>().unwrap() * 1024
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends it a signal.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.await.unwrap().success());
    }

    /// Waits until the process has ended by itself with exit 0.
    pub(crate) async fn ended(&mut self) {
        assert_eq!(self.exit_code().await, Some(0));
    }

    /// Waits until the process has ended by itself.
    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait());
        ended.await.expect("the end of the process").unwrap().code()
    }
}
