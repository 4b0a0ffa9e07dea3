//! `POST /v1/credentials`, see docs/api/v1.md.

mod format;

use actix_web::http::Method;
use actix_web::{HttpMessage, HttpResponse};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, OperationBuilder};
use utoipa::openapi::security::SecurityRequirement;

use crate::http::dialects::dialect::{AskForSession, Dialect, Exchange, GrantedSession};
use crate::http::input::bearer::bearer_token;
use crate::http::input::body::Body;
use crate::http::input::narrowing::Narrowing;
use crate::http::input::query::query_parameters;
use crate::http::openapi::operations::{
    BEARER, CREDENTIALS, narrowing_parameters, problems_of, query_parameter, success,
};
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;
use crate::http::problems::problem;
use crate::service::{Credential, Wanted};

use format::Format;

/// The dialect of `POST /v1/credentials`.
pub(crate) struct V1Dialect;

/// The bucket that is yours and temporary credentials that reach it and nothing else.
#[derive(Serialize, ToSchema)]
pub(crate) struct CredentialsAnswer {
    /// The bucket's name.
    #[schema(example = "5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a")]
    bucket: String,
    /// The store's base URL: the endpoint of your S3 client.
    #[schema(example = "https://storage.example.com")]
    endpoint: String,
    /// The store's region.
    #[schema(example = "us-east-1")]
    region: String,
    credentials: TemporaryCredentials,
}

/// Temporary S3 credentials.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TemporaryCredentials {
    #[schema(example = "AKIAIOSFODNN7EXAMPLE")]
    access_key_id: String,
    #[schema(example = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")]
    secret_access_key: String,
    /// Goes with every request, as `AWS_SESSION_TOKEN` for instance.
    #[schema(example = "FwoGZXIvY...")]
    session_token: String,
    /// When the store stops taking them; UTC, whole seconds.
    #[schema(example = "2026-03-15T14:00:00Z", format = DateTime)]
    expiration: String,
}

impl Dialect for V1Dialect {
    type Ask = AskForSession;

    fn name(&self) -> &'static str {
        "v1"
    }

    fn method(&self) -> Method {
        Method::POST
    }

    fn read(&self, exchange: &Exchange<'_>, body: &Body) -> Result<AskForSession, Failure> {
        let request = exchange.request;
        let known = [&Narrowing::PARAMETERS[..], &[format::PARAMETER]].concat();
        let parameters = query_parameters(request, &known)?;
        let format = Format::of(request, &parameters)?;
        if let Format::Text(tool) = format {
            tool.check(&exchange.gateway.parts().storage)?;
        }
        request.extensions_mut().insert(format);
        Ok(AskForSession {
            credential: Credential::Token(body.beside(bearer_token(request))?),
            wanted: Wanted::Own,
            narrowing: Narrowing::of(&parameters)?,
        })
    }

    fn render(&self, granted: &GrantedSession, exchange: &Exchange<'_>) -> HttpResponse {
        let format = exchange.request.extensions().get::<Format>().copied();
        match format {
            Some(Format::Text(tool)) => tool
                .answer(granted, &exchange.gateway.parts().storage)
                .unwrap_or_else(|refusal| self.refuse(&refusal.into(), exchange)),
            Some(Format::Json) | None => json_answer(granted, exchange),
        }
    }

    fn refuse(&self, failure: &Failure, exchange: &Exchange<'_>) -> HttpResponse {
        problem::answer(failure, &exchange.seen, exchange.gateway)
    }
}

fn json_answer(granted: &GrantedSession, exchange: &Exchange<'_>) -> HttpResponse {
    let GrantedSession { grant, session } = granted;
    let storage = &exchange.gateway.parts().storage;
    HttpResponse::Ok().json(CredentialsAnswer {
        bucket: grant.bucket.to_string(),
        endpoint: storage.endpoint.clone(),
        region: storage.region.clone(),
        credentials: TemporaryCredentials {
            access_key_id: session.access_key_id.clone(),
            secret_access_key: session.secret_access_key.expose_secret().to_owned(),
            session_token: session.session_token.expose_secret().to_owned(),
            expiration: granted.expiration(),
        },
    })
}

/// The route in the contract.
pub(crate) fn operation() -> Operation {
    let granted = success(
        "Credentials to the bucket of the token's client and subject",
        "CredentialsAnswer",
        json!({
            "bucket": "5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a",
            "endpoint": "https://storage.example.com",
            "region": "us-east-1",
            "credentials": {
                "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
                "secretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "sessionToken": "FwoGZXIvY...",
                "expiration": "2026-03-15T14:00:00Z",
            },
        }),
    );
    OperationBuilder::new()
        .tag(CREDENTIALS)
        .operation_id(Some("getCredentials"))
        .summary(Some("Get credentials to your own bucket"))
        .description(Some(
            "Makes the bucket of the token's client and subject if it is missing, and returns \
             fresh temporary S3 credentials that reach this bucket and nothing else. The body may \
             be empty or `{}`.",
        ))
        .security(SecurityRequirement::new(BEARER, Vec::<String>::new()))
        .parameters(Some(narrowing_parameters()))
        .parameter(query_parameter(
            format::PARAMETER,
            "The answer as text that this tool reads, ready to paste.",
            format::names(),
        ))
        .responses(
            problems_of(&Cause::OF_VENDING, Cause::problem_type)
                .response("200", granted)
                .build(),
        )
        .build()
}
