use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use uuid::Uuid;

use crate::domain::{BucketName, Owner, OwnerPseudonym};
use crate::service::RegistryError;

use crate::adapters::database::Database;
use crate::adapters::database::principals::{ends_with, pairs, subject_suffix};
use crate::adapters::database::rows::{text, utc};
use crate::adapters::database::statement::failed;

/// What to look for in the audit trail. A field that is not set matches every row.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// The owner: an organisation, `organisation/workspace`, `client id/subject`, a subject through
    /// any client, an owner's pseudonym, or a session's name.
    pub owner: Option<String>,
    /// Organisations, workspaces and access keys with that pseudonym.
    pub owners: Vec<Owner>,
    /// The caller: `client id/subject`, a subject through any client, an API key's public part, a
    /// capability token's id, or an operator.
    pub caller: Option<String>,
    /// The bucket; also matches access keys that reach it.
    pub bucket: Option<BucketName>,
    /// The key: an access key id of the store, an access key (`ak_…`), an API key's public part, or
    /// a capability token's id.
    pub access_key: Option<String>,
    /// The earliest time.
    pub since: Option<DateTime<Utc>>,
    /// At most so many rows, the newest.
    pub limit: u32,
}

/// A row of the audit trail.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AuditRow {
    /// When it happened.
    pub time: String,
    /// `vend` for a session, or the command that was run.
    pub action: String,
    /// Who caused it.
    pub caller: String,
    /// Whose storage it is about.
    pub owner: String,
    /// Who owns the access key, if it is about one.
    #[serde(rename = "holder")]
    pub access_key_owner: String,
    /// The bucket.
    pub bucket: String,
    /// The prefix, if it is not about the whole bucket.
    pub prefix: String,
    /// What a session may do.
    pub access: String,
    /// The id of the key.
    pub access_key_id: String,
    /// When the session ends.
    pub expiration: String,
    /// The dialect of the request.
    pub dialect: String,
    /// The request.
    pub request_id: String,
    /// Further text.
    pub detail: String,
}

/// Conditions and their values. Only numbers of placeholders enter the statement.
#[derive(Default)]
struct Where {
    conditions: Vec<String>,
    values: Vec<String>,
}

