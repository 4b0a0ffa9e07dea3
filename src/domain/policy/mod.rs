//! The policies that confine sessions and access keys. No other code writes policies.
//!
//! A policy is compact JSON (Ceph refuses spaces), built from typed values. Only names and prefixes
//! enter it, whose alphabets have no wildcard and no variable, so every `*` is one of ours. An empty
//! policy cannot be built, because STS takes it for "no restriction".

mod access_key;
mod revocation;
mod session;

use serde::Serialize;

pub use access_key::{AccessKeyPolicy, AccessKeyPolicyError, Loopholes};
pub use revocation::{BeforeName, RevocationStatement};
pub use session::{ExtraAction, SessionPolicy, SessionPolicySettings};

/// The longest policy that every engine accepts, in characters (docs/call.md).
pub const MAX_POLICY_CHARS: usize = 2_048;

/// The policy would be longer than [`MAX_POLICY_CHARS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policy would be longer than {MAX_POLICY_CHARS} characters")]
pub struct PolicyError;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: &'static str,
    action: Vec<&'static str>,
    /// `None` for actions without a resource: those of MinIO's administration.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    on: Option<On>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
}

#[derive(Serialize)]
enum On {
    Resource(Resource),
    /// All resources but these.
    NotResource(Vec<String>),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Resource {
    One(String),
    Several(Vec<String>),
}

/// All of its parts must hold.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Condition {
    #[serde(skip_serializing_if = "Option::is_none")]
    string_like: Option<PrefixLike<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_not_like: Option<PrefixLike<[&'static str; 2]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    null: Option<Null>,
}

#[derive(Serialize)]
struct PrefixLike<Patterns> {
    #[serde(rename = "s3:prefix")]
    prefix: Patterns,
}

#[derive(Serialize)]
struct Null {
    /// Present only with temporary credentials.
    #[serde(rename = "aws:TokenIssueTime")]
    token_issue_time: &'static str,
}

/// Writes a document with these statements.
fn write(statement: Vec<Statement>) -> Result<String, PolicyError> {
    let document = Document {
        version: "2012-10-17",
        statement,
    };
    let json = serde_json::to_string(&document).map_err(|_| PolicyError)?;
    if json.len() > MAX_POLICY_CHARS {
        return Err(PolicyError);
    }
    Ok(json)
}

/// A second implementation of IAM's wildcards, so that tests do not rely on the code they test.
#[cfg(test)]
fn matches(pattern: &str, text: &str) -> bool {
    if let Some((head, tail)) = pattern.split_once('?') {
        let rest = text.strip_prefix(head).map(str::chars);
        return rest.is_some_and(|mut rest| rest.next().is_some() && matches(tail, rest.as_str()));
    }
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, "")) => text.starts_with(head),
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len())
                .filter(|at| rest.is_char_boundary(*at))
                .any(|at| matches(tail, &rest[at..]))
        }),
    }
}
