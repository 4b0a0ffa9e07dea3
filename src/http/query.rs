use url::form_urlencoded;

use crate::service::Refusal;

/// The query parameters of a vending route: each known and at most once, because a typo must not
/// return wider rights than asked for (contract section 3).
pub(super) fn check_query(query: &str, known: &[&str]) -> Result<Vec<(String, String)>, Refusal> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "access_token" {
            return Err(Refusal::MalformedRequest(
                "An access token must be sent in the Authorization header, never in the query.",
            ));
        }
        if !known.contains(&name.as_ref()) {
            return Err(Refusal::MalformedRequest(
                "The query holds an unknown parameter.",
            ));
        }
        if parameters.iter().any(|(seen, _)| *seen == name) {
            return Err(Refusal::MalformedRequest(
                "A query parameter stands more than once.",
            ));
        }
        parameters.push((name.into_owned(), value.into_owned()));
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_parameters_pass_and_each_once() {
        assert!(check_query("", &[]).unwrap().is_empty());
        assert_eq!(
            check_query("a=1", &["a"]).unwrap(),
            [("a".to_owned(), "1".to_owned())]
        );
        for bad in [
            "a=1&a=1",
            "a=1&%61=1",
            "b=1",
            "b",
            "access_token=x",
            "access%5Ftoken=x",
            "A=1",
        ] {
            assert!(check_query(bad, &["a"]).is_err(), "{bad}");
        }
    }
}
