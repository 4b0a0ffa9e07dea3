use secrecy::ExposeSecret;
use serde::Serialize;

use crate::adapters::database::{Database, indexes_of_the_trail, latest_schema};
use crate::server::StartError;

use super::error::CommandError;
use super::options::QueryOptions;
use super::output::{note, print};
use super::signals;

/// Bring the database's schema up to date before gateways of this version start
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom migrate --config /etc/cloakroom.toml
  cloakroom migrate --check                    # which schema does the database have?
  cloakroom migrate --json | jq .schema
  cloakroom migrate --print-indexes | psql -v ON_ERROR_STOP=1 \"$URL\"

Makes the tables of a new database, too. Gateways of the earlier version go on answering meanwhile;
docs/upgrading.md says what each version needs. `cloakroom serve` does the same when it starts.

Exit codes: 0 up to date, 1 not up to date or the database cannot be used, 64 bad configuration.")]
pub(super) struct MigrateCommand {
    /// Change nothing; print the database's schema, and exit with 1 if it is not this version's
    #[arg(long)]
    check: bool,
    /// Print the statements that make the indexes of schemas 8 and 13 on `PostgreSQL` while gateways go on answering
    #[arg(long, conflicts_with = "check")]
    print_indexes: bool,
    #[command(flatten)]
    options: QueryOptions,
}

#[derive(Serialize)]
struct View {
    /// The schema's version.
    schema: i64,
    /// The version before; 0 for a new database.
    before: i64,
}

impl MigrateCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        if self.print_indexes {
            return print(&indexes_of_the_trail());
        }
        let url = self.options.config()?.database.url.borrow().clone();
        let url = url.expose_secret();
        let before = Database::found_schema(url).await;
        let before = before.map_err(StartError::from)?;
        if self.check {
            self.show(before, before)?;
            return up_to_date(before);
        }
        let database = tokio::select! {
            opened = Database::open(url) => opened.map_err(StartError::from)?,
            () = signals::stop() => {
                return Err(CommandError::failed(
                    "stopped before the schema was up to date: run it again",
                ));
            }
        };
        database.close().await;
        let schema = latest_schema();
        note(&match before {
            0 => format!("made the tables of a new database, schema {schema}"),
            before if before == schema => {
                format!("nothing to do: the database has schema {schema}")
            }
            before => format!("brought the database from schema {before} to {schema}"),
        });
        self.show(schema, before)
    }

    fn show(&self, schema: i64, before: i64) -> Result<(), CommandError> {
        self.options
            .show(&View { schema, before }, &format!("{schema}\n"))
    }
}

fn up_to_date(found: i64) -> Result<(), CommandError> {
    let needed = latest_schema();
    if found == needed {
        return Ok(());
    }
    let other = if found < needed {
        "cloakroom migrate brings it up to date"
    } else {
        "a newer version made it"
    };
    Err(CommandError::failed(format!(
        "the database has schema {found}, and this version needs {needed}: {other}"
    )))
}
