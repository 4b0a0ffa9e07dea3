//! The blocks of the trail: every 16,384 ids. The indexes begin with a row's block
//! (`migrations/*/0008_audit_trail_indexes.sql`).

use std::ops::Range;

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Error, Row};

use crate::adapters::database::rows::utc;

use super::conditions::Where;

/// The bits of an id that count within its block.
const BITS: u32 = 14;

/// The SQL expression for the number of the block of the row with this id, as the indexes have it.
pub(super) fn block_of(id: &str) -> String {
    format!("{id} >> {BITS}")
}

/// The ids of a block's rows.
pub(super) fn ids(block: i64) -> Range<i64> {
    block << BITS..(block + 1) << BITS
}

/// The blocks that can hold rows since one time and before another, the oldest first.
///
/// A row may be older than the one before it, so a block is asked for its latest and its earliest time.
pub(super) async fn blocks(
    since: Option<DateTime<Utc>>,
    before: Option<DateTime<Utc>>,
    connection: &mut AnyConnection,
) -> Result<Vec<i64>, Error> {
    let mut holding = Where::default();
    let block = block_of("id");
    for (time, order, comparison) in [(since, "DESC", ">="), (before, "ASC", "<")] {
        if let Some(time) = time {
            let time = holding.value(&utc(time));
            holding.add(format!(
                "(SELECT time FROM audit_trail WHERE {block} = block ORDER BY time {order} LIMIT 1) \
                 {comparison} {time}"
            ));
        }
    }
    holding.add("block IS NOT NULL".to_owned());
    let (first, last) = (block_of("min(id)"), block_of("max(id)"));
    let statement = format!(
        "WITH RECURSIVE blocks (block) AS (SELECT {last} FROM audit_trail UNION ALL \
         SELECT block - 1 FROM blocks WHERE block > (SELECT {first} FROM audit_trail)) \
         SELECT block FROM blocks WHERE {} ORDER BY block",
        holding.clause()
    );
    let rows = holding.fetch(statement, connection).await?;
    let block = |row: &AnyRow| row.try_get::<i64, _>(0);
    rows.iter().map(block).collect()
}
