//! What the administrative commands share: whose configuration, who acts, how it is printed.

use serde::Serialize;

use crate::adapters::database::SqlDirectory;
use crate::config::Config;
use crate::domain::{ClientId, Operator, Scope, Subject};
use crate::server::{administer, database};
use crate::service::{Administer, AdministerError, RegistryError};

use super::outcome::{CommandError, print};
use super::{ConfigFile, environment};

/// The longest label, in bytes.
const MAX_LABEL_BYTES: usize = 255;

/// Who called `sudo`.
const BEHIND_SUDO: &str = "SUDO_USER";

/// Options of commands that only tell.
#[derive(clap::Args, Debug)]
pub(super) struct Reading {
    #[command(flatten)]
    file: ConfigFile,
    /// Print JSON, with whole values, for scripts
    #[arg(long)]
    json: bool,
}

/// Options of commands that change something.
#[derive(clap::Args, Debug)]
pub(super) struct Changing {
    #[command(flatten)]
    reading: Reading,
    /// Your name, for the audit trail; by default the one that you signed in with
    #[arg(long, value_name = "NAME", env = "CLOAKROOM_OPERATOR")]
    operator: Option<Operator>,
}

impl Reading {
    pub(super) fn config(&self) -> Result<Config, CommandError> {
        Ok(Config::load(self.file.config.as_deref(), environment()?)?)
    }

    pub(super) async fn administration(&self) -> Result<SqlDirectory, CommandError> {
        Ok(SqlDirectory::new(database(&self.config()?).await?))
    }

    /// JSON where it is asked for, else the text.
    pub(super) fn show<T: Serialize>(&self, view: &T, text: &str) -> Result<(), CommandError> {
        if !self.json {
            return print(text);
        }
        let json = serde_json::to_string_pretty(view);
        let json = json.map_err(|error| CommandError::Failed(error.to_string()))?;
        print(&format!("{json}\n"))
    }
}

impl Changing {
    pub(super) fn config(&self) -> Result<Config, CommandError> {
        self.reading.config()
    }

    pub(super) async fn administer(&self) -> Result<Administer, CommandError> {
        let operator = match &self.operator {
            Some(operator) => operator.clone(),
            None => whoever_signed_in().ok_or_else(|| {
                let why = "--operator: this machine does not know your name, and the audit trail \
                           needs one (CLOAKROOM_OPERATOR)";
                CommandError::Failed(why.to_owned())
            })?,
        };
        Ok(administer(&self.config()?, operator).await?)
    }

    /// JSON where it is asked for, else the text.
    pub(super) fn show<T: Serialize>(&self, view: &T, text: &str) -> Result<(), CommandError> {
        self.reading.show(view, text)
    }
}

fn whoever_signed_in() -> Option<Operator> {
    let behind_sudo = std::env::var(BEHIND_SUDO).ok();
    behind_sudo
        .or_else(|| whoami::username().ok())?
        .parse()
        .ok()
}

impl From<AdministerError> for CommandError {
    fn from(error: AdministerError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<RegistryError> for CommandError {
    fn from(error: RegistryError) -> Self {
        Self::Failed(error.to_string())
    }
}

pub(super) fn parse_label(text: &str) -> Result<String, String> {
    let length = 1..=MAX_LABEL_BYTES;
    if length.contains(&text.len()) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "expected 1 to {MAX_LABEL_BYTES} bytes without control characters"
        ))
    }
}

pub(super) fn parse_scope(word: &str) -> Result<Scope, String> {
    Scope::parse(word).map_err(|error| error.to_string())
}

pub(super) fn parse_subject(text: &str) -> Result<Subject, String> {
    Subject::parse(text).map_err(|error| error.to_string())
}

pub(super) fn parse_client_id(text: &str) -> Result<ClientId, String> {
    ClientId::parse(text).map_err(|error| error.to_string())
}
