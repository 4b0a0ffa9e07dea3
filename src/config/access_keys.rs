use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::adapters::aws::{Engine, StaticIdentity};
use crate::adapters::{CapabilityKey, CapabilityKeys};
use crate::domain::{BucketFormula, BucketPrefix, Scope};

use super::addresses::{check_address, refuse_http};
use super::reader::Reader;
use super::storage::{StorageConfig, read_identity};

const DEFAULT_SCOPE: &str = "object_storage";

const LONGEST_OVERLAP: Duration = Duration::from_hours(30 * 24);
const DEFAULT_OAUTH_SCOPE_PREFIX: &str = "api.katapult.io/core/v1/";

/// `access_keys.*`: keys that last, for tools that cannot refresh.
#[derive(Clone, Debug)]
pub struct AccessKeysConfig {
    /// `access_keys.broker`: how the engine is told to hold them, if it is.
    pub broker: Option<BrokerConfig>,
    /// `access_keys.bucket_prefix`: which buckets "all" means.
    pub bucket_prefix: Option<BucketPrefix>,
    /// `access_keys.overlap`: how long the pair before a new one lives on.
    pub overlap: Duration,
    /// `access_keys.scope`: what API keys need.
    pub scope: Scope,
    /// `access_keys.oauth_scope_prefix` and `access_keys.scope`: what access tokens need.
    pub oauth_scope: Scope,
    /// `access_keys.capability_key`: signs capability tokens.
    pub capability_key: Option<Arc<CapabilityKeys>>,
}

/// Who tells the engine, and where.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// `access_keys.broker`
    pub kind: BrokerKind,
    /// `access_keys.endpoint`: where IAM is, unless at the store.
    pub endpoint: Option<Url>,
    /// `access_keys.admin_access_key_id`, `access_keys.admin_secret_access_key`: an identity of its
    /// own, so that the one that opens sessions stays weak.
    pub identity: StaticIdentity,
}

/// Engines that can hold such keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerKind {
    /// AWS IAM, or a store that speaks it.
    Iam,
    /// Ceph RGW's Admin Ops.
    Ceph,
    /// `MinIO`'s admin API.
    Minio,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chosen {
    None,
    Kind(BrokerKind),
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("expected one of none, iam, ceph, minio")]
struct UnknownBroker;

impl FromStr for Chosen {
    type Err = UnknownBroker;

    fn from_str(text: &str) -> Result<Self, UnknownBroker> {
        match text {
            "none" => Ok(Self::None),
            "iam" => Ok(Self::Kind(BrokerKind::Iam)),
            "ceph" => Ok(Self::Kind(BrokerKind::Ceph)),
            "minio" => Ok(Self::Kind(BrokerKind::Minio)),
            _ => Err(UnknownBroker),
        }
    }
}

impl BrokerKind {
    /// How this engine holds access keys, if that is known.
    #[must_use]
    pub fn of(engine: Engine) -> Option<Self> {
        match engine {
            Engine::Aws => Some(Self::Iam),
            Engine::Ceph => Some(Self::Ceph),
            Engine::Minio => Some(Self::Minio),
            Engine::Generic => None,
        }
    }
}

