//! Blocks and revocations, and the count of their changes.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::any::AnyRow;

use crate::domain::{
    AuditEvent, Block, BlockInForce, BlockTarget, Restrictions, RevocationInForce,
};
use crate::service::{Blocks, KnownBlock, RegistryError, RestrictionRegistry};

use super::SqlDirectory;
use super::change::Change;
use super::fingerprint::RESTRICTIONS;
use super::rows::{text, time, time_or_none, unknown, utc, utc_or_empty};

#[async_trait]
impl RestrictionRegistry for SqlDirectory {
    /// Reads the version first: if something changes meanwhile, what is read is outdated at once, and
    /// read again.
    async fn restrictions(&self) -> Result<Restrictions, RegistryError> {
        let version = sqlx::query("SELECT value FROM fingerprint WHERE name = $1");
        let version = self
            .database
            .row("restrictions", version.bind(RESTRICTIONS), |row| {
                text(row, "value")?
                    .parse()
                    .map_err(|_| unknown("restrictions"))
            })
            .await?
            .ok_or_else(|| RegistryError::new("restrictions: the row was removed"))?;
        let blocks = self.blocks().await?.into_iter().map(|block| {
            let (reason, until) = (block.reason, block.until);
            ((block.kind, block.name), BlockInForce { reason, until })
        });
        let query = sqlx::query("SELECT kind, name, before, frozen_until FROM revocations");
        let revocations = self.database.rows("revocations", query, revocation).await?;
        let revocations: HashMap<_, _> = revocations.into_iter().collect();
        Ok(Restrictions::new(version, blocks.collect(), revocations))
    }
}

#[async_trait]
impl Blocks for SqlDirectory {
    async fn blocks(&self) -> Result<Vec<KnownBlock>, RegistryError> {
        let query = sqlx::query("SELECT kind, name, reason, since, until FROM blocks");
        let mut blocks = self.database.rows("blocks", query, known_block).await?;
        blocks.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
        Ok(blocks)
    }

    async fn block(&self, block: &Block, event: &AuditEvent) -> Result<(), RegistryError> {
        let upsert = sqlx::query(
            "INSERT INTO blocks (kind, name, reason, since, until) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (kind, name) DO UPDATE \
             SET reason = excluded.reason, until = excluded.until",
        )
        .bind(block.target.kind())
        .bind(block.target.name())
        .bind(block.reason.as_str())
        .bind(utc(event.cause.time))
        .bind(utc_or_empty(block.until));
        let mut change = begin(self).await?;
        change.execute(upsert).await?;
        change.commit_with(event).await
    }

    async fn unblock(
        &self,
        target: &BlockTarget,
        erased: Option<&str>,
        event: &AuditEvent,
    ) -> Result<bool, RegistryError> {
        let delete = sqlx::query("DELETE FROM blocks WHERE (kind = $1 AND name = $2) OR name = $3")
            .bind(target.kind())
            .bind(target.name())
            // No name is empty.
            .bind(erased.unwrap_or_default());
        let mut change = begin(self).await?;
        if change.execute(delete).await? == 0 {
            change.roll_back().await?;
            return Ok(false);
        }
        change.commit_with(event).await?;
        Ok(true)
    }
}

/// Begins a change of restrictions, by counting it.
pub(super) async fn begin(directory: &SqlDirectory) -> Result<Change, RegistryError> {
    let mut change = Change::open(&directory.database, "restrictions").await?;
    count_change(&mut change).await?;
    Ok(change)
}

/// Counts a change of restrictions. First it waits until every event whose statement saw the old count has
/// committed ([`Fingerprint::condition`]); events that come meanwhile queue behind it and see the new one.
/// `SQLite` has one writer at a time.
///
/// [`Fingerprint::condition`]: super::fingerprint::Fingerprint::condition
pub(super) async fn count_change(change: &mut Change) -> Result<(), RegistryError> {
    if change.lease.connection.backend_name() == "PostgreSQL" {
        for statement in [
            "SET LOCAL lock_timeout = '3s'",
            // Waiting for the row's lock would be endless: those who share it let others share it.
            "LOCK TABLE fingerprint IN EXCLUSIVE MODE",
        ] {
            change.execute(sqlx::query(statement)).await?;
        }
    }
    let count = sqlx::query(
        "UPDATE fingerprint SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = $1",
    );
    if change.execute(count.bind(RESTRICTIONS)).await? == 0 {
        return Err(RegistryError::new("restrictions: the row was removed"));
    }
    Ok(())
}

/// A time of a revocation: RFC 3339, UTC, milliseconds.
pub(super) fn utc_milliseconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn known_block(row: &AnyRow) -> Result<KnownBlock, RegistryError> {
    Ok(KnownBlock {
        kind: text(row, "kind")?,
        name: text(row, "name")?,
        reason: text(row, "reason")?,
        since: time(row, "since")?,
        until: time_or_none(row, "until")?,
    })
}

fn revocation(row: &AnyRow) -> Result<((String, String), RevocationInForce), RegistryError> {
    let key = (text(row, "kind")?, text(row, "name")?);
    let revocation = RevocationInForce {
        before: time(row, "before")?,
        frozen_until: time_or_none(row, "frozen_until")?,
    };
    Ok((key, revocation))
}
