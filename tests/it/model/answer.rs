//! The credentials in an answer of any dialect.

use serde_json::Value;

use crate::support::Answer;

use super::names::Place;

/// What S3 requests are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

const IDS: [&str; 5] = [
    "accessKeyId",
    "access_key_id",
    "AccessKeyId",
    "aws_key_id",
    "s3_access_key_id",
];
const SECRETS: [&str; 5] = [
    "secretAccessKey",
    "secret_access_key",
    "SecretAccessKey",
    "aws_secret_access_key",
    "s3_secret_access_key",
];
const TOKENS: [&str; 4] = [
    "sessionToken",
    "session_token",
    "SessionToken",
    "aws_session_token",
];

impl Keys {
    pub(super) fn read(answer: &Answer) -> Self {
        let text = |names: &[&str]| text(answer, names);
        Self {
            id: text(&IDS).unwrap_or_else(|| panic!("answer: no key in {answer:?}")),
            secret: text(&SECRETS).unwrap_or_else(|| panic!("answer: no secret in {answer:?}")),
            token: text(&TOKENS),
        }
    }
}

/// The answer names the place, as far as its dialect names one.
pub(super) fn assert_names(answer: &Answer, place: Place) {
    let is_xml = answer.text.starts_with('<');
    let named = |names: &[&str]| if is_xml { None } else { text(answer, names) };
    if let Some(bucket) = named(&["bucket", "name"]) {
        assert_eq!(
            bucket,
            place.bucket(),
            "owners: the answer has another bucket: {place:?}"
        );
    }
    if let Some(prefix) = named(&["prefix"]) {
        assert_eq!(
            prefix,
            place.prefix(),
            "owners: the answer has another prefix: {place:?}"
        );
    }
}

/// The first member or element of one of these names.
fn text(answer: &Answer, names: &[&str]) -> Option<String> {
    if answer.text.starts_with('<') {
        let element = |name: &&str| {
            let (_, rest) = answer.text.split_once(&format!("<{name}>"))?;
            Some(rest.split_once('<')?.0.to_owned())
        };
        return names.iter().find_map(element);
    }
    member(&answer.json(), names)
}

fn member(value: &Value, names: &[&str]) -> Option<String> {
    let members = value.as_object()?;
    let direct = names.iter().find_map(|name| members.get(*name)?.as_str());
    let direct = direct.map(str::to_owned);
    direct.or_else(|| members.values().find_map(|inner| member(inner, names)))
}
