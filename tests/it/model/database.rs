//! The registry of both replicas: a file, or a database of a `PostgreSQL`.

use sqlx::any::install_default_drivers;
use sqlx::postgres::PgConnection;
use sqlx::{Any, AnyPool, Connection as _, Executor as _, Transaction};
use url::Url;

use crate::support::App;

/// A new database of the server that `MODEL_DATABASE` names: by the URL of another of its databases, with a
/// user who may create some. None without the variable.
pub(super) async fn of_postgres() -> Option<String> {
    let server = std::env::var("MODEL_DATABASE").ok()?;
    let mut url = Url::parse(&server).expect("MODEL_DATABASE is no URL");
    let mut connection = PgConnection::connect(&server).await.unwrap();
    for statement in [
        "DROP DATABASE IF EXISTS cloakroom_model WITH (FORCE)",
        "CREATE DATABASE cloakroom_model",
    ] {
        connection.execute(statement).await.unwrap();
    }
    url.set_path("cloakroom_model");
    Some(url.into())
}

/// The registry and the audit trail, beside the gateways.
pub(super) async fn connect(app: &App) -> AnyPool {
    install_default_drivers();
    AnyPool::connect(&app.registry_url()).await.unwrap()
}

/// Keeps everybody else from recording anything.
pub(super) async fn lock(database: &AnyPool) -> Transaction<'static, Any> {
    if database.connect_options().database_url.scheme() == "sqlite" {
        return database.begin_with("BEGIN IMMEDIATE").await.unwrap();
    }
    let mut transaction = database.begin().await.unwrap();
    let lock = transaction.execute("LOCK TABLE audit_trail IN EXCLUSIVE MODE");
    lock.await.unwrap();
    transaction
}
