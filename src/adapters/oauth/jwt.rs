use std::collections::HashSet;
use std::str::FromStr;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation};
use serde_json::Value;

use crate::domain::{AccessToken, UnverifiedClaims};
use crate::service::{LocalJwt, ReadToken, UpstreamError};

use super::claims::{claims, memberships};
use super::jwks::Jwks;
use super::strict_json::{StrictObject, WrongMember};

/// Verifies JWT access tokens (RFC 9068) with the authorization server's public keys.
pub struct JwtReader {
    jwks: Jwks,
    accept_plain_jwt: bool,
    membership_claim: Option<String>,
}

/// The members of a token's header that select the key (RFC 7515 section 4.1).
struct TokenHeader {
    algorithm: Algorithm,
    kid: Option<String>,
}

impl JwtReader {
    /// `accept_plain_jwt` accepts `typ: JWT` for access tokens; `membership_claim` names the claim that
    /// lists workspaces.
    #[must_use]
    pub fn new(jwks: Jwks, accept_plain_jwt: bool, membership_claim: Option<String>) -> Self {
        Self {
            jwks,
            accept_plain_jwt,
            membership_claim,
        }
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
        let typ = string("typ")?.ok_or("its header has no typ")?;
        if !self.is_access_token(&typ) {
            return Err("it is another kind of token (typ)");
        }
        Ok(TokenHeader {
            algorithm,
            kid: string("kid")?,
        })
    }

    fn claims(&self, object: &StrictObject) -> Result<UnverifiedClaims, WrongMember> {
        Ok(UnverifiedClaims {
            memberships: memberships(object, self.membership_claim.as_deref())?,
            ..claims(object)?
        })
    }

    /// Checks `typ` by RFC 9068 section 4; `application/` is optional (RFC 7515 section 4.1.9).
    fn is_access_token(&self, typ: &str) -> bool {
        let typ = typ.to_ascii_lowercase();
        let typ = typ.strip_prefix("application/").unwrap_or(&typ);
        typ == "at+jwt" || (typ == "jwt" && self.accept_plain_jwt)
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
