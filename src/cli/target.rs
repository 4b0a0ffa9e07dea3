//! Whom a command is about: an owner or a caller, as operators name them.

use crate::config::Config;
use crate::domain::{ApiKeyId, BlockTarget, CallerId, Owner};

use super::options::parse_principal;
use super::output::note;

/// Reads a caller: `client/subject`, or the public part of an API key.
pub(super) fn parse_caller(text: &str) -> Result<CallerId, String> {
    if let Ok(id) = text.parse::<ApiKeyId>() {
        return Ok(CallerId::ApiKey(id));
    }
    let principal = parse_principal(text)?.map(CallerId::Principal);
    principal.ok_or_else(|| "expected client/subject, or the public part of an API key".to_owned())
}

/// Says so if somebody is of an issuer that the configuration does not have: the name may be mistyped.
pub(super) fn warn_of_unknown_issuer(config: &Config, target: &BlockTarget) {
    let (BlockTarget::Owner(Owner::Principal(principal))
    | BlockTarget::Caller(CallerId::Principal(principal))) = target
    else {
        return;
    };
    if let Some(name) = &principal.issuer
        && config.issuers.iter().all(|one| one.rules.name != *name)
    {
        note(&format!(
            "The configuration has no [issuers.{name}]: no token makes such a caller now."
        ));
    }
}
