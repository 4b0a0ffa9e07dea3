use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use openidconnect::OAuth2TokenResponse as _;
use openidconnect::core::CoreTokenResponse;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::Person;

/// A token is refreshed so long before its end: until a gateway looks at it, time passes, and clocks
/// differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// What is kept of a sign-in.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Login {
    /// The gateway that it is for.
    pub gateway: String,
    /// The authorization server.
    pub issuer: String,
    /// The client that the person signed in through.
    pub client_id: String,
    /// What the tokens are for (RFC 8707), if the authorization server wants to be told.
    #[serde(default)]
    pub resource: Option<String>,
    /// Where tokens are refreshed.
    pub token_endpoint: Url,
    /// Where tokens are revoked, if they can be.
    pub revocation_endpoint: Option<Url>,
    /// Who signed in.
    pub person: Person,
    /// The tokens.
    pub granted: Granted,
}

/// Tokens, as they were granted last.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Granted {
    /// The access token.
    #[serde(deserialize_with = "secret", serialize_with = "exposed")]
    pub access_token: SecretString,
    /// When it expires, if the server has said so.
    pub expires: Option<DateTime<Utc>>,
    /// The refresh token, if there is one. It is good once.
    #[serde(
        default,
        deserialize_with = "secret_or_none",
        serialize_with = "exposed_or_none"
    )]
    pub refresh_token: Option<SecretString>,
}

impl Login {
    /// Whether revoking one could end the other: some servers end the whole grant, which is all that the
    /// person has through the client (RFC 7009 section 2.1), as Keycloak does.
    #[must_use]
    pub fn may_share_grant(&self, other: &Self) -> bool {
        let (one, other_person) = (&self.person.subject, &other.person.subject);
        let is_other_person = one.is_some() && other_person.is_some() && one != other_person;
        self.issuer == other.issuer && self.client_id == other.client_id && !is_other_person
    }
}

impl Granted {
    /// What was granted at this time.
    pub(super) fn of(answer: &CoreTokenResponse, now: DateTime<Utc>) -> Self {
        let lifetime = answer.expires_in();
        let lifetime = lifetime.and_then(|lifetime| TimeDelta::from_std(lifetime).ok());
        let refresh_token = answer.refresh_token();
        Self {
            access_token: answer.access_token().secret().as_str().into(),
            expires: lifetime.and_then(|lifetime| {
                let end = now.checked_add_signed(lifetime);
                end.map(|end| end.trunc_subsecs(0))
            }),
            refresh_token: refresh_token.map(|token| token.secret().as_str().into()),
        }
    }

    /// Whether the access token can still be used.
    pub(super) fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_none_or(|end| now + LEEWAY < end)
    }

    pub(super) fn has(&self, access_token: &SecretString) -> bool {
        self.access_token.expose_secret() == access_token.expose_secret()
    }
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    String::deserialize(from).map(SecretString::from)
}

fn secret_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.map(SecretString::from))
}

fn exposed<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose_secret())
}

#[expect(clippy::ref_option, reason = "serde gives it so")]
fn exposed_or_none<S: Serializer>(secret: &Option<SecretString>, to: S) -> Result<S::Ok, S::Error> {
    let text = secret.as_ref().map(SecretString::expose_secret);
    text.serialize(to)
}
