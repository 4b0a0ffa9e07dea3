//! Lookups that return an error if nothing has this name.

use crate::domain::{
    AccessKey, AccessKeyId, ApiKeyId, Organisation, RegisteredApiKey, Slug, Workspace,
    WorkspaceName,
};
use crate::service::{AccessKeyRegistry, Directory};

use super::AdministerError;

/// The organisation with this name.
///
/// # Errors
///
/// [`AdministerError::NoSuch`] if there is none.
pub async fn find_organisation(
    directory: &dyn Directory,
    slug: &Slug,
) -> Result<Organisation, AdministerError> {
    let found = directory.organisation(slug).await?;
    found.ok_or_else(|| AdministerError::NoSuch(format!("organisation {slug}")))
}

/// The workspace with this name, even if it is deleted.
///
/// # Errors
///
/// [`AdministerError::NoSuch`] if there has never been one.
pub async fn find_workspace(
    directory: &dyn Directory,
    name: &WorkspaceName,
) -> Result<Workspace, AdministerError> {
    let found = directory.workspace(name).await?;
    found.ok_or_else(|| AdministerError::NoSuch(format!("workspace {name}")))
}

/// The workspace with this name, unless it is deleted.
pub(super) async fn find_living_workspace(
    directory: &dyn Directory,
    name: &WorkspaceName,
) -> Result<Workspace, AdministerError> {
    let workspace = find_workspace(directory, name).await?;
    if workspace.deleted_at.is_some() {
        return Err(deleted(name));
    }
    Ok(workspace)
}

pub(super) fn deleted(name: &WorkspaceName) -> AdministerError {
    AdministerError::NoSuch(format!("workspace {name}: it is deleted"))
}

/// The API key with this id.
///
/// # Errors
///
/// [`AdministerError::NoSuch`] if there is none.
pub async fn find_api_key(
    directory: &dyn Directory,
    id: &ApiKeyId,
) -> Result<RegisteredApiKey, AdministerError> {
    let found = directory.api_key(id).await?;
    found.ok_or_else(|| AdministerError::NoSuch(format!("API key {id}")))
}

/// The access key with this id.
///
/// # Errors
///
/// [`AdministerError::NoSuch`] if there is none.
pub async fn find_access_key(
    registry: &dyn AccessKeyRegistry,
    id: &AccessKeyId,
) -> Result<AccessKey, AdministerError> {
    let found = registry.access_key(id).await?;
    found.ok_or_else(|| AdministerError::NoSuch(format!("access key {id}")))
}
