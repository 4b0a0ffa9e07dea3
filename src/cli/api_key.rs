use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde::Serialize;

use crate::adapters::SystemClock;
use crate::domain::{ApiKey, ApiKeyId, RegisteredApiKey, Scope, Slug};
use crate::service::{Administration as _, Clock, NewApiKey, find_organisation};

use super::administration::{Changing, Reading, parse_label, parse_scope};
use super::outcome::{CommandError, complain};
use super::table::table;
use super::view::{or_dash, utc};

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub(super) enum ApiKeyCommand {
    /// Make a key for an organisation: the only time that it is shown
    #[command(after_help = "Examples:
  KEY=$(cloakroom api-key create --org acme --label ci)
  cloakroom api-key create --org acme --label nightly --expires-in 90d")]
    Create(Create),
    /// All keys, by their public parts
    List(List),
    /// End a key: refused from the next call on, at every gateway
    Revoke(Revoke),
}

#[derive(clap::Args, Debug)]
pub(super) struct Create {
    /// Whose it is
    #[arg(long)]
    org: Slug,
    /// What to call it
    #[arg(long, value_parser = parse_label)]
    label: String,
    /// How long it is valid [default: for ever]
    #[arg(long, value_name = "TIME")]
    expires_in: Option<humantime::Duration>,
    /// It opens no storage
    #[arg(long)]
    no_storage: bool,
    /// What else it opens; may be repeated
    #[arg(long, value_parser = parse_scope)]
    scope: Vec<Scope>,
    #[command(flatten)]
    common: Changing,
}

#[derive(clap::Args, Debug)]
pub(super) struct List {
    /// Only this organisation's
    #[arg(long)]
    org: Option<Slug>,
    #[command(flatten)]
    common: Reading,
}

#[derive(clap::Args, Debug)]
pub(super) struct Revoke {
    /// Its public part, as `api-key list` shows it
    id: ApiKeyId,
    #[command(flatten)]
    common: Changing,
}

#[derive(Serialize)]
struct KeyView {
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
            Self::Revoke(revoke) => revoke.run().await,
        }
    }
}

impl Create {
    async fn run(self) -> Result<(), CommandError> {
        let administer = self.common.administer().await?;
        let new = NewApiKey {
            organisation: self.org,
            label: self.label,
            expires_in: self.expires_in.map(Duration::from),
            storage: !self.no_storage,
            scopes: self.scope,
        };
        let (key, registered) = administer.create_api_key(new).await?;
        complain(&format!(
            "Created {}. The key is shown only this once. To revoke it: cloakroom api-key revoke {}",
            registered.id, registered.id
        ));
        let view = KeyView::new(&registered, Some(&key));
        self.common.show(&view, &format!("{}\n", key.expose()))
    }
}

impl List {
    async fn run(self) -> Result<(), CommandError> {
        let administration = self.common.administration().await?;
        if let Some(org) = &self.org {
            find_organisation(&administration, org).await?;
        }
        let all = administration.api_keys(self.org.as_ref()).await?;
        let views: Vec<KeyView> = all.iter().map(|key| KeyView::new(key, None)).collect();
        self.common.show(&views, &text(&views))
    }
}

impl Revoke {
    async fn run(self) -> Result<(), CommandError> {
        let administer = self.common.administer().await?;
        let changed = administer.revoke_key(&self.id).await?;
        let id = &self.id;
        complain(&if changed {
            format!("Revoked {id}. Credentials already issued with it work until they expire.")
        } else {
            format!("Nothing changed: {id} is already revoked.")
        });
        match administer.administration().api_key(&self.id).await? {
            Some(found) => self.common.show(&KeyView::new(&found, None), ""),
            None => Ok(()),
        }
    }
}

impl KeyView {
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

fn text(views: &[KeyView]) -> String {
    let rows: Vec<[String; 7]> = views
        .iter()
        .map(|view| {
            let storage = view.storage.then_some("storage".to_owned());
            let opens: Vec<String> = storage.into_iter().chain(view.scopes.clone()).collect();
            [
                view.id.clone(),
                view.organisation.clone(),
                view.label.clone(),
                view.state.to_owned(),
                opens.join(" "),
                or_dash(view.expires_at.as_ref()),
                or_dash(view.last_used.as_ref()),
            ]
        })
        .collect();
    table(
        [
            "KEY",
            "ORGANISATION",
            "LABEL",
            "STATE",
            "OPENS",
            "EXPIRES",
            "LAST USED",
        ],
        &rows,
    )
}
