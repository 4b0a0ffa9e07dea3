//! `POST /`: `AssumeRoleWithWebIdentity` of AWS STS's query API, so that an SDK which knows STS
//! (`AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ENDPOINT_URL_STS`) needs nothing else.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, OperationBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{ContentBuilder, Ref, Required, ResponseBuilder};

use crate::domain::{AccessToken, RequestId};
use crate::service::{Credential, Deadline, Refusal, Wanted};

use crate::http::dialects::dialect::Dialect;
use crate::http::dialects::session::grant_session;
use crate::http::exchange::Exchange;
use crate::http::input::body::Body;
use crate::http::input::narrowing::{self, Narrowing};
use crate::http::input::query::{known_and_once, query_parameters};
use crate::http::openapi::operations::{CREDENTIALS, failures};
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;
use crate::http::problems::problem::set_retry_and_allow;

const ACTION: &str = "AssumeRoleWithWebIdentity";
const VERSION: &str = "2011-06-15";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const X_AMZN_REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The dialect of `POST /`.
pub(crate) struct StsDialect;

/// What an SDK sends.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form that is read field by field")]
pub(crate) struct WebIdentityForm {
    #[schema(rename = "Action", example = "AssumeRoleWithWebIdentity")]
    action: String,
    #[schema(rename = "Version", example = "2011-06-15")]
    version: String,
    /// The access token.
    #[schema(rename = "WebIdentityToken")]
    web_identity_token: String,
    /// Any: it is the token that says whose storage it is.
    #[schema(rename = "RoleArn", example = "arn:aws:iam::000000000000:role/any")]
    role_arn: Option<String>,
    /// Any.
    #[schema(rename = "RoleSessionName", example = "app")]
    role_session_name: Option<String>,
    /// Less than the default, in seconds.
    #[schema(rename = "DurationSeconds", example = 900)]
    duration_seconds: Option<u32>,
}

#[derive(Serialize)]
#[serde(
    rename = "AssumeRoleWithWebIdentityResponse",
    rename_all = "PascalCase"
)]
struct Answer<'a> {
    #[serde(rename = "@xmlns")]
    xmlns: &'static str,
    assume_role_with_web_identity_result: Assumed<'a>,
    response_metadata: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Assumed<'a> {
    credentials: Credentials<'a>,
    assumed_role_user: AssumedRoleUser,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: String,
}

/// Nobody in AWS: some SDKs want to see one.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    arn: String,
    assumed_role_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename = "ErrorResponse", rename_all = "PascalCase")]
struct ErrorAnswer {
    #[serde(rename = "@xmlns")]
    xmlns: &'static str,
    error: ErrorBody,
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody {
    r#type: &'static str,
    code: &'static str,
    message: &'static str,
}

impl Dialect for StsDialect {
    const NAME: &'static str = "sts";
    const PATH: &'static str = "/";
    const METHOD: Method = Method::POST;

    async fn answer(
        exchange: &Exchange,
        body: &Body,
        deadline: Deadline,
    ) -> Result<HttpResponse, Failure> {
        query_parameters(&exchange.request, &[])?;
        let form = Form::read(body)?;
        form.check_what_is_asked()?;
        let credential = Credential::Token(form.token(&exchange.request)?);
        let duration = form.get("DurationSeconds").map(narrowing::seconds);
        let narrowing = Narrowing {
            duration: duration.transpose()?,
            ..Narrowing::NONE
        };
        let granted =
            grant_session::<Self>(exchange, &credential, &Wanted::Own, narrowing, deadline).await?;
        let session = &granted.session;
        let request_id = exchange.request_id.to_string();
        let answer = Answer {
            xmlns: NAMESPACE,
            assume_role_with_web_identity_result: Assumed {
                credentials: Credentials {
                    access_key_id: &session.access_key_id,
                    secret_access_key: session.secret_access_key.expose_secret(),
                    session_token: session.session_token.expose_secret(),
                    expiration: granted.expiration(),
                },
                assumed_role_user: AssumedRoleUser {
                    arn: format!("arn:aws:sts::000000000000:assumed-role/cloakroom/{request_id}"),
                    assumed_role_id: format!("cloakroom:{request_id}"),
                },
            },
            response_metadata: Metadata { request_id },
        };
        Ok(xml(StatusCode::OK, &answer, exchange.request_id))
    }

    fn refuse(failure: &Failure, exchange: &Exchange) -> HttpResponse {
        let (status, code) = status_and_code(failure.cause());
        let answer = ErrorAnswer {
            xmlns: NAMESPACE,
            error: ErrorBody {
                r#type: if status.is_client_error() {
                    "Sender"
                } else {
                    "Receiver"
                },
                code,
                message: match failure.cause() {
                    Cause::NoCredential => "Send an access token as the WebIdentityToken.",
                    _ => failure.detail(),
                },
            },
            request_id: exchange.request_id.to_string(),
        };
        let mut response = xml(status, &answer, exchange.request_id);
        set_retry_and_allow(&mut response, failure);
        response
    }

