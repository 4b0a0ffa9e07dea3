//! The time limits of a rotation and of the keeper. They depend on each other, so they stand
//! together, and the assertions at the end hold what each promises.

use std::time::Duration;

/// How long one statement of the registry may take. The database's adapter enforces it.
pub const STATEMENT_LIMIT: Duration = Duration::from_millis(3_500);

/// A transaction of the registry: several statements.
pub(super) const TRANSACTION_LIMIT: Duration = Duration::from_secs(7);

/// The checks before a rotation. The request's deadline is shorter; this one only bounds it.
pub(super) const CHECK_LIMIT: Duration = Duration::from_secs(10);

/// How long an answer waits for the proof that the new pair works (docs/access-keys.md: `pending` after that).
pub(super) const PROOF_PATIENCE: Duration = Duration::from_secs(2);

/// How long the engine may take to end left-over pairs and to make a new one.
pub(super) const MAKE_LIMIT: Duration = Duration::from_secs(15);

/// How long the request may take to acknowledge the new pair.
pub(super) const HAND_OVER_LIMIT: Duration = Duration::from_secs(1);

/// How long a new pair may take to work: engines of several nodes tell each other.
pub(super) const PROOF_LIMIT: Duration = Duration::from_secs(25);

/// How long the engine may take to end the pairs that a rotation leaves.
pub(super) const END_LIMIT: Duration = Duration::from_secs(10);

/// How long one look of the keeper at one key may take.
pub(super) const LOOK_LIMIT: Duration = Duration::from_mins(1);

/// How often a lease is renewed while it is held.
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(3);

/// A lease that an observer has not seen renewed for this long has lost its process. Measured by
/// the observer's own monotonic clock.
pub(super) const GONE: Duration = Duration::from_secs(15);

/// A lease that was taken longer ago than this is stale in any case, by the registry's times.
pub(super) const STALE: Duration = Duration::from_secs(90);

/// How far the clocks of two replicas may differ, the registry's whole seconds included.
const CLOCKS: Duration = Duration::from_secs(10);

/// From the time that is written down with the lease to the last thing done under it, at worst: the
/// key is taken, a pair is made, recorded, handed over, proven and becomes the current one, the reason is read
/// when it does not, pairs are ended, the lease is given back (two statements).
const LONGEST_ROTATION: Duration = STATEMENT_LIMIT
    .saturating_add(MAKE_LIMIT)
    .saturating_add(TRANSACTION_LIMIT)
    .saturating_add(HAND_OVER_LIMIT)
    .saturating_add(PROOF_LIMIT)
    .saturating_add(TRANSACTION_LIMIT)
    .saturating_add(STATEMENT_LIMIT)
    .saturating_add(END_LIMIT)
    .saturating_add(TRANSACTION_LIMIT);

/// The same for a look of the keeper: the key is taken, looked after, given back.
const LONGEST_LOOK: Duration = TRANSACTION_LIMIT
    .saturating_add(LOOK_LIMIT)
    .saturating_add(TRANSACTION_LIMIT);

/// The longest time between two renewals of a holder that lives, one of which failed.
const LONGEST_SILENCE: Duration = RENEW_EVERY
    .saturating_add(STATEMENT_LIMIT)
    .saturating_mul(2);

const _: () = assert!(
    LONGEST_ROTATION.as_millis() < STALE.saturating_sub(CLOCKS).as_millis(),
    "a rotation could go on after its lease is stale"
);
const _: () = assert!(
    LONGEST_LOOK.as_millis() < STALE.saturating_sub(CLOCKS).as_millis(),
    "a look could go on after its lease is stale"
);
const _: () = assert!(
    LONGEST_SILENCE.as_millis() < GONE.as_millis(),
    "a holder that lives could be taken for gone"
);
const _: () = assert!(
    2 * STATEMENT_LIMIT.as_millis() <= TRANSACTION_LIMIT.as_millis(),
    "giving a lease back takes two statements"
);
const _: () = assert!(
    PROOF_PATIENCE.as_millis() < PROOF_LIMIT.as_millis(),
    "no answer could be `pending`"
);
