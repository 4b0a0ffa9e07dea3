//! One statement: its time limit, its rows and its errors.

use sqlx::any::{Any, AnyArguments, AnyQueryResult, AnyRow};
use sqlx::query::Query;

use crate::service::{RegistryError, STATEMENT_LIMIT};

use super::connect::is_lost;
use super::file::FileReplaced;
use super::guard::guarded;
use super::server::lacks_resources;

/// A statement with its values.
pub(super) type Statement<'q> = Query<'q, Any, AnyArguments>;

/// Runs one statement for no longer than [`STATEMENT_LIMIT`]: a registry that hangs must be known to
/// hang before a request's time is over. `step` names it in errors.
pub(super) async fn bounded<T>(
    step: &'static str,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, RegistryError> {
    match tokio::time::timeout(STATEMENT_LIMIT, guarded(statement)).await {
        Ok(done) => done.map_err(|error| failed(step, &error)),
        Err(_) => Err(RegistryError::late(step)),
    }
}

/// The number of rows that a statement changes.
pub(super) async fn changed(
    step: &'static str,
    executing: impl Future<Output = Result<AnyQueryResult, sqlx::Error>>,
) -> Result<u64, RegistryError> {
    Ok(bounded(step, executing).await?.rows_affected())
}

/// The rows that a statement finds.
pub(super) async fn rows<T>(
    step: &'static str,
    fetching: impl Future<Output = Result<Vec<AnyRow>, sqlx::Error>>,
    parse: impl Fn(&AnyRow) -> Result<T, RegistryError>,
) -> Result<Vec<T>, RegistryError> {
    bounded(step, fetching).await?.iter().map(parse).collect()
}

/// The first row that a statement finds.
pub(super) async fn row<T>(
    step: &'static str,
    fetching: impl Future<Output = Result<Option<AnyRow>, sqlx::Error>>,
    parse: impl Fn(&AnyRow) -> Result<T, RegistryError>,
) -> Result<Option<T>, RegistryError> {
    bounded(step, fetching)
        .await?
        .as_ref()
        .map(parse)
        .transpose()
}

/// Names the kind and code of a database's error. The driver's text may quote values, so it is left
/// out.
pub(super) fn failed(step: &str, error: &sqlx::Error) -> RegistryError {
    let cause = match error {
        sqlx::Error::Database(database) => {
            let code = database.code();
            format!(
                "the database refuses (code {})",
                code.as_deref().unwrap_or("none")
            )
        }
        sqlx::Error::PoolTimedOut => "no connection in time".to_owned(),
        sqlx::Error::PoolClosed => "the gateway is shutting down".to_owned(),
        sqlx::Error::Io(error) => format!("connection lost ({})", error.kind()),
        sqlx::Error::Configuration(error) if error.is::<FileReplaced>() => error.to_string(),
        sqlx::Error::Protocol(_) => "the database sent a broken answer".to_owned(),
        _ => "an unexpected answer".to_owned(),
    };
    let cause = format!("{step}: {cause}");
    if is_transient(error) {
        RegistryError::transient(cause)
    } else {
        RegistryError::new(cause)
    }
}

/// Whether another connection may fare better.
fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(database) if lacks_resources(database.as_ref()) => true,
        error => is_lost(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_of_the_driver_is_a_broken_answer() {
        let statement = async { panic!("canary") };
        let done: Result<(), _> = bounded("erasure", statement).await;
        let broken = RegistryError::new("erasure: the database sent a broken answer");
        assert_eq!(done, Err(broken));
    }
}
