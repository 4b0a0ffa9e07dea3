use std::fmt::Write as _;

use serde::Serialize;

use crate::login::Login;

use super::error::CommandError;
use super::gateway::GatewayArguments;
use super::output::{note, or_dash, print, print_json, printable, utc};
use super::storage::{Item, Storage};

/// Show who is signed in, until when, and what they may open
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom whoami
  cloakroom whoami --url https://cloakroom.example.com --json

Exit codes: 0 shown, 77 sign in (again), 1 any other failure.")]
pub(super) struct WhoamiCommand {
    #[command(flatten)]
    gateway: GatewayArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct View<'a> {
    gateway: &'a str,
    issuer: &'a str,
    client_id: &'a str,
    subject: Option<&'a String>,
    username: Option<&'a String>,
    /// When the access token expires.
    expires: Option<String>,
    /// Whether it is refreshed by itself.
    refreshes: bool,
    storage: Vec<Item>,
    /// Whether there is more storage than that.
    more: bool,
}

impl WhoamiCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let connection = self.gateway.connect()?;
        let storage = Storage::list(&connection).await?;
        let file = connection.login_file()?;
        let login = file.read()?.ok_or_else(|| file.not_signed_in())?;
        if storage.more {
            note(&"The list is cut: GET /v1/storage has the rest.");
        }
        let view = View::new(&login, storage);
        if self.json {
            print_json(&view)
        } else {
            print(&view.text())
        }
    }
}

impl<'a> View<'a> {
    fn new(login: &'a Login, storage: Storage) -> Self {
        Self {
            gateway: &login.gateway,
            issuer: &login.issuer,
            client_id: &login.client_id,
            subject: login.person.subject.as_ref(),
            username: login.person.username.as_ref(),
            expires: login.granted.expires.map(utc),
            refreshes: login.granted.refresh_token.is_some(),
            storage: storage.items,
            more: storage.more,
        }
    }

    fn text(&self) -> String {
        let person = match (self.username, self.subject) {
            (Some(name), Some(subject)) if name != subject => format!("{name} ({subject})"),
            (Some(name), _) | (None, Some(name)) => name.clone(),
            (None, None) => "unknown".to_owned(),
        };
        let expires = or_dash(self.expires.as_ref());
        let until = if self.refreshes {
            format!("{expires}, then renewed by itself")
        } else {
            expires
        };
        let mut text = String::new();
        for (label, value) in [
            ("person", person.as_str()),
            ("client", self.client_id),
            ("gateway", self.gateway),
            ("issuer", self.issuer),
            ("until", &until),
        ] {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{label:<8} {}", printable(value));
        }
        text.push('\n');
        for item in &self.storage {
            let _ = writeln!(text, "{}", printable(&item.line()));
        }
        text
    }
}

impl Item {
    fn line(&self) -> String {
        let name = self.name.as_ref().map_or("-", String::as_str);
        let place = match &self.bucket {
            Some(bucket) => format!("s3://{bucket}/{}", self.prefix),
            None => "not made yet".to_owned(),
        };
        format!("{:<12} {name:<24} {:<10} {place}", self.kind, self.access)
    }
}
