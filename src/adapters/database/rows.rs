//! Rows of the registry as domain values. A row that is none was written by another version.

use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::{
    Access, ApiKeyHash, Area, ClientId, Member, Organisation, Owner, RegisteredApiKey, Scope,
    Subject, Workspace, WorkspaceName,
};
use crate::service::RegistryError;

macro_rules! select_api_keys {
    ($which:literal) => {
        concat!(
            "SELECT id, hash, organisation, label, storage, scopes, created_at, expires_at, \
             revoked_at, last_used FROM api_keys ",
            $which
        )
    };
}

macro_rules! select_organisations {
    ($which:literal) => {
        concat!(
            "SELECT o.slug, o.state, o.created_at, a.bucket, a.prefix FROM organisations o \
             JOIN areas a ON a.owner_kind = 'organisation' AND a.owner_id = o.slug ",
            $which
        )
    };
}

macro_rules! select_workspaces {
    ($which:literal) => {
        concat!(
            "SELECT w.organisation, w.slug, w.deleted_at, w.created_at, o.state, a.bucket, a.prefix \
             FROM workspaces w JOIN organisations o ON o.slug = w.organisation \
             JOIN areas a ON a.owner_kind = 'workspace' \
             AND a.owner_id = w.organisation || '/' || w.slug ",
            $which
        )
    };
}

pub(super) use {select_api_keys, select_organisations, select_workspaces};

/// Times are RFC 3339, UTC, whole seconds.
pub(super) fn utc(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A time that may be empty.
pub(super) fn utc_or_empty(time: Option<DateTime<Utc>>) -> String {
    time.map(utc).unwrap_or_default()
}

pub(super) fn api_key(row: &AnyRow) -> Result<RegisteredApiKey, RegistryError> {
    let scopes = text(row, "scopes")?;
    let scopes = scopes.split(' ').filter(|word| !word.is_empty());
    let scopes: Result<Vec<Scope>, _> = scopes.map(Scope::parse).collect();
    Ok(RegisteredApiKey {
        id: parse(row, "id")?,
        hash: api_key_hash(row)?,
        organisation: parse(row, "organisation")?,
        label: text(row, "label")?,
        storage: text(row, "storage")? == "yes",
        scopes: scopes.map_err(|_| unknown("scopes"))?,
        created_at: time(row, "created_at")?,
        expires_at: time_or_none(row, "expires_at")?,
        revoked_at: time_or_none(row, "revoked_at")?,
        last_used: time_or_none(row, "last_used")?,
    })
}

pub(super) fn api_key_hash(row: &AnyRow) -> Result<ApiKeyHash, RegistryError> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text(row, "hash")?, &mut hash).map_err(|_| unknown("hash"))?;
    Ok(ApiKeyHash(hash))
}

pub(super) fn organisation(row: &AnyRow) -> Result<Organisation, RegistryError> {
    Ok(Organisation {
        slug: parse(row, "slug")?,
        area: area(row)?,
        is_enabled: is_enabled(row)?,
        created_at: time(row, "created_at")?,
    })
}

pub(super) fn workspace(row: &AnyRow) -> Result<Workspace, RegistryError> {
    Ok(Workspace {
        name: WorkspaceName {
            organisation: parse(row, "organisation")?,
            workspace: parse(row, "slug")?,
        },
        area: area(row)?,
        organisation_is_enabled: is_enabled(row)?,
        deleted_at: time_or_none(row, "deleted_at")?,
        created_at: time(row, "created_at")?,
    })
}

pub(super) fn member(row: &AnyRow) -> Result<Member, RegistryError> {
    let client_id = text(row, "client_id")?;
    let client_id = Some(client_id).filter(|client_id| !client_id.is_empty());
    let client_id = client_id.map(|client_id| ClientId::parse(&client_id));
    let issuer = Some(text(row, "issuer")?).filter(|issuer| !issuer.is_empty());
    let issuer = issuer.map(|issuer| issuer.parse()).transpose();
    Ok(Member {
        issuer: issuer.map_err(|_| unknown("issuer"))?,
        subject: Subject::parse(&text(row, "subject")?).map_err(|_| unknown("subject"))?,
        client_id: client_id.transpose().map_err(|_| unknown("client_id"))?,
        access: access(row)?,
    })
}

/// An area and its owner.
pub(super) fn owned_area(row: &AnyRow) -> Result<(Owner, Area), RegistryError> {
    let owner = match text(row, "owner_kind")?.as_str() {
        "organisation" => Owner::Organisation(parse(row, "owner_id")?),
        "workspace" => Owner::Workspace(parse(row, "owner_id")?),
        _ => return Err(unknown("owner_kind")),
    };
    Ok((owner, area(row)?))
}

pub(super) fn access(row: &AnyRow) -> Result<Access, RegistryError> {
    let word = text(row, "access")?;
    let known = [Access::Read, Access::ReadWrite].into_iter();
    let mut named = known.filter(|access| access.as_str() == word);
    named.next().ok_or_else(|| unknown("access"))
}

pub(super) fn area(row: &AnyRow) -> Result<Area, RegistryError> {
    Ok(Area {
        bucket: parse(row, "bucket")?,
        prefix: parse(row, "prefix")?,
    })
}

fn is_enabled(row: &AnyRow) -> Result<bool, RegistryError> {
    Ok(text(row, "state")? == "enabled")
}

pub(super) fn time(row: &AnyRow, column: &'static str) -> Result<DateTime<Utc>, RegistryError> {
    text(row, column)?.parse().map_err(|_| unknown(column))
}

pub(super) fn time_or_none(
    row: &AnyRow,
    column: &'static str,
) -> Result<Option<DateTime<Utc>>, RegistryError> {
    if text(row, column)?.is_empty() {
        return Ok(None);
    }
    time(row, column).map(Some)
}

pub(super) fn parse<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<T, RegistryError> {
    text(row, column)?.parse().map_err(|_| unknown(column))
}

pub(super) fn text(row: &AnyRow, column: &'static str) -> Result<String, RegistryError> {
    row.try_get(column).map_err(|_| unknown(column))
}

pub(super) fn unknown(column: &'static str) -> RegistryError {
    RegistryError::new(format!("{column}: a value that this version does not know"))
}
