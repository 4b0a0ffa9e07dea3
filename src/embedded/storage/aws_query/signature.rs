use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use super::QueryError;
use crate::embedded::clock::now;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const MAX_SKEW: TimeDelta = TimeDelta::minutes(15);

/// What an `Authorization` header claims (AWS Signature Version 4). `s3s` checks signatures for
/// `s3` and `sts` only, so those of IAM and STS calls are checked here.
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
        let text = only_value(headers, AUTHORIZATION.as_str()).ok_or_else(|| {
            QueryError::forbidden(
                "MissingAuthenticationToken",
                "The request must have one Authorization header.",
            )
        })?;
        Self::parse(text).ok_or_else(|| {
            QueryError::bad_request(
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
        let access_key_id = scope.next()?;
        let signature = Self {
            access_key_id,
            date: scope.next()?,
            region: scope.next()?,
            service: scope.next()?,
            signed_headers: field("SignedHeaders=")?,
            hmac: field("Signature=")?,
        };
        let is_complete = scope.next() == Some("aws4_request") && scope.next().is_none();
        is_complete.then_some(signature)
    }

    /// Whether this is the signature, made with this secret and just now, of a form posted to `/`.
    pub(crate) fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        secret: &str,
    ) -> Result<(), QueryError> {
        let wrong = |why| Err(QueryError::forbidden("SignatureDoesNotMatch", why));
        let Some(time) = signed_at(headers) else {
            return wrong("X-Amz-Date is missing or malformed.");
        };
        if time.format("%Y%m%d").to_string() != self.date {
            return wrong("The date of the credential scope is not that of X-Amz-Date.");
        }
        if (now() - time).abs() > MAX_SKEW {
            return wrong("The signature has expired, or is dated in the future.");
        }
        let expected = self.expected(headers, body, secret, time.into());
        let matches = expected.is_some_and(|expected| {
            let (expected, sent) = (expected.as_bytes(), self.hmac.as_bytes());
            aws_lc_rs::constant_time::verify_slices_are_equal(expected, sent).is_ok()
        });
        if matches {
            Ok(())
        } else {
            wrong("The signature is not that of this request with this key.")
        }
    }

    /// Signs the request again. The host and the date are signed whether the client named them or
    /// not, so a signature that leaves them out does not match.
    fn expected(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        secret: &str,
        time: SystemTime,
    ) -> Option<String> {
        let identity = Credentials::new(self.access_key_id, secret, None, None, "caller").into();
        let mut settings = SigningSettings::default();
        settings.excluded_headers = None;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(time)
            .settings(settings)
            .build()
            .ok()?
            .into();
        let names = self.signed_headers.split(';');
        let signed = names.flat_map(|name| {
            let values = headers.get_all(name).iter();
            values.map(move |value| Some((name, value.to_str().ok()?)))
        });
        let signed: Vec<(&str, &str)> = signed.collect::<Option<_>>()?;
        let body = SignableBody::Bytes(body);
        let request = SignableRequest::new("POST", "http://store/", signed.into_iter(), body);
        Some(sign(request.ok()?, &parameters).ok()?.into_parts().1)
    }
}

/// The value of a header that occurs once.
fn only_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none());
    value.and_then(|value| value.to_str().ok())
}

fn signed_at(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let stamp = only_value(headers, "x-amz-date")?;
    let time = NaiveDateTime::parse_from_str(stamp, "%Y%m%dT%H%M%SZ").ok()?;
    Some(time.and_utc())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    const BODY: &[u8] = b"Action=ListUsers&Version=2010-05-08";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    /// The headers of a call, signed by the SDK.
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

    fn changed(change: impl FnOnce(&mut HeaderMap)) -> HeaderMap {
        let mut headers = signed("iam", now().into());
        change(&mut headers);
        headers
    }

    fn set(headers: &mut HeaderMap, name: &'static str, change: impl Fn(&str) -> String) {
        let value = change(headers[name].to_str().unwrap());
        headers.insert(name, value.parse().unwrap());
    }

    #[test]
    fn signature_of_the_sdk_is_accepted() {
        for service in ["iam", "sts"] {
            let headers = signed(service, now().into());
            let signature = Signature::read(&headers).unwrap();
            assert_eq!(signature.service, service);
            assert_eq!(signature.access_key_id, "AKIDEXAMPLE");
            assert_eq!(verify(&headers, BODY, SECRET), None);
        }
    }

    #[test]
    fn changed_body_secret_or_header_is_refused() {
        let wrong = Some("SignatureDoesNotMatch");
        let good = signed("iam", now().into());
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
        let other_day = changed(|headers| {
            let today = now().format("%Y%m%d").to_string();
            set(headers, "authorization", |text| {
                text.replace(&today, "20150830")
            });
        });
        for headers in [host, twice, missing, scope, host_unsigned, other_day] {
            assert_eq!(verify(&headers, BODY, SECRET), wrong, "{headers:?}");
        }
    }

    #[test]
    fn signature_is_accepted_for_15_minutes() {
        let minutes = Duration::from_mins;
        let (now, wrong) = (SystemTime::from(now()), Some("SignatureDoesNotMatch"));
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
    fn malformed_signature_is_refused() {
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
