//! The form that an SDK sends.

use actix_web::HttpRequest;
use actix_web::http::header;
use utoipa::ToSchema;

use crate::domain::AccessToken;
use crate::service::{Refusal, Wanted};

use crate::http::dialects::session::workspace;
use crate::http::input::body::Body;
use crate::http::input::query::known_and_once;
use crate::http::problems::failure::Failure;

const ACTION: &str = "AssumeRoleWithWebIdentity";
const VERSION: &str = "2011-06-15";

/// The start of the role that asks for a workspace.
const WORKSPACE_ROLE: &str = "arn:aws:iam::000000000000:role/workspace/";

/// What an SDK sends.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form that is read field by field")]
pub(crate) struct WebIdentityForm {
    #[schema(rename = "Action", example = "AssumeRoleWithWebIdentity")]
    action: String,
    #[schema(rename = "Version", example = "2011-06-15")]
    version: String,
    /// The access token.
    #[schema(rename = "WebIdentityToken")]
    web_identity_token: String,
    /// `arn:aws:iam::000000000000:role/workspace/org/ws` asks for a workspace, any other for the token's
    /// own bucket.
    #[schema(rename = "RoleArn", example = "arn:aws:iam::000000000000:role/any")]
    role_arn: Option<String>,
    /// Any.
    #[schema(rename = "RoleSessionName", example = "app")]
    role_session_name: Option<String>,
    /// Less than the default, in seconds.
    #[schema(rename = "DurationSeconds", example = 900)]
    duration_seconds: Option<u32>,
}

/// The fields, each known and given once.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    const FIELDS: [&str; 6] = [
        "Action",
        "Version",
        "WebIdentityToken",
        "RoleArn",
        "RoleSessionName",
        "DurationSeconds",
    ];

    pub(super) fn read(body: &Body) -> Result<Self, Failure> {
        let fields = body.form()?;
        let narrows = |name: &str| name == "Policy" || name.starts_with("PolicyArns.");
        if fields.iter().any(|(name, _)| narrows(name)) {
            return Err(Refusal::MalformedRequest(
                "Policy and PolicyArns are not taken: the session is confined to the token's own \
                 bucket, and cannot be confined further.",
            )
            .into());
        }
        Ok(Self(known_and_once(fields, &Self::FIELDS)?))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter();
        fields
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn check_what_is_asked(&self) -> Result<(), Refusal> {
        if self.get("Action") != Some(ACTION) {
            return Err(Refusal::MalformedRequest(
                "The Action is neither AssumeRoleWithWebIdentity nor GetCallerIdentity.",
            ));
        }
        check_version(self.get("Version"))
    }

    /// What the role asks for. SDKs cannot leave the role out, so any other means nothing.
    pub(super) fn wanted(&self) -> Result<Wanted, Refusal> {
        let role = self.get("RoleArn").unwrap_or_default();
        let name = role.strip_prefix(WORKSPACE_ROLE);
        name.map_or(Ok(Wanted::Own), workspace)
    }

    /// The one place where a token is taken from a body (docs/api/README.md). SDKs send the file as
    /// it is, and files end with a newline.
    pub(super) fn token(&self, request: &HttpRequest) -> Result<AccessToken, Refusal> {
        let token = self
            .get("WebIdentityToken")
            .ok_or(Refusal::MissingCredential)?;
        if request.headers().contains_key(header::AUTHORIZATION) {
            return Err(Refusal::MalformedRequest(
                "Send either a WebIdentityToken or an Authorization header, not both.",
            ));
        }
        let line = token.strip_suffix('\n').unwrap_or(token);
        AccessToken::parse(line.strip_suffix('\r').unwrap_or(line)).map_err(|_| {
            Refusal::MalformedRequest(
                "The WebIdentityToken is empty, longer than 8 KiB or malformed.",
            )
        })
    }
}

/// The version of the API; a request may leave it out.
pub(super) fn check_version(version: Option<&str>) -> Result<(), Refusal> {
    if version.is_some_and(|version| version != VERSION) {
        return Err(Refusal::MalformedRequest("The Version is not 2011-06-15."));
    }
    Ok(())
}
