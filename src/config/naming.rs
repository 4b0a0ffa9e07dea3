use secrecy::{ExposeSecret, SecretString};

use crate::domain::{BucketFormula, BucketFormulaError, DeploymentId, NamingSecret};

use super::key::Key;
use super::reader::{Read, Reader};

const PREFIX: Key = Key::new(
    "naming.prefix",
    "What every bucket's name begins with. Deployments on one store need different prefixes, \
     suffixes or namespaces.",
)
.default("");

const SUFFIX: Key = Key::new("naming.suffix", "What every bucket's name ends with.").default("");

const NAMESPACE: Key = Key::new(
    "naming.namespace",
    "What the hash in every bucket's name depends on besides the owner.",
)
.default("");

const SECRET: Key = Key::new(
    "naming.secret",
    "If set, the hash is HMAC-SHA-256 under this secret of at least 16 bytes, so that names cannot be \
     guessed. Recommended on AWS, where anyone can create a bucket under a guessed name.",
);

const ADOPT: Key = Key::new(
    "naming.adopt",
    "Whether the gateway takes over a bucket that exists before its owner's first call. The bucket \
     must be in the gateway's own account and must not have another deployment's tag.",
)
.default("false");

const ADOPT_FROM: Key = Key::new(
    "naming.adopt_from",
    "Ids of deployments whose tagged buckets may be taken over.",
)
.see(
    "After a lost registry",
    "bucket-conflict.md#after-a-lost-registry",
);

const ACCEPT_CHANGE: Key = Key::new(
    "naming.accept_change",
    "Whether the formula of names or the issuer may differ from those that the registry was made \
     with.",
)
.default("false")
.see(
    "A changed formula or issuer",
    "bucket-conflict.md#a-changed-formula-or-issuer",
);

const MIN_SECRET_BYTES: usize = 16;

/// `naming.*`
#[derive(Clone, Debug, Default)]
pub struct NamingConfig {
    /// `naming.prefix`, `.suffix`, `.namespace` and `.secret`
    pub formula: BucketFormula,
    /// `naming.adopt`
    pub adopt: bool,
    /// `naming.adopt_from`
    pub adopt_from: Vec<DeploymentId>,
    /// `naming.accept_change`
    pub accept_change: bool,
}

impl NamingConfig {
    pub(super) fn read(reader: &mut Reader) -> Read<Self> {
        reader.section("naming", "How buckets are named.");
        let prefix = reader.get::<String>(PREFIX);
        let suffix = reader.get::<String>(SUFFIX);
        let namespace = reader.get::<String>(NAMESPACE);
        let secret = reader.secret(SECRET, check_length);
        let adopt = reader.get(ADOPT);
        let adopt_from = reader.list(ADOPT_FROM);
        let accept_change = reader.get(ACCEPT_CHANGE);
        let (prefix, suffix, namespace) = (prefix?, suffix?, namespace?);
        let secret = secret?
            .map(|secret| NamingSecret::parse(&secret))
            .transpose();
        let formula = secret
            .and_then(|secret| BucketFormula::new(&prefix, &suffix, &namespace, secret))
            .map_err(|error| reader.error(key_of(error), error));
        Ok(Self {
            formula: formula?,
            adopt: adopt?,
            adopt_from: adopt_from?,
            accept_change: accept_change?,
        })
    }
}

fn check_length(secret: &SecretString) -> Result<(), String> {
    if secret.expose_secret().len() < MIN_SECRET_BYTES {
        return Err("must be at least 16 bytes: it keeps names from being guessed".to_owned());
    }
    Ok(())
}

fn key_of(error: BucketFormulaError) -> Key {
    match error {
        BucketFormulaError::TooLong | BucketFormulaError::Prefix | BucketFormulaError::Reserved => {
            PREFIX
        }
        BucketFormulaError::Suffix => SUFFIX,
        BucketFormulaError::Namespace => NAMESPACE,
        BucketFormulaError::Secret => SECRET,
    }
}
