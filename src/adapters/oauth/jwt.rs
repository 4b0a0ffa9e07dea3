use std::collections::{BTreeSet, HashSet};
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation};
use serde_json::Value;

use crate::adapters::strict_json::{StrictObject, WrongMember};
use crate::domain::{AccessToken, UnverifiedClaims};
use crate::service::{LocalJwt, ReadToken, UpstreamError};

use super::claims::{claims, memberships, named};
use super::jwks::Jwks;

/// In a list of accepted `typ`s: a token without one, such as those of Kubernetes.
pub const NO_TYP: &str = "none";

/// Verifies JWTs (RFC 9068) with the public keys of one issuer.
pub struct JwtReader {
    jwks: Arc<Jwks>,
    settings: JwtReaderSettings,
}

/// How the tokens of an issuer are read.
#[derive(Clone, Debug, Default)]
pub struct JwtReaderSettings {
    /// The kinds of tokens (`typ` in the header) that are accepted, in any case; [`NO_TYP`] for none.
    pub accept_typ: Vec<String>,
    /// The claim that lists workspaces.
    pub membership_claim: Option<String>,
    /// Further claims that are read.
    pub claims: BTreeSet<String>,
    /// Whether a token must name its key.
    pub needs_kid: bool,
}

/// The members of a token's header that select the key (RFC 7515 section 4.1).
struct TokenHeader {
    algorithm: Algorithm,
    kid: Option<String>,
}

impl JwtReader {
    /// Reads tokens that are signed with these keys.
    #[must_use]
    pub fn new(jwks: Arc<Jwks>, settings: JwtReaderSettings) -> Self {
        Self { jwks, settings }
    }

    fn check_header(&self, header: &[u8]) -> Result<TokenHeader, &'static str> {
        let header = StrictObject::from_slice(header)
            .map_err(|_| "its header is not a valid JSON object")?;
        let string = |member| {
            header
                .string(member)
                .map_err(|_| "a header member has the wrong JSON type")
        };
        if header.has("crit") {
            return Err("it requires an extension (crit)");
        }
        let algorithm = string("alg")?.and_then(|name| Algorithm::from_str(&name).ok());
        let algorithm = algorithm.ok_or("its algorithm is not supported (alg)")?;
        if !self.accepts(string("typ")?.as_deref()) {
            return Err("it is another kind of token (typ)");
        }
        let kid = string("kid")?;
        if self.settings.needs_kid && kid.is_none() {
            return Err("its header names no key (kid)");
        }
        Ok(TokenHeader { algorithm, kid })
    }

    fn claims(&self, object: &StrictObject) -> Result<UnverifiedClaims, WrongMember> {
        Ok(UnverifiedClaims {
            memberships: memberships(object, self.settings.membership_claim.as_deref())?,
            named: named(object, &self.settings.claims),
            ..claims(object)?
        })
    }

    /// Checks `typ` by RFC 9068 section 4; `application/` is optional (RFC 7515 section 4.1.9).
    fn accepts(&self, typ: Option<&str>) -> bool {
        let mut accepted = self.settings.accept_typ.iter();
        let Some(typ) = typ else {
            return accepted.any(|one| one == NO_TYP);
        };
        let typ = typ.to_ascii_lowercase();
        let typ = typ.strip_prefix("application/").unwrap_or(&typ);
        accepted.any(|one| one != NO_TYP && one.eq_ignore_ascii_case(typ))
    }
}

#[async_trait]
impl LocalJwt for JwtReader {
    async fn read(&self, token: &AccessToken) -> Result<ReadToken, UpstreamError> {
        let token = token.expose();
        let Some(header) = jwt_header(token) else {
            return Ok(ReadToken::Opaque);
        };
        let header = match self.check_header(&header) {
            Ok(header) => header,
            Err(reason) => return Ok(ReadToken::Forged(reason)),
        };
        let keys = self
            .jwks
            .find(header.kid.as_deref(), header.algorithm)
            .await?;
        if keys.is_empty() {
            return Ok(ReadToken::Forged("no key matches its kid and algorithm"));
        }
        let validation = signature_only(header.algorithm);
        let signed = keys
            .iter()
            .find_map(|key| jsonwebtoken::decode::<StrictObject>(token, key, &validation).ok());
        Ok(match signed {
            None => ReadToken::Forged(
                "its signature is wrong, or its claims are not a valid JSON object",
            ),
            Some(signed) => match self.claims(&signed.claims) {
                Ok(claims) => ReadToken::Signed(Box::new(claims)),
                Err(_) => ReadToken::Forged("a claim has the wrong JSON type"),
            },
        })
    }
}

/// The header of a token that looks like a signed JWT: three parts, the first a JSON object with an
/// `alg`.
fn jwt_header(token: &str) -> Option<Vec<u8>> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, _, _] = parts.as_slice() else {
        return None;
    };
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    let json: Value = serde_json::from_slice(&header).ok()?;
    json.get("alg").is_some().then_some(header)
}

/// Lets the library check the signature only. The claims are checked later, by the same rules as those
/// of introspection.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims = HashSet::new();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}
