//! Replaces a person by a pseudonym, in all columns that name them.

use std::collections::BTreeSet;

use sqlx::{AnyConnection, AssertSqlSafe, Error, Row};

use crate::service::Person;

use super::blocks::{block_of, blocks};
use super::conditions::Where;
use super::parts::{COMMANDS, Parts};

/// How many rows one statement changes. On `SQLite` other writers wait for so long.
const BATCH: usize = 500;

/// The commands whose text begins with a member.
const OF_MEMBERS: &str = "action IN ('workspace add-member', 'workspace remove-member')";

/// What stands for a text that is not to be replaced: no row has it.
const NEVER: [&str; 2] = ["subject ", r#"[null,""]"#];

/// The texts by which rows name a person.
struct Names {
    /// `["client id","subject"]`, after the name of a named issuer.
    person: String,
    /// `subject alice`, where it means this person only.
    subject: String,
    /// `[null,"alice"]`, after the name of a named issuer, where it means this person only.
    member: String,
    pseudonym: String,
}

impl Names {
    fn new(person: Person<'_>) -> Self {
        let (principal, subject) = (person.principal, person.principal.subject.as_str());
        let [no_subject, no_member] = NEVER.map(str::to_owned);
        let (subject, member) = match &principal.issuer {
            _ if !person.is_whole => (no_subject, no_member),
            None => {
                let member = serde_json::json!([null, subject]);
                (format!("subject {subject}"), member.to_string())
            }
            Some(issuer) => {
                let member = serde_json::json!([issuer.as_str(), null, subject]);
                (no_subject, member.to_string())
            }
        };
        Self {
            person: principal.to_string(),
            subject,
            member,
            pseudonym: person.pseudonym.to_string(),
        }
    }

    /// Where rows can be that name the person.
    fn parts(&self) -> Parts {
        let mut parts = Parts::default();
        let caller = format!("principal {}", self.person);
        parts.add_owner(&self.person);
        parts.add_caller(&caller);
        parts.add_access_key_owner(&caller);
        parts.add_access_key_owner(&self.subject);
        parts
    }

    /// The condition that a row names the person outside of its text.
    fn condition(&self, matching: &mut Where) -> String {
        let person = matching.value(&self.person);
        let named = matching.value(&format!("principal {}", self.person));
        let subject = matching.value(&self.subject);
        format!(
            "((owner_kind = 'principal' AND owner_id = {person}) OR caller = {named} \
             OR holder IN ({named}, {subject}))"
        )
    }

    /// The condition that a row's text begins with the person.
    fn begins_detail(&self, matching: &mut Where) -> String {
        let begins = [&self.person, &self.member].map(|name| {
            let name = matching.value(name);
            format!("substr(detail, 1, length({name})) = {name}")
        });
        format!("{COMMANDS} AND {OF_MEMBERS} AND ({})", begins.join(" OR "))
    }
}

/// How many rows name the person.
pub(in crate::adapters::database) async fn count(
    person: Person<'_>,
    connection: &mut AnyConnection,
) -> Result<u64, Error> {
    let names = Names::new(person);
    let mut found = of_commands(&names, connection).await?;
    for block in blocks(None, None, connection).await? {
        found.extend(in_block(&names, block, connection).await?);
    }
    Ok(found.len() as u64)
}

/// Replaces the person in all rows, and returns how many those were.
pub(in crate::adapters::database) async fn forget(
    person: Person<'_>,
    connection: &mut AnyConnection,
) -> Result<u64, Error> {
    let names = Names::new(person);
    let mut forgotten = 0;
    loop {
        let before = forgotten;
        let found = of_commands(&names, connection).await?;
        forgotten += replace(&names, &found, connection).await?;
        for block in blocks(None, None, connection).await? {
            let found = in_block(&names, block, connection).await?;
            forgotten += replace(&names, &found, connection).await?;
        }
        // A call that was under way may have written a row meanwhile.
        if forgotten == before {
            return Ok(forgotten);
        }
    }
}

/// The ids of the block's rows that name the person.
async fn in_block(
    names: &Names,
    block: i64,
    connection: &mut AnyConnection,
) -> Result<BTreeSet<i64>, Error> {
    let mut found = BTreeSet::new();
    for (index, texts) in &names.parts().0 {
        let mut matching = Where::default();
        matching.add(format!("{} = {block}", block_of("id")));
        let places = matching.values(texts);
        matching.add(index.condition(&places));
        let condition = names.condition(&mut matching);
        matching.add(condition);
        found.extend(ids(matching, connection).await?);
    }
    Ok(found)
}

/// The ids of the rows of commands whose text names the person.
async fn of_commands(
    names: &Names,
    connection: &mut AnyConnection,
) -> Result<BTreeSet<i64>, Error> {
    let mut matching = Where::default();
    let condition = names.begins_detail(&mut matching);
    matching.add(condition);
    ids(matching, connection).await
}

async fn ids(matching: Where, connection: &mut AnyConnection) -> Result<BTreeSet<i64>, Error> {
    let statement = format!("SELECT id FROM audit_trail WHERE {}", matching.clause());
    let rows = matching.fetch(statement, connection).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

async fn replace(
    names: &Names,
    ids: &BTreeSet<i64>,
    connection: &mut AnyConnection,
) -> Result<u64, Error> {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let mut replaced = 0;
    for batch in ids.chunks(BATCH) {
        let rows = format!("id IN ({})", batch.join(", "));
        replaced += replace_where(names, &rows, &[], connection).await?;
    }
    Ok(replaced)
}

/// Replaces the person in the row of this request.
pub(in crate::adapters::database) async fn forget_request(
    person: Person<'_>,
    request_id: &str,
    connection: &mut AnyConnection,
) -> Result<u64, Error> {
    let names = Names::new(person);
    replace_where(&names, "request_id = $8", &[request_id], connection).await
}

async fn replace_where(
    names: &Names,
    rows: &str,
    values: &[&str],
    connection: &mut AnyConnection,
) -> Result<u64, Error> {
    let statement = format!(
        "UPDATE audit_trail SET \
         owner_id = CASE WHEN owner_kind = 'principal' AND owner_id = $1 THEN $2 ELSE owner_id END, \
         caller = CASE WHEN caller = $3 THEN $4 ELSE caller END, \
         holder = CASE WHEN holder = $3 THEN $4 WHEN holder = $5 THEN $6 ELSE holder END, \
         detail = CASE \
         WHEN {OF_MEMBERS} AND substr(detail, 1, length($1)) = $1 THEN $2 || substr(detail, length($1) + 1) \
         WHEN {OF_MEMBERS} AND substr(detail, 1, length($7)) = $7 THEN $2 || substr(detail, length($7) + 1) \
         ELSE detail END, session_token_hash = '' WHERE {rows}"
    );
    let pseudonym = &names.pseudonym;
    let mut query = sqlx::query(AssertSqlSafe(statement))
        .bind(names.person.clone())
        .bind(pseudonym.clone())
        .bind(format!("principal {}", names.person))
        .bind(format!("principal {pseudonym}"))
        .bind(names.subject.clone())
        .bind(format!("subject {pseudonym}"))
        .bind(names.member.clone());
    for value in values {
        query = query.bind((*value).to_owned());
    }
    Ok(query.execute(connection).await?.rows_affected())
}
