use std::fmt::Write as _;

use clap::Subcommand;

use crate::config::{self, Setting};

use super::error::CommandError;
use super::options::ConfigFile;
use super::output::{note, print};

/// Inspect the configuration
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check the configuration and print the values in effect, with secrets hidden
    #[command(after_help = "Examples:
  cloakroom config check --config /etc/cloakroom.toml
  CLOAKROOM_OAUTH__ISSUER=https://login.example.com cloakroom config check")]
    Check(ConfigFile),
    /// Print the configuration reference: every key with its default and its meaning
    #[command(after_help = "Example:\n  cloakroom config reference > docs/configuration.md")]
    Reference,
    /// Print a JSON Schema of the configuration file, for editors
    #[command(after_help = "Example:
  cloakroom config schema > cloakroom.schema.json
and as the first line of cloakroom.toml, for editors that use Taplo:
  #:schema ./cloakroom.schema.json")]
    Schema,
}

impl ConfigCommand {
    pub(super) fn run(&self) -> Result<(), CommandError> {
        match self {
            Self::Check(file) => check(file),
            Self::Reference => print(&config::reference()),
            Self::Schema => print(&config::schema()),
        }
    }
}

fn check(file: &ConfigFile) -> Result<(), CommandError> {
    let config = file.load()?;
    for what in &config.warnings {
        note(&format_args!("warning: {what}"));
    }
    print(&table(&config.settings))
}

/// TOML, with the origin of each value as a comment.
fn table(settings: &[Setting]) -> String {
    let lines: Vec<(String, &str)> = settings
        .iter()
        .map(|setting| {
            let line = match &setting.value {
                Some(value) => format!("{} = {}", setting.key, quoted(value)),
                None => format!("# {}", setting.key),
            };
            (line, setting.origin.as_str())
        })
        .collect();
    let width = lines
        .iter()
        .map(|(line, _)| line.len())
        .max()
        .unwrap_or_default();
    lines
        .iter()
        .fold(String::new(), |mut text, (line, origin)| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{line:width$}  # {origin}");
            text
        })
}

/// Writes numbers and booleans without quotes, as TOML does.
fn quoted(value: &str) -> String {
    if value.parse::<i64>().is_ok() || value.parse::<bool>().is_ok() {
        value.to_owned()
    } else {
        format!("{value:?}")
    }
}
