//! What IAM takes for a name (IAM API Reference, "Quotas, name requirements, and character
//! limits").

use crate::embedded::storage::aws_query::{Form, QueryError};

const USER_NAME_CHARS: usize = 64;
const POLICY_NAME_CHARS: usize = 128;
const PATH_CHARS: usize = 512;

pub(super) fn user_name(form: &Form) -> Result<String, QueryError> {
    name(form, "UserName", USER_NAME_CHARS)
}

pub(super) fn policy_name(form: &Form) -> Result<String, QueryError> {
    name(form, "PolicyName", POLICY_NAME_CHARS)
}

/// `[\w+=,.@-]+`
fn name(form: &Form, parameter: &str, longest: usize) -> Result<String, QueryError> {
    let name = form.required(parameter)?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    if (1..=longest).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(name.to_owned())
    } else {
        Err(QueryError::invalid(format!("{parameter} is malformed.")))
    }
}

/// Between slashes; `/` when none is given.
pub(super) fn path(form: &Form) -> Result<String, QueryError> {
    let path = form.get("Path").unwrap_or("/");
    let bounded = path.starts_with('/') && path.ends_with('/');
    if bounded && path.len() <= PATH_CHARS && path.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(path.to_owned())
    } else {
        Err(QueryError::invalid("Path is malformed."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(parameter: &str, value: &str) -> Form {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair(parameter, value)
            .finish();
        Form::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn names_are_of_iams_alphabet() {
        assert!(user_name(&form("UserName", "acme.key_1+2=3,4@5-6")).is_ok());
        let long = "a".repeat(65);
        for bad in ["", "a/b", "a b", "a*", "\u{e4}", "a\n", &long] {
            assert!(user_name(&form("UserName", bad)).is_err(), "{bad:?}");
        }
        assert!(policy_name(&form("PolicyName", &long)).is_ok());
    }

    #[test]
    fn paths_stand_between_slashes() {
        for good in ["/", "/cloakroom/", "/a/b/"] {
            assert_eq!(path(&form("Path", good)).unwrap(), good);
        }
        for bad in ["", "a", "/a", "a/", "/a b/"] {
            assert!(path(&form("Path", bad)).is_err(), "{bad:?}");
        }
    }
}
