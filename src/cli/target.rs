//! Whom a command is about: an owner or a caller, as operators name them.

use crate::domain::{ApiKeyId, CallerId, InvalidIdentifier};

use super::options::parse_principal;

/// Reads a caller: `client/subject`, or the public part of an API key.
pub(super) fn parse_caller(text: &str) -> Result<CallerId, String> {
    if let Ok(id) = text.parse::<ApiKeyId>() {
        return Ok(CallerId::ApiKey(id));
    }
    let principal = parse_principal(text).map_err(|error: InvalidIdentifier| error.to_string())?;
    let principal = principal.map(CallerId::Principal);
    principal.ok_or_else(|| "expected client/subject, or the public part of an API key".to_owned())
}
