//! The implementations of the service's ports, one file for each outside system. No type of an SDK or
//! a driver leaves this module.

mod authorities;
pub mod aws;
mod capability;
mod clock;
#[cfg(test)]
mod counting_server;
mod current;
pub mod database;
mod doctor;
pub mod oauth;
mod process;
mod randomness;
mod rate_limiter;
mod replace_file;
mod strict_json;
mod upstream_calls;

pub use authorities::check_authorities;
pub(crate) use authorities::plain_http;
pub use capability::{CapabilityKey, CapabilityKeys, InvalidCapabilityKey};
pub use clock::SystemClock;
#[cfg(test)]
pub(crate) use counting_server::counting_server;
pub(crate) use current::Derived;
pub use current::{Current, fixed};
pub use doctor::{DoctorRegistry, DoctorUpstreams};
pub use process::process_user;
#[cfg(unix)]
pub use process::process_user_id;
pub use randomness::OsRandomness;
pub use rate_limiter::{InvalidRateLimit, KeyedRateLimiter, OwnerRateLimiter, RateLimit};
pub(crate) use replace_file::{directory_of, replace_file, unfinished};
pub use upstream_calls::{CallFailure, ObserveCalls, Upstream, UpstreamCall, UpstreamCalls};
