use std::sync::Arc;
use std::time::Duration;

use chrono::SecondsFormat;
use serde::Serialize;

use super::aws_query::{CallResult, Form, QueryError, element};
use super::identities::{Identities, NewSession};
use super::policy::Policy;

const DEFAULT_SECONDS: u64 = 3_600;
/// AWS starts at 900 s; here a test may see a session end.
const SECONDS: std::ops::RangeInclusive<u64> = 1..=43_200;
const MAX_POLICY_CHARS: usize = 2_048;

/// STS `AssumeRole`, by the store's root only. Every role there is may do everything, so the
/// session policy alone says what a session may.
pub(super) struct AssumeRole {
    identities: Arc<Identities>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumeRoleResult {
    credentials: Credentials,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

impl AssumeRole {
    pub(super) fn new(identities: Arc<Identities>) -> Self {
        Self { identities }
    }

    pub(super) fn call(&self, action: &str, form: &Form) -> CallResult {
        if action != "AssumeRole" {
            return Err(QueryError::bad(
                "InvalidAction",
                "The only action of STS here is AssumeRole.",
            ));
        }
        let session = self.assume(form)?;
        element("AssumeRoleResult", &AssumeRoleResult::from(session))
    }

    fn assume(&self, form: &Form) -> Result<NewSession, QueryError> {
        if form.has("PolicyArns") {
            return Err(QueryError::invalid("PolicyArns are not known here."));
        }
        if !form.required("RoleArn")?.starts_with("arn:") {
            return Err(QueryError::invalid("RoleArn is no ARN."));
        }
        if !is_session_name(form.required("RoleSessionName")?) {
            return Err(QueryError::invalid("RoleSessionName is malformed."));
        }
        let seconds = match form.get("DurationSeconds") {
            None => DEFAULT_SECONDS,
            Some(text) => text.parse().unwrap_or(0),
        };
        if !SECONDS.contains(&seconds) {
            return Err(QueryError::invalid("DurationSeconds is out of range."));
        }
        let policy = form.get("Policy").map(read_policy).transpose()?;
        let opened = self
            .identities
            .sessions()
            .open(policy, Duration::from_secs(seconds));
        opened.map_err(QueryError::internal)
    }
}

impl From<NewSession> for AssumeRoleResult {
    fn from(session: NewSession) -> Self {
        let expiration = session.expiration;
        let credentials = Credentials {
            access_key_id: session.access_key_id,
            secret_access_key: session.secret_access_key,
            session_token: session.session_token,
            expiration: expiration.to_rfc3339_opts(SecondsFormat::Secs, true),
        };
        Self { credentials }
    }
}

fn read_policy(json: &str) -> Result<Policy, QueryError> {
    if json.len() > MAX_POLICY_CHARS {
        return Err(QueryError::bad(
            "PackedPolicyTooLarge",
            "The policy is too long.",
        ));
    }
    Policy::parse([json]).ok_or_else(|| {
        QueryError::bad(
            "MalformedPolicyDocument",
            "The policy is no policy document.",
        )
    })
}

/// `[\w+=,.@-]{2,64}`
fn is_session_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    (2..=64).contains(&name.len()) && name.bytes().all(allowed)
}
