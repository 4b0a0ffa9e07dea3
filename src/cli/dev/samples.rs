//! The samples of `cloakroom dev`: an organisation with an API key, a workspace with members.

use crate::config::Config;
use crate::domain::{Access, ApiKeyId, Member, Slug, Subject, WorkspaceName};
use crate::http::Samples;
use crate::server::administer;
use crate::service::{Administer, AdministerError, NewApiKey, NewArea};

/// The operator of the samples in the audit trail.
const OPERATOR: &str = "cloakroom dev";
const LABEL: &str = "cloakroom dev";

const ORGANISATION: &str = "acme";
const WORKSPACE: &str = "acme/research";
const MEMBERS: [(&str, Access); 2] = [("alice", Access::ReadWrite), ("bob", Access::Read)];

/// Creates the missing samples. The API key is new at each start; earlier ones are revoked.
pub(super) async fn make(
    config: &Config,
    token_command: String,
) -> Result<Samples, Box<dyn std::error::Error>> {
    let administer = administer(config, OPERATOR.parse()?).await?;
    let organisation: Slug = ORGANISATION.parse()?;
    let workspace: WorkspaceName = WORKSPACE.parse()?;
    let new = NewArea::default();
    unless_exists(
        administer
            .create_organisation(organisation.clone(), &new)
            .await,
    )?;
    unless_exists(administer.create_workspace(workspace.clone(), &new).await)?;
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

fn unless_exists<T>(made: Result<T, AdministerError>) -> Result<(), Box<dyn std::error::Error>> {
    match made {
        Ok(_) | Err(AdministerError::Exists(_)) => Ok(()),
        Err(AdministerError::Removed { owner, .. }) => Err(format!(
            "the sample {owner} was removed for good: remove the data directory, or name another one \
             (--data-dir)"
        )
        .into()),
        Err(error) => Err(error.into()),
    }
}

async fn add_members(
    administer: &Administer,
    workspace: &WorkspaceName,
) -> Result<(), Box<dyn std::error::Error>> {
    let members = administer.administration().members(workspace).await?;
    for (subject, access) in MEMBERS {
        let subject = Subject::parse(subject)?;
        if members.iter().any(|member| member.subject == subject) {
            continue;
        }
        let member = Member {
            issuer: None,
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
