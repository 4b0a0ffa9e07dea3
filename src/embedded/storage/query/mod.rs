//! AWS's query API: signed forms, posted to `/`. Which service is called is in the scope of the
//! signature, since both have one address here; what is called, in the form.

mod answers;
mod form;
mod signature;

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request};
use s3s::{Body, HttpResponse, S3Error, S3ErrorCode};

use super::access::session_token;
use super::iam::Iam;
use super::signers::{Signer, Signers};
use super::sts::AssumeRole;
use crate::embedded::random::hex_digits;

pub(super) use answers::{Outcome, Refusal, element};
pub(super) use form::Form;
use signature::Signature;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";
const MAX_BODY: usize = 64 * 1024;

/// STS and IAM, for the store's root only.
pub(super) struct Query {
    signers: Arc<Signers>,
    sts: AssumeRole,
    iam: Iam,
}

/// A service that speaks this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Api {
    Sts,
    Iam,
}

impl Api {
    fn called(service: &str) -> Option<Self> {
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

impl Query {
    pub(super) fn new(signers: Arc<Signers>) -> Self {
        Self {
            sts: AssumeRole::new(Arc::clone(&signers)),
            iam: Iam::new(Arc::clone(signers.users())),
            signers,
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
        let service = signature.as_ref().map_or("sts", |s| s.service);
        let api = Api::called(service).unwrap_or(Api::Sts);
        let called = async {
            let signature = signature?;
            let form = self.admit(&parts, &signature, Body::from(body)).await?;
            let action = form.required("Action")?.to_owned();
            let result = self.call(api, &action, &form).await?;
            Ok((action, result))
        };
        let (action, outcome) = match called.await {
            Ok((action, result)) => (action, Ok(result)),
            Err(refusal) => (String::new(), Err(refusal)),
        };
        answers::answer(api, &action, outcome, &request_id)
    }

    /// The form, if the root signed it.
    async fn admit(
        &self,
        parts: &hyper::http::request::Parts,
        signature: &Signature<'_>,
        mut body: Body,
    ) -> Result<Form, Refusal> {
        if Api::called(signature.service).is_none() {
            return Err(Refusal::forbidden(
                "SignatureDoesNotMatch",
                "Credential should be scoped to sts or iam.",
            ));
        }
        let body = body
            .store_all_limited(MAX_BODY)
            .await
            .map_err(|_| Refusal::invalid("The body is too long, or does not end."))?;
        let secret = self.signers.secret(signature.access_key);
        let secret = secret.map_err(|error| unknown(&error))?;
        signature.verify(&parts.headers, &body, secret.expose())?;
        let token = session_token(&parts.headers, &parts.uri).map_err(|error| unknown(&error))?;
        let signer = self.signers.signer(signature.access_key, token.as_deref());
        match signer.map_err(|error| unknown(&error))? {
            Signer::Root => Form::parse(&body),
            Signer::Session(_) | Signer::User(_) => Err(Refusal::forbidden(
                "AccessDenied",
                "Only the root of the store may call this.",
            )),
        }
    }

    async fn call(&self, api: Api, action: &str, form: &Form) -> Outcome {
        let version = form.get("Version");
        if version.is_some_and(|version| version != api.version()) {
            return Err(Refusal::bad("InvalidAction", "This version is unknown."));
        }
        match api {
            Api::Sts => self.sts.call(action, form),
            Api::Iam => self.iam.call(action, form).await,
        }
    }
}

/// What S3 says of a key, in the words of STS and IAM.
fn unknown(error: &S3Error) -> Refusal {
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
    Refusal::forbidden(code, message)
}
