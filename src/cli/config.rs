use clap::Subcommand;

use crate::config;

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
    print(&config::effective(&config.settings))
}
