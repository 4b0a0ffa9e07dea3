//! `GetCallerIdentity`, answered by a session token that the audit trail has.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>

use actix_web::HttpResponse;
use actix_web::http::header::HeaderValue;
use url::form_urlencoded;
use utoipa::ToSchema;

use crate::domain::SessionTokenHash;
use crate::service::{Deadline, Refusal};

use crate::http::exchange::Exchange;
use crate::http::input::body::Body;
use crate::http::input::query::known_and_once;
use crate::http::problems::failure::Failure;

use super::form::check_version;
use super::xml;

const ACTION: &str = "GetCallerIdentity";

/// The header and the parameter that hold the session token.
pub(super) const SESSION_TOKEN: &str = "X-Amz-Security-Token";

/// The parameters. Those of the signature are not read: the gateway does not keep the secret that the
/// request is signed with.
const PARAMETERS: [&str; 9] = [
    "Action",
    "Version",
    SESSION_TOKEN,
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// What asks whose session this is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form that is read field by field")]
pub(crate) struct CallerIdentityForm {
    #[schema(rename = "Action", example = "GetCallerIdentity")]
    action: String,
    #[schema(rename = "Version", example = "2011-06-15")]
    version: String,
    /// The session token, unless the header of this name has it.
    #[schema(rename = "X-Amz-Security-Token")]
    session_token: Option<String>,
}

/// The parameters of a request.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Those of the form and of the query, where presigned requests have them; nothing if the request
    /// asks for something else.
    pub(super) fn read(exchange: &Exchange, body: &Body) -> Result<Option<Self>, Failure> {
        let query = exchange.request.query_string().as_bytes();
        let query = form_urlencoded::parse(query).into_owned();
        let given: Vec<_> = query.chain(body.form()?).collect();
        let asks = |(name, value): &(String, String)| name == "Action" && value == ACTION;
        if !given.iter().any(asks) {
            return Ok(None);
        }
        let parameters = Self(known_and_once(given, &PARAMETERS)?);
        check_version(parameters.get("Version"))?;
        Ok(Some(parameters))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let mut parameters = self.0.iter();
        let found = parameters.find(|(parameter, _)| parameter == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The hash of the session token; nothing if there is no token.
    fn token(&self, exchange: &Exchange) -> Result<Option<SessionTokenHash>, Refusal> {
        let headers = exchange.request.headers();
        let mut tokens = headers
            .get_all(SESSION_TOKEN)
            .map(HeaderValue::as_bytes)
            .chain(self.get(SESSION_TOKEN).map(str::as_bytes));
        let token = tokens.next().unwrap_or_default();
        if tokens.next().is_some() {
            return Err(Refusal::MalformedRequest(
                "The session token appears more than once.",
            ));
        }
        Ok(SessionTokenHash::of(token))
    }
}

/// Whose session it is.
pub(super) async fn identify(
    parameters: &Parameters,
    exchange: &Exchange,
    deadline: Deadline,
) -> Result<HttpResponse, Failure> {
    let (gateway, log) = (&exchange.gateway, &exchange.log);
    let token = parameters.token(exchange)?;
    let use_cases = gateway.use_cases()?;
    let _in_flight = gateway.enter()?;
    let session = use_cases
        .identify_session
        .identify(token.as_ref(), exchange.client_address(), deadline)
        .await?;
    log.concerns(use_cases.entitle.pseudonym(&session.owner), &session.bucket);
    Ok(xml::identified(session.request_id, exchange.request_id))
}
