//! The newest rows that match.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Error, Row};

use super::blocks::block_of;
use super::conditions::Where;
use super::parts::{Index, Parts};
use super::search::select_entries;

/// Rows by their ids, which follow the order of their commits.
pub(super) type Rows = BTreeMap<i64, AnyRow>;

/// The first step reads one block, and each further step so many times more: the newest blocks mostly
/// have enough rows.
const STEP_GROWTH: usize = 4;

/// A search for the newest rows that match, block by block.
pub(super) struct Newest<Matching> {
    /// Where they can be.
    pub(super) parts: Parts,
    /// The conditions for a row.
    pub(super) matching: Matching,
    /// How many are wanted.
    pub(super) limit: u32,
}

impl<Matching: Fn() -> Where> Newest<Matching> {
    /// The newest matching rows of these blocks, of which the newest come last: all, or more than are
    /// wanted.
    pub(super) async fn read(
        &self,
        mut blocks: Vec<i64>,
        connection: &mut AnyConnection,
    ) -> Result<Rows, Error> {
        let (mut rows, mut step) = (Rows::new(), 1);
        while !blocks.is_empty() && rows.len() as u64 <= u64::from(self.limit) {
            let next = blocks.split_off(blocks.len().saturating_sub(step));
            let next: Vec<String> = next.iter().map(i64::to_string).collect();
            for (index, texts) in &self.parts.0 {
                let matching = self.in_blocks(&next, *index, texts);
                // By the id alone, the database might read the rows one by one instead of the index.
                rows.extend(read(matching, "id + 0", self.limit, connection).await?);
            }
            step *= STEP_GROWTH;
        }
        Ok(rows)
    }

    /// The conditions for matching rows of these blocks that the index finds.
    pub(super) fn in_blocks(
        &self,
        blocks: &[String],
        index: Index,
        texts: &BTreeSet<String>,
    ) -> Where {
        let mut matching = (self.matching)();
        matching.add(format!("{} IN ({})", block_of("id"), blocks.join(", ")));
        let places = matching.values(texts);
        matching.add(index.condition(&places));
        matching
    }
}

/// The newest matching rows: all, or one more than are wanted.
pub(super) async fn read(
    matching: Where,
    order: &str,
    limit: u32,
    connection: &mut AnyConnection,
) -> Result<Rows, Error> {
    let statement = select(&matching, order, limit);
    let rows = matching.fetch(statement, connection).await?;
    let with_id = |row: AnyRow| Ok((row.try_get("id")?, row));
    rows.into_iter().map(with_id).collect()
}

pub(super) fn select(matching: &Where, order: &str, limit: u32) -> String {
    format!(
        "{} WHERE {} ORDER BY {order} DESC LIMIT {}",
        select_entries!(""),
        matching.clause(),
        u64::from(limit) + 1
    )
}