impl AccessKeysConfig {
    /// Nothing of it.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn without_broker() -> Result<Self, crate::domain::InvalidScope> {
        Ok(Self {
            broker: None,
            bucket_prefix: None,
            overlap: Duration::ZERO,
            scope: Scope::parse(DEFAULT_SCOPE)?,
            oauth_scope: Scope::parse(&format!("{DEFAULT_OAUTH_SCOPE_PREFIX}{DEFAULT_SCOPE}"))?,
            capability_key: None,
        })
    }

    pub(super) fn read(reader: &mut Reader, storage: Option<&StorageConfig>) -> Option<Self> {
        let allow_http = storage.is_some_and(|storage| storage.allow_http);
        let chosen = reader.optional::<Chosen>("access_keys.broker");
        let identity = read_identity(
            reader,
            [
                "access_keys.admin_access_key_id",
                "access_keys.admin_secret_access_key",
            ],
        );
        let endpoint = reader.url("access_keys.endpoint");
        let address = endpoint.as_ref().and_then(Option::as_ref);
        check_address(reader, "access_keys.endpoint", address);
        if !allow_http {
            refuse_http(reader, "access_keys.endpoint", address);
        }
        let bucket_prefix = reader.optional("access_keys.bucket_prefix");
        let overlap = reader.duration("access_keys.overlap", "0s");
        if overlap.is_some_and(|overlap| overlap > LONGEST_OVERLAP || overlap.subsec_nanos() > 0) {
            reader.error(
                "access_keys.overlap",
                "must be whole seconds, 30d at the most",
            );
        }
        let scope = read_scope(reader);
        let oauth_scope = read_oauth_scope(reader, scope.as_ref());
        let capability_key = read_capability_key(reader);
        let identity = identity?;
        // An identity is there to be used: the way follows from the engine.
        let by_flavor = storage
            .filter(|_| identity.is_some())
            .and_then(|storage| BrokerKind::of(storage.engine));
        let has_no_endpoint =
            address.is_none() && storage.is_some_and(|storage| storage.endpoint.is_none());
        let chosen = chosen?.unwrap_or_else(|| by_flavor.map_or(Chosen::None, Chosen::Kind));
        let broker = match (chosen, identity) {
            (Chosen::None, _) => {
                reader.no_effect(
                    &["access_keys.admin_access_key_id", "access_keys.endpoint"],
                    "while access_keys.broker is none: say iam, ceph or minio",
                );
                Some(None)
            }
            (Chosen::Kind(BrokerKind::Ceph | BrokerKind::Minio), Some(_)) if has_no_endpoint => {
                reader.error(
                    "access_keys.endpoint",
                    "is required where there is no storage.endpoint",
                );
                None
            }
            (Chosen::Kind(kind), Some(identity)) => Some(Some(BrokerConfig {
                kind,
                endpoint: endpoint?,
                identity,
            })),
            (Chosen::Kind(_), None) => {
                reader.error(
                    "access_keys.admin_access_key_id",
                    "is required unless access_keys.broker is none",
                );
                None
            }
        };
        Some(Self {
            broker: broker?,
            bucket_prefix: bucket_prefix?,
            overlap: overlap?,
            scope: scope?,
            oauth_scope: oauth_scope?,
            capability_key,
        })
    }

    /// A `*` must never reach people's lockers.
    pub(super) fn check(&self, reader: &mut Reader, formula: &BucketFormula) {
        let prefix = self.bucket_prefix.as_ref();
        if prefix.is_some_and(|prefix| formula.could_begin_with(prefix)) {
            reader.error(
                "access_keys.bucket_prefix",
                "people's own buckets may begin so: choose another, or a naming.prefix",
            );
        }
    }
}

fn read_scope(reader: &mut Reader) -> Option<Scope> {
    let key = "access_keys.scope";
    let word = reader.parse::<String>(key, DEFAULT_SCOPE)?;
    let scope = Scope::parse(&word);
    scope.map_err(|error| reader.error(key, error)).ok()
}

fn read_oauth_scope(reader: &mut Reader, scope: Option<&Scope>) -> Option<Scope> {
    let key = "access_keys.oauth_scope_prefix";
    let prefix = reader.parse::<String>(key, DEFAULT_OAUTH_SCOPE_PREFIX)?;
    let scope = Scope::parse(&format!("{prefix}{}", scope?.as_str()));
    scope.map_err(|error| reader.error(key, error)).ok()
}

/// None also where it is wrong, which the reader then knows.
fn read_capability_key(reader: &mut Reader) -> Option<Arc<CapabilityKeys>> {
    let key = "access_keys.capability_key";
    let pem = reader.current_secret(key, |pem| {
        let key = CapabilityKey::new(pem);
        key.map(|_| ()).map_err(|error| error.to_string())
    });
    let keys = CapabilityKeys::new(pem.flatten()?);
    let keys = keys.map_err(|error| reader.error(key, error)).ok()?;
    Some(Arc::new(keys))
}
