//! The store: buckets over S3 and sessions over STS. `quirks` holds the differences between engines.

mod attacks;
mod brokers;
mod client;
mod contents;
mod date;
mod failure;
mod objects;
mod pools;
mod quirks;
mod revoker;
mod s3;
mod signed;
mod sts;
mod transport;
mod whole;

#[cfg(test)]
mod tests;

pub use attacks::{S3Attacker, S3ThrowAway};
pub use brokers::{CephBroker, IamBroker, MinioBroker};
pub use client::{AuthoritiesError, AwsClients, AwsSettings, StaticIdentity};
pub use contents::S3Contents;
pub use objects::S3Objects;
pub use quirks::Engine;
pub use revoker::StoreRevoker;
pub use s3::{BucketRules, S3Buckets};
pub use sts::StsSessions;
