use actix_web::HttpRequest;
use actix_web::http::header;

use crate::domain::AccessToken;
use crate::service::Refusal;

/// The Bearer token of a request (RFC 6750 section 2.1): from the `Authorization` header only,
/// exactly one, its grammar checked. The scheme is compared without case (RFC 9110 section 11.1).
pub(crate) fn bearer_token(request: &HttpRequest) -> Result<AccessToken, Refusal> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let value = values.next().ok_or(Refusal::MissingCredential)?;
    if values.next().is_some() {
        return Err(Refusal::MalformedRequest(
            "The Authorization header appears more than once.",
        ));
    }
    let (scheme, token) = split_scheme(value.as_bytes());
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return Err(Refusal::MissingCredential);
    }
    std::str::from_utf8(token)
        .ok()
        .and_then(|token| AccessToken::parse(token).ok())
        .ok_or(Refusal::MalformedRequest(
            "The Bearer token is empty, longer than 8 KiB or malformed (RFC 6750 section 2.1).",
        ))
}

/// Scheme and token are separated by one or more spaces (RFC 9110 section 11.4).
fn split_scheme(value: &[u8]) -> (&[u8], &[u8]) {
    let end = value.iter().position(|b| *b == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    let start = rest.iter().position(|b| *b != b' ').unwrap_or(rest.len());
    (scheme, rest.split_at(start).1)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn read(values: &[&str]) -> Result<String, Refusal> {
        let mut request = TestRequest::default();
        for value in values {
            request = request.append_header(("authorization", *value));
        }
        bearer_token(&request.to_http_request()).map(|token| token.expose().to_owned())
    }

    #[test]
    fn scheme_is_case_insensitive() {
        for scheme in ["Bearer", "bearer", "BEARER"] {
            assert_eq!(read(&[&format!("{scheme} abc")]).unwrap(), "abc");
        }
        assert_eq!(read(&["Bearer  abc"]).unwrap(), "abc");
    }

    #[test]
    fn other_schemes_are_no_credential() {
        for values in [
            &[][..],
            &["Basic YTpi"],
            &["Bearerabc"],
            &[""],
            &["DPoP abc"],
        ] {
            assert!(
                matches!(read(values), Err(Refusal::MissingCredential)),
                "{values:?}"
            );
        }
    }

    #[test]
    fn malformed_bearer_token_is_a_bad_request() {
        let long = format!("Bearer {}", "a".repeat(8_193));
        for values in [
            &["Bearer"][..],
            &["Bearer "],
            &["Bearer a b"],
            &["Bearer \u{e4}"],
            &["Bearer a,b"],
            &[long.as_str()],
            &["Bearer a", "Bearer a"],
            &["Basic a", "Bearer a"],
        ] {
            assert!(
                matches!(read(values), Err(Refusal::MalformedRequest(_))),
                "{values:?}"
            );
        }
    }
}