    fn operation() -> Operation {
        let form = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("WebIdentityForm")))
            .build();
        let example = "<AssumeRoleWithWebIdentityResponse>…</AssumeRoleWithWebIdentityResponse>";
        let granted = ResponseBuilder::new()
            .description("Credentials to the bucket of the token's client and subject")
            .content(
                "text/xml",
                ContentBuilder::new().example(Some(json!(example))).build(),
            )
            .build();
        OperationBuilder::new()
            .tag(CREDENTIALS)
            .operation_id(Some("assumeRoleWithWebIdentity"))
            .summary(Some("Get credentials as from AWS STS"))
            .description(Some(
                "AssumeRoleWithWebIdentity of AWS STS, for AWS_WEB_IDENTITY_TOKEN_FILE and \
                 AWS_ENDPOINT_URL_STS: the access token stands in the form, the role may be any.",
            ))
            .request_body(Some(
                RequestBodyBuilder::new()
                    .content("application/x-www-form-urlencoded", form)
                    .required(Some(Required::True))
                    .build(),
            ))
            .responses(
                failures(&Cause::OF_VENDING, "text/xml", None, status_and_code)
                    .response("200", granted)
                    .build(),
            )
            .build()
    }
}

/// The fields, each known and given once.
struct Form(Vec<(String, String)>);

impl Form {
    const FIELDS: [&str; 6] = [
        "Action",
        "Version",
        "WebIdentityToken",
        "RoleArn",
        "RoleSessionName",
        "DurationSeconds",
    ];

    fn read(body: &Body) -> Result<Self, Failure> {
        let fields = body.form()?;
        let narrows = |name: &str| name == "Policy" || name.starts_with("PolicyArns.");
        if fields.iter().any(|(name, _)| narrows(name)) {
            return Err(Refusal::MalformedRequest(
                "Policy and PolicyArns are not taken: the session is confined to the token's own \
                 bucket, and cannot be confined further.",
            )
            .into());
        }
        Ok(Self(known_and_once(fields, &Self::FIELDS)?))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter();
        fields
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    fn check_what_is_asked(&self) -> Result<(), Refusal> {
        if self.get("Action") != Some(ACTION) {
            return Err(Refusal::MalformedRequest(
                "The Action is not AssumeRoleWithWebIdentity, the only one here.",
            ));
        }
        if self
            .get("Version")
            .is_some_and(|version| version != VERSION)
        {
            return Err(Refusal::MalformedRequest("The Version is not 2011-06-15."));
        }
        Ok(())
    }

    /// The one place where a token is taken from a body (docs/api/README.md). SDKs send the file as
    /// it is, and files end with a newline.
    fn token(&self, request: &HttpRequest) -> Result<AccessToken, Refusal> {
        let token = self
            .get("WebIdentityToken")
            .ok_or(Refusal::MissingCredential)?;
        if request.headers().contains_key(header::AUTHORIZATION) {
            return Err(Refusal::MalformedRequest(
                "A WebIdentityToken and an Authorization header: which of them?",
            ));
        }
        let line = token.strip_suffix('\n').unwrap_or(token);
        AccessToken::parse(line.strip_suffix('\r').unwrap_or(line)).map_err(|_| {
            Refusal::MalformedRequest(
                "The WebIdentityToken is empty, longer than 8 KiB or malformed.",
            )
        })
    }
}

/// This dialect's column of docs/api/README.md.
fn status_and_code(cause: Cause) -> (StatusCode, &'static str) {
    match cause {
        Cause::NoCredential => (StatusCode::BAD_REQUEST, "MissingParameter"),
        Cause::BadCredential | Cause::BadCapability | Cause::MissingClaims => {
            (StatusCode::BAD_REQUEST, "InvalidIdentityToken")
        }
        Cause::ExpiredCredential => (StatusCode::BAD_REQUEST, "ExpiredTokenException"),
        Cause::MissingScope | Cause::NotEntitled | Cause::Network | Cause::Conflict => {
            (StatusCode::FORBIDDEN, "AccessDenied")
        }
        Cause::Malformed | Cause::Unprocessable | Cause::ClientTooOld => {
            (StatusCode::BAD_REQUEST, "ValidationError")
        }
        Cause::Rate => (StatusCode::BAD_REQUEST, "Throttling"),
        Cause::AuthorizationServer | Cause::AuthorizationServerTimeout => {
            (StatusCode::BAD_REQUEST, "IDPCommunicationError")
        }
        Cause::Store | Cause::StoreTimeout | Cause::Overloaded => {
            (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable")
        }
        Cause::Ours | Cause::NotQueued => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure"),
        Cause::NotFound => (StatusCode::NOT_FOUND, "NotFound"),
        Cause::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
        Cause::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"),
        Cause::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType"),
    }
}

fn xml(status: StatusCode, answer: &impl Serialize, request_id: RequestId) -> HttpResponse {
    let Ok(text) = quick_xml::se::to_string(answer) else {
        return HttpResponse::InternalServerError().finish();
    };
    let mut response = HttpResponse::build(status)
        .content_type("text/xml")
        .body(text);
    if let Ok(id) = HeaderValue::try_from(request_id.to_string()) {
        response.headers_mut().insert(X_AMZN_REQUEST_ID, id);
    }
    response
}
