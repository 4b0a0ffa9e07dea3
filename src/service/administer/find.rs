//! Lookups that return an error if nothing has this name.

use crate::domain::{
    AccessKey, AccessKeyId, ApiKeyId, BucketFormula, BucketOwner, ClientId, Organisation, Owner,
    OwnerPseudonym, Principal, RegisteredApiKey, Slug, Subject, Workspace, WorkspaceName,
};
use crate::service::{AccessKeyRegistry, Administration, Directory, RegistryError};

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

/// The owner that this text names: an organisation, `org/workspace`, `client id/subject` or an owner's
/// pseudonym. `workspace:` or `person:` before it tells the two with a slash apart.
///
/// # Errors
///
/// [`AdministerError::NoSuch`] if nothing has this name, [`AdministerError::Ambiguous`] if it names a
/// workspace and a person with a bucket.
pub async fn find_owner(
    administration: &dyn Administration,
    formula: &BucketFormula,
    text: &str,
) -> Result<Owner, AdministerError> {
    if let Some(name) = text.strip_prefix("workspace:") {
        let found = workspace(administration, name).await?;
        return found.ok_or_else(|| AdministerError::NoSuch(format!("workspace {name}")));
    }
    if let Some(name) = text.strip_prefix("person:") {
        return person(name).ok_or_else(|| no_such_owner(name));
    }
    if let Ok(pseudonym) = text.parse() {
        let owners = find_owners_with(administration, formula, &pseudonym).await?;
        return owners.into_iter().next().ok_or_else(|| no_such_owner(text));
    }
    let Some(person) = person(text) else {
        let slug: Slug = text.parse().map_err(|_| no_such_owner(text))?;
        let found = administration.organisation(&slug).await?;
        let found = found.map(|organisation| Owner::Organisation(organisation.slug));
        return found.ok_or_else(|| no_such_owner(text));
    };
    let Some(workspace) = workspace(administration, text).await? else {
        return Ok(person);
    };
    // The person may have had a bucket by another formula.
    let bucket = formula.bucket(&person);
    let of_person = administration.buckets_of(text, None).await?;
    if of_person.is_empty() && administration.reservations_of(&bucket).await?.is_empty() {
        return Ok(workspace);
    }
    Err(AdministerError::Ambiguous(text.to_owned()))
}

/// The owners with this pseudonym. People are found by the buckets that they have or had: a bucket is
/// named by the same digest.
///
/// # Errors
///
/// [`RegistryError`] when the registry cannot be read.
pub async fn find_owners_with(
    administration: &dyn Administration,
    formula: &BucketFormula,
    pseudonym: &OwnerPseudonym,
) -> Result<Vec<Owner>, RegistryError> {
    // Organisations and workspaces that were removed for good, too.
    let areas = administration.all_areas().await?.into_iter();
    let keys = administration.access_keys().await?.into_iter();
    let owners = areas
        .map(|(owner, _)| owner)
        .chain(keys.map(|one| Owner::AccessKey(one.id)));
    let has_pseudonym = |owner: &Owner| formula.digest(owner).pseudonym() == *pseudonym;
    let mut owners: Vec<Owner> = owners.filter(has_pseudonym).collect();
    let start = formula.start_of_bucket(pseudonym);
    for owner in administration.owners_of_buckets(pseudonym, &start).await? {
        if let BucketOwner::Principal(principal) = owner {
            owners.push(Owner::Principal(principal));
        }
    }
    Ok(owners)
}

/// `["issuer","client","subject"]`, or `client/subject`: split at the last slash, because a client id may
/// hold one. Text that begins like JSON is nothing else.
pub(super) fn person(text: &str) -> Option<Owner> {
    if text.starts_with('[') {
        return text.parse().ok().map(Owner::Principal);
    }
    let (client_id, subject) = text.rsplit_once('/')?;
    Some(Owner::Principal(Principal {
        issuer: None,
        client_id: ClientId::parse(client_id).ok()?,
        subject: Subject::parse(subject).ok()?,
    }))
}

async fn workspace(
    directory: &dyn Directory,
    text: &str,
) -> Result<Option<Owner>, AdministerError> {
    let Ok(name) = text.parse::<WorkspaceName>() else {
        return Ok(None);
    };
    let found = directory.workspace(&name).await?;
    Ok(found.map(|workspace| Owner::Workspace(workspace.name)))
}

fn no_such_owner(text: &str) -> AdministerError {
    AdministerError::NoSuch(format!(
        "owner {text}: name an organisation, org/workspace, client/subject, \
         [\"issuer\",\"client\",\"subject\"], or the pseudonym of a log line"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_json_is_no_person() {
        assert_eq!(person(r#"["my_cluster","mesh","spiffe://td/ns/a"]"#), None);
        let workload = r#"["mesh","mesh","spiffe://td/ns/a"]"#;
        assert!(person(workload).is_some());
        assert!(person("demo/alice").is_some());
    }
}
