//! `POST /`: `AssumeRoleWithWebIdentity` of AWS STS's query API, so that an SDK which knows STS
//! (`AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ENDPOINT_URL_STS`) needs no other software; and
//! `GetCallerIdentity` for what it gets.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

mod form;
mod identity;
mod xml;

use actix_web::HttpResponse;
use actix_web::http::{Method, StatusCode};
use serde_json::json;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{ContentBuilder, Ref, Required, ResponseBuilder};

use crate::service::{Credential, Deadline};

use crate::http::dialects::dialect::Dialect;
use crate::http::dialects::session::{detail, grant_session};
use crate::http::exchange::Exchange;
use crate::http::input::body::Body;
use crate::http::input::narrowing::{self, Narrowing};
use crate::http::input::query::query_parameters;
use crate::http::openapi::operations::{credential_operation, failures, text_parameter};
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;
use crate::http::problems::problem::set_retry_and_allow;

use form::Form;
use identity::{Parameters, SESSION_TOKEN, identify};

pub(crate) use form::WebIdentityForm;
pub(crate) use identity::CallerIdentityForm;

/// The dialect of `POST /`.
pub(crate) struct StsDialect;

impl Dialect for StsDialect {
    const NAME: &'static str = "sts";
    const PATH: &'static str = "/";
    const METHOD: Method = Method::POST;

    async fn answer(
        exchange: &Exchange,
        body: &Body,
        deadline: Deadline,
    ) -> Result<HttpResponse, Failure> {
        if let Some(parameters) = Parameters::read(exchange, body)? {
            return identify(&parameters, exchange, deadline).await;
        }
        query_parameters(&exchange.request, &[])?;
        let form = Form::read(body)?;
        form.check_what_is_asked()?;
        let credential = Credential::Token(form.token(&exchange.request)?);
        let duration = form.get("DurationSeconds").map(narrowing::seconds);
        let narrowing = Narrowing {
            duration: duration.transpose()?,
            ..Narrowing::NONE
        };
        let wanted = form.wanted()?;
        let granted =
            grant_session::<Self>(exchange, &credential, &wanted, narrowing, deadline).await?;
        Ok(xml::granted(&granted, exchange.request_id))
    }

    fn refuse(failure: &Failure, exchange: &Exchange) -> HttpResponse {
        let (status, code) = status_and_code(failure.cause());
        let message = match failure.cause() {
            Cause::NoCredential => "Send an access token as the WebIdentityToken.",
            Cause::BadSession => "The security token included in the request is invalid.",
            _ => detail(failure),
        };
        let mut response = xml::refused(status, code, message, exchange.request_id);
        set_retry_and_allow(&mut response, failure);
        response
    }

    fn operation() -> Operation {
        let forms = OneOfBuilder::new()
            .item(Ref::from_schema_name("WebIdentityForm"))
            .item(Ref::from_schema_name("CallerIdentityForm"));
        let form = ContentBuilder::new().schema(Some(forms)).build();
        let causes = Cause::OF_TOKEN_ROUTES.into_iter();
        let causes: Vec<Cause> = causes.chain([Cause::BadSession]).collect();
        let example = "<AssumeRoleWithWebIdentityResponse>…</AssumeRoleWithWebIdentityResponse>";
        let granted = ResponseBuilder::new()
            .description(
                "Credentials to the bucket of the token's client and subject, or to the workspace; or \
                 whose session it is",
            )
            .content(
                "text/xml",
                ContentBuilder::new().example(Some(json!(example))).build(),
            )
            .build();
        credential_operation(
            "assumeRoleWithWebIdentity",
            "Get credentials as from AWS STS",
            "AssumeRoleWithWebIdentity of AWS STS, for AWS_WEB_IDENTITY_TOKEN_FILE and \
             AWS_ENDPOINT_URL_STS: the access token stands in the form. The role \
             arn:aws:iam::000000000000:role/workspace/org/ws asks for a workspace, any other for \
             the token's own bucket. GetCallerIdentity says whose session it is, by the session token \
             alone: the signature is not checked.",
        )
        .parameter(text_parameter(
            SESSION_TOKEN,
            &ParameterIn::Header,
            "The session token, for GetCallerIdentity.",
            "FwoGZXIvYXdzEJr...",
        ))
        .request_body(Some(
            RequestBodyBuilder::new()
                .content("application/x-www-form-urlencoded", form)
                .required(Some(Required::True))
                .build(),
        ))
        .responses(
            failures(&causes, "text/xml", None, status_and_code)
                .response("200", granted)
                .build(),
        )
        .build()
    }
}

/// This dialect's column of docs/api/README.md.
fn status_and_code(cause: Cause) -> (StatusCode, &'static str) {
    match cause {
        Cause::NoCredential => (StatusCode::BAD_REQUEST, "MissingParameter"),
        Cause::BadCredential | Cause::BadApiKey | Cause::BadCapability | Cause::MissingClaims => {
            (StatusCode::BAD_REQUEST, "InvalidIdentityToken")
        }
        Cause::BadSession => (StatusCode::FORBIDDEN, "InvalidClientTokenId"),
        Cause::ExpiredCredential => (StatusCode::BAD_REQUEST, "ExpiredTokenException"),
        Cause::MissingScope
        | Cause::NotEntitled
        | Cause::NotFound
        | Cause::Network
        | Cause::Conflict => (StatusCode::FORBIDDEN, "AccessDenied"),
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
        Cause::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
        Cause::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"),
        Cause::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType"),
    }
}
