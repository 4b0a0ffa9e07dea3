//! The registry and the audit trail, on `SQLite` or `PostgreSQL`, with the same statements.

mod access_keys;
mod administration;
mod areas;
mod audit;
mod backup;
mod bucket_owners;
mod change;
mod connect;
mod connections;
mod directory;
mod error;
mod exposure;
mod file;
mod fingerprint;
mod formula_change;
mod lease;
mod members;
mod opener;
mod pool;
mod principals;
mod registry;
mod reservations;
mod rows;
mod schema;
mod server;
mod slot;
mod statement;

pub use audit::{AuditQuery, AuditRow, SqlAuditTrail};
pub use backup::{BackupContents, BackupError, back_up};
pub use directory::SqlDirectory;
pub use error::DatabaseError;
pub use file::FileError;
pub use formula_change::FingerprintChange;
pub use pool::Database;
pub use registry::SqlBucketRegistry;
pub use server::PostgresServer;
