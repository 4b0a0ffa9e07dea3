//! The store: buckets over S3, sessions over STS, with what differs between engines as data.

mod client;
mod failure;
mod intruder;
mod minio_admin;
mod objects;
mod quirks;
mod s3;
mod sts;
mod throw_away;

pub use client::{AwsClients, AwsSettings, CaError, StaticIdentity};
pub use intruder::S3Intruder;
pub use objects::S3Objects;
pub use quirks::{Flavor, UnknownFlavor};
pub use s3::S3Buckets;
pub use sts::StsSessions;
pub use throw_away::S3ThrowAway;
