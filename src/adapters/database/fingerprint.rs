use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::service::RegistryError;

/// The name of the number of changes of restrictions, which is kept beside the values.
pub(super) const RESTRICTIONS: &str = "restrictions";

/// The values that this replica makes bucket names with, compared with the registry's.
///
/// Replicas with different values would give one owner two buckets. The registry's values change
/// only when an operator accepts it (`naming.accept_change`); a replica with other values then hands
/// out nothing (docs/call.md).
#[derive(Clone, Debug, Default)]
pub(super) struct Fingerprint(Arc<Values>);

#[derive(Debug, Default)]
struct Values {
    parts: Vec<(String, String)>,
    /// Whether the registry had other values when it was last asked.
    is_outdated: AtomicBool,
}

impl Fingerprint {
    /// These values, by the configuration's keys.
    pub(super) fn new(parts: Vec<(String, String)>) -> Self {
        Self(Arc::new(Values {
            parts,
            is_outdated: AtomicBool::new(false),
        }))
    }

    pub(super) fn parts(&self) -> &[(String, String)] {
        &self.0.parts
    }

    /// Whether the registry has this replica's values. The first time that it has not raises an
    /// alarm.
    pub(super) async fn is_current(
        &self,
        connection: &mut AnyConnection,
    ) -> Result<bool, sqlx::Error> {
        let rows = sqlx::query("SELECT name, value FROM fingerprint");
        let rows = rows.fetch_all(connection).await?;
        let pair = |row: &AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
        let registered: Result<Vec<(String, String)>, sqlx::Error> =
            rows.iter().map(pair).collect();
        let registered = registered?;
        let is_registered = |(name, value): &&(String, String)| {
            let mut found = registered.iter();
            found.any(|(known, registered)| known == name && registered == value)
        };
        let differing = self.parts().iter().filter(|part| !is_registered(part));
        let keys: Vec<&str> = differing.map(|(name, _)| name.as_str()).collect();
        self.note(&keys);
        Ok(keys.is_empty())
    }

    /// The error of a replica that is outdated: it hands out nothing.
    pub(super) fn outdated() -> RegistryError {
        RegistryError::new(
            "fingerprint: naming.*, oauth.issuer or issuers.* have been changed by another replica",
        )
    }

    /// The SQL condition that the registry has these values, and exactly this many changes of restrictions.
    /// It takes two placeholders for each of [`Fingerprint::values`], from this number on. Only numbers
    /// enter the text.
    ///
    /// On `PostgreSQL`, which has several writers, the count cannot change until the statement has
    /// committed. A lock on the whole trail would also have to wait for `VACUUM`.
    pub(super) fn condition(&self, first: usize, is_postgres: bool) -> String {
        let equals = |n: usize| format!("(name = ${n} AND value = ${})", n + 1);
        let count = self.parts().len() + 1;
        let places: Vec<usize> = (0..count).map(|part| first + 2 * part).collect();
        let equal: Vec<String> = places.iter().copied().map(equals).collect();
        let equal = equal.join(" OR ");
        let holds = format!("(SELECT count(*) FROM fingerprint WHERE {equal}) = {count}");
        let restrictions = places.last().copied().map(equals);
        match restrictions.filter(|_| is_postgres) {
            Some(is_count) => format!(
                "{holds} AND EXISTS (SELECT 1 FROM \
                 (SELECT 1 FROM fingerprint WHERE {is_count} FOR SHARE) AS held)"
            ),
            None => holds,
        }
    }

    /// The values that the registry must have, by their names.
    pub(super) fn values(&self, restrictions: i64) -> impl Iterator<Item = (&str, String)> {
        let parts = self.parts().iter();
        let parts = parts.map(|(name, value)| (name.as_str(), value.clone()));
        parts.chain([(RESTRICTIONS, restrictions.to_string())])
    }

    fn note(&self, differing: &[&str]) {
        let is_outdated = !differing.is_empty();
        let was_outdated = self.0.is_outdated.swap(is_outdated, Ordering::Relaxed);
        if is_outdated && !was_outdated {
            tracing::error!(
                alarm = "formula-changed",
                keys = differing.join(" "),
                "another replica has changed what bucket names follow from \
                 (naming.accept_change): nothing is handed out here until this replica is \
                 restarted with the new values"
            );
        } else if was_outdated && !is_outdated {
            tracing::info!(
                "the registry has this replica's naming.*, oauth.issuer and issuers.* again"
            );
        }
    }
}
