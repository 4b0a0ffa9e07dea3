use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use secrecy::SecretString;
use url::Url;

use crate::adapters::aws::{Engine, StaticIdentity};
use crate::adapters::{CapabilityKey, CapabilityKeys};
use crate::domain::{BucketPrefix, Scope};

use super::addresses::check_address;
use super::identity::read_identity;
use super::key::{Condition, Key};
use super::naming::NamingConfig;
use super::reader::{Read, Reader};
use super::storage::{self, StorageConfig};
use super::value::Choice;

const ADMIN_ACCESS_KEY_ID: Key = Key::new(
    "access_keys.admin_access_key_id",
    "The access key id of the identity that makes and deletes the engine's users. Use another \
     identity than `storage.access_key_id`, which then needs no such rights.",
)
.conditions(&[WITH_BROKER]);

const ADMIN_SECRET_ACCESS_KEY: Key = Key::new(
    "access_keys.admin_secret_access_key",
    "The secret access key of that identity.",
);

const BROKER: Key = Key::new(
    "access_keys.broker",
    "Which API makes access keys: `iam` (AWS, SeaweedFS, and stores that speak it), `ceph` (Admin Ops) or \
     `minio` (its admin API). With `none`, calls for access keys get 503.",
)
.otherwise("`none`; with an administrator, by `storage.flavor`");

const ENDPOINT: Key = Key::new(
    "access_keys.endpoint",
    "Where that API is. Required for `ceph` and `minio` if there is no `storage.endpoint`.",
)
.otherwise("`storage.endpoint`; AWS's own for `iam` on `aws`")
.conditions(&[WITH_BROKER]);

const OVERLAP: Key = Key::new(
    "access_keys.overlap",
    "How long the key pair before a rotation stays valid: whole seconds, at most 30 days.",
)
.default("0s");

const BUCKET_PREFIX: Key = Key::new(
    "access_keys.bucket_prefix",
    "The prefix of the buckets that an access key for all buckets may use. Refused if a person's own \
     bucket could begin with it.",
);

const SCOPE: Key =
    Key::new("access_keys.scope", "The scope that an API key needs.").default("object_storage");

const OAUTH_SCOPE_PREFIX: Key = Key::new(
    "access_keys.oauth_scope_prefix",
    "The prefix of that scope in access tokens.",
)
.default("api.katapult.io/core/v1/");

const CAPABILITY_KEY: Key = Key::new(
    "access_keys.capability_key",
    "The Ed25519 private key (PKCS #8 in PEM) that signs capability tokens.",
);

const WITH_BROKER: Condition = Condition::Unless(BROKER.name, "none");

const LONGEST_OVERLAP: Duration = Duration::from_hours(30 * 24);

/// `access_keys.*`
#[derive(Clone, Debug)]
pub struct AccessKeysConfig {
    /// `access_keys.broker`, if there is one
    pub broker: Option<BrokerConfig>,
    /// `access_keys.bucket_prefix`
    pub bucket_prefix: Option<BucketPrefix>,
    /// `access_keys.overlap`
    pub overlap: Duration,
    /// `access_keys.scope`
    pub scope: Scope,
    /// `access_keys.oauth_scope_prefix` and `access_keys.scope`
    pub oauth_scope: Scope,
    /// `access_keys.capability_key`
    pub capability_key: Option<Arc<CapabilityKeys>>,
}

/// The API that makes access keys.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// `access_keys.broker`
    pub kind: BrokerKind,
    /// `access_keys.endpoint`
    pub endpoint: Option<Url>,
    /// `access_keys.admin_access_key_id` and `access_keys.admin_secret_access_key`
    pub identity: StaticIdentity,
}

/// The APIs that can make access keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerKind {
    /// AWS IAM, or a store that speaks it.
    Iam,
    /// Ceph RGW's Admin Ops.
    Ceph,
    /// `MinIO`'s admin API.
    Minio,
}

/// The words of `access_keys.broker`.
#[derive(Clone, Copy, ValueEnum)]
enum Chosen {
    None,
    Iam,
    Ceph,
    Minio,
}

