use clap::ValueEnum;

use crate::adapters::oauth::{ClientAuthentication, PrivateKey};

use super::key::{Condition, Key};
use super::reader::{Read, Reader};
use super::value::Choice;

const ID: Key = Key::new(
    "oauth.client_id",
    "The gateway's own client at the authorization server. Required for introspection.",
)
.conditions(&[UNLESS_JWT]);

const SECRET: Key = Key::new(
    "oauth.client_secret",
    "That client's secret. Required for introspection unless the client has a private key.",
)
.conditions(&[
    UNLESS_JWT,
    Condition::Unless(METHOD.name, "private_key_jwt"),
]);

const METHOD: Key = Key::new(
    "oauth.client_authentication",
    "How the client proves its identity (OpenID Connect Core 1.0 section 9).",
)
.default("client_secret_basic")
.conditions(&[UNLESS_JWT]);

const PRIVATE_KEY: Key = Key::new(
    "oauth.client_private_key",
    "The client's private key: PKCS #8 in PEM.",
)
.conditions(&[UNLESS_JWT, WITH_PRIVATE_KEY]);

const KEY_ID: Key = Key::new("oauth.client_key_id", "The `kid` of that private key.")
    .conditions(&[UNLESS_JWT, WITH_PRIVATE_KEY]);

/// `jwt` never asks the authorization server about a token.
pub(super) const UNLESS_JWT: Condition = Condition::Unless("oauth.validation", "jwt");
const WITH_PRIVATE_KEY: Condition = Condition::When(METHOD.name, "private_key_jwt");

/// `oauth.client_id`, and how this client proves its identity.
#[derive(Clone, Debug)]
pub struct OauthClient {
    /// `oauth.client_id`
    pub id: String,
    /// `oauth.client_authentication`, with the secret or the key that it needs
    pub authentication: ClientAuthentication,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Method {
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
}

impl OauthClient {
    /// The client, if it is required.
    pub(super) fn read(reader: &mut Reader, is_required: bool) -> Read<Option<Self>> {
        let id = reader.optional(ID);
        let secret = reader.current_secret(SECRET, |_| Ok(()));
        let method = reader.get(METHOD);
        let private_key = reader.current_secret(PRIVATE_KEY, |pem| {
            PrivateKey::check(pem).map_err(|error| error.to_string())
        });
        let key_id = reader.optional(KEY_ID);
        if !is_required {
            return Ok(None);
        }
        reader.refuse_empty(ID, &id);
        let for_introspection = "is required for introspection";
        let id = reader.required(ID, id, for_introspection);
        let secret = |reader: &mut Reader| reader.required(SECRET, secret, for_introspection);
        let authentication = match method? {
            Method::ClientSecretBasic => ClientAuthentication::SecretBasic(secret(reader)?),
            Method::ClientSecretPost => ClientAuthentication::SecretPost(secret(reader)?),
            Method::PrivateKeyJwt => {
                let why = "is required when oauth.client_authentication is private_key_jwt";
                let pem = reader.required(PRIVATE_KEY, private_key, why)?;
                let key = PrivateKey::new(pem, key_id?);
                ClientAuthentication::PrivateKeyJwt(
                    key.map_err(|error| reader.error(PRIVATE_KEY, error))?,
                )
            }
        };
        Ok(Some(Self {
            id: id?,
            authentication,
        }))
    }
}

impl Choice for Method {}
