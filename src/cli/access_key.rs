use std::time::Duration;

use chrono::TimeDelta;
use clap::Subcommand;
use ipnet::IpNet;
use serde::Serialize;

use crate::adapters::SystemClock;
use crate::domain::{
    AccessKey, AccessKeyId, AccessKeyOwner, AccessKeyRights, BucketName, Slug, Subject,
};
use crate::service::{AccessKeyRegistry, AdministerError, Clock, NewAccessKey, find_access_key};

use super::error::CommandError;
use super::options::{ChangeOptions, QueryOptions, parse_label, parse_principal};
use super::output::{Row, note, print, utc};

/// Limits of a capability token's lifetime: it cannot be revoked.
const SHORTEST: TimeDelta = TimeDelta::seconds(1);
const LONGEST: TimeDelta = TimeDelta::days(366);

/// Manage long-lived access keys, for tools that cannot refresh credentials
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Example:\n  cloakroom access-key create --name backups --org acme --write-bucket acme-backups"
)]
pub(super) enum AccessKeyCommand {
    /// Create an access key, which has no credentials yet
    #[command(after_help = "Examples:
  cloakroom access-key create --name backups --org acme --read-bucket acme-data --write-bucket acme-data
  cloakroom access-key create --name camera --owner demo/alice --write-bucket pictures --allow-network 10.1.0.0/16

Prints the key's id. This call makes its credentials:
  POST /core/v1/object_storage/access_keys/access_key/generate_credentials")]
    Create(Create),
    /// List access keys
    List(QueryOptions),
    /// Show an access key
    Show(Named<QueryOptions>),
    /// End the credentials of a key, and issue no new ones
    Disable(Named<ChangeOptions>),
    /// Delete a key, here and at the store
    Delete(Named<ChangeOptions>),
    /// Print a capability token, which lets its bearer ask for new credentials of a key
    #[command(after_help = "Example:
  TOKEN=$(cloakroom access-key capability ak_0123456789abcdef01234567 --expires-in 1h)")]
    Capability(Capability),
}

#[derive(clap::Args, Debug)]
#[command(group(clap::ArgGroup::new("whose").required(true).args(["org", "owner"])))]
pub(super) struct Create {
    /// Name, to recognise the key by
    #[arg(long, value_parser = parse_label)]
    name: String,
    /// Owner: an organisation
    #[arg(long)]
    org: Option<Slug>,
    /// Owner: `client/subject`, or a subject through any client
    #[arg(long)]
    owner: Option<String>,
    /// Allow listing and getting objects in this bucket; may be repeated
    #[arg(long, value_name = "BUCKET")]
    read_bucket: Vec<BucketName>,
    /// Allow listing, putting and deleting objects in this bucket; may be repeated
    #[arg(long, value_name = "BUCKET")]
    write_bucket: Vec<BucketName>,
    /// Allow listing buckets, and the objects in those under `access_keys.bucket_prefix`
    #[arg(long)]
    all_buckets_read: bool,
    /// Allow getting every object in the buckets under `access_keys.bucket_prefix`
    #[arg(long)]
    all_objects_read: bool,
    /// Allow putting and deleting in the buckets under `access_keys.bucket_prefix`
    #[arg(long)]
    all_objects_write: bool,
    /// Issue its credentials only to this network; may be repeated [default: any]
    #[arg(long, value_name = "CIDR")]
    allow_network: Vec<IpNet>,
    #[command(flatten)]
    options: ChangeOptions,
}

#[derive(clap::Args, Debug)]
pub(super) struct Named<Options: clap::Args> {
    /// Id of the key, as `access-key list` shows it
    id: AccessKeyId,
    #[command(flatten)]
    options: Options,
}

#[derive(clap::Args, Debug)]
pub(super) struct Capability {
    /// Id of the key, as `access-key list` shows it
    id: AccessKeyId,
    /// Lifetime of the token, from 1s to 366d
    #[arg(long, value_name = "TIME")]
    expires_in: humantime::Duration,
    #[command(flatten)]
    options: ChangeOptions,
}

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
    /// The rights, as one text.
    #[serde(skip)]
    opens: String,
}

impl AccessKeyCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(options) => list(&options).await,
            Self::Show(named) => named.show().await,
            Self::Disable(named) => named.disable().await,
            Self::Delete(named) => named.delete().await,
            Self::Capability(capability) => Box::pin(capability.run()).await,
        }
    }
}

