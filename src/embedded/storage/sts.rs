//! STS. Every role may do everything, so the session policy alone restricts a session.

use std::ops::RangeInclusive;
use std::time::Duration;

use maud::html;

use super::aws_query::{CallResult, Form, QueryError, date};
use super::identities::Sessions;
use super::policy::Policy;

const DEFAULT_SECONDS: u64 = 3_600;
/// AWS starts at 900 s. Tests want to see a session expire.
const SECONDS: RangeInclusive<u64> = 1..=43_200;
const MAX_POLICY_CHARS: usize = 2_048;

pub(super) fn call(sessions: &Sessions, action: &str, form: &Form) -> CallResult {
    match action {
        "AssumeRole" => assume_role(sessions, form),
        _ => Err(QueryError::bad_request(
            "InvalidAction",
            "The only action of STS here is AssumeRole.",
        )),
    }
}

fn assume_role(sessions: &Sessions, form: &Form) -> CallResult {
    if form.has("PolicyArns") {
        return Err(QueryError::invalid("PolicyArns is not supported here."));
    }
    if !form.required("RoleArn")?.starts_with("arn:") {
        return Err(QueryError::invalid("RoleArn is not an ARN."));
    }
    let name = form.name("RoleSessionName", 2..=64)?;
    let seconds = match form.get("DurationSeconds") {
        None => DEFAULT_SECONDS,
        Some(text) => text.parse().unwrap_or(0),
    };
    if !SECONDS.contains(&seconds) {
        return Err(QueryError::invalid("DurationSeconds is out of range."));
    }
    let policy = form.get("Policy").map(parse_policy).transpose()?;
    let session = sessions
        .open(name, policy, Duration::from_secs(seconds))
        .map_err(QueryError::internal)?;
    Ok(Some(html! {
        Credentials {
            AccessKeyId { (session.access_key_id) }
            SecretAccessKey { (session.secret_access_key) }
            SessionToken { (session.session_token) }
            Expiration { (date(session.expiration)) }
        }
    }))
}

fn parse_policy(json: &str) -> Result<Policy, QueryError> {
    if json.len() > MAX_POLICY_CHARS {
        return Err(QueryError::bad_request(
            "PackedPolicyTooLarge",
            "The policy is too long.",
        ));
    }
    Policy::parse([json]).ok_or_else(QueryError::malformed_policy)
}
