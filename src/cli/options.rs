//! Options that several subcommands take.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::CommandFactory as _;
use serde::Serialize;

use crate::adapters::database::SqlDirectory;
use crate::config::{Config, ConfigErrors};
use crate::domain::{ClientId, InvalidIdentifier, InvalidPrincipal, Operator, Principal, Subject};
use crate::server::{administer, database};
use crate::service::Administer;

use super::Cli;
use super::error::CommandError;
use super::output::{Row, print, print_json, records, table};

/// The longest label, in bytes.
const MAX_LABEL_BYTES: usize = 255;

/// Names the user who called `sudo`.
const SUDO_USER: &str = "SUDO_USER";

/// Where the configuration is.
#[derive(clap::Args, Debug)]
pub(super) struct ConfigFile {
    /// Configuration file (TOML); variables `CLOAKROOM_<SECTION>__<KEY>` override it
    #[arg(long, value_name = "FILE", env = "CLOAKROOM_CONFIG")]
    config: Option<PathBuf>,
}

/// Options of commands that change nothing.
#[derive(clap::Args, Debug)]
pub(super) struct QueryOptions {
    #[command(flatten)]
    file: ConfigFile,
    /// Print JSON, with values in full, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

/// Options of commands that change something.
#[derive(clap::Args, Debug)]
pub(super) struct ChangeOptions {
    #[command(flatten)]
    query: QueryOptions,
    /// Your name, for the audit trail [default: the user who is signed in]
    #[arg(long, value_name = "NAME", env = "CLOAKROOM_OPERATOR")]
    operator: Option<Operator>,
}

impl ConfigFile {
    pub(super) fn load(&self) -> Result<Config, CommandError> {
        Ok(Config::load(self.config.as_deref(), environment()?)?)
    }
}

impl QueryOptions {
    pub(super) fn config(&self) -> Result<Config, CommandError> {
        self.file.load()
    }

    pub(super) async fn administration(&self) -> Result<SqlDirectory, CommandError> {
        Ok(SqlDirectory::new(database(&self.config()?).await?))
    }

    /// Prints a table, or a JSON array.
    pub(super) fn list<const N: usize, View: Row<N> + Serialize>(
        &self,
        views: &[View],
    ) -> Result<(), CommandError> {
        let rows: Vec<[String; N]> = views.iter().map(View::row).collect();
        self.show(&views, &table(View::COLUMNS, &rows))
    }

    /// Prints one result, a field a line, or a JSON object.
    pub(super) fn record<const N: usize, View: Row<N> + Serialize>(
        &self,
        view: &View,
    ) -> Result<(), CommandError> {
        self.show(view, &records(View::COLUMNS, &[view.row()]))
    }

    /// Prints JSON with `--json`, else the text.
    pub(super) fn show(&self, view: &impl Serialize, text: &str) -> Result<(), CommandError> {
        if self.json {
            print_json(view)
        } else {
            print(text)
        }
    }
}

impl ChangeOptions {
    pub(super) fn config(&self) -> Result<Config, CommandError> {
        self.query.config()
    }

    pub(super) fn query(&self) -> &QueryOptions {
        &self.query
    }

    pub(super) async fn administer(&self) -> Result<Administer, CommandError> {
        Ok(Box::pin(administer(&self.config()?, self.operator()?)).await?)
    }

    /// Who runs the command.
    pub(super) fn operator(&self) -> Result<Operator, CommandError> {
        let unknown = || {
            CommandError::failed(
                "--operator: cannot tell who you are, and the audit trail needs a name: set --operator or \
                 CLOAKROOM_OPERATOR",
            )
        };
        let named = self.operator.clone();
        named.or_else(signed_in_user).ok_or_else(unknown)
    }

    /// Whether JSON is printed.
    pub(super) fn is_json(&self) -> bool {
        self.query.json
    }

    /// Prints JSON with `--json`, else the text.
    pub(super) fn show(&self, view: &impl Serialize, text: &str) -> Result<(), CommandError> {
        self.query.show(view, text)
    }
}

/// The variables that may set keys of the configuration, without those of arguments.
fn environment() -> Result<HashMap<String, String>, ConfigErrors> {
    let mut of_arguments = HashSet::new();
    gather_variables(&Cli::command(), &mut of_arguments);
    let mut variables = HashMap::new();
    let mut errors = Vec::new();
    for (name, value) in std::env::vars_os().filter(|(name, _)| !of_arguments.contains(name)) {
        // Variables of other programs need not be UTF-8.
        let name = name.into_string().unwrap_or_default();
        if !name.starts_with("CLOAKROOM_") {
            continue;
        }
        match value.into_string() {
            Ok(value) => drop(variables.insert(name, value)),
            // The value may be a secret, so the message does not quote it.
            Err(_) => errors.push(format!("{name}: the value is not UTF-8")),
        }
    }
    if errors.is_empty() {
        Ok(variables)
    } else {
        Err(ConfigErrors(errors))
    }
}

/// Gathers the variables that arguments are read from.
fn gather_variables(command: &clap::Command, into: &mut HashSet<OsString>) {
    let variables = command.get_arguments().filter_map(clap::Arg::get_env);
    into.extend(variables.map(OsStr::to_owned));
    for command in command.get_subcommands() {
        gather_variables(command, into);
    }
}

fn signed_in_user() -> Option<Operator> {
    let sudo_user = std::env::var(SUDO_USER).ok();
    sudo_user.or_else(|| whoami::username().ok())?.parse().ok()
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

/// `client/subject`, or nothing without a slash. The client's id may hold slashes, so the last one
/// separates the two. A caller of a named issuer is `["issuer","client","subject"]`, as the audit trail
/// has it. Text that begins like JSON is nothing else: with a typing error in it, it would name nobody.
pub(super) fn parse_principal(text: &str) -> Result<Option<Principal>, String> {
    if text.starts_with('[') {
        let principal: Result<Principal, InvalidPrincipal> = text.parse();
        return principal.map(Some).map_err(|error| error.to_string());
    }
    let invalid = |error: InvalidIdentifier| error.to_string();
    let Some((client_id, subject)) = text.rsplit_once('/') else {
        return Ok(None);
    };
    Ok(Some(Principal {
        issuer: None,
        client_id: ClientId::parse(client_id).map_err(invalid)?,
        subject: Subject::parse(subject).map_err(invalid)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_json_names_nobody() {
        for text in [
            r#"["my_cluster","mesh","spiffe://td/ns/a"]"#,
            r#"["github","github""#,
            "[github,github,acme/app]",
        ] {
            assert!(parse_principal(text).is_err(), "{text}");
        }
        let person = parse_principal("demo/a/alice").unwrap().unwrap();
        assert_eq!(person.to_string(), r#"["demo/a","alice"]"#);
        let workload = r#"["mesh","mesh","spiffe://td/ns/a"]"#;
        let parsed = parse_principal(workload).unwrap().unwrap();
        assert_eq!(parsed.to_string(), workload);
    }
}
