use secrecy::ExposeSecret;
use serde::Serialize;

use crate::adapters::database::Database;
use crate::server::StartError;

use super::error::CommandError;
use super::options::QueryOptions;
use super::output::note;
use super::signals;

/// Bring the database's schema up to date before gateways of this version start
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom migrate --config /etc/cloakroom.toml
  cloakroom migrate --json | jq .schema

Makes the tables of a new database, too. Gateways of the earlier version go on answering meanwhile;
docs/upgrading.md says what each version needs. `cloakroom serve` does the same when it starts.

Exit codes: 0 up to date, 1 the database cannot be used, 64 bad configuration.")]
pub(super) struct MigrateCommand {
    #[command(flatten)]
    options: QueryOptions,
}

#[derive(Serialize)]
struct View {
    /// The schema's version.
    schema: i64,
}

impl MigrateCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let url = self.options.config()?.database.url.borrow().clone();
        let database = tokio::select! {
            opened = Database::open(url.expose_secret()) => opened.map_err(StartError::from)?,
            () = signals::stop() => {
                return Err(CommandError::failed(
                    "stopped before the schema was up to date: run it again",
                ));
            }
        };
        let schema = database.schema_version();
        database.close().await;
        note(&"the database has the schema of this version");
        self.options.show(&View { schema }, &format!("{schema}\n"))
    }
}
