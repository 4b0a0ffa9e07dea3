mod checks;
mod keys;
mod tables;

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::adapters::Current;
use crate::adapters::oauth::{KeyUse, is_confidential};
use crate::domain::{
    ClaimTemplate, ClientIdSource, Condition, GrantRule, IssuerId, IssuerName, Scope, TrustedIssuer,
};

use super::addresses::check_address;
use super::oauth::OauthConfig;
use super::reader::{Read, Reader};
use super::source::ISSUERS;

use checks::{check_bearer, check_platform, check_unique};
use keys::{
    ACCEPT_TYP, ALLOW_HTTP, AUDIENCE, BEARER_TOKEN, CA_FILE, CLIENT_ID, CONDITIONS, DISCOVERY_URL,
    GRANTS, ISSUER, JWKS_FILE, JWKS_URI, MAX_SESSION, REQUIRED_SCOPE, SUBJECT,
};

const DEFAULT_TYP: &str = "at+jwt";

const SESSION_LIMITS: std::ops::RangeInclusive<Duration> =
    Duration::from_mins(15)..=Duration::from_hours(12);

/// `issuers.<name>.*`
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// How its tokens are checked and whose storage they open.
    pub rules: TrustedIssuer,
    /// Where its keys are.
    pub keys: IssuerKeys,
    /// `issuers.<name>.accept_typ`
    pub accept_typ: Vec<String>,
    /// The content of `issuers.<name>.ca_file`
    pub authorities: Current<Option<Vec<u8>>>,
    /// `issuers.<name>.bearer_token`
    pub bearer_token: Option<Current<SecretString>>,
    /// `issuers.<name>.allow_http`
    pub allow_http: bool,
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug)]
pub enum IssuerKeys {
    /// In a file, with this content.
    File(Current<Vec<u8>>),
    /// At this address.
    Address(Url),
    /// Where the metadata at this address say.
    Discovery(Url),
}

impl IssuerConfig {
    /// The section of its keys in the configuration.
    #[must_use]
    pub fn section(&self) -> String {
        format!("{ISSUERS}.{}", self.rules.name)
    }

    /// Whether its keys may be changed on their way to the gateway.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        match &self.keys {
            IssuerKeys::File(_) => false,
            IssuerKeys::Address(url) | IssuerKeys::Discovery(url) => !is_confidential(url),
        }
    }

    /// Which keys of a set are the issuer's.
    #[must_use]
    pub fn key_use(&self) -> KeyUse {
        key_use(&self.rules.id)
    }
}

/// The issuers, by their names.
pub(super) fn read(reader: &mut Reader, oauth: Read<&OauthConfig>) -> Read<Vec<IssuerConfig>> {
    reader.section(
        ISSUERS,
        "Further issuers whose tokens are accepted: those of workloads, for instance. Each has a table with \
         a name of `a-z`, `0-9` and `-`, such as `[issuers.github]`. In the environment a dash in the name \
         is an underscore: `CLOAKROOM_ISSUERS__MY_CLUSTER__AUDIENCE`.",
    );
    reader.declare_all(read_keys);
    let names = reader.names_in(ISSUERS).into_iter();
    let read: Vec<Read<IssuerConfig>> = names.map(|name| read_one(reader, &name)).collect();
    let issuers: Vec<&IssuerConfig> = read.iter().flatten().collect();
    for (position, issuer) in issuers.iter().enumerate() {
        let before = issuers.iter().take(position);
        check_unique(reader, issuer, before.copied(), oauth);
    }
    read.into_iter().collect()
}

fn read_one(reader: &mut Reader, name: &str) -> Read<IssuerConfig> {
    match name.parse::<IssuerName>() {
        Ok(issuer) => reader.in_table(name, |reader| read_keys(reader)?.check(reader, issuer)),
        Err(error) => {
            reader.skip_table(ISSUERS, name);
            Err(reader.error(format!("{ISSUERS}.{name}"), error))
        }
    }
}

/// The values of a table.
struct Keys {
    issuer: IssuerId,
    audience: String,
    discovery_url: Option<Url>,
    jwks_uri: Option<Url>,
    jwks_file: Option<Current<Vec<u8>>>,
    authorities: Current<Option<Vec<u8>>>,
    bearer_token: Option<Current<SecretString>>,
    allow_http: bool,
    accept_typ: Option<Vec<String>>,
    required_scope: Option<Scope>,
    client_id: Option<ClientIdSource>,
    subject: Option<ClaimTemplate>,
    conditions: Vec<Condition>,
    grants: Vec<GrantRule>,
    max_session: Option<Duration>,
}

