//! Parts of what the administrative commands print as JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::domain::Area;

/// Where storage is.
#[derive(Serialize)]
pub(super) struct AreaView {
    pub(super) bucket: String,
    pub(super) prefix: String,
    pub(super) uri: String,
}

impl From<&Area> for AreaView {
    fn from(area: &Area) -> Self {
        Self {
            bucket: area.bucket.to_string(),
            prefix: area.prefix.to_string(),
            uri: area.to_string(),
        }
    }
}

/// RFC 3339, UTC, whole seconds.
pub(super) fn utc(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `-` where there is none.
pub(super) fn or_dash(text: Option<&String>) -> String {
    text.map_or_else(|| "-".to_owned(), Clone::clone)
}

/// An owner or a caller as the command line takes it: a person is `client/subject`, and no JSON.
pub(super) fn named(whose: &str) -> String {
    let person = whose.strip_prefix("principal ");
    match person.map(serde_json::from_str::<[String; 2]>) {
        Some(Ok(pair)) => pair.join("/"),
        _ => whose.to_owned(),
    }
}
