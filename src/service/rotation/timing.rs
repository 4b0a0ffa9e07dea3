//! The time limits of a rotation and of the keeper. They depend on each other, so they are all here, and
//! the assertions at the end check that they fit.

use std::time::Duration;

/// How long one statement of the registry may take. The database adapter enforces it.
pub const STATEMENT_LIMIT: Duration = Duration::from_millis(3_500);

/// How long a transaction of the registry may take: two statements.
pub(super) const TRANSACTION_LIMIT: Duration = Duration::from_secs(7);

/// How long the checks before a rotation may take. The request's deadline is usually shorter.
pub(super) const CHECK_LIMIT: Duration = Duration::from_secs(10);

/// How long an answer waits for the proof that the new pair works. After that it says `pending`
/// (docs/access-keys.md).
pub(super) const PROOF_PATIENCE: Duration = Duration::from_secs(2);

/// How long the engine may take to end left-over pairs and to make a new one.
pub(super) const MAKE_LIMIT: Duration = Duration::from_secs(15);

/// How long the request may take to acknowledge the new pair.
pub(super) const HAND_OVER_LIMIT: Duration = Duration::from_secs(1);

/// How long a new pair may take to work: the nodes of an engine have to tell each other.
pub(super) const PROOF_LIMIT: Duration = Duration::from_secs(25);

/// How long the engine may take to end the pairs that a rotation leaves.
pub(super) const END_LIMIT: Duration = Duration::from_secs(10);

/// How long one look of the keeper at one key may take.
pub(super) const LOOK_LIMIT: Duration = Duration::from_mins(1);

/// How often a lease is renewed while it is held.
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(3);

/// A lease that is not renewed for this long has lost its process. Each observer measures this by its own
/// monotonic clock.
pub(super) const GONE: Duration = Duration::from_secs(15);

/// A lease that was taken longer ago than this, by the registry's times, is stale in any case.
pub(super) const STALE: Duration = Duration::from_secs(90);

/// How long a rotation needs at most to give its key back once it is told to stop.
pub(super) const LEAVE_LIMIT: Duration = Duration::from_secs(5);

/// How far the clocks of two replicas may differ, rounding to the registry's whole seconds included.
const CLOCKS: Duration = Duration::from_secs(10);

/// From the time recorded with the lease to the last step under it, at worst: the key is taken; a pair
/// is made, recorded, handed over, proven and made the current one; if that fails, the reason is read;
/// pairs are ended; the lease is given back (two statements).
const LONGEST_ROTATION: Duration = STATEMENT_LIMIT
    .saturating_add(MAKE_LIMIT)
    .saturating_add(TRANSACTION_LIMIT)
    .saturating_add(HAND_OVER_LIMIT)
    .saturating_add(PROOF_LIMIT)
    .saturating_add(TRANSACTION_LIMIT)
    .saturating_add(STATEMENT_LIMIT)
    .saturating_add(END_LIMIT)
    .saturating_add(TRANSACTION_LIMIT);

/// The same for a look of the keeper: the key is taken, looked after and given back.
const LONGEST_LOOK: Duration = TRANSACTION_LIMIT
    .saturating_add(LOOK_LIMIT)
    .saturating_add(TRANSACTION_LIMIT);

/// The longest time between two renewals by a living process, if one renewal in between fails.
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
    "a live process could be declared dead"
);
const _: () = assert!(
    2 * STATEMENT_LIMIT.as_millis() <= TRANSACTION_LIMIT.as_millis(),
    "giving a lease back takes two statements"
);
const _: () = assert!(
    PROOF_PATIENCE.as_millis() < PROOF_LIMIT.as_millis(),
    "no answer could be `pending`"
);
