use std::time::Duration;

use chrono::TimeDelta;
use clap::Subcommand;
use ipnet::IpNet;
use serde::Serialize;

use crate::adapters::SystemClock;
use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyOwner, AccessKeyRights, BucketName, ClientId, Principal, Slug,
    Subject,
};
use crate::service::{AccessKeyRegistry, AdministerError, Clock, NewAccessKey, find_access_key};

use super::administration::{Changing, Reading, parse_label};
use super::outcome::{CommandError, complain, print};
use super::table::{records, table};
use super::view::utc;

/// How long a capability token may be good for: nobody can revoke it.
const SHORTEST: TimeDelta = TimeDelta::seconds(1);
const LONGEST: TimeDelta = TimeDelta::days(366);

/// What can be done with access keys that last.
#[derive(Debug, Subcommand)]
pub(super) enum AccessKeyCommand {
    /// Add an access key for tools that cannot refresh; it has no credentials yet
    #[command(after_help = "Examples:
  cloakroom access-key create --name backups --org acme --read-bucket acme-data --write-bucket acme-data
  cloakroom access-key create --name camera --owner demo/alice --write-bucket pictures --allow-network 10.1.0.0/16

Prints its name. Its credentials: POST /core/v1/object_storage/access_keys/access_key/generate_credentials")]
    Create(Create),
    /// All access keys
    List(List),
    /// One of them
    Show(Named<Reading>),
    /// End its credentials, and the asking for new ones
    Disable(Named<Changing>),
    /// Delete it, and all that the store has of it
    Delete(Named<Changing>),
    /// Print a token that allows its bearer to ask for new credentials of this key
    #[command(after_help = "Example:
  TOKEN=$(cloakroom access-key capability ak_0123456789abcdef01234567 --expires-in 1h)")]
    Capability(Capability),
}

#[derive(clap::Args, Debug)]
#[command(group(clap::ArgGroup::new("whose").required(true).args(["org", "owner"])))]
pub(super) struct Create {
    /// What to call it
    #[arg(long, value_parser = parse_label)]
    name: String,
    /// Whose it is: an organisation
    #[arg(long)]
    org: Option<Slug>,
    /// Whose it is: `client/subject`, or a subject through any client
    #[arg(long)]
    owner: Option<String>,
    /// List and get in this bucket; may be repeated
    #[arg(long, value_name = "BUCKET")]
    read_bucket: Vec<BucketName>,
    /// Put, delete and list in this bucket; may be repeated
    #[arg(long, value_name = "BUCKET")]
    write_bucket: Vec<BucketName>,
    /// List buckets, and what is in those under `access_keys.bucket_prefix`
    #[arg(long)]
    all_buckets_read: bool,
    /// Get every object in the buckets under `access_keys.bucket_prefix`
    #[arg(long)]
    all_objects_read: bool,
    /// Put and delete in the buckets under `access_keys.bucket_prefix`
    #[arg(long)]
    all_objects_write: bool,
    /// Network from which its credentials may be asked for; may be repeated [default: any]
    #[arg(long, value_name = "CIDR")]
    allow_network: Vec<IpNet>,
    #[command(flatten)]
    common: Changing,
}

#[derive(clap::Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    common: Reading,
}

#[derive(clap::Args, Debug)]
pub(super) struct Named<C: clap::Args> {
    /// Its name, as `access-key list` shows it
    id: AccessKeyId,
    #[command(flatten)]
    common: C,
}

#[derive(clap::Args, Debug)]
pub(super) struct Capability {
    /// For which key
    id: AccessKeyId,
    /// How long the token is good for
    #[arg(long, value_name = "TIME")]
    expires_in: humantime::Duration,
    #[command(flatten)]
    common: Changing,
}

const NAMES: [&str; 7] = [
    "ACCESS KEY",
    "NAME",
    "OWNER",
    "STATE",
    "OPENS",
    "ASKED FROM",
    "CREATED",
];

#[derive(Serialize)]
struct AccessKeyView {
    id: String,
    name: String,
    owner: String,
    state: &'static str,
    all_buckets_read: bool,
    all_objects_read: bool,
    all_objects_write: bool,
    read_buckets: Vec<String>,
    write_buckets: Vec<String>,
    networks: Vec<String>,
    created_at: String,
    disabled_at: Option<String>,
}

impl AccessKeyCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(list) => list.run().await,
            Self::Show(named) => named.show().await,
            Self::Disable(named) => named.disable().await,
            Self::Delete(named) => named.delete().await,
            Self::Capability(capability) => capability.run().await,
        }
    }
}

impl Create {
    async fn run(self) -> Result<(), CommandError> {
        let owner = match (self.org, self.owner) {
            (Some(slug), _) => AccessKeyOwner::Organisation(slug),
            (None, Some(owner)) => parse_owner(&owner).map_err(CommandError::Failed)?,
            (None, None) => return Err(CommandError::Failed("--org or --owner".to_owned())),
        };
        let new = NewAccessKey {
            name: self.name,
            owner,
            rights: AccessKeyRights {
                all_buckets_read: self.all_buckets_read,
                all_objects_read: self.all_objects_read,
                all_objects_write: self.all_objects_write,
                read_buckets: self.read_bucket,
                write_buckets: self.write_bucket,
                prefix: None,
            },
            networks: self.allow_network,
        };
        let administer = self.common.administer().await?;
        let key = administer.create_access_key(new).await?;
        complain(&format!(
            "Created {} for {}. It has no credentials yet: POST /core/v1/object_storage/access_keys/\
             access_key/generate_credentials makes them. Its buckets must already exist.",
            key.id,
            whose(&key.owner)
        ));
        let text = format!("{}\n", key.id);
        self.common.show(&AccessKeyView::from(&key), &text)
    }
}

