//! One function for each action.

use std::sync::Arc;

use maud::html;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::elements::{self, members, truncation, user_with_tags};
use super::page::Page;
use super::parameters::{access_key_id, path, policy_name, tags, user_name};
use crate::embedded::storage::aws_query::{CallResult, Form, QueryError};
use crate::embedded::storage::identities::{Account, User, Users};
use crate::embedded::storage::policy::is_identity_policy;

/// The unreserved characters of RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

pub(super) async fn create_user(users: &Arc<Users>, form: &Form) -> CallResult {
    form.only(&["UserName", "Path", "Tags."])?;
    let (name, path, tags) = (user_name(form)?, path(form)?, tags(form)?);
    let create = move |account: &mut Account| account.create(name, path, tags);
    let user = users.change(create).await?;
    Ok(Some(user_with_tags(&user)))
}

pub(super) fn get_user(users: &Users, form: &Form) -> CallResult {
    form.only(&["UserName"])?;
    let name = user_name(form)?;
    users.read(|account| Ok(Some(user_with_tags(account.user(&name)?))))
}

pub(super) fn list_users(users: &Users, form: &Form) -> CallResult {
    form.only(&["PathPrefix", "Marker", "MaxItems"])?;
    let page = Page::of(form)?;
    let start = form.get("PathPrefix").unwrap_or("/");
    let part = users.read(|account| {
        let matches = |user: &&User| user.path.starts_with(start);
        let found = account.users.values().filter(matches);
        page.cut(found.map(|user| (user.name.as_str(), elements::user(user))))
    });
    Ok(Some(html! {
        Users { (members(part.items)) }
        (truncation(part.marker.as_deref()))
    }))
}

pub(super) async fn delete_user(users: &Arc<Users>, form: &Form) -> CallResult {
    form.only(&["UserName"])?;
    let name = user_name(form)?;
    users.change(move |account| account.delete(&name)).await?;
    Ok(None)
}

pub(super) async fn put_user_policy(users: &Arc<Users>, form: &Form) -> CallResult {
    form.only(&["UserName", "PolicyName", "PolicyDocument"])?;
    let (user, name) = (user_name(form)?, policy_name(form)?);
    let document = form.required("PolicyDocument")?.to_owned();
    if !is_identity_policy(&document) {
        return Err(QueryError::malformed_policy());
    }
    let put = move |account: &mut Account| account.user_mut(&user)?.put_policy(name, document);
    users.change(put).await?;
    Ok(None)
}

/// The document is percent-encoded, as on AWS.
pub(super) fn get_user_policy(users: &Users, form: &Form) -> CallResult {
    form.only(&["UserName", "PolicyName"])?;
    let (user, name) = (user_name(form)?, policy_name(form)?);
    let document = users.read(|account| account.user(&user)?.policy(&name).map(str::to_owned))?;
    Ok(Some(html! {
        UserName { (user) }
        PolicyName { (name) }
        PolicyDocument { (utf8_percent_encode(&document, UNRESERVED).to_string()) }
    }))
}

pub(super) fn list_user_policies(users: &Users, form: &Form) -> CallResult {
    form.only(&["UserName", "Marker", "MaxItems"])?;
    let (user, page) = (user_name(form)?, Page::of(form)?);
    let part = users.read(|account| {
        let names = account.user(&user)?.policies.keys();
        Ok(page.cut(names.map(|name| (name.as_str(), html! { (name) }))))
    })?;
    Ok(Some(html! {
        PolicyNames { (members(part.items)) }
        (truncation(part.marker.as_deref()))
    }))
}

pub(super) async fn delete_user_policy(users: &Arc<Users>, form: &Form) -> CallResult {
    form.only(&["UserName", "PolicyName"])?;
    let (user, name) = (user_name(form)?, policy_name(form)?);
    let delete = move |account: &mut Account| account.user_mut(&user)?.delete_policy(&name);
    users.change(delete).await?;
    Ok(None)
}

pub(super) async fn create_access_key(users: &Arc<Users>, form: &Form) -> CallResult {
    form.only(&["UserName"])?;
    let user = user_name(form)?;
    let name = user.clone();
    let create = move |account: &mut Account| account.user_mut(&name)?.create_access_key();
    let key = users.change(create).await?;
    Ok(Some(html! {
        AccessKey { (elements::access_key(&user, &key, Some(&key.secret))) }
    }))
}

/// A user has two access keys at most, so the list is never cut.
pub(super) fn list_access_keys(users: &Users, form: &Form) -> CallResult {
    form.only(&["UserName", "Marker", "MaxItems"])?;
    let user = user_name(form)?;
    users.read(|account| {
        let keys = account.user(&user)?.access_keys.iter();
        let keys = keys.map(|key| elements::access_key(&user, key, None));
        Ok(Some(html! {
            AccessKeyMetadata { (members(keys)) }
            (truncation(None))
        }))
    })
}

pub(super) async fn update_access_key(users: &Arc<Users>, form: &Form) -> CallResult {
    form.only(&["UserName", "AccessKeyId", "Status"])?;
    let (user, id) = (user_name(form)?, access_key_id(form)?);
    let active = match form.required("Status")? {
        "Active" => true,
        "Inactive" => false,
        _ => return Err(QueryError::invalid("Status must be Active or Inactive.")),
    };
    let update = move |account: &mut Account| account.user_mut(&user)?.set_active(&id, active);
    users.change(update).await?;
    Ok(None)
}

pub(super) async fn delete_access_key(users: &Arc<Users>, form: &Form) -> CallResult {
    form.only(&["UserName", "AccessKeyId"])?;
    let (user, id) = (user_name(form)?, access_key_id(form)?);
    let delete = move |account: &mut Account| account.user_mut(&user)?.delete_access_key(&id);
    users.change(delete).await?;
    Ok(None)
}
