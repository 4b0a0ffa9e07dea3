//! CORS: what web pages of other origins may do, by the rules of the bucket (Fetch Standard, "CORS
//! protocol"; Amazon S3 User Guide, "How does Amazon S3 evaluate the CORS configuration").

use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, VARY,
};
use hyper::{Method, Request};
use s3s::dto::CORSRule;
use s3s::{Body, HttpError, HttpResponse, S3Error, S3ErrorCode};

use super::index::Index;

const NOT_ALLOWED: &str = "CORSResponse: This CORS request is not allowed. The bucket has no CORS rule \
     that allows this origin, method and headers.";

/// Answers preflights, and tells browsers which pages may read an answer.
pub(crate) struct Cors(pub(super) Index);

/// A request that a browser sends for a page of another origin.
pub(crate) struct CorsRequest {
    bucket: String,
    origin: String,
    method: String,
    headers: Vec<String>,
    is_preflight: bool,
}

impl CorsRequest {
    /// `None` if the request has no `Origin`, or no bucket.
    pub(crate) fn read<B>(request: &Request<B>) -> Option<Self> {
        let text = |name: HeaderName| request.headers().get(name)?.to_str().ok();
        let origin = text(ORIGIN)?;
        let bucket = request.uri().path().split('/').nth(1)?;
        let asked = text(ACCESS_CONTROL_REQUEST_METHOD);
        let asked = asked.filter(|_| request.method() == Method::OPTIONS);
        let headers = text(ACCESS_CONTROL_REQUEST_HEADERS).filter(|_| asked.is_some());
        let headers = headers.unwrap_or_default().split(',').map(str::trim);
        let headers = headers.filter(|header| !header.is_empty());
        Some(Self {
            bucket: bucket.to_owned(),
            origin: origin.to_owned(),
            method: asked.unwrap_or(request.method().as_str()).to_owned(),
            headers: headers.map(str::to_ascii_lowercase).collect(),
            is_preflight: asked.is_some(),
        })
    }

    pub(crate) fn is_preflight(&self) -> bool {
        self.is_preflight
    }

    fn is_allowed_by(&self, rule: &CORSRule) -> bool {
        let origins = &mut rule.allowed_origins.iter();
        let patterns = rule.allowed_headers.iter().flatten();
        let patterns: Vec<String> = patterns.map(|header| header.to_ascii_lowercase()).collect();
        origins.any(|pattern| matches(pattern, &self.origin))
            && rule.allowed_methods.contains(&self.method)
            && self
                .headers
                .iter()
                .all(|header| patterns.iter().any(|pattern| matches(pattern, header)))
    }

    /// The headers of an answer to this request that the rule allows.
    fn granted_by(&self, rule: &CORSRule) -> HeaderMap {
        let is_any = rule.allowed_origins.iter().any(|pattern| pattern == "*");
        let origin = if is_any { "*" } else { &self.origin };
        let mut granted = vec![
            (ACCESS_CONTROL_ALLOW_ORIGIN, origin.to_owned()),
            (
                ACCESS_CONTROL_ALLOW_METHODS,
                rule.allowed_methods.join(", "),
            ),
            (VARY, "Origin, Access-Control-Request-Headers".to_owned()),
        ];
        if !is_any {
            granted.push((ACCESS_CONTROL_ALLOW_CREDENTIALS, "true".to_owned()));
        }
        if !self.headers.is_empty() {
            granted.push((ACCESS_CONTROL_ALLOW_HEADERS, self.headers.join(", ")));
        }
        if let Some(exposed) = &rule.expose_headers {
            granted.push((ACCESS_CONTROL_EXPOSE_HEADERS, exposed.join(", ")));
        }
        if let Some(seconds) = rule.max_age_seconds {
            granted.push((ACCESS_CONTROL_MAX_AGE, seconds.to_string()));
        }
        let granted = granted.into_iter();
        let valid = granted.filter_map(|(name, value)| Some((name, value.parse().ok()?)));
        valid.collect::<HeaderMap<HeaderValue>>()
    }
}

impl Cors {
    /// What the bucket's first matching rule grants; `None` if none matches.
    pub(crate) async fn granted(&self, request: &CorsRequest) -> Option<HeaderMap> {
        let rules = self.0.cors_rules(&request.bucket).await.ok()??;
        let rule = rules.iter().find(|rule| request.is_allowed_by(rule))?;
        Some(request.granted_by(rule))
    }

    /// The answer to a preflight, which needs no signature.
    pub(crate) async fn answer(&self, preflight: &CorsRequest) -> Result<HttpResponse, HttpError> {
        let Some(granted) = self.granted(preflight).await else {
            let code = S3ErrorCode::from_bytes(b"AccessForbidden");
            let code = code.unwrap_or(S3ErrorCode::AccessDenied);
            let mut error = S3Error::with_message(code, NOT_ALLOWED);
            error.set_status_code(hyper::StatusCode::FORBIDDEN);
            let answer = error.to_http_response();
            return answer.map_err(|error| HttpError::new(Box::new(error)));
        };
        let mut answer = HttpResponse::new(Body::empty());
        *answer.headers_mut() = granted;
        Ok(answer)
    }
}

/// Whether the text fits a pattern with at most one `*`.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text
            .strip_prefix(before)
            .is_some_and(|rest| rest.ends_with(after)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_has_one_wildcard_at_most() {
        for (pattern, text, fits) in [
            ("*", "https://a.example", true),
            ("https://a.example", "https://a.example", true),
            ("https://a.example", "https://a.example.evil", false),
            ("https://*.example", "https://a.example", true),
            ("https://*.example", "https://a.evil", false),
            ("x-amz-*", "x-amz-date", true),
            ("aa*a", "aa", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
