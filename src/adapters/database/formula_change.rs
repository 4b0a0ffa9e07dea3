//! What happens when the formula of bucket names changes.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Connection};

use crate::service::RegistryError;

use super::bucket_owners;
use super::connect::close;
use super::guard::guarded;
use super::rows::text;
use super::statement::failed;
use super::{Database, SqlBucketRegistry};

/// What the names of named issuers begin with.
const ISSUERS: &str = "issuers.";

/// A value of the formula, or the issuer, that differs from the registry's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FingerprintChange {
    /// The configuration's key.
    pub name: String,
    /// The registry's value.
    pub before: String,
    /// The configured value.
    pub now: String,
    /// The name by which the registry knows the same issuer.
    pub renamed_from: Option<String>,
}

impl FingerprintChange {
    fn between(name: &str, before: String, now: &str) -> Option<Self> {
        (before != now).then(|| Self {
            name: name.to_owned(),
            before,
            now: now.to_owned(),
            renamed_from: None,
        })
    }

    /// A new name for an issuer that the registry has: its callers would be others.
    fn of_name(name: &str, now: &str, known: &[(String, String)]) -> Option<Self> {
        let issuer = issuer_of(name, now)?;
        let is_new = known.iter().all(|(other, _)| other != name);
        let mut known = known.iter();
        let twin = known.find(|(other, value)| issuer_of(other, value).as_ref() == Some(&issuer));
        let (before_name, before) = twin.filter(|_| is_new)?.clone();
        Some(Self {
            name: name.to_owned(),
            before,
            now: now.to_owned(),
            renamed_from: Some(before_name),
        })
    }
}

/// Sets every principal's bucket aside. Organisations and workspaces keep theirs, which are stored
/// and not computed.
const SET_ASIDE: [&str; 3] = [
    "DELETE FROM former_buckets WHERE bucket IN \
     (SELECT bucket FROM owned_buckets WHERE owner_kind = 'principal')",
    "INSERT INTO former_buckets (owner_kind, owner_id, bucket) \
     SELECT owner_kind, owner_id, bucket FROM owned_buckets WHERE owner_kind = 'principal' \
     AND state <> 'claimed'",
    "DELETE FROM owned_buckets WHERE owner_kind = 'principal'",
];

impl Database {
    /// As [`Self::with_fingerprint`], but without issuers of `issuers.*` that the registry lacks: the
    /// gateway that first takes their tokens decides how their callers are named.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the registry cannot be read.
    pub async fn with_known_fingerprint(
        self,
        mut parts: Vec<(String, String)>,
    ) -> Result<Self, RegistryError> {
        let known = known(&self).await?;
        let is_known = |name: &str| known.iter().any(|(known, _)| known == name);
        parts.retain(|(name, _)| !name.starts_with(ISSUERS) || is_known(name));
        Ok(self.with_fingerprint(parts))
    }
}

impl SqlBucketRegistry {
    /// Compares the values that bucket names are made with to the registry's, and stores those that
    /// the registry lacks. Empty when nothing changed.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the registry cannot be read or written.
    pub async fn check_fingerprint(&self) -> Result<Vec<FingerprintChange>, RegistryError> {
        let known = known(&self.database).await?;
        let mut changes = Vec::new();
        for (name, now) in self.database.fingerprint.parts() {
            if let Some(renamed) = FingerprintChange::of_name(name, now, &known) {
                changes.push(renamed);
                continue;
            }
            let before = self.remember("fingerprint", name, now).await?;
            changes.extend(FingerprintChange::between(name, before, now));
        }
        Ok(changes)
    }

    /// Makes the new fingerprint the registry's. Replicas with another one hand out nothing from now
    /// on. When bucket names change, every owner gets another bucket. The former buckets are set
    /// aside: no other owner gets them, and their owners have them back if the change is undone.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the registry cannot be written.
    pub async fn accept_fingerprint(&self) -> Result<(), RegistryError> {
        let failed = |error| failed("fingerprint", &error);
        // Every owner's row moves: that may take longer than a request's statement may.
        let mut connection = self.database.open_unhurried().await.map_err(failed)?;
        let mut accepting = guarded(connection.begin()).await.map_err(failed)?;
        // Until this ends there is no reservation by the former formula.
        bucket_owners::keep(&mut accepting).await?;
        guarded(self.accept(&mut accepting)).await.map_err(failed)?;
        guarded(accepting.commit()).await.map_err(failed)?;
        close(connection).await;
        Ok(())
    }

    /// The name that all gateways on this registry share. The first start creates it.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the registry cannot be read or written.
    pub async fn deployment(&self, fresh: [u8; 16]) -> Result<String, RegistryError> {
        let fresh = hex::encode(fresh);
        self.remember("deployment", "deployment", &fresh).await
    }

    /// Another replica may have accepted the same meanwhile, so only what changes here counts.
    async fn accept(&self, accepting: &mut AnyConnection) -> Result<(), sqlx::Error> {
        self.rename(accepting).await?;
        let mut changed = Vec::new();
        for (name, now) in self.database.fingerprint.parts() {
            let updated =
                sqlx::query("UPDATE fingerprint SET value = $2 WHERE name = $1 AND value <> $2")
                    .bind(name)
                    .bind(now)
                    .execute(&mut *accepting)
                    .await?;
            changed.extend((updated.rows_affected() > 0).then_some(name));
        }
        if changed.iter().any(|name| name.starts_with("naming.")) {
            for statement in SET_ASIDE {
                sqlx::query(statement).execute(&mut *accepting).await?;
            }
        }
        Ok(())
    }

    /// Replicas with the former name of an issuer hand out nothing from now on.
    async fn rename(&self, accepting: &mut AnyConnection) -> Result<(), sqlx::Error> {
        let known = sqlx::query_as("SELECT name, value FROM fingerprint");
        let known: Vec<(String, String)> = known.fetch_all(&mut *accepting).await?;
        for (name, now) in self.database.fingerprint.parts() {
            let renamed = FingerprintChange::of_name(name, now, &known);
            if let Some(former) = renamed.and_then(|change| change.renamed_from) {
                sqlx::query("UPDATE fingerprint SET name = $1, value = $2 WHERE name = $3")
                    .bind(name)
                    .bind(now)
                    .bind(former)
                    .execute(&mut *accepting)
                    .await?;
            }
        }
        Ok(())
    }

    /// Stores the value unless the registry has one, and returns the registry's.
    async fn remember(
        &self,
        step: &'static str,
        name: &str,
        now: &str,
    ) -> Result<String, RegistryError> {
        let insert = sqlx::query(
            "INSERT INTO fingerprint (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind(name)
        .bind(now);
        self.database.execute(step, insert).await?;
        let query = sqlx::query("SELECT value FROM fingerprint WHERE name = $1").bind(name);
        let found = self.database.row(step, query, |row| text(row, "value"));
        let gone = || RegistryError::new(format!("{step}: the row was removed"));
        found.await?.ok_or_else(gone)
    }
}

/// What the registry has.
async fn known(database: &Database) -> Result<Vec<(String, String)>, RegistryError> {
    let known = sqlx::query("SELECT name, value FROM fingerprint");
    let pair = |row: &AnyRow| Ok((text(row, "name")?, text(row, "value")?));
    database.rows("fingerprint", known, pair).await
}

/// The issuer in a part of the fingerprint, if it is one of `issuers.*`.
fn issuer_of(name: &str, value: &str) -> Option<String> {
    let parts: Vec<String> = serde_json::from_str(value).ok()?;
    name.starts_with(ISSUERS)
        .then(|| parts.into_iter().next())?
}
