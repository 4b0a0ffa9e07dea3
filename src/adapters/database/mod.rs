//! The registry and the audit trail, on `SQLite` or `PostgreSQL`, with the same statements.

mod audit;
mod pool;
mod registry;

pub use audit::SqlAuditTrail;
pub use pool::{Database, DatabaseError};
pub use registry::{FingerprintChange, SqlRegistry};
