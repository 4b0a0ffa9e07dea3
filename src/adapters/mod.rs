//! The outside world behind the service's ports: one outside system a file. No type of an SDK
//! or a driver leaves this module.

pub mod aws;
mod clock;
mod current;
pub mod database;
mod introspection_cache;
pub mod oauth;
mod randomness;
mod rate_limiter;

pub use clock::SystemClock;
pub(crate) use current::Derived;
pub use current::{Current, fixed};
pub use introspection_cache::CachedIntrospection;
pub use randomness::OsRandomness;
pub use rate_limiter::{InvalidRateLimit, OwnerRateLimiter, RateLimit};
