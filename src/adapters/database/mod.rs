//! The registry and the audit trail, on `SQLite` or `PostgreSQL`, with the same statements.

mod access_keys;
mod administration;
mod audit;
mod backup;
mod bucket_owners;
mod connections;
mod directory;
mod error;
mod file;
mod fingerprint;
mod opener;
mod pool;
mod registry;
mod reservations;
mod rows;
mod schema;
mod server;

pub use audit::{AuditQuery, AuditRow, SqlAuditTrail};
pub use backup::{BackupContents, BackupError, back_up};
pub use directory::SqlDirectory;
pub use error::DatabaseError;
pub use file::FileError;
pub use pool::Database;
pub use registry::{FingerprintChange, SqlBucketRegistry};
pub use server::PostgresServer;
