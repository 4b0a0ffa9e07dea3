//! Principals as rows have them: `["client id","subject"]`, after the issuer's name if it is a named
//! one.

use crate::domain::Principal;
use crate::service::RegistryError;

use super::rows::unknown;

/// Reads a principal as [`Owner::id`](crate::domain::Owner::id) writes it.
pub(super) fn parse_principal(id: &str) -> Result<Principal, RegistryError> {
    id.parse().map_err(|_| unknown("owner_id"))
}

/// The principals that an operator's text may mean, as rows have them: their JSON, or
/// `client id/subject` of `oauth.issuer`, where either part may hold a slash. Never empty, because SQL
/// allows no empty list.
pub(super) fn pairs(text: &str) -> Vec<String> {
    let slashes = text.match_indices('/');
    let splits = slashes.map(|(at, _)| text.split_at(at));
    let mut pairs: Vec<String> = splits
        .map(|(client_id, subject)| {
            let subject = subject.strip_prefix('/').unwrap_or(subject);
            serde_json::json!([client_id, subject]).to_string()
        })
        .collect();
    let as_json = text.parse::<Principal>();
    pairs.extend(as_json.map(|principal| principal.to_string()));
    pairs.push(String::new());
    pairs
}

/// The end that rows have in common for all principals with this subject, at any issuer. JSON escapes quotes, so no
/// other principal ends like this.
pub(super) fn subject_suffix(subject: &str) -> String {
    format!(",{}]", serde_json::json!(subject))
}

/// The SQL condition that a column ends with the value of a placeholder.
pub(super) fn ends_with(column: &str, place: &str) -> String {
    format!("substr({column}, length({column}) - length({place}) + 1) = {place}")
}
