//! Which rows of the trail match a query.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Error};
use uuid::Uuid;

use crate::domain::{BucketName, OwnerPseudonym};

use crate::adapters::database::principals::{ends_with, pairs, subject_suffix};
use crate::adapters::database::rows::utc;

use super::AuditQuery;

/// Conditions and their values. Only numbers of placeholders enter the statement.
#[derive(Default)]
pub(super) struct Where {
    conditions: Vec<String>,
    values: Vec<String>,
}

impl AuditQuery {
    /// What matches the query.
    pub(super) fn conditions(&self) -> Where {
        let mut matching = Where::default();
        if let Some(owner) = &self.owner {
            let condition = match session_request(owner) {
                Some(request_id) => format!("request_id = {}", matching.value(&request_id)),
                None => self.of_owner(owner, &mut matching),
            };
            matching.add(condition);
        }
        if let Some(caller) = &self.caller {
            // People who were erased have pseudonyms.
            let named = ["api-key", "operator", "capability", "principal"];
            let named = named.map(|kind| format!("{kind} {caller}"));
            let named = matching.values(&named);
            let pairs = pairs(caller)
                .into_iter()
                .map(|pair| format!("principal {pair}"));
            let pairs = matching.values(&pairs.collect::<Vec<_>>());
            let suffix = matching.value(&subject_suffix(caller));
            matching.add(format!(
                "(caller IN ({named}, {pairs}) OR (caller LIKE 'principal %' AND {}))",
                ends_with("caller", &suffix)
            ));
        }
        if let Some(bucket) = &self.bucket {
            let value = matching.value(bucket.as_str());
            let names = matching.names_in_detail(bucket);
            matching.add(format!(
                "(bucket = {value} OR (action IN ('access-key create', 'access-key rotate', \
                 'bucket release', 'bucket assign') AND {names}))"
            ));
        }
        if let Some(access_key) = &self.access_key {
            let value = matching.value(access_key);
            let callers = ["api-key", "capability"].map(|kind| format!("{kind} {access_key}"));
            let callers = matching.values(&callers);
            matching.add(format!(
                "(access_key_id = {value} OR caller IN ({callers}) \
                 OR (owner_kind = 'access-key' AND owner_id = {value}))"
            ));
        }
        if let Some(since) = self.since {
            let value = matching.value(&utc(since));
            // As an expression, which leads to no index: a search chooses its index itself.
            matching.add(format!("time || '' >= {value}"));
        }
        matching
    }

    fn of_owner(&self, owner: &str, matching: &mut Where) -> String {
        let named = matching.value(owner);
        let principals = pairs(owner);
        let pairs = matching.values(&principals);
        let suffix = matching.value(&subject_suffix(owner));
        let access_key_owners = ["organisation", "subject", "principal"];
        let access_key_owners = access_key_owners.map(|kind| format!("{kind} {owner}"));
        let principals = principals.iter().map(|pair| format!("principal {pair}"));
        let access_key_owners = matching.values(
            &access_key_owners
                .into_iter()
                .chain(principals)
                .collect::<Vec<_>>(),
        );
        let named_so = format!(
            "(owner_id = {named} OR (owner_kind = 'principal' \
             AND (owner_id IN ({pairs}) OR {})) OR holder IN ({access_key_owners}) \
             OR (holder LIKE 'principal %' AND {}))",
            ends_with("owner_id", &suffix),
            ends_with("holder", &suffix)
        );
        let mut conditions = vec![named_so];
        for owner in &self.owners {
            let (kind, id) = (matching.value(owner.kind()), matching.value(&owner.id()));
            conditions.push(format!("(owner_kind = {kind} AND owner_id = {id})"));
            let access_key_owner = matching.value(&owner.to_string());
            conditions.push(format!("holder = {access_key_owner}"));
        }
        format!("({})", conditions.join(" OR "))
    }
}

impl Where {
    pub(super) fn value(&mut self, value: &str) -> String {
        self.values.push(value.to_owned());
        format!("${}", self.values.len())
    }

    pub(super) fn values<'a>(&mut self, values: impl IntoIterator<Item = &'a String>) -> String {
        let places = values.into_iter().map(|value| self.value(value));
        places.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn add(&mut self, condition: String) {
        self.conditions.push(condition);
    }

    /// All the conditions.
    pub(super) fn clause(&self) -> String {
        if self.conditions.is_empty() {
            return "1 = 1".to_owned();
        }
        self.conditions.join(" AND ")
    }

    /// The condition that `detail` names the bucket. It tells what a key opens: `read:BUCKET`,
    /// `all-objects-read:PREFIX*`.
    pub(super) fn names_in_detail(&mut self, bucket: &BucketName) -> String {
        let bucket = bucket.as_str();
        let named = self.value(&format!("%:{bucket} %"));
        let ends = bucket.char_indices().skip(1).map(|(end, _)| end);
        let prefixes = ends.chain([bucket.len()]).map(|end| &bucket[..end]);
        let under = prefixes.map(|prefix| self.value(&format!("all-%:{prefix}*%")));
        let under: Vec<String> = under.map(|value| format!("detail LIKE {value}")).collect();
        format!(
            "(detail || ' ' LIKE {named} OR (detail LIKE 'all-%' AND ({})))",
            under.join(" OR ")
        )
    }

    /// The rows that the statement finds with the values.
    pub(super) async fn fetch(
        self,
        statement: String,
        connection: &mut AnyConnection,
    ) -> Result<Vec<AnyRow>, Error> {
        // Numbers of blocks are part of the text: the next statement is another one.
        let mut query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
        for value in self.values {
            query = query.bind(value);
        }
        query.fetch_all(connection).await
    }
}

/// The request of the session with this name: 31 digits of the owner's pseudonym, `-`, 32 digits of
/// the request's id (docs/call.md).
pub(super) fn session_request(text: &str) -> Option<String> {
    let (owner, request) = text.split_once('-')?;
    owner.parse::<OwnerPseudonym>().ok()?;
    let request = (request.len() == 32).then(|| Uuid::try_parse(request).ok());
    request.flatten().map(|id| id.hyphenated().to_string())
}
