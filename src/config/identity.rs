use crate::adapters::aws::StaticIdentity;

use super::key::Key;
use super::reader::{Read, Reader};

/// Both halves of an identity, or none.
pub(super) fn read_identity(
    reader: &mut Reader,
    id_key: Key,
    secret_key: Key,
) -> Read<Option<StaticIdentity>> {
    let access_key_id = reader.current_secret(id_key, |_| Ok(()));
    let secret_access_key = reader.current_secret(secret_key, |_| Ok(()));
    match (access_key_id?, secret_access_key?) {
        (Some(access_key_id), Some(secret_access_key)) => Ok(Some(StaticIdentity {
            access_key_id,
            secret_access_key,
        })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(reader.error(secret_key, missing_half(id_key))),
        (None, Some(_)) => Err(reader.error(id_key, missing_half(secret_key))),
    }
}

fn missing_half(other: Key) -> String {
    format!("is required with {}", other.name)
}
