//! Where the driver may panic.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use sqlx::Error;

/// Turns a panic of the driver into an error: it panics at messages of `PostgreSQL` that are shorter than
/// they have to be, and a panic would end a background task for good. The connection must not be used again.
// Not an `async fn`, whose future would hold the work twice.
pub(super) fn guarded<T, E: From<Error>>(
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    AssertUnwindSafe(work).catch_unwind().map(|done| {
        done.unwrap_or_else(|_| {
            let cause = "the driver panicked at an answer of the server";
            Err(Error::Protocol(cause.to_owned()).into())
        })
    })
}
