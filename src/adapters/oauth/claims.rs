use crate::domain::UnverifiedClaims;

use super::strict_json::{StrictObject, WrongMember};

/// The claims that the gateway reads, each of its JSON type. `active` is not among them: only an
/// introspection answer says it.
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
        aud: object.audience("aud")?,
        token_type: object.string("token_type")?,
        typ: object.string("typ")?,
        token_use: object.string("token_use")?,
        sender_constrained: object.has_object("cnf")?,
    })
}
