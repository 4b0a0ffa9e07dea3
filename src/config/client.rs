use std::str::FromStr;

use secrecy::SecretString;

use crate::adapters::Current;
use crate::adapters::oauth::{ClientAuthentication, PrivateKey};

use super::reader::{ReadOption, Reader};

/// `oauth.client_id`, and how the gateway proves that it is this client.
#[derive(Clone, Debug)]
pub struct OauthClient {
    /// `oauth.client_id`
    pub id: String,
    /// `oauth.client_authentication`, `.client_secret`, `.client_private_key`, `.client_key_id`
    pub authentication: ClientAuthentication,
}

/// `oauth.client_authentication`, as `OpenID Connect Core 1.0` section 9 names the ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Basic,
    Post,
    PrivateKeyJwt,
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("expected one of client_secret_basic, client_secret_post, private_key_jwt")]
struct UnknownMethod;

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        match text {
            "client_secret_basic" => Ok(Self::Basic),
            "client_secret_post" => Ok(Self::Post),
            "private_key_jwt" => Ok(Self::PrivateKeyJwt),
            _ => Err(UnknownMethod),
        }
    }
}

/// The gateway's own client: required where the authorization server is asked about tokens.
pub(super) fn read(reader: &mut Reader, required: bool) -> ReadOption<OauthClient> {
    let method = reader.parse("oauth.client_authentication", "client_secret_basic");
    let id = reader.optional::<String>("oauth.client_id");
    let secret = reader.current_secret("oauth.client_secret", |_| Ok(()));
    let private_key = reader.current_secret("oauth.client_private_key", |pem| {
        PrivateKey::check(pem).map_err(|error| error.to_string())
    });
    let key_id = reader.optional::<String>("oauth.client_key_id");
    let (id, secret, private_key, key_id) = (id?, secret?, private_key?, key_id?);
    if !required {
        return Some(None);
    }
    if id.is_none() {
        reader.error("oauth.client_id", "is required for introspection");
    }
    let method = method?;
    if method == Method::PrivateKeyJwt {
        let when = "when oauth.client_authentication is private_key_jwt";
        reader.no_effect(&["oauth.client_secret"], when);
    } else {
        let when = "unless oauth.client_authentication is private_key_jwt";
        reader.no_effect(&["oauth.client_private_key", "oauth.client_key_id"], when);
    }
    let authentication = match method {
        Method::Basic => need_secret(reader, secret).map(ClientAuthentication::SecretBasic),
        Method::Post => need_secret(reader, secret).map(ClientAuthentication::SecretPost),
        Method::PrivateKeyJwt => {
            let key = need_private_key(reader, private_key)
                .and_then(|pem| PrivateKey::new(pem, key_id).ok());
            key.map(ClientAuthentication::PrivateKeyJwt)
        }
    };
    Some(Some(OauthClient {
        id: id?,
        authentication: authentication?,
    }))
}

fn need_secret(
    reader: &mut Reader,
    secret: Option<Current<SecretString>>,
) -> Option<Current<SecretString>> {
    if secret.is_none() {
        reader.error("oauth.client_secret", "is required for introspection");
    }
    secret
}

fn need_private_key(
    reader: &mut Reader,
    pem: Option<Current<SecretString>>,
) -> Option<Current<SecretString>> {
    if pem.is_none() {
        reader.error(
            "oauth.client_private_key",
            "is required when oauth.client_authentication is private_key_jwt",
        );
    }
    pem
}
