use chrono::{DateTime, Utc};

use super::{Erasure, Kept, Place, SessionsEnd, Tally};

/// What an erasure did.
#[derive(Clone, Debug)]
pub struct ErasureReport {
    /// How it ended.
    pub outcome: ErasureOutcome,
    /// The owner's buckets, or area of one.
    pub places: Vec<ErasedPlace>,
    /// How the owner's sessions ended, if this run has ended them.
    pub sessions: Option<SessionsEnd>,
    /// How many rows of the audit trail have lost the person.
    pub forgotten: u64,
    /// The erasure on record, with what all its runs have deleted.
    pub erasure: Erasure,
}

/// How an erasure ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErasureOutcome {
    /// Nothing is left.
    Erased,
    /// An earlier run had finished it.
    ErasedBefore,
    /// The store keeps some versions.
    Locked,
    /// Nothing is left, but until then sessions could write again: it has to be looked at once more.
    Waiting(DateTime<Utc>),
}

/// What became of a bucket, or a part of one.
#[derive(Clone, Debug)]
pub struct ErasedPlace {
    /// Where.
    pub place: Place,
    /// What it held when this run began.
    pub found: Tally,
    /// What the store does not let go.
    pub kept: Vec<Kept>,
    /// What became of the bucket.
    pub bucket: BucketFate,
    /// What was written since then may have been missed.
    pub read_since: DateTime<Utc>,
}

/// What became of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketFate {
    /// It was removed.
    Removed,
    /// It was not there.
    Missing,
    /// It stays, empty, as asked.
    Kept,
    /// It stays, because others have areas in it or may get one.
    Shared,
    /// It stays, because the store does not let everything go.
    Locked,
}
