//! Access keys, leases and pairs as rows have them.

use std::str::FromStr;

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::{
    AccessKey, AccessKeyOwner, AccessKeyRights, AccessKeyState, BucketName, Subject,
};
use crate::service::{HeldLease, PairStanding, RecordedPair, RegistryError, Unfinished};

use crate::adapters::database::principals::parse_principal;
use crate::adapters::database::rows::{parse, text, time, time_or_none, unknown};

macro_rules! select_access_keys {
    ($which:literal) => {
        concat!(
            "SELECT id, name, owner_kind, owner_id, all_rights, read_buckets, write_buckets, \
             bucket_prefix, networks, state, rotation, created_at, disabled_at FROM access_keys \
             WHERE ",
            $which
        )
    };
}

pub(in crate::adapters::database) use select_access_keys;

pub(in crate::adapters::database) fn access_key(row: &AnyRow) -> Result<AccessKey, RegistryError> {
    let is_rotating = !text(row, "rotation")?.is_empty();
    let state = match text(row, "state")?.as_str() {
        _ if is_rotating => AccessKeyState::Pending,
        "pending" => AccessKeyState::Pending,
        "active" => AccessKeyState::Active,
        "failed" => AccessKeyState::Failed,
        _ => return Err(unknown("state")),
    };
    Ok(AccessKey {
        id: parse(row, "id")?,
        name: text(row, "name")?,
        created_at: time(row, "created_at")?,
        owner: owner(row)?,
        rights: rights(row)?,
        networks: list(row, "networks")?,
        state,
        disabled_at: time_or_none(row, "disabled_at")?,
    })
}

fn owner(row: &AnyRow) -> Result<AccessKeyOwner, RegistryError> {
    let id = text(row, "owner_id")?;
    match text(row, "owner_kind")?.as_str() {
        "principal" => Ok(AccessKeyOwner::Principal(parse_principal(&id)?)),
        "subject" => {
            let subject = Subject::parse(&id).map_err(|_| unknown("owner_id"))?;
            Ok(AccessKeyOwner::Subject(subject))
        }
        "organisation" => Ok(AccessKeyOwner::Organisation(parse(row, "owner_id")?)),
        _ => Err(unknown("owner_kind")),
    }
}

fn rights(row: &AnyRow) -> Result<AccessKeyRights, RegistryError> {
    let all = text(row, "all_rights")?;
    let has = |right: &str| all.split(' ').any(|word| word == right);
    Ok(AccessKeyRights {
        all_buckets_read: has("all_buckets_read"),
        all_objects_read: has("all_objects_read"),
        all_objects_write: has("all_objects_write"),
        read_buckets: list(row, "read_buckets")?,
        write_buckets: list(row, "write_buckets")?,
        prefix: list(row, "bucket_prefix")?.pop(),
    })
}

pub(super) fn all_rights(rights: &AccessKeyRights) -> Vec<&'static str> {
    let all = [
        ("all_buckets_read", rights.all_buckets_read),
        ("all_objects_read", rights.all_objects_read),
        ("all_objects_write", rights.all_objects_write),
    ];
    let granted = all.into_iter().filter(|(_, granted)| *granted);
    granted.map(|(right, _)| right).collect()
}

/// The names in one text: they hold no space.
pub(super) fn words(buckets: &[BucketName]) -> String {
    let names: Vec<&str> = buckets.iter().map(BucketName::as_str).collect();
    names.join(" ")
}

fn list<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<Vec<T>, RegistryError> {
    let text = text(row, column)?;
    let words = text.split(' ').filter(|word| !word.is_empty());
    words
        .map(|word| word.parse().map_err(|_| unknown(column)))
        .collect()
}

pub(super) fn unfinished(row: &AnyRow) -> Result<Unfinished, RegistryError> {
    Ok(Unfinished {
        id: parse(row, "id")?,
        is_deleted: time_or_none(row, "deleted_at")?.is_some(),
        is_disabled: time_or_none(row, "disabled_at")?.is_some(),
    })
}

/// The lease of a key. Its name is empty while nothing holds the key.
pub(super) fn held_lease(row: &AnyRow) -> Result<HeldLease, RegistryError> {
    Ok(HeldLease {
        key: parse(row, "id")?,
        name: text(row, "rotation")?,
        renewals: row.try_get("renewals").map_err(|_| unknown("renewals"))?,
    })
}

pub(super) fn recorded_pair(row: &AnyRow) -> Result<RecordedPair, RegistryError> {
    let standing = match time_or_none(row, "ends_at")? {
        Some(ends) => PairStanding::Ends(ends),
        None if text(row, "unproven")?.is_empty() => PairStanding::Current,
        None => PairStanding::Unproven,
    };
    Ok(RecordedPair {
        id: text(row, "access_key_id")?,
        standing,
    })
}
