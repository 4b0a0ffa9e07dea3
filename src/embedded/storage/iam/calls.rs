//! One function an action: what its form holds, what it does, what its answer holds.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::names::{path, policy_name, user_name};
use super::page::Page;
use super::responses::{
    CreatedAccessKey, ListedAccessKeys, ListedPolicies, ListedUsers, OnePolicy, OneUser,
    UserElement,
};
use crate::embedded::storage::aws_query::{CallResult, Form, QueryError, element};
use crate::embedded::storage::identities::{Account, Tag, User, Users};
use crate::embedded::storage::policy::is_identity_policy;

/// What RFC 3986 leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

const MAX_TAGS: usize = 50;

pub(super) async fn create_user(users: &Arc<Users>, form: &Form) -> CallResult {
    form.only(&["UserName", "Path", "Tags."])?;
    let (name, path, tags) = (user_name(form)?, path(form)?, tags(form)?);
    let user = users
        .change(move |account| account.create(name, path, tags))
        .await?;
    element("CreateUserResult", &OneUser::new(&user))
}

pub(super) fn get_user(users: &Users, form: &Form) -> CallResult {
    form.only(&["UserName"])?;
    let name = user_name(form)?;
    let user = users.read(|account| account.user(&name).map(OneUser::new))?;
    element("GetUserResult", &user)
}

pub(super) fn list_users(users: &Users, form: &Form) -> CallResult {
    form.only(&["PathPrefix", "Marker", "MaxItems"])?;
    let page = Page::of(form)?;
    let start = form.get("PathPrefix").unwrap_or("/");
    let part = users.read(|account| {
        let below = |user: &&User| user.path.starts_with(start);
        let found = account.users.values().filter(below);
        page.cut(found.map(|user| (user.name.as_str(), UserElement::listed(user))))
    });
    element("ListUsersResult", &ListedUsers::from(part))
}

pub(super) async fn delete_user(users: &Arc<Users>, form: &Form) -> CallResult {
    form.only(&["UserName"])?;
    let name = user_name(form)?;
    done(users.change(move |account| account.delete(&name)).await)
}

pub(super) async fn put_user_policy(users: &Arc<Users>, form: &Form) -> CallResult {
    form.only(&["UserName", "PolicyName", "PolicyDocument"])?;
    let (user, name) = (user_name(form)?, policy_name(form)?);
    let document = form.required("PolicyDocument")?.to_owned();
    if !is_identity_policy(&document) {
        return Err(QueryError::bad(
            "MalformedPolicyDocument",
            "Syntax errors in policy.",
        ));
    }
    let put = move |account: &mut Account| account.user_mut(&user)?.put_policy(name, document);
    done(users.change(put).await)
}

pub(super) fn get_user_policy(users: &Users, form: &Form) -> CallResult {
    form.only(&["UserName", "PolicyName"])?;
    let (user, name) = (user_name(form)?, policy_name(form)?);
    let document = users.read(|account| account.user(&user)?.policy(&name).map(str::to_owned))?;
    let policy = OnePolicy {
        user_name: user,
        policy_name: name,
        policy_document: utf8_percent_encode(&document, UNRESERVED).to_string(),
    };
    element("GetUserPolicyResult", &policy)
}

pub(super) fn list_user_policies(users: &Users, form: &Form) -> CallResult {
    form.only(&["UserName", "Marker", "MaxItems"])?;
    let (user, page) = (user_name(form)?, Page::of(form)?);
    let part = users.read(|account| {
        let names = account.user(&user)?.policies.keys();
        Ok(page.cut(names.map(|name| (name.as_str(), name.clone()))))
    })?;
    element("ListUserPoliciesResult", &ListedPolicies::from(part))
}

pub(super) async fn delete_user_policy(users: &Arc<Users>, form: &Form) -> CallResult {
    form.only(&["UserName", "PolicyName"])?;
    let (user, name) = (user_name(form)?, policy_name(form)?);
    let delete = move |account: &mut Account| account.user_mut(&user)?.delete_policy(&name);
    done(users.change(delete).await)
}

pub(super) async fn create_access_key(users: &Arc<Users>, form: &Form) -> CallResult {
    form.only(&["UserName"])?;
    let user = user_name(form)?;
    let name = user.clone();
    let create = move |account: &mut Account| account.user_mut(&name)?.create_access_key();
    let key = users.change(create).await?;
    element("CreateAccessKeyResult", &CreatedAccessKey::new(&user, key))
}

pub(super) fn list_access_keys(users: &Users, form: &Form) -> CallResult {
    form.only(&["UserName", "Marker", "MaxItems"])?;
    let user = user_name(form)?;
    let keys = users.read(|account| account.user(&user).map(ListedAccessKeys::of))?;
    element("ListAccessKeysResult", &keys)
}

pub(super) async fn update_access_key(users: &Arc<Users>, form: &Form) -> CallResult {
    form.only(&["UserName", "AccessKeyId", "Status"])?;
    let user = user_name(form)?;
    let id = form.required("AccessKeyId")?.to_owned();
    let active = match form.required("Status")? {
        "Active" => true,
        "Inactive" => false,
        _ => return Err(QueryError::invalid("Status is Active or Inactive.")),
    };
    let update = move |account: &mut Account| account.user_mut(&user)?.set_active(&id, active);
    done(users.change(update).await)
}

pub(super) async fn delete_access_key(users: &Arc<Users>, form: &Form) -> CallResult {
    form.only(&["UserName", "AccessKeyId"])?;
    let user = user_name(form)?;
    let id = form.required("AccessKeyId")?.to_owned();
    let delete = move |account: &mut Account| account.user_mut(&user)?.delete_access_key(&id);
    done(users.change(delete).await)
}

/// An answer without a result.
fn done(changed: Result<(), QueryError>) -> CallResult {
    changed.map(|()| None)
}

/// `Tags.member.1.Key` and so on.
fn tags(form: &Form) -> Result<Vec<Tag>, QueryError> {
    let mut tags = Vec::new();
    for number in 1..=MAX_TAGS {
        let member = format!("Tags.member.{number}");
        let Some(key) = form.get(&format!("{member}.Key")) else {
            break;
        };
        tags.push(Tag {
            key: key.to_owned(),
            value: form.required(&format!("{member}.Value"))?.to_owned(),
        });
    }
    Ok(tags)
}