impl List {
    async fn run(self) -> Result<(), CommandError> {
        let all = self.common.administration().await?.access_keys().await?;
        let views: Vec<AccessKeyView> = all.iter().map(AccessKeyView::from).collect();
        let rows: Vec<[String; 7]> = all.iter().map(row).collect();
        self.common.show(&views, &table(NAMES, &rows))
    }
}

impl Named<Reading> {
    async fn show(self) -> Result<(), CommandError> {
        let registry = self.common.administration().await?;
        let key = find_access_key(&registry, &self.id).await?;
        let view = AccessKeyView::from(&key);
        self.common.show(&view, &records(NAMES, &[row(&key)]))
    }
}

impl Named<Changing> {
    async fn disable(self) -> Result<(), CommandError> {
        let administer = self.common.administer().await?;
        let changed = administer.disable_access_key(&self.id).await?;
        let done = administer.look_after_key(&self.id).await;
        let done = done.map_err(|error| unfinished(&self.id, "disabled", &error))?;
        let (id, later) = (&self.id, later(done));
        complain(&if changed {
            format!("Disabled {id}.{later}")
        } else {
            format!("Nothing changed: {id} is already disabled.{later}")
        });
        Ok(())
    }

    async fn delete(self) -> Result<(), CommandError> {
        let administer = self.common.administer().await?;
        administer.delete_access_key(&self.id).await?;
        let done = administer.look_after_key(&self.id).await;
        let done = done.map_err(|error| unfinished(&self.id, "deleted", &error))?;
        complain(&format!("Deleted {}.{}", self.id, later(done)));
        Ok(())
    }
}

impl Capability {
    async fn run(self) -> Result<(), CommandError> {
        let config = self.common.config()?;
        let key = config.access_keys.capability_key.ok_or_else(|| {
            CommandError::Failed("access_keys.capability_key: is not set".to_owned())
        })?;
        let now = SystemClock.now();
        let lifetime = TimeDelta::from_std(Duration::from(self.expires_in)).ok();
        let lifetime = lifetime.filter(|lifetime| (SHORTEST..=LONGEST).contains(lifetime));
        let expires = lifetime.and_then(|lifetime| now.checked_add_signed(lifetime));
        let expires = expires.ok_or_else(|| {
            CommandError::Failed("--expires-in: must be from 1s to 366d".to_owned())
        })?;
        let administer = self.common.administer().await?;
        let name = administer.name_capability(&self.id, expires).await?;
        let token = key.now().sign(&name, &self.id, now, expires);
        let token = token.map_err(|error| CommandError::Failed(error.to_string()))?;
        print(&format!("{token}\n"))
    }
}

impl From<&AccessKey> for AccessKeyView {
    fn from(key: &AccessKey) -> Self {
        let names = |buckets: &[BucketName]| buckets.iter().map(ToString::to_string).collect();
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            owner: key.owner.to_string(),
            state: match key.disabled_at {
                Some(_) => "disabled",
                None => key.state.as_str(),
            },
            all_buckets_read: key.rights.all_buckets_read,
            all_objects_read: key.rights.all_objects_read,
            all_objects_write: key.rights.all_objects_write,
            read_buckets: names(&key.rights.read_buckets),
            write_buckets: names(&key.rights.write_buckets),
            networks: key.networks.iter().map(ToString::to_string).collect(),
            created_at: utc(key.created_at),
            disabled_at: key.disabled_at.map(utc),
        }
    }
}

/// The registry knows, and the engine not yet.
fn unfinished(id: &AccessKeyId, what: &str, error: &AdministerError) -> CommandError {
    CommandError::Failed(format!(
        "{id} is {what}, but its pairs may still live: the gateway ends them as soon as it can ({error})"
    ))
}

/// What is left to the gateway, where this configuration has no broker.
fn later(done: bool) -> &'static str {
    if done {
        ""
    } else {
        " This configuration has no access_keys.broker: the key pairs live until a gateway that has \
         one ends them."
    }
}

/// As somebody reads it who has just written `--owner`.
fn whose(owner: &AccessKeyOwner) -> String {
    match owner {
        AccessKeyOwner::Principal(owner) => {
            let (subject, client) = (owner.subject.as_str(), owner.client_id.as_str());
            format!("the subject '{subject}' through the client '{client}'")
        }
        AccessKeyOwner::Subject(subject) => {
            format!("the subject '{}' through any client", subject.as_str())
        }
        AccessKeyOwner::Organisation(slug) => format!("the organisation '{slug}'"),
    }
}

/// A client's id may hold a slash, so the last one parts it from the subject.
fn parse_owner(text: &str) -> Result<AccessKeyOwner, String> {
    let said = |error: crate::domain::InvalidIdentifier| format!("--owner: {error}");
    let Some((client_id, subject)) = text.rsplit_once('/') else {
        return Ok(AccessKeyOwner::Subject(Subject::parse(text).map_err(said)?));
    };
    Ok(AccessKeyOwner::Principal(Principal {
        client_id: ClientId::parse(client_id).map_err(said)?,
        subject: Subject::parse(subject).map_err(said)?,
    }))
}

fn row(key: &AccessKey) -> [String; 7] {
    let view = AccessKeyView::from(key);
    [
        view.id,
        view.name,
        view.owner,
        view.state.to_owned(),
        key.rights.to_string(),
        view.networks.join(" "),
        view.created_at,
    ]
}
