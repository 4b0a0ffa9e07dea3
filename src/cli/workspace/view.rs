//! Workspaces and their members, as commands print them.

use serde::Serialize;

use crate::cli::area::AreaView;
use crate::cli::error::CommandError;
use crate::cli::output::{Row, or_dash, utc};
use crate::domain::{Member, Workspace, WorkspaceName};
use crate::service::{Administration, find_workspace};

#[derive(Serialize)]
pub(super) struct WorkspaceView {
    pub(super) organisation: String,
    pub(super) workspace: String,
    pub(super) state: &'static str,
    #[serde(flatten)]
    pub(super) area: AreaView,
    pub(super) created_at: String,
    pub(super) deleted_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) members: Option<Vec<MemberView>>,
}

#[derive(Serialize)]
pub(super) struct MemberView {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) issuer: Option<String>,
    pub(super) subject: String,
    pub(super) client_id: Option<String>,
    pub(super) access: &'static str,
}

impl WorkspaceView {
    pub(super) fn new(workspace: &Workspace, members: Option<Vec<MemberView>>) -> Self {
        let state = match (workspace.deleted_at, workspace.organisation_is_enabled) {
            (Some(_), _) => "deleted",
            (None, true) => "active",
            (None, false) => "disabled",
        };
        Self {
            organisation: workspace.name.organisation.to_string(),
            workspace: workspace.name.workspace.to_string(),
            state,
            area: (&workspace.area).into(),
            created_at: utc(workspace.created_at),
            deleted_at: workspace.deleted_at.map(utc),
            members,
        }
    }
}

impl Row<6> for WorkspaceView {
    const COLUMNS: [&str; 6] = [
        "WORKSPACE",
        "STATE",
        "BUCKET",
        "PREFIX",
        "CREATED",
        "DELETED",
    ];

    fn row(&self) -> [String; 6] {
        [
            format!("{}/{}", self.organisation, self.workspace),
            self.state.to_owned(),
            self.area.bucket.clone(),
            self.area.prefix.clone(),
            self.created_at.clone(),
            or_dash(self.deleted_at.as_ref()),
        ]
    }
}

impl Row<4> for MemberView {
    const COLUMNS: [&str; 4] = ["MEMBER", "ISSUER", "CLIENT", "ACCESS"];

    fn row(&self) -> [String; 4] {
        let client_id = self.client_id.as_deref();
        [
            self.subject.clone(),
            or_dash(self.issuer.as_ref()),
            client_id.unwrap_or("any").to_owned(),
            self.access.to_owned(),
        ]
    }
}

impl From<&Member> for MemberView {
    fn from(member: &Member) -> Self {
        let client_id = member.client_id.as_ref();
        Self {
            issuer: member.issuer.as_ref().map(ToString::to_string),
            subject: member.subject.as_str().to_owned(),
            client_id: client_id.map(|client_id| client_id.as_str().to_owned()),
            access: member.access.as_str(),
        }
    }
}

/// The workspace as it is now.
pub(super) async fn view(
    administration: &dyn Administration,
    name: &WorkspaceName,
) -> Result<WorkspaceView, CommandError> {
    let found = find_workspace(administration, name).await?;
    let members = administration.members(name).await?;
    let members = members.iter().map(MemberView::from).collect();
    Ok(WorkspaceView::new(&found, Some(members)))
}
