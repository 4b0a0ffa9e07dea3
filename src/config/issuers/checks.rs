use secrecy::{ExposeSecret, SecretString};

use crate::config::oauth::OauthConfig;
use crate::config::reader::{Read, Reader};
use crate::domain::{Condition, IssuerId, Platform};

use super::IssuerConfig;
use super::keys::CONDITIONS;

/// Refuses a token that no header can hold.
pub(super) fn check_bearer(token: &SecretString) -> Result<(), String> {
    let is_header = |b: u8| (0x21..=0x7e).contains(&b);
    let token = token.expose_secret();
    if token.is_empty() || !token.bytes().all(is_header) {
        return Err("must be one word of printable ASCII".to_owned());
    }
    Ok(())
}

/// Refuses an issuer of which everybody can get tokens, unless a condition says whose are let in.
pub(super) fn check_platform(reader: &mut Reader, issuer: &IssuerId, conditions: &[Condition]) {
    if let Some(platform) = Platform::of(issuer)
        && !platform.is_confined_by(conditions)
    {
        reader.error(CONDITIONS, platform);
    }
}

/// Tokens are told apart by their `iss`, so no two issuers may have the same one.
pub(super) fn check_unique<'i>(
    reader: &mut Reader,
    issuer: &IssuerConfig,
    mut before: impl Iterator<Item = &'i IssuerConfig>,
    oauth: Read<&OauthConfig>,
) {
    let canonical = issuer.rules.id.canonical();
    let twin = before.find(|other| other.rules.id.canonical() == canonical);
    let is_oauths = oauth.is_ok_and(|oauth| {
        let id = IssuerId::parse(&oauth.issuer);
        id.is_ok_and(|id| id.canonical() == canonical)
    });
    let twin = twin.map(|other| format!("{}.issuer", other.section()));
    let twin = twin.or_else(|| is_oauths.then(|| "oauth.issuer".to_owned()));
    if let Some(twin) = twin {
        let key = format!("{}.issuer", issuer.section());
        reader.error(
            key,
            format!("is the same as {twin}: an issuer has one table"),
        );
    }
}