impl AccessKeysConfig {
    pub(super) fn read(
        reader: &mut Reader,
        storage: Read<&StorageConfig>,
        naming: Read<&NamingConfig>,
    ) -> Read<Self> {
        reader.section(
            "access_keys",
            "Access keys that last, for tools that cannot refresh credentials.",
        );
        let identity = read_identity(reader, ADMIN_ACCESS_KEY_ID, ADMIN_SECRET_ACCESS_KEY);
        let has_identity = matches!(identity, Ok(Some(_)));
        let default = storage.ok().filter(|_| has_identity);
        let default = default.map_or("none", |storage| broker_of(storage.engine));
        let chosen = reader.get_or(BROKER, default).map(Chosen::kind);
        let endpoint = reader.optional(ENDPOINT);
        let overlap = reader.get::<Duration>(OVERLAP);
        let bucket_prefix = reader.optional(BUCKET_PREFIX);
        let scope = reader.get::<Scope>(SCOPE);
        let oauth_scope = read_oauth_scope(reader, &scope);
        let capability_key = read_capability_key(reader);

        if let Ok(Some(url)) = &endpoint {
            let is_allowed = storage.map(|storage| storage.allow_http);
            check_address(reader, ENDPOINT, url, (storage::ALLOW_HTTP, is_allowed));
        }
        if overlap.is_ok_and(|overlap| overlap > LONGEST_OVERLAP || overlap.subsec_nanos() > 0) {
            reader.error(OVERLAP, "must be whole seconds, at most 30d");
        }
        if let (Ok(Some(prefix)), Ok(naming)) = (&bucket_prefix, naming)
            && naming.formula.could_begin_with(prefix)
        {
            reader.error(
                BUCKET_PREFIX,
                "people's own buckets could begin with it: choose another, or set naming.prefix",
            );
        }
        let broker = match (chosen?, identity?) {
            (None, _) => None,
            (Some(_), None) => {
                return Err(reader.error(
                    ADMIN_ACCESS_KEY_ID,
                    "is required unless access_keys.broker is none",
                ));
            }
            (Some(kind), Some(identity)) => {
                let endpoint = endpoint?;
                let is_somewhere = endpoint.is_some()
                    || storage.map_or(true, |storage| storage.endpoint.is_some());
                if kind != BrokerKind::Iam && !is_somewhere {
                    reader.error(ENDPOINT, "is required unless storage.endpoint is set");
                }
                Some(BrokerConfig {
                    kind,
                    endpoint,
                    identity,
                })
            }
        };
        Ok(Self {
            broker,
            bucket_prefix: bucket_prefix?,
            overlap: overlap?,
            scope: scope?,
            oauth_scope: oauth_scope?,
            capability_key: capability_key?,
        })
    }
}

impl Chosen {
    fn kind(self) -> Option<BrokerKind> {
        match self {
            Self::None => None,
            Self::Iam => Some(BrokerKind::Iam),
            Self::Ceph => Some(BrokerKind::Ceph),
            Self::Minio => Some(BrokerKind::Minio),
        }
    }
}

impl Choice for Chosen {}

/// The broker of an engine, if one is known.
fn broker_of(engine: Engine) -> &'static str {
    match engine {
        Engine::Aws | Engine::Seaweedfs => "iam",
        Engine::Ceph => "ceph",
        Engine::Minio => "minio",
        Engine::Generic => "none",
    }
}

fn read_oauth_scope(reader: &mut Reader, scope: &Read<Scope>) -> Read<Scope> {
    let prefix = reader.get::<String>(OAUTH_SCOPE_PREFIX)?;
    let scope = scope.as_ref().map_err(|noted| *noted)?;
    let scope = Scope::parse(&format!("{prefix}{}", scope.as_str()));
    scope.map_err(|error| reader.error(OAUTH_SCOPE_PREFIX, error))
}

fn read_capability_key(reader: &mut Reader) -> Read<Option<Arc<CapabilityKeys>>> {
    let check = |pem: &SecretString| {
        let key = CapabilityKey::new(pem);
        key.map(drop).map_err(|error| error.to_string())
    };
    let pem = reader.current_secret(CAPABILITY_KEY, check)?;
    let keys = pem.map(CapabilityKeys::new).transpose();
    let keys = keys.map_err(|error| reader.error(CAPABILITY_KEY, error))?;
    Ok(keys.map(Arc::new))
}
