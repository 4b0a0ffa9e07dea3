//! Brokers: how each engine makes access keys. A new engine's is a file here.

mod admin_api;
mod ceph;
mod iam;
mod minio;
pub(super) mod minio_crypto;
mod pair;

pub use ceph::CephBroker;
pub use iam::IamBroker;
pub use minio::MinioBroker;
