use actix_web::body::{BodyStream, to_bytes_limited};
use actix_web::dev::Payload;
use actix_web::{HttpMessage, HttpRequest, web};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::service::Refusal;

use crate::http::problems::failure::Failure;

/// The longest body of a credential route, in bytes (docs/api/README.md).
const MAX_BODY_BYTES: usize = 64 * 1024;

const FORM: &str = "application/x-www-form-urlencoded";

/// The body of a request to a credential route, and its media type.
pub(crate) struct Body {
    bytes: web::Bytes,
    media_type: String,
}

impl Body {
    pub(crate) async fn read(
        request: &HttpRequest,
        payload: web::Payload,
    ) -> Result<Self, Failure> {
        Ok(Self {
            bytes: read(payload).await?,
            media_type: request.content_type().to_ascii_lowercase(),
        })
    }

    /// Returns the header's credential. The body must be empty or `{}`; otherwise the request is
    /// refused, even with a valid credential.
    pub(crate) fn with_header_credential<T>(
        &self,
        credential: Result<T, Refusal>,
    ) -> Result<T, Failure> {
        match (credential, self.check_empty()) {
            // "No token" would mislead a client that put it into the body.
            (Err(Refusal::MissingCredential), Err(Failure::TokenInBody)) => {
                Err(Failure::TokenInBody)
            }
            (Err(refusal), _) => Err(refusal.into()),
            (Ok(_), Err(failure)) => Err(failure),
            (Ok(credential), Ok(())) => Ok(credential),
        }
    }

    fn check_empty(&self) -> Result<(), Failure> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        match self.media_type.as_str() {
            "application/json" => check_json(&self.bytes),
            FORM if holds_token(&self.bytes) => Err(Failure::TokenInBody),
            _ => Err(Failure::UnsupportedMediaType),
        }
    }

    /// A JSON body, each member known and at most once. Anything else is refused with `wrong`.
    pub(crate) fn json<T: DeserializeOwned>(&self, wrong: &'static str) -> Result<T, Failure> {
        if self.media_type != "application/json" {
            return Err(Failure::UnsupportedMediaType);
        }
        // serde would also take a list of the members' values.
        let has_list = self.bytes.contains(&b'[');
        let read = serde_json::from_slice(&self.bytes).ok();
        let wrong = || Refusal::MalformedRequest(wrong);
        Ok(read.filter(|_| !has_list).ok_or_else(wrong)?)
    }

    /// The fields of a form, in their order.
    pub(crate) fn form(&self) -> Result<Vec<(String, String)>, Refusal> {
        if self.bytes.is_empty() {
            return Ok(Vec::new());
        }
        if self.media_type != FORM {
            return Err(Refusal::MalformedRequest(
                "The request is not a form (application/x-www-form-urlencoded).",
            ));
        }
        let fields = form_urlencoded::parse(&self.bytes);
        Ok(fields.into_owned().collect())
    }
}

/// To read a body, actix-web takes 32 KiB of memory, even if the request has none.
async fn read(payload: web::Payload) -> Result<web::Bytes, Failure> {
    let payload = match payload.into_inner() {
        Payload::None => return Ok(web::Bytes::new()),
        payload => BodyStream::new(payload),
    };
    let read = to_bytes_limited(payload, MAX_BODY_BYTES).await;
    let read = read.map_err(|_| Failure::PayloadTooLarge)?;
    Ok(read.map_err(|_| Refusal::MalformedRequest("The request's body broke off."))?)
}

fn check_json(body: &[u8]) -> Result<(), Failure> {
    let members: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|_| Refusal::MalformedRequest("The body is not a JSON object."))?;
    if members.contains_key("access_token") {
        return Err(Failure::TokenInBody);
    }
    if members.is_empty() {
        return Ok(());
    }
    Err(Refusal::MalformedRequest("The body holds a member; this route takes none.").into())
}

fn holds_token(body: &[u8]) -> bool {
    form_urlencoded::parse(body).any(|(name, _)| name == "access_token")
}
