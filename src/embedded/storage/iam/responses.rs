//! The elements of IAM's responses (IAM API Reference).

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::page::Part;
use crate::embedded::storage::identities::{AccessKey, Tag, User};

/// A list as the query API writes it.
#[derive(Serialize)]
pub(super) struct Members<T> {
    member: Vec<T>,
}

/// `CreateUser`, `GetUser`
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneUser {
    user: UserElement,
}

/// `ListUsers`
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedUsers {
    users: Members<UserElement>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UserElement {
    path: String,
    user_name: String,
    user_id: String,
    arn: String,
    create_date: String,
    /// Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Members<TagElement>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagElement {
    key: String,
    value: String,
}

/// `GetUserPolicy`
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OnePolicy {
    pub(super) user_name: String,
    pub(super) policy_name: String,
    /// Percent-encoded (RFC 3986), as on AWS.
    pub(super) policy_document: String,
}

/// `ListUserPolicies`
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedPolicies {
    policy_names: Members<String>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

/// `CreateAccessKey`
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreatedAccessKey {
    access_key: AccessKeyElement,
}

/// `ListAccessKeys`
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedAccessKeys {
    access_key_metadata: Members<AccessKeyElement>,
    is_truncated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AccessKeyElement {
    user_name: String,
    access_key_id: String,
    status: &'static str,
    /// In the answer that made it only.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_access_key: Option<String>,
    create_date: String,
}

impl OneUser {
    pub(super) fn new(user: &User) -> Self {
        let tags = user.tags.iter().map(|Tag { key, value }| TagElement {
            key: key.clone(),
            value: value.clone(),
        });
        let tags = Members::of(tags.collect());
        let user = UserElement::listed(user);
        let tags = Some(tags).filter(|tags| !tags.member.is_empty());
        Self {
            user: UserElement { tags, ..user },
        }
    }
}

impl UserElement {
    pub(super) fn listed(user: &User) -> Self {
        Self {
            path: user.path.clone(),
            user_name: user.name.clone(),
            user_id: user.id.clone(),
            arn: user.arn(),
            create_date: date(user.created),
            tags: None,
        }
    }
}

impl CreatedAccessKey {
    pub(super) fn new(user: &str, key: AccessKey) -> Self {
        let mut access_key = AccessKeyElement::listed(user, &key);
        access_key.secret_access_key = Some(key.secret);
        Self { access_key }
    }
}

impl ListedAccessKeys {
    pub(super) fn of(user: &User) -> Self {
        let keys = user.keys.iter();
        let keys = keys.map(|key| AccessKeyElement::listed(&user.name, key));
        Self {
            access_key_metadata: Members::of(keys.collect()),
            is_truncated: false,
        }
    }
}

impl AccessKeyElement {
    fn listed(user: &str, key: &AccessKey) -> Self {
        Self {
            user_name: user.to_owned(),
            access_key_id: key.id.clone(),
            status: if key.active { "Active" } else { "Inactive" },
            secret_access_key: None,
            create_date: date(key.created),
        }
    }
}

impl<T> Members<T> {
    fn of(member: Vec<T>) -> Self {
        Self { member }
    }
}

impl From<Part<UserElement>> for ListedUsers {
    fn from(part: Part<UserElement>) -> Self {
        Self {
            users: Members::of(part.items),
            is_truncated: part.marker.is_some(),
            marker: part.marker,
        }
    }
}

impl From<Part<String>> for ListedPolicies {
    fn from(part: Part<String>) -> Self {
        Self {
            policy_names: Members::of(part.items),
            is_truncated: part.marker.is_some(),
            marker: part.marker,
        }
    }
}

fn date(seconds: i64) -> String {
    let date = DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or_default();
    date.to_rfc3339_opts(SecondsFormat::Secs, true)
}
