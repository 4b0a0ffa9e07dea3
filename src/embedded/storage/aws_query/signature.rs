use std::time::SystemTime;

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use chrono::{NaiveDateTime, TimeDelta, Utc};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use sha2::{Digest, Sha256};

use super::QueryError;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: &str = "x-amz-date";
/// What must not be left to whoever passes a request on.
const ALWAYS_SIGNED: [&str; 2] = ["host", DATE];
const MAX_SKEW: TimeDelta = TimeDelta::minutes(15);

/// What an `Authorization` header claims (AWS Signature Version 4). `s3s` checks signatures for
/// `s3` and `sts` only, so calls of the query API are checked here.
#[derive(Debug)]
pub(crate) struct Signature<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) service: &'a str,
    date: &'a str,
    region: &'a str,
    signed_headers: &'a str,
    hmac: &'a str,
}

impl<'a> Signature<'a> {
    pub(crate) fn read(headers: &'a HeaderMap) -> Result<Self, QueryError> {
        let text = one(headers, AUTHORIZATION.as_str()).ok_or_else(|| {
            QueryError::forbidden(
                "MissingAuthenticationToken",
                "The request must be signed, once.",
            )
        })?;
        Self::parse(text).ok_or_else(|| {
            QueryError::bad(
                "IncompleteSignature",
                "The Authorization header is not one of AWS Signature Version 4.",
            )
        })
    }

    fn parse(text: &'a str) -> Option<Self> {
        let fields = text.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let field = |name| {
            let mut fields = fields.split(',').map(str::trim);
            fields.find_map(|field| field.strip_prefix(name))
        };
        let mut scope = field("Credential=")?.split('/');
        let signature = Self {
            access_key_id: scope.next()?,
            date: scope.next()?,
            region: scope.next()?,
            service: scope.next()?,
            signed_headers: field("SignedHeaders=")?,
            hmac: field("Signature=")?,
        };
        let ends = scope.next() == Some("aws4_request") && scope.next().is_none();
        ends.then_some(signature)
    }

    /// Whether it is that of a form posted to `/`, by the holder of this secret, just now.
    pub(crate) fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        secret: &str,
    ) -> Result<(), QueryError> {
        let wrong = |why| Err(QueryError::forbidden("SignatureDoesNotMatch", why));
        let Some((stamp, time)) = signed_at(headers) else {
            return wrong("X-Amz-Date is missing or malformed.");
        };
        if !stamp.starts_with(self.date) || self.date.len() != 8 {
            return wrong("The date of the credential is not that of the request.");
        }
        if is_far_from_now(time) {
            return wrong("The signature has expired, or is of the future.");
        }
        let Some(request) = self.canonical_request(headers, body) else {
            return wrong("A header that must be signed is not.");
        };
        let Self {
            date,
            region,
            service,
            ..
        } = self;
        let hash = hex::encode(Sha256::digest(request));
        let signed =
            format!("{ALGORITHM}\n{stamp}\n{date}/{region}/{service}/aws4_request\n{hash}");
        let key = generate_signing_key(secret, time, region, service);
        let expected = calculate_signature(key, signed.as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), self.hmac.as_bytes())
            .or_else(|_| wrong("The signature is not that of this request with this key."))
    }

    /// Nothing if a header is missing that is said to be signed, or must be.
    fn canonical_request(&self, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        let names: Vec<&str> = self.signed_headers.split(';').collect();
        if ALWAYS_SIGNED.iter().any(|name| !names.contains(name)) {
            return None;
        }
        let lines = names
            .into_iter()
            .map(|name| canonical_header(headers, name));
        let lines: String = lines.collect::<Option<_>>()?;
        let hash = hex::encode(Sha256::digest(body));
        Some(format!(
            "POST\n/\n\n{lines}\n{}\n{hash}",
            self.signed_headers
        ))
    }
}

/// A header that stands once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none());
    value.and_then(|value| value.to_str().ok())
}

