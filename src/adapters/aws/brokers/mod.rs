//! Brokers create and delete access keys, one file for each engine.

pub(super) mod admin_api;
mod ceph;
mod iam;
pub(super) mod minio;
pub(super) mod minio_crypto;
mod pair;

pub use ceph::CephBroker;
pub use iam::IamBroker;
pub use minio::MinioBroker;
