//! Profiles for tools, with credentials that refresh themselves.

mod aws;
mod change;
mod ini;
mod place;
mod rclone;

use clap::Subcommand;
use reqwest::Method;
use serde::de::IgnoredAny;

use crate::domain::{Access, WorkspaceName};

use super::confirmation::Confirmation;
use super::error::CommandError;
use super::gateway::{Connection, GatewayArguments, failed};
use super::output::note;
use super::storage::{Item, Storage};

use place::Place;

/// How the profile of one's own bucket is called, and how the names of others begin.
const PROFILE: &str = "cloakroom";

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
    /// A workspace that you are a member of, instead of your own bucket
    #[arg(long, value_name = "ORG/WS")]
    workspace: Option<WorkspaceName>,
    /// Name of the profile [default: cloakroom, of a workspace cloakroom-ORG-WS]
    #[arg(long, value_name = "NAME", value_parser = parse_profile)]
    profile: Option<String>,
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
    fn profile(&self) -> String {
        match (&self.profile, &self.workspace) {
            (Some(name), _) => name.clone(),
            (None, Some(name)) => format!("{PROFILE}-{}-{}", name.organisation, name.workspace),
            (None, None) => PROFILE.to_owned(),
        }
    }

    /// Asks for credentials once: that makes the bucket, and shows that the profile will work.
    async fn place(&self, connection: &Connection) -> Result<Place, CommandError> {
        let (method, path) = self.credentials_route();
        let address = connection.gateway.address(&path);
        let reply = connection.ask_signed_in(method, address).await?;
        connection.read::<IgnoredAny>(&reply)?;
        let listed = Storage::list(connection).await?;
        let item = listed.items.iter().find(|item| self.is_for(item));
        let failed = |what: &str| failed(&connection.gateway, what);
        let item = item.ok_or_else(|| failed("does not list this storage"))?;
        Place::try_from(item)
            .map_err(|member| failed(&format!("lists storage with a bad {member}")))
    }

    /// Not the route that the profile uses: SDKs wait there, so that it has less time for making a bucket.
    fn credentials_route(&self) -> (Method, String) {
        let Some(WorkspaceName {
            organisation,
            workspace,
        }) = &self.workspace
        else {
            return (Method::POST, "/v1/credentials".to_owned());
        };
        let path = format!("/api/v1/org/{organisation}/ws/{workspace}/storage/credentials");
        (Method::GET, path)
    }

    fn is_for(&self, item: &Item) -> bool {
        match &self.workspace {
            Some(name) => item.kind == "workspace" && item.name == Some(name.to_string()),
            None => item.kind == "own",
        }
    }

    /// The words of `credential_process` after the program.
    fn credentials(&self, connection: &Connection) -> Result<Vec<String>, CommandError> {
        let mut words = vec!["credentials".to_owned()];
        words.extend(self.gateway.options(&connection.gateway)?);
        if let Some(workspace) = &self.workspace {
            words.extend(["--workspace".to_owned(), workspace.to_string()]);
        }
        Ok(words)
    }
}

/// Says what the storage is, before a command to try it.
fn tell(place: &Place) {
    let access = match place.access {
        Access::Read => ", read-only",
        Access::ReadWrite => "",
    };
    note(&format!(
        "Your storage is s3://{}{access}. For instance:",
        place.path()
    ));
}

/// No character of it is special in the files of AWS or of rclone.
fn parse_profile(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || !text.chars().all(plain) || text.starts_with('-') {
        return Err("expected letters, digits, -, _ and .".to_owned());
    }
    Ok(text.to_owned())
}
