use std::collections::BTreeSet;

use crate::adapters::strict_json::{StrictObject, WrongMember};
use crate::domain::{Audience, NamedClaims, UnverifiedClaims};

/// Reads the claims that the gateway uses, each with its JSON type. `active` is left false: it exists
/// only in introspection answers.
pub(super) fn claims(object: &StrictObject) -> Result<UnverifiedClaims, WrongMember> {
    Ok(UnverifiedClaims {
        active: false,
        sub: object.string("sub")?,
        client_id: object.string("client_id")?,
        azp: object.string("azp")?,
        scope: object.string("scope")?,
        exp: object.date("exp")?,
        nbf: object.date("nbf")?,
        iss: object.string("iss")?,
        aud: object.strings("aud", "aud")?.map(Audience),
        token_type: object.string("token_type")?,
        typ: object.string("typ")?,
        token_use: object.string("token_use")?,
        memberships: None,
        named: NamedClaims::default(),
        sender_constrained: object.has_object("cnf")?,
    })
}

/// The strings of the claim that `workspaces.membership_claim` names, if it is configured and present.
pub(super) fn memberships(
    object: &StrictObject,
    claim: Option<&str>,
) -> Result<Option<Vec<String>>, WrongMember> {
    let words = claim.map(|claim| object.strings(claim, "workspaces.membership_claim"));
    Ok(words.transpose()?.flatten())
}

/// Those of these claims that are strings, whole numbers or booleans.
pub(super) fn named(object: &StrictObject, names: &BTreeSet<String>) -> NamedClaims {
    let claims = names.iter();
    let claims = claims.filter_map(|name| Some((name.clone(), object.scalar(name)?)));
    claims.collect()
}
