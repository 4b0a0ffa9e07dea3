//! What `cloakroom dev` has for trying: an organisation with a key, a workspace with members.

use crate::config::Config;
use crate::domain::{Access, ApiKeyId, Member, Slug, Subject, WorkspaceName};
use crate::http::Samples;
use crate::server::administer;
use crate::service::{Administer, AdministerError, NewApiKey, NewArea};

/// In whose name the samples are made.
const OPERATOR: &str = "cloakroom dev";
const LABEL: &str = "cloakroom dev";

const ORGANISATION: &str = "acme";
const WORKSPACE: &str = "acme/research";
const MEMBERS: [(&str, Access); 2] = [("alice", Access::ReadWrite), ("bob", Access::Read)];

/// Makes them unless they are there; the key is made afresh, and the one of the last start ends.
pub(super) async fn make(
    config: &Config,
    token_command: String,
) -> Result<Samples, Box<dyn std::error::Error>> {
    let administer = administer(config, OPERATOR.parse()?).await?;
    let organisation: Slug = ORGANISATION.parse()?;
    let workspace: WorkspaceName = WORKSPACE.parse()?;
    let new = NewArea::default();
    unless_there(
        administer
            .create_organisation(organisation.clone(), &new)
            .await,
    )?;
    unless_there(administer.create_workspace(workspace.clone(), &new).await)?;
    add_members(&administer, &workspace).await?;
    for id in earlier_keys(&administer, &organisation).await? {
        administer.revoke_key(&id).await?;
    }
    let new = NewApiKey {
        organisation,
        label: LABEL.to_owned(),
        expires_in: None,
        storage: true,
        scopes: Vec::new(),
    };
    let (key, _) = administer.create_api_key(new).await?;
    Ok(Samples {
        token_command,
        api_key: key.expose().to_owned(),
        workspace,
    })
}

fn unless_there<T>(made: Result<T, AdministerError>) -> Result<(), AdministerError> {
    match made {
        Ok(_) | Err(AdministerError::Exists(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn add_members(
    administer: &Administer,
    workspace: &WorkspaceName,
) -> Result<(), Box<dyn std::error::Error>> {
    let there = administer.administration().members(workspace).await?;
    for (subject, access) in MEMBERS {
        let subject = Subject::parse(subject)?;
        if there.iter().any(|member| member.subject == subject) {
            continue;
        }
        let member = Member {
            subject,
            client_id: None,
            access,
        };
        administer.set_member(workspace, &member).await?;
    }
    Ok(())
}

async fn earlier_keys(
    administer: &Administer,
    organisation: &Slug,
) -> Result<Vec<ApiKeyId>, Box<dyn std::error::Error>> {
    let keys = administer
        .administration()
        .api_keys(Some(organisation))
        .await?
        .into_iter();
    let of_dev = keys.filter(|key| key.label == LABEL && key.revoked_at.is_none());
    Ok(of_dev.map(|key| key.id).collect())
}
