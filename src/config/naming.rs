use secrecy::ExposeSecret;

use crate::domain::{BucketFormula, BucketFormulaError, DeploymentId, NamingSecret};

use super::reader::Reader;

const MIN_SECRET_BYTES: usize = 16;

/// `naming.*`: how buckets are named.
#[derive(Clone, Debug, Default)]
pub struct NamingConfig {
    /// `naming.prefix`, `.suffix`, `.namespace`, `.secret`.
    pub formula: BucketFormula,
    /// `naming.adopt`: take over a bucket that stands at its first claim, where the engine shows
    /// that it is ours and no other deployment has tagged it.
    pub adopt: bool,
    /// `naming.adopt_from`: the deployments whose tagged buckets may be taken over.
    pub adopt_from: Vec<DeploymentId>,
    /// `naming.accept_change`: the formula or the issuer may differ from what the registry was
    /// made with.
    pub accept_change: bool,
}

impl NamingConfig {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let prefix = reader.parse::<String>("naming.prefix", "");
        let suffix = reader.parse::<String>("naming.suffix", "");
        let namespace = reader.parse::<String>("naming.namespace", "");
        let secret = reader.secret("naming.secret");
        let adopt = reader.parse("naming.adopt", "false");
        let adopt_from = read_adopt_from(reader);
        let accept_change = reader.parse("naming.accept_change", "false");
        if let Some(Some(secret)) = &secret
            && secret.expose_secret().len() < MIN_SECRET_BYTES
        {
            reader.error(
                "naming.secret",
                "must be at least 16 bytes: it keeps names from being guessed",
            );
        }
        let secret = secret?.map(|secret| NamingSecret::new(&secret)).transpose();
        let formula = secret.and_then(|secret| {
            BucketFormula::new(
                &prefix.unwrap_or_default(),
                &suffix.unwrap_or_default(),
                &namespace.unwrap_or_default(),
                secret,
            )
        });
        let formula = formula
            .map_err(|error| reader.error(key(error), error))
            .ok();
        Some(Self {
            formula: formula?,
            adopt: adopt?,
            adopt_from: adopt_from?,
            accept_change: accept_change?,
        })
    }
}

fn read_adopt_from(reader: &mut Reader) -> Option<Vec<DeploymentId>> {
    const KEY: &str = "naming.adopt_from";
    let words = reader.list(KEY)?;
    let ids = words.iter().map(|word| {
        word.parse()
            .map_err(|error| reader.error(KEY, format!("'{word}': {error}")))
            .ok()
    });
    // All of them are looked at, so that every mistake is reported.
    let ids: Vec<Option<DeploymentId>> = ids.collect();
    ids.into_iter().collect()
}

fn key(error: BucketFormulaError) -> &'static str {
    match error {
        BucketFormulaError::TooLong | BucketFormulaError::Prefix | BucketFormulaError::Reserved => {
            "naming.prefix"
        }
        BucketFormulaError::Suffix => "naming.suffix",
        BucketFormulaError::Namespace => "naming.namespace",
        BucketFormulaError::Secret => "naming.secret",
    }
}
