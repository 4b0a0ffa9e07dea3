//! The parameters of IAM's calls and their limits (IAM API Reference, "Quotas, name requirements,
//! and character limits").

use crate::embedded::storage::aws_query::{Form, QueryError};
use crate::embedded::storage::identities::Tag;

const MAX_PATH_CHARS: usize = 512;
const MAX_TAGS: usize = 50;

pub(super) fn user_name(form: &Form) -> Result<String, QueryError> {
    form.name("UserName", 1..=64).map(str::to_owned)
}

pub(super) fn policy_name(form: &Form) -> Result<String, QueryError> {
    form.name("PolicyName", 1..=128).map(str::to_owned)
}

pub(super) fn access_key_id(form: &Form) -> Result<String, QueryError> {
    form.required("AccessKeyId").map(str::to_owned)
}

/// Starts and ends with a slash, and defaults to `/`.
pub(super) fn path(form: &Form) -> Result<String, QueryError> {
    let path = form.get("Path").unwrap_or("/");
    let has_slashes = path.starts_with('/') && path.ends_with('/');
    if has_slashes && path.len() <= MAX_PATH_CHARS && path.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(path.to_owned())
    } else {
        Err(QueryError::invalid("Path is malformed."))
    }
}

/// `Tags.member.1.Key` and so on.
pub(super) fn tags(form: &Form) -> Result<Vec<Tag>, QueryError> {
    let mut tags = Vec::new();
    for number in 1..=MAX_TAGS {
        let member = format!("Tags.member.{number}");
        let Some(key) = form.get(&format!("{member}.Key")) else {
            break;
        };
        tags.push(Tag {
            key: key.to_owned(),
            value: form.required(&format!("{member}.Value"))?.to_owned(),
        });
    }
    Ok(tags)
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
    fn names_use_the_alphabet_of_iam() {
        assert!(user_name(&form("UserName", "acme.key_1+2=3,4@5-6")).is_ok());
        let long = "a".repeat(65);
        for bad in ["", "a/b", "a b", "a*", "\u{e4}", "a\n", &long] {
            assert!(user_name(&form("UserName", bad)).is_err(), "{bad:?}");
        }
        assert!(policy_name(&form("PolicyName", &long)).is_ok());
    }

    #[test]
    fn path_starts_and_ends_with_a_slash() {
        for good in ["/", "/cloakroom/", "/a/b/"] {
            assert_eq!(path(&form("Path", good)).unwrap(), good);
        }
        for bad in ["", "a", "/a", "a/", "/a b/"] {
            assert!(path(&form("Path", bad)).is_err(), "{bad:?}");
        }
    }
}