/// As it is written, and as a time.
fn signed_at(headers: &HeaderMap) -> Option<(&str, SystemTime)> {
    let stamp = one(headers, DATE)?;
    let time = NaiveDateTime::parse_from_str(stamp, "%Y%m%dT%H%M%SZ").ok()?;
    Some((stamp, time.and_utc().into()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is a foreign system with a clock of its own"
)]
fn is_far_from_now(time: SystemTime) -> bool {
    (Utc::now() - chrono::DateTime::<Utc>::from(time)).abs() > MAX_SKEW
}

/// `name:value`, with all the values that the header has, if it has any.
fn canonical_header(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(name).iter();
    let values = values.map(|value| value.to_str().ok().map(collapsed));
    let values: Vec<String> = values.collect::<Option<_>>()?;
    (!values.is_empty()).then(|| format!("{name}:{}\n", values.join(",")))
}

/// Runs of spaces count as one.
fn collapsed(value: &str) -> String {
    let words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4;
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    const BODY: &[u8] = b"Action=ListUsers&Version=2010-05-08";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    /// A call's headers, as the SDK signs them.
    fn signed(service: &str, time: SystemTime) -> HeaderMap {
        let identity = Credentials::new("AKIDEXAMPLE", SECRET, None, None, "test").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name(service)
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let sent = [("content-type", "a  form"), ("host", "localhost:9000")];
        let body = SignableBody::Bytes(BODY);
        let url = "http://localhost:9000/";
        let request = SignableRequest::new("POST", url, sent.into_iter(), body).unwrap();
        let (signature, _) = sign(request, &parameters.into()).unwrap().into_parts();
        let added = signature.headers();
        let all = sent.into_iter().chain(added).map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        });
        all.collect()
    }

    fn verify(headers: &HeaderMap, body: &[u8], secret: &str) -> Option<&'static str> {
        let verified = Signature::read(headers).and_then(|s| s.verify(headers, body, secret));
        verified.err().map(|error| error.code().1)
    }

    #[expect(clippy::disallowed_methods, reason = "signatures are of now")]
    fn now() -> SystemTime {
        SystemTime::now()
    }

    fn changed(change: impl FnOnce(&mut HeaderMap)) -> HeaderMap {
        let mut headers = signed("iam", now());
        change(&mut headers);
        headers
    }

    fn set(headers: &mut HeaderMap, name: &'static str, change: impl Fn(&str) -> String) {
        let value = change(headers[name].to_str().unwrap());
        headers.insert(name, value.parse().unwrap());
    }

    #[test]
    fn what_the_sdk_signs_is_signed() {
        for service in ["iam", "sts"] {
            let headers = signed(service, now());
            let signature = Signature::read(&headers).unwrap();
            assert_eq!(signature.service, service);
            assert_eq!(signature.access_key_id, "AKIDEXAMPLE");
            assert_eq!(verify(&headers, BODY, SECRET), None);
        }
    }

    #[test]
    fn another_body_secret_or_header_is_not() {
        let wrong = Some("SignatureDoesNotMatch");
        let good = signed("iam", now());
        assert_eq!(verify(&good, b"Action=CreateUser", SECRET), wrong);
        assert_eq!(verify(&good, BODY, "other"), wrong);
        let host = changed(|headers| set(headers, "host", |_| "elsewhere".to_owned()));
        let twice = changed(|headers| {
            headers.append("content-type", HeaderValue::from_static("b"));
        });
        let missing = changed(|headers| drop(headers.remove("host")));
        let scope = changed(|headers| {
            set(headers, "authorization", |text| {
                text.replace("/iam/", "/sts/")
            });
        });
        let host_unsigned = changed(|headers| {
            set(headers, "authorization", |text| text.replace("host;", ""));
        });
        for headers in [host, twice, missing, scope, host_unsigned] {
            assert_eq!(verify(&headers, BODY, SECRET), wrong, "{headers:?}");
        }
    }

    #[test]
    fn a_signature_is_good_for_a_quarter_of_an_hour() {
        let minutes = |minutes| Duration::from_mins(minutes);
        let (now, wrong) = (now(), Some("SignatureDoesNotMatch"));
        for (time, expected) in [
            (now - minutes(14), None),
            (now - minutes(16), wrong),
            (now + minutes(14), None),
            (now + minutes(16), wrong),
        ] {
            assert_eq!(verify(&signed("iam", time), BODY, SECRET), expected);
        }
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let incomplete = Some("IncompleteSignature");
        for bad in [
            "Bearer x",
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 Credential=a/20150830/us-east-1/iam/aws4_request",
            "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=d",
            "AWS4-HMAC-SHA256 Credential=a/b/c/iam/aws4, SignedHeaders=host, Signature=d",
        ] {
            let headers = changed(|headers| set(headers, "authorization", |_| bad.to_owned()));
            assert_eq!(verify(&headers, BODY, SECRET), incomplete, "{bad}");
        }
        let twice = changed(|headers| {
            let again = headers["authorization"].clone();
            headers.append("authorization", again);
        });
        let missing = Some("MissingAuthenticationToken");
        assert_eq!(verify(&twice, BODY, SECRET), missing);
    }
}
