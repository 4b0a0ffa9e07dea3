//! Profiles for tools, with credentials that refresh themselves.

mod aws;
mod change;
mod ini;
mod place;
mod rclone;

use clap::Subcommand;
use reqwest::Method;

use super::confirmation::Confirmation;
use super::error::CommandError;
use super::gateway::{Connection, GatewayArguments};

use ini::Section;
use place::Place;

/// Write a profile for a tool, which gets its credentials by `cloakroom credentials`
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Both show what they change, and ask before they do. Sign in first: cloakroom login."
)]
pub(super) enum SetupCommand {
    Aws(aws::AwsCommand),
    Rclone(rclone::RcloneCommand),
}

/// What both commands take.
#[derive(clap::Args, Debug)]
pub(in crate::cli) struct SetupArguments {
    #[command(flatten)]
    gateway: GatewayArguments,
    /// Name of the profile
    #[arg(long, value_name = "NAME", default_value = "cloakroom", value_parser = parse_profile)]
    profile: String,
    /// Replace a profile of this name that is a different one
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl SetupCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Aws(command) => command.run().await,
            Self::Rclone(command) => command.run().await,
        }
    }
}

impl SetupArguments {
    /// Asks for credentials once: that makes the bucket, and shows that the profile will work.
    async fn place(&self) -> Result<(Connection, Place), CommandError> {
        let connection = self.gateway.connect()?;
        let address = connection.gateway.address("/v1/credentials");
        let reply = connection.ask_signed_in(Method::POST, address).await?;
        let place = connection.read(&reply)?;
        Ok((connection, place))
    }

    /// The profile for tools that read `~/.aws/config`.
    fn aws_profile(&self, connection: &Connection, place: &Place) -> Result<Section, CommandError> {
        let command = self.gateway.options(&connection.gateway)?;
        aws::profile(&self.profile, &command, place)
    }
}

/// No character of it is special in the files of AWS or of rclone.
fn parse_profile(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || !text.chars().all(plain) || text.starts_with('-') {
        return Err("expected letters, digits, -, _ and .".to_owned());
    }
    Ok(text.to_owned())
}
