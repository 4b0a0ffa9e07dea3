//! Both services share one address, so the scope of the signature tells which one is called.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request};
use s3s::{Body, HttpResponse, S3Error, S3ErrorCode};

use super::aws_query::{CallResult, Form, QueryError, Signature, respond};
use super::iam::Iam;
use super::identities::{Identities, Identity, session_token};
use super::sts::AssumeRole;
use crate::embedded::random::hex_digits;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";
const MAX_BODY: usize = 64 * 1024;

/// STS and IAM, for the store's root only.
pub(super) struct StsAndIam {
    identities: Arc<Identities>,
    sts: AssumeRole,
    iam: Iam,
}

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
    pub(super) fn new(identities: Arc<Identities>) -> Self {
        Self {
            sts: AssumeRole::new(Arc::clone(&identities)),
            iam: Iam::new(Arc::clone(identities.users())),
            identities,
        }
    }

    /// Whether a request is for us.
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
            let form = self.admit(&parts, &signature, Body::from(body)).await?;
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

    /// The form, if the root signed it.
    async fn admit(
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
            .map_err(|_| QueryError::invalid("The body is too long, or does not end."))?;
        let secret = self.identities.secret_key(signature.access_key_id);
        let secret = secret.map_err(|error| unknown(&error))?;
        signature.verify(&parts.headers, &body, secret.expose())?;
        let token = session_token(&parts.headers, &parts.uri).map_err(|error| unknown(&error))?;
        let identity = self
            .identities
            .authenticated(signature.access_key_id, token.as_deref());
        match identity.map_err(|error| unknown(&error))? {
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
            return Err(QueryError::bad("InvalidAction", "This version is unknown."));
        }
        match service {
            Service::Sts => self.sts.call(action, form),
            Service::Iam => self.iam.call(action, form).await,
        }
    }
}

/// What S3 says of a key, in the words of STS and IAM.
fn unknown(error: &S3Error) -> QueryError {
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
