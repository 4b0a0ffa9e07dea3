//! The elements of IAM's responses (IAM API Reference).

use chrono::DateTime;
use maud::{Markup, html};

use crate::embedded::storage::aws_query::date;
use crate::embedded::storage::identities::{AccessKey, User};

/// A user as lists show it, without its tags.
pub(super) fn user(user: &User) -> Markup {
    html! {
        Path { (user.path) }
        UserName { (user.name) }
        UserId { (user.id) }
        Arn { (user.arn()) }
        CreateDate { (date_of(user.created)) }
    }
}

pub(super) fn user_with_tags(user: &User) -> Markup {
    let tags = user.tags.iter();
    let tags = tags.map(|tag| html! { Key { (tag.key) } Value { (tag.value) } });
    html! {
        User {
            (self::user(user))
            @if !user.tags.is_empty() { Tags { (members(tags)) } }
        }
    }
}

/// Only the response of `CreateAccessKey` contains the secret.
pub(super) fn access_key(user: &str, key: &AccessKey, secret: Option<&str>) -> Markup {
    html! {
        UserName { (user) }
        AccessKeyId { (key.id) }
        Status { @if key.active { "Active" } @else { "Inactive" } }
        @if let Some(secret) = secret { SecretAccessKey { (secret) } }
        CreateDate { (date_of(key.created)) }
    }
}

/// A list as the query protocol writes it.
pub(super) fn members(items: impl IntoIterator<Item = Markup>) -> Markup {
    html! { @for item in items { member { (item) } } }
}

/// Whether a list continues on another page, and the marker of that page.
pub(super) fn truncation(marker: Option<&str>) -> Markup {
    html! {
        IsTruncated { (marker.is_some().to_string()) }
        @if let Some(marker) = marker { Marker { (marker) } }
    }
}

fn date_of(seconds: i64) -> String {
    date(DateTime::from_timestamp(seconds, 0).unwrap_or_default())
}
