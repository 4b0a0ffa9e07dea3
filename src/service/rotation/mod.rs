//! A rotation: an access key gets a new pair, and the pair before it ends.
//!
//! 1. `admission` finds out who asks and checks whether they may, from there and to those buckets.
//! 2. `task` takes the key by a `lease`, renewed every 3 s. From here on it runs detached, so it
//!    ends in order even if the caller has gone.
//! 3. It ends all pairs but the current one and makes the new one (15 s), since engines hold two.
//! 4. It records the new pair, with the audit event, before anyone is told (7 s).
//! 5. It hands the pair to the request, which must acknowledge it (1 s). Otherwise the pair is ended.
//! 6. It uses the pair until the engine accepts it (25 s). The caller waits 2 s: after that the answer
//!    says `pending`.
//! 7. It makes the proven pair the current one (7 s) and ends those that are due (10 s).
//! 8. It gives the key back. After 15 s without a renewal the `keeper` takes the key over and
//!    finishes what is left, as it does for pairs that become due later.
//!
//! The limits and what they must hold together are in `timing`.

mod admission;
mod caller;
mod keeper;
mod lease;
mod pairs;
mod ports;
mod rotate;
mod rotations;
mod task;
mod tenants;
mod timing;
mod use_case;

#[cfg(test)]
mod tests;

pub use caller::{
    CAPABILITY_TYPE, Capabilities, RotationCaller, RotationCredential, UnadmittedCaller,
};
pub use keeper::{AccessKeyKeeper, AccessKeyKeeperPorts};
pub use pairs::PairsError;
pub(super) use pairs::prove;
pub use ports::{
    AccessKeyBroker, AccessKeyRegistry, AccessKeyRotations, HeldLease, PairStanding, RecordedPair,
    Taken, Unfinished,
};
pub use rotations::{RotationOutcome, Rotations};
pub use tenants::{BucketTenant, KnownBuckets, bucket_of_others};
pub use timing::STATEMENT_LIMIT;
pub use use_case::{
    RotateAccessKey, RotateAccessKeyPorts, RotateAccessKeySettings, Rotated, Rotation,
};