impl AuditQuery {
    /// The newest rows that match, oldest first, and whether there are older ones.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the audit trail cannot be read.
    pub async fn run(&self, database: &Database) -> Result<(Vec<AuditRow>, bool), RegistryError> {
        let matching = self.conditions();
        let wanted = u64::from(self.limit) + 1;
        let statement = format!(
            "SELECT time, action, caller, owner_kind, owner_id, bucket, prefix, access, \
             access_key_id, expiration, dialect, request_id, detail, holder FROM audit_trail {} \
             ORDER BY id DESC LIMIT {wanted}",
            matching.clause()
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for value in matching.values {
            query = query.bind(value);
        }
        // A long trail takes its time, and no request waits for this.
        let found = async {
            let mut connection = database.open_unhurried().await?;
            query.fetch_all(&mut connection).await
        };
        let found = found.await.map_err(|error| failed("audit", &error))?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let newest = found.iter().take(limit).rev();
        let entries: Result<Vec<AuditRow>, _> = newest.map(entry).collect();
        Ok((entries?, found.len() > limit))
    }

    fn conditions(&self) -> Where {
        let mut matching = Where::default();
        if let Some(owner) = &self.owner {
            let condition = match session_request(owner) {
                Some(request_id) => format!("request_id = {}", matching.value(&request_id)),
                None => self.of_owner(owner, &mut matching),
            };
            matching.add(condition);
        }
        if let Some(caller) = &self.caller {
            let named = ["api-key", "operator", "capability"];
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
            let bucket = bucket.as_str();
            let value = matching.value(bucket);
            // What a key opens is in its row's detail: `read:BUCKET`, `all-objects-read:PREFIX*`.
            let mut reaching = vec![format!("detail || ' ' LIKE '%:' || {value} || ' %'")];
            for (end, _) in bucket.char_indices().skip(1).chain([(bucket.len(), ' ')]) {
                let under = matching.value(&format!("all-%:{}*%", &bucket[..end]));
                reaching.push(format!("detail LIKE {under}"));
            }
            matching.add(format!(
                "(bucket = {value} OR (action IN ('access-key create', 'access-key rotate', \
                 'bucket release', 'bucket assign') AND ({})))",
                reaching.join(" OR ")
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
            matching.add(format!("time >= {value}"));
        }
        matching
    }

    fn of_owner(&self, owner: &str, matching: &mut Where) -> String {
        let named = matching.value(owner);
        let principals = pairs(owner);
        let pairs = matching.values(&principals);
        let suffix = matching.value(&subject_suffix(owner));
        let access_key_owners = ["organisation", "subject"].map(|kind| format!("{kind} {owner}"));
        let principals = principals.iter().map(|pair| format!("principal {pair}"));
        let access_key_owners = matching.values(
            &access_key_owners
                .into_iter()
                .chain(principals)
                .collect::<Vec<_>>(),
        );
        let named_so = format!(
            "((owner_kind <> 'principal' AND owner_id = {named}) OR (owner_kind = 'principal' \
             AND (owner_id IN ({pairs}) OR {})) OR holder IN ({access_key_owners}) \
             OR (holder LIKE 'principal %' AND {}))",
            ends_with("owner_id", &suffix),
            ends_with("holder", &suffix)
        );
        let mut conditions = vec![named_so];
        // A person's bucket is named by the digest, whose start is the pseudonym.
        if owner.parse::<OwnerPseudonym>().is_ok() {
            let named = matching.value(&format!("%{owner}%"));
            conditions.push(format!(
                "(owner_kind = 'principal' AND (bucket LIKE {named} OR detail LIKE {named}))"
            ));
        }
        for owner in &self.owners {
            let (kind, id) = (matching.value(owner.kind()), matching.value(&owner.id()));
            conditions.push(format!("(owner_kind = {kind} AND owner_id = {id})"));
        }
        format!("({})", conditions.join(" OR "))
    }
}

/// The request of the session with this name: 31 digits of the owner's pseudonym, `-`, 32 digits of
/// the request's id (docs/call.md).
fn session_request(text: &str) -> Option<String> {
    let (owner, request) = text.split_once('-')?;
    owner.parse::<OwnerPseudonym>().ok()?;
    let request = (request.len() == 32).then(|| Uuid::try_parse(request).ok());
    request.flatten().map(|id| id.hyphenated().to_string())
}

impl Where {
    fn value(&mut self, value: &str) -> String {
        self.values.push(value.to_owned());
        format!("${}", self.values.len())
    }

    fn values(&mut self, values: &[String]) -> String {
        let places: Vec<String> = values.iter().map(|value| self.value(value)).collect();
        places.join(", ")
    }

    fn add(&mut self, condition: String) {
        self.conditions.push(condition);
    }

    fn clause(&self) -> String {
        if self.conditions.is_empty() {
            return String::new();
        }
        format!("WHERE {}", self.conditions.join(" AND "))
    }
}

fn entry(row: &AnyRow) -> Result<AuditRow, RegistryError> {
    let text = |column| text(row, column);
    Ok(AuditRow {
        time: text("time")?,
        action: text("action")?,
        caller: text("caller")?,
        owner: format!("{} {}", text("owner_kind")?, text("owner_id")?),
        access_key_owner: text("holder")?,
        bucket: text("bucket")?,
        prefix: text("prefix")?,
        access: text("access")?,
        access_key_id: text("access_key_id")?,
        expiration: text("expiration")?,
        dialect: text("dialect")?,
        request_id: text("request_id")?,
        detail: text("detail")?,
    })
}
