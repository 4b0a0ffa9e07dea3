use std::sync::Arc;

use async_trait::async_trait;
use chrono::SecondsFormat;
use sqlx::Row;

use crate::domain::{BucketName, Owner};
use crate::service::{Claim, ClaimState, Clock, Registry, RegistryError};

use super::Database;
use super::pool::failed;

/// Which owner has which bucket, in a database.
pub struct SqlRegistry {
    database: Database,
    clock: Arc<dyn Clock>,
}

/// A part of the formula or the issuer that differs from what the registry was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FingerprintChange {
    /// The configuration's key.
    pub name: String,
    /// What the registry was made with.
    pub before: String,
    /// What is configured now.
    pub now: String,
}

impl SqlRegistry {
    /// In this database.
    #[must_use]
    pub fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// Compares what bucket names are made with to what they were made with so far, and remembers
    /// it where nothing is remembered yet. Empty when nothing changed.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the registry cannot be read or written.
    pub async fn check_fingerprint(
        &self,
        parts: &[(&str, String)],
    ) -> Result<Vec<FingerprintChange>, RegistryError> {
        let mut changes = Vec::new();
        for (name, now) in parts {
            let before = self
                .remember(name, now)
                .await
                .map_err(failed("fingerprint"))?;
            if before != *now {
                let (name, now) = ((*name).to_owned(), now.clone());
                changes.push(FingerprintChange { name, before, now });
            }
        }
        Ok(changes)
    }

    /// Takes the new fingerprint for granted from now on.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the registry cannot be written.
    pub async fn accept_fingerprint(&self, parts: &[(&str, String)]) -> Result<(), RegistryError> {
        for (name, now) in parts {
            sqlx::query("UPDATE fingerprint SET value = $2 WHERE name = $1")
                .bind(*name)
                .bind(now)
                .execute(&self.database.pool)
                .await
                .map_err(failed("fingerprint"))?;
        }
        Ok(())
    }

    /// Writes something, because a registry that can only be read is of no use.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when it cannot be written.
    pub async fn probe(&self) -> Result<(), RegistryError> {
        sqlx::query(
            "INSERT INTO probe (id, at) VALUES (1, $1) \
             ON CONFLICT (id) DO UPDATE SET at = excluded.at",
        )
        .bind(self.now())
        .execute(&self.database.pool)
        .await
        .map_err(failed("probe"))?;
        Ok(())
    }

    async fn remember(&self, name: &str, now: &str) -> Result<String, sqlx::Error> {
        sqlx::query("INSERT INTO fingerprint (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(name)
            .bind(now)
            .execute(&self.database.pool)
            .await?;
        let row = sqlx::query("SELECT value FROM fingerprint WHERE name = $1")
            .bind(name)
            .fetch_one(&self.database.pool)
            .await?;
        row.try_get(0)
    }

    async fn find(&self, owner: &Owner) -> Result<Option<(String, String)>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT bucket, state FROM owned_buckets WHERE owner_kind = $1 AND owner_id = $2",
        )
        .bind(owner.kind())
        .bind(owner.id())
        .fetch_optional(&self.database.pool)
        .await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .transpose()
    }

    async fn insert(&self, owner: &Owner, bucket: &BucketName) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO owned_buckets (owner_kind, owner_id, bucket, state, claimed_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(owner.kind())
        .bind(owner.id())
        .bind(bucket.as_str())
        .bind(name(ClaimState::Claimed))
        .bind(self.now())
        .execute(&self.database.pool)
        .await?;
        Ok(())
    }

    fn now(&self) -> String {
        self.clock.now().to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

#[async_trait]
impl Registry for SqlRegistry {
    async fn claim(&self, owner: &Owner, bucket: &BucketName) -> Result<Claim, RegistryError> {
        let mut row = self.find(owner).await.map_err(failed("claim"))?;
        if row.is_none() {
            self.insert(owner, bucket).await.map_err(failed("claim"))?;
            row = self.find(owner).await.map_err(failed("claim"))?;
        }
        match row {
            Some((held, state)) if held == bucket.as_str() => parse(&state).map(Claim::Held),
            // Another bucket is held, or the insert gave way to another owner of this one.
            _ => Ok(Claim::Conflict),
        }
    }

    async fn advance(&self, owner: &Owner, to: ClaimState) -> Result<(), RegistryError> {
        sqlx::query(
            "UPDATE owned_buckets SET state = $3 \
             WHERE owner_kind = $1 AND owner_id = $2 AND state <> $3 AND state <> 'ready'",
        )
        .bind(owner.kind())
        .bind(owner.id())
        .bind(name(to))
        .execute(&self.database.pool)
        .await
        .map_err(failed("advance"))?;
        Ok(())
    }
}

fn name(state: ClaimState) -> &'static str {
    match state {
        ClaimState::Claimed => "claimed",
        ClaimState::Creating => "creating",
        ClaimState::Ready => "ready",
    }
}

fn parse(state: &str) -> Result<ClaimState, RegistryError> {
    [ClaimState::Claimed, ClaimState::Creating, ClaimState::Ready]
        .into_iter()
        .find(|known| name(*known) == state)
        .ok_or_else(|| RegistryError("claim: a state that this version does not know".to_owned()))
}
