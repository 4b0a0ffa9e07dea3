use std::sync::Arc;

use chrono::SecondsFormat;

use crate::domain::{Grant, Session};
use crate::service::{Credential, Deadline, IssueRequest, Refusal, Wanted};

use crate::http::dialects::dialect::Dialect;
use crate::http::exchange::Exchange;
use crate::http::input::narrowing::Narrowing;
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;

/// The parameter that asks for a workspace.
pub(crate) const WORKSPACE: &str = "workspace";

/// Temporary credentials, and what they open.
pub(crate) struct GrantedSession {
    pub(crate) grant: Grant,
    pub(crate) session: Arc<Session>,
}

impl GrantedSession {
    /// When the store stops taking the keys: UTC, whole seconds, `Z`.
    pub(crate) fn expiration(&self) -> String {
        let expiration = self.session.expiration;
        expiration.to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// What every key starts with; empty if the whole bucket is the owner's.
    pub(crate) fn prefix(&self) -> String {
        let prefix = self.grant.prefix.as_ref();
        prefix.map(ToString::to_string).unwrap_or_default()
    }
}

/// Who is asking → what is theirs → hand out a key to it, for every dialect that answers with a
/// session.
pub(crate) async fn grant_session<D: Dialect>(
    exchange: &Exchange,
    credential: &Credential,
    wanted: &Wanted,
    narrowing: Narrowing,
    deadline: Deadline,
) -> Result<GrantedSession, Refusal> {
    let (gateway, log) = (&exchange.gateway, &exchange.log);
    let use_cases = gateway.use_cases()?;
    use_cases.issue_session.check_duration(narrowing.duration)?;
    let (_in_flight, caller) = exchange.caller(credential, deadline).await?;
    let (owner, grant) = use_cases
        .entitle
        .entitle(&caller, wanted, narrowing.access, deadline)
        .await?;
    log.concerns(use_cases.entitle.pseudonym(&owner), &grant.bucket);
    let request = IssueRequest {
        request_id: exchange.request_id,
        dialect: D::NAME,
        caller,
        owner,
        grant,
        duration: narrowing.duration,
    };
    let session = use_cases.issue_session.issue(&request, deadline).await?;
    log.outcome("vended");
    let grant = request.grant;
    Ok(GrantedSession { grant, session })
}

/// The workspace of this name, `org/ws`.
pub(crate) fn workspace(name: &str) -> Result<Wanted, Refusal> {
    let malformed = "The workspace is not of the form org/ws.";
    let name = name.parse();
    name.map(Wanted::Workspace)
        .map_err(|_| Refusal::MalformedRequest(malformed))
}

/// What a dialect says whose only address exists: it is the workspace that was not found.
pub(crate) fn detail(failure: &Failure) -> &'static str {
    match failure.cause() {
        Cause::NotFound => "You are not a member of this workspace, or there is none.",
        _ => failure.detail(),
    }
}
