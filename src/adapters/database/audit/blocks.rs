//! The blocks of the trail: every 16,384 ids. The indexes begin with a row's block
//! (`migrations/*/0008_audit_trail_indexes.sql`).

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Error, Row};

use crate::adapters::database::rows::utc;

use super::conditions::Where;

/// The bits of an id that count within its block.
const BITS: u32 = 14;

/// How much older a row may be than one before it, because the clocks of replicas differ.
const CLOCK_SKEW: TimeDelta = TimeDelta::hours(1);

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
    for (time, order, comparison) in [(since, "DESC", ">="), (before, "ASC", "<")] {
        if let Some(time) = time {
            let time = holding.value(&utc(time));
            holding.add(format!("{} {comparison} {time}", end_of_block(order)));
        }
    }
    read(holding, "", connection).await
}

/// The blocks that can hold rows since a time, the oldest first. Older blocks are not looked at, however
/// many there are: rows come in the order of time, give or take an hour.
pub(super) async fn recent_blocks(
    since: DateTime<Utc>,
    connection: &mut AnyConnection,
) -> Result<Vec<i64>, Error> {
    let mut holding = Where::default();
    let newest = end_of_block("DESC");
    let earliest = holding.value(&utc(since));
    holding.add(format!("{newest} >= {earliest}"));
    let end = holding.value(&utc(since - CLOCK_SKEW));
    // A block can be empty.
    read(
        holding,
        &format!("AND COALESCE({newest}, {end}) >= {end}"),
        connection,
    )
    .await
}

/// The SQL expression for the first time of `block` in this order.
fn end_of_block(order: &str) -> String {
    let block = block_of("id");
    format!("(SELECT time FROM audit_trail WHERE {block} = block ORDER BY time {order} LIMIT 1)")
}

/// Goes back block by block, from a block to the one before it as long as this holds of it.
async fn read(
    mut holding: Where,
    going_on: &str,
    connection: &mut AnyConnection,
) -> Result<Vec<i64>, Error> {
    holding.add("block IS NOT NULL".to_owned());
    let (first, last) = (block_of("min(id)"), block_of("max(id)"));
    let statement = format!(
        "WITH RECURSIVE blocks (block) AS (SELECT {last} FROM audit_trail UNION ALL \
         SELECT block - 1 FROM blocks WHERE block > (SELECT {first} FROM audit_trail) {going_on}) \
         SELECT block FROM blocks WHERE {} ORDER BY block",
        holding.clause()
    );
    let rows = holding.fetch(statement, connection).await?;
    let block = |row: &AnyRow| row.try_get::<i64, _>(0);
    rows.iter().map(block).collect()
}
