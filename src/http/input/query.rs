//! The parameters of a credential route, in its query or its form.

use actix_web::HttpRequest;
use url::form_urlencoded;

use crate::service::Refusal;

/// The query parameters of a credential route.
pub(crate) fn query_parameters(
    request: &HttpRequest,
    known: &[&str],
) -> Result<Vec<(String, String)>, Refusal> {
    let query = form_urlencoded::parse(request.query_string().as_bytes());
    if query.clone().any(|(name, _)| name == "access_token") {
        return Err(Refusal::MalformedRequest(
            "An access token must be sent in the Authorization header, never in the query.",
        ));
    }
    known_and_once(query.into_owned(), known)
}

/// Each known and at most once, because a typo must not return wider rights than asked for
/// (docs/api/README.md).
pub(crate) fn known_and_once(
    given: impl IntoIterator<Item = (String, String)>,
    known: &[&str],
) -> Result<Vec<(String, String)>, Refusal> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for (name, value) in given {
        if !known.contains(&name.as_str()) {
            return Err(Refusal::MalformedRequest(
                "The request holds an unknown parameter.",
            ));
        }
        if parameters.iter().any(|(seen, _)| *seen == name) {
            return Err(Refusal::MalformedRequest(
                "A parameter appears more than once.",
            ));
        }
        parameters.push((name, value));
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn read(query: &str) -> Result<Vec<(String, String)>, Refusal> {
        let request = TestRequest::with_uri(&format!("/?{query}")).to_http_request();
        query_parameters(&request, &["a"])
    }

    #[test]
    fn unknown_and_repeated_parameters_are_refused() {
        assert!(read("").unwrap().is_empty());
        assert_eq!(read("a=1").unwrap(), [("a".to_owned(), "1".to_owned())]);
        for bad in [
            "a=1&a=1",
            "a=1&%61=1",
            "b=1",
            "b",
            "access_token=x",
            "access%5Ftoken=x",
            "A=1",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
