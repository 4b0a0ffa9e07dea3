//! The calls of STS and IAM. The two share one address, so the scope of the signature tells which
//! is called.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request};
use s3s::{Body, HttpResponse, S3Error, S3ErrorCode};

use super::aws_query::{CallResult, Form, QueryError, Signature, respond};
use super::identities::{Identities, Identity, session_token};
use super::{iam, sts};
use crate::embedded::random::hex_digits;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";
const MAX_BODY: usize = 64 * 1024;

/// STS and IAM, which only the root may call.
pub(super) struct StsAndIam(pub(super) Arc<Identities>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Sts,
    Iam,
}

impl Service {
    fn named(service: &str) -> Option<Self> {
        match service {
            "sts" => Some(Self::Sts),
            "iam" => Some(Self::Iam),
            _ => None,
        }
    }

    fn namespace(self) -> &'static str {
        match self {
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::Sts => "2011-06-15",
            Self::Iam => "2010-05-08",
        }
    }
}

impl StsAndIam {
    pub(super) fn is_call(request: &Request<Incoming>) -> bool {
        let media_type = request.headers().get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        request.method() == Method::POST
            && request.uri().path() == "/"
            && request.uri().query().is_none()
            && media_type.is_some_and(|value| value.starts_with(MEDIA_TYPE))
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> HttpResponse {
        let (parts, body) = request.into_parts();
        let request_id = hex_digits(16).unwrap_or_default();
        let signature = Signature::read(&parts.headers);
        let name = signature.as_ref().map_or("sts", |s| s.service);
        let service = Service::named(name).unwrap_or(Service::Sts);
        let called = async {
            let signature = signature?;
            let form = self
                .authenticate(&parts, &signature, Body::from(body))
                .await?;
            let action = form.required("Action")?.to_owned();
            let result = self.call(service, &action, &form).await?;
            Ok((action, result))
        };
        let (action, result) = match called.await {
            Ok((action, result)) => (action, Ok(result)),
            Err(error) => (String::new(), Err(error)),
        };
        respond(service.namespace(), &action, result, &request_id)
    }

    /// Returns the form if the root signed it.
    async fn authenticate(
        &self,
        parts: &hyper::http::request::Parts,
        signature: &Signature<'_>,
        mut body: Body,
    ) -> Result<Form, QueryError> {
        if Service::named(signature.service).is_none() {
            return Err(QueryError::forbidden(
                "SignatureDoesNotMatch",
                "Credential should be scoped to sts or iam.",
            ));
        }
        let body = body
            .store_all_limited(MAX_BODY)
            .await
            .map_err(|_| QueryError::invalid("The body is too long or incomplete."))?;
        let secret = self.0.secret_key(signature.access_key_id);
        let secret = secret.map_err(|error| invalid_credentials(&error))?;
        signature.verify(&parts.headers, &body, secret.expose())?;
        let token = session_token(&parts.headers, &parts.uri)
            .map_err(|error| invalid_credentials(&error))?;
        let identity = self.0.identify(signature.access_key_id, token.as_deref());
        match identity.map_err(|error| invalid_credentials(&error))? {
            Identity::Root => Form::parse(&body),
            Identity::Session(_) | Identity::User(_) => Err(QueryError::forbidden(
                "AccessDenied",
                "Only the root of the store may call this.",
            )),
        }
    }

    async fn call(&self, service: Service, action: &str, form: &Form) -> CallResult {
        let version = form.get("Version");
        if version.is_some_and(|version| version != service.version()) {
            return Err(QueryError::bad_request(
                "InvalidAction",
                "This version is unknown.",
            ));
        }
        match service {
            Service::Sts => sts::call(self.0.sessions(), action, form),
            Service::Iam => iam::call(self.0.users(), action, form).await,
        }
    }
}

/// Translates an error of S3 about credentials to one of STS and IAM.
fn invalid_credentials(error: &S3Error) -> QueryError {
    let (code, message) = match error.code() {
        S3ErrorCode::ExpiredToken => (
            "ExpiredToken",
            "The security token included in the request is expired",
        ),
        S3ErrorCode::AccessDenied => ("AccessDenied", "Access Denied"),
        _ => (
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ),
    };
    QueryError::forbidden(code, message)
}