impl Create {
    async fn run(self) -> Result<(), CommandError> {
        let owner = match (self.org, self.owner) {
            (Some(slug), _) => AccessKeyOwner::Organisation(slug),
            (None, Some(owner)) => parse_owner(&owner)
                .map_err(|error| CommandError::Failed(format!("--owner: {error}")))?,
            (None, None) => return Err(CommandError::Failed("pass --org or --owner".to_owned())),
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
        let administer = self.options.administer().await?;
        let key = administer.create_access_key(new).await?;
        note(&format!(
            "Created {} for {}. It has no credentials yet: POST /core/v1/object_storage/access_keys/\
             access_key/generate_credentials makes them. Its buckets must already exist.",
            key.id,
            whose(&key.owner)
        ));
        let text = format!("{}\n", key.id);
        self.options.show(&AccessKeyView::from(&key), &text)
    }
}

impl Named<QueryOptions> {
    async fn show(self) -> Result<(), CommandError> {
        let registry = self.options.administration().await?;
        let key = find_access_key(&registry, &self.id).await?;
        self.options.record(&AccessKeyView::from(&key))
    }
}

impl Named<ChangeOptions> {
    async fn disable(self) -> Result<(), CommandError> {
        let administer = self.options.administer().await?;
        let changed = administer.disable_access_key(&self.id).await?;
        let done = administer.look_after_key(&self.id).await;
        let done = done.map_err(|error| unfinished(&self.id, "disabled", &error))?;
        let (id, later) = (&self.id, later(done));
        note(&if changed {
            format!("Disabled {id}.{later}")
        } else {
            format!("Nothing changed: {id} is already disabled.{later}")
        });
        Ok(())
    }

    async fn delete(self) -> Result<(), CommandError> {
        let administer = self.options.administer().await?;
        administer.delete_access_key(&self.id).await?;
        let done = administer.look_after_key(&self.id).await;
        let done = done.map_err(|error| unfinished(&self.id, "deleted", &error))?;
        note(&format!("Deleted {}.{}", self.id, later(done)));
        Ok(())
    }
}

impl Capability {
    async fn run(self) -> Result<(), CommandError> {
        let config = self.options.config()?;
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
        let administer = self.options.administer().await?;
        let name = administer.name_capability(&self.id, expires).await?;
        let token = key.now().sign(&name, &self.id, now, expires);
        let token = token.map_err(CommandError::failed)?;
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
            opens: key.rights.to_string(),
        }
    }
}

impl Row<7> for AccessKeyView {
    const COLUMNS: [&str; 7] = [
        "ACCESS KEY",
        "NAME",
        "OWNER",
        "STATE",
        "OPENS",
        "ASKED FROM",
        "CREATED",
    ];

    fn row(&self) -> [String; 7] {
        [
            self.id.clone(),
            self.name.clone(),
            self.owner.clone(),
            self.state.to_owned(),
            self.opens.clone(),
            self.networks.join(" "),
            self.created_at.clone(),
        ]
    }
}

async fn list(options: &QueryOptions) -> Result<(), CommandError> {
    let all = options.administration().await?.access_keys().await?;
    let views: Vec<AccessKeyView> = all.iter().map(AccessKeyView::from).collect();
    options.list(&views)
}

/// The error when the registry has the change and the engine does not.
fn unfinished(id: &AccessKeyId, what: &str, error: &AdministerError) -> CommandError {
    CommandError::Failed(format!(
        "{id} is {what}, but its key pairs may still work: the gateway ends them as soon as it can ({error})"
    ))
}

/// What remains for the gateway to do if this configuration has no broker.
fn later(done: bool) -> &'static str {
    if done {
        ""
    } else {
        " This configuration has no access_keys.broker: the pairs keep working until a gateway with a \
         broker ends them."
    }
}

/// The owner in words, to confirm how `--owner` was understood.
fn whose(owner: &AccessKeyOwner) -> String {
    match owner {
        AccessKeyOwner::Principal(owner) => {
            let (subject, client) = (owner.subject.as_str(), owner.client_id.as_str());
            let issuer = owner.issuer.as_ref();
            let of = issuer.map_or_else(String::new, |name| format!(" of issuers.{name}"));
            format!("the subject '{subject}' through the client '{client}'{of}")
        }
        AccessKeyOwner::Subject(subject) => {
            format!("the subject '{}' through any client", subject.as_str())
        }
        AccessKeyOwner::Organisation(slug) => format!("the organisation '{slug}'"),
    }
}

fn parse_owner(text: &str) -> Result<AccessKeyOwner, String> {
    if let Some(principal) = parse_principal(text)? {
        return Ok(AccessKeyOwner::Principal(principal));
    }
    let subject = Subject::parse(text).map_err(|error| error.to_string())?;
    Ok(AccessKeyOwner::Subject(subject))
}
