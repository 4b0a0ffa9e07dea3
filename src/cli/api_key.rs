use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde::Serialize;

use crate::adapters::SystemClock;
use crate::domain::{ApiKey, ApiKeyId, RegisteredApiKey, Scope, Slug};
use crate::service::{Administration as _, Clock, NewApiKey, find_api_key, find_organisation};

use super::error::CommandError;
use super::options::{ChangeOptions, QueryOptions, parse_label};
use super::output::{Row, note, or_dash, records, utc};

/// The names of [`ApiKeyView::all`].
const ALL: [&str; 10] = [
    "KEY",
    "ORGANISATION",
    "LABEL",
    "STATE",
    "STORAGE",
    "SCOPES",
    "CREATED",
    "EXPIRES",
    "REVOKED",
    "LAST USED",
];

/// Manage the API keys of organisations
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  KEY=$(cloakroom api-key create --org acme --label ci)")]
pub(super) enum ApiKeyCommand {
    /// Create an API key and print it; it cannot be shown again
    #[command(after_help = "Examples:
  KEY=$(cloakroom api-key create --org acme --label ci)
  cloakroom api-key create --org acme --label nightly --expires-in 90d")]
    Create(Create),
    /// List API keys by their public parts
    List(List),
    /// Show all that is known of an API key
    #[command(after_help = "Examples:
  cloakroom api-key show ck_0123456789abcdef
  cloakroom api-key show ck_0123456789abcdef --json | jq -r .last_used")]
    Show(Show),
    /// Revoke an API key; every gateway refuses it from the next call on
    Revoke(Revoke),
}

#[derive(clap::Args, Debug)]
pub(super) struct Create {
    /// Organisation that the key belongs to
    #[arg(long)]
    org: Slug,
    /// Label, to recognise the key by
    #[arg(long, value_parser = parse_label)]
    label: String,
    /// Lifetime of the key [default: unlimited]
    #[arg(long, value_name = "TIME")]
    expires_in: Option<humantime::Duration>,
    /// Do not let the key open the organisation's storage
    #[arg(long)]
    no_storage: bool,
    /// Give the key this scope; may be repeated
    #[arg(long, value_parser = Scope::parse)]
    scope: Vec<Scope>,
    #[command(flatten)]
    options: ChangeOptions,
}

#[derive(clap::Args, Debug)]
pub(super) struct List {
    /// List only keys of this organisation
    #[arg(long)]
    org: Option<Slug>,
    #[command(flatten)]
    options: QueryOptions,
}

#[derive(clap::Args, Debug)]
pub(super) struct Show {
    /// Public part of the key, as `api-key list` shows it
    id: ApiKeyId,
    #[command(flatten)]
    options: QueryOptions,
}

#[derive(clap::Args, Debug)]
pub(super) struct Revoke {
    /// Public part of the key, as `api-key list` shows it
    id: ApiKeyId,
    #[command(flatten)]
    options: ChangeOptions,
}

#[derive(Serialize)]
struct ApiKeyView {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    organisation: String,
    label: String,
    state: &'static str,
    storage: bool,
    scopes: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used: Option<String>,
}

impl ApiKeyCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(list) => list.run().await,
            Self::Show(show) => show.run().await,
            Self::Revoke(revoke) => revoke.run().await,
        }
    }
}

impl Create {
    async fn run(self) -> Result<(), CommandError> {
        let administer = self.options.administer().await?;
        let new = NewApiKey {
            organisation: self.org,
            label: self.label,
            expires_in: self.expires_in.map(Duration::from),
            storage: !self.no_storage,
            scopes: self.scope,
        };
        let (key, registered) = administer.create_api_key(new).await?;
        note(&format!(
            "Created {}. The key is shown only this once. To revoke it: cloakroom api-key revoke {}",
            registered.id, registered.id
        ));
        let view = ApiKeyView::new(&registered, Some(&key));
        self.options.show(&view, &format!("{}\n", key.expose()))
    }
}

impl List {
    async fn run(self) -> Result<(), CommandError> {
        let administration = self.options.administration().await?;
        if let Some(org) = &self.org {
            find_organisation(&administration, org).await?;
        }
        let all = administration.api_keys(self.org.as_ref()).await?;
        let views: Vec<ApiKeyView> = all.iter().map(|key| ApiKeyView::new(key, None)).collect();
        self.options.list(&views)
    }
}

impl Show {
    async fn run(self) -> Result<(), CommandError> {
        let administration = self.options.administration().await?;
        let found = find_api_key(&administration, &self.id).await?;
        let view = ApiKeyView::new(&found, None);
        self.options.show(&view, &records(ALL, &[view.all()]))
    }
}

impl Revoke {
    async fn run(self) -> Result<(), CommandError> {
        let administer = self.options.administer().await?;
        let changed = administer.revoke_key(&self.id).await?;
        let id = &self.id;
        note(&if changed {
            format!("Revoked {id}. Credentials already issued with it work until they expire.")
        } else {
            format!("Nothing changed: {id} is already revoked.")
        });
        match administer.administration().api_key(&self.id).await? {
            Some(found) => self.options.show(&ApiKeyView::new(&found, None), ""),
            None => Ok(()),
        }
    }
}

impl ApiKeyView {
    fn new(registered: &RegisteredApiKey, key: Option<&ApiKey>) -> Self {
        Self {
            id: registered.id.to_string(),
            key: key.map(|key| key.expose().to_owned()),
            organisation: registered.organisation.to_string(),
            label: registered.label.clone(),
            state: state(registered, SystemClock.now()),
            storage: registered.storage,
            scopes: registered.scopes.iter().map(Scope::to_string).collect(),
            created_at: utc(registered.created_at),
            expires_at: registered.expires_at.map(utc),
            revoked_at: registered.revoked_at.map(utc),
            last_used: registered.last_used.map(utc),
        }
    }

    fn all(&self) -> [String; 10] {
        let scopes = Some(self.scopes.join(" "));
        let scopes = scopes.filter(|scopes| !scopes.is_empty());
        [
            self.id.clone(),
            self.organisation.clone(),
            self.label.clone(),
            self.state.to_owned(),
            if self.storage { "yes" } else { "no" }.to_owned(),
            or_dash(scopes.as_ref()),
            self.created_at.clone(),
            or_dash(self.expires_at.as_ref()),
            or_dash(self.revoked_at.as_ref()),
            or_dash(self.last_used.as_ref()),
        ]
    }
}

impl Row<7> for ApiKeyView {
    const COLUMNS: [&str; 7] = [
        "KEY",
        "ORGANISATION",
        "LABEL",
        "STATE",
        "OPENS",
        "EXPIRES",
        "LAST USED",
    ];

    fn row(&self) -> [String; 7] {
        let storage = self.storage.then_some("storage");
        let scopes = self.scopes.iter().map(String::as_str);
        let opens: Vec<&str> = storage.into_iter().chain(scopes).collect();
        [
            self.id.clone(),
            self.organisation.clone(),
            self.label.clone(),
            self.state.to_owned(),
            opens.join(" "),
            or_dash(self.expires_at.as_ref()),
            or_dash(self.last_used.as_ref()),
        ]
    }
}

fn state(key: &RegisteredApiKey, now: DateTime<Utc>) -> &'static str {
    if key.revoked_at.is_some() {
        return "revoked";
    }
    if key.expires_at.is_some_and(|end| end <= now) {
        return "expired";
    }
    "active"
}