fn read_keys(reader: &mut Reader) -> Read<Keys> {
    let issuer = reader.get::<IssuerId>(ISSUER);
    let audience = reader.get::<String>(AUDIENCE);
    let discovery_url = reader.optional(DISCOVERY_URL);
    let jwks_uri = reader.optional(JWKS_URI);
    let key_use = issuer.as_ref().map_or(KeyUse::Signature, key_use);
    let jwks_file = reader.key_set(JWKS_FILE, key_use);
    let authorities = reader.authorities(CA_FILE);
    let bearer_token = reader.current_secret(BEARER_TOKEN, check_bearer);
    let allow_http = reader.get(ALLOW_HTTP);
    let accept_typ = reader.optional_list(ACCEPT_TYP);
    let required_scope = reader.optional(REQUIRED_SCOPE);
    let client_id = reader.optional(CLIENT_ID);
    let subject = reader.optional(SUBJECT);
    let conditions = reader.tables(CONDITIONS);
    let grants = reader.tables(GRANTS);
    let max_session = reader.optional(MAX_SESSION);
    if let (Ok(issuer), Ok(conditions)) = (&issuer, &conditions) {
        check_platform(reader, issuer, conditions);
    }
    if matches!(&audience, Ok(audience) if audience.is_empty()) {
        reader.error(AUDIENCE, "must not be empty");
    }
    if matches!(&accept_typ, Ok(Some(accepted)) if accepted.is_empty()) {
        reader.error(ACCEPT_TYP, "must not be empty: no token would be accepted");
    }
    if let Ok(Some(length)) = &max_session
        && !SESSION_LIMITS.contains(length)
    {
        reader.error(MAX_SESSION, "must be from 15m to 12h");
    }
    for (key, url) in [(DISCOVERY_URL, &discovery_url), (JWKS_URI, &jwks_uri)] {
        if let Ok(Some(url)) = url {
            check_address(reader, key, url, (ALLOW_HTTP, allow_http));
        }
    }
    Ok(Keys {
        issuer: issuer?,
        audience: audience?,
        discovery_url: discovery_url?,
        jwks_uri: jwks_uri?,
        jwks_file: jwks_file?,
        authorities: authorities?,
        bearer_token: bearer_token?,
        allow_http: allow_http?,
        accept_typ: accept_typ?,
        required_scope: required_scope?,
        client_id: client_id?,
        subject: subject?,
        conditions: conditions?,
        grants: grants?,
        max_session: max_session?,
    })
}

impl Keys {
    fn check(self, reader: &mut Reader, name: IssuerName) -> Read<IssuerConfig> {
        let keys = self.keys(reader);
        let accept_typ = self.accept_typ;
        Ok(IssuerConfig {
            keys: keys?,
            accept_typ: accept_typ.unwrap_or_else(|| vec![DEFAULT_TYP.to_owned()]),
            authorities: self.authorities,
            bearer_token: self.bearer_token,
            allow_http: self.allow_http,
            rules: TrustedIssuer {
                name,
                id: self.issuer,
                audience: self.audience,
                required_scope: self.required_scope,
                client_id: self.client_id.unwrap_or_default(),
                subject: self.subject,
                conditions: self.conditions,
                grants: self.grants,
                max_session: self.max_session,
            },
        })
    }

    fn keys(&self, reader: &mut Reader) -> Read<IssuerKeys> {
        match (&self.jwks_file, &self.jwks_uri, &self.discovery_url) {
            (Some(file), None, None) => Ok(IssuerKeys::File(file.clone())),
            (None, Some(url), None) => Ok(IssuerKeys::Address(url.clone())),
            (None, None, None) if self.issuer.is_trust_domain() => Err(reader.error(
                ISSUER,
                "a trust domain has no discovery: set jwks_uri or jwks_file to its bundle",
            )),
            (None, None, None) => {
                let url = Url::parse(self.issuer.as_str());
                let url = url.map_err(|error| reader.error(ISSUER, error))?;
                check_address(reader, ISSUER, &url, (ALLOW_HTTP, Ok(self.allow_http)));
                Ok(IssuerKeys::Discovery(url))
            }
            (None, None, Some(_)) if self.issuer.is_trust_domain() => {
                Err(reader.error(DISCOVERY_URL, "a trust domain has no discovery"))
            }
            (None, None, Some(url)) => Ok(IssuerKeys::Discovery(url.clone())),
            _ => Err(reader.error(
                JWKS_URI,
                "set one of jwks_uri, jwks_file and discovery_url: each says where the keys are",
            )),
        }
    }
}

fn key_use(issuer: &IssuerId) -> KeyUse {
    if issuer.is_trust_domain() {
        KeyUse::JwtSvid
    } else {
        KeyUse::Signature
    }
}
