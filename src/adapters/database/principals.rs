//! Principals as rows have them: `["client id","subject"]`.

use crate::domain::{ClientId, Principal, Subject};
use crate::service::RegistryError;

use super::rows::unknown;

/// Reads a principal as [`Owner::id`](crate::domain::Owner::id) writes it.
pub(super) fn parse_principal(id: &str) -> Result<Principal, RegistryError> {
    let pair: [String; 2] = serde_json::from_str(id).map_err(|_| unknown("owner_id"))?;
    let [client_id, subject] = pair;
    Ok(Principal {
        client_id: ClientId::parse(&client_id).map_err(|_| unknown("owner_id"))?,
        subject: Subject::parse(&subject).map_err(|_| unknown("owner_id"))?,
    })
}

/// The principals that `client id/subject` may mean, as rows have them: either part may hold a
/// slash. Never empty, because SQL allows no empty list.
pub(super) fn pairs(text: &str) -> Vec<String> {
    let slashes = text.match_indices('/');
    let splits = slashes.map(|(at, _)| text.split_at(at));
    let mut pairs: Vec<String> = splits
        .map(|(client_id, subject)| {
            let subject = subject.strip_prefix('/').unwrap_or(subject);
            serde_json::json!([client_id, subject]).to_string()
        })
        .collect();
    pairs.push(String::new());
    pairs
}

/// The end that rows have in common for all principals with this subject. JSON escapes quotes, so no
/// other principal ends like this.
pub(super) fn subject_suffix(subject: &str) -> String {
    format!(",{}]", serde_json::json!(subject))
}

/// The SQL condition that a column ends with the value of a placeholder.
pub(super) fn ends_with(column: &str, place: &str) -> String {
    format!("substr({column}, length({column}) - length({place}) + 1) = {place}")
}
