//! The store: buckets over S3, sessions over STS, with what differs between engines as data.

mod client;
mod failure;
mod quirks;
mod s3;
mod sts;

pub use client::{AwsClients, AwsSettings, CaError, StaticIdentity};
pub use quirks::{Flavor, UnknownFlavor};
pub use s3::S3Buckets;
pub use sts::StsSessions;
