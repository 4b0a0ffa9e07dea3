use std::path::PathBuf;

use secrecy::ExposeSecret;
use serde::Serialize;

use crate::adapters::database::back_up;

use super::error::CommandError;
use super::options::QueryOptions;
use super::output::note;
use super::signals;

/// Copy the SQLite database, registry and audit trail, to a file while the gateway runs
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom backup /var/backups/cloakroom-$(date +%F).db
  cloakroom backup --json /var/backups/cloakroom.db | jq .audit_rows

Only you can read the copy. docs/backup.md tells how to restore it. With PostgreSQL, use pg_dump.")]
pub(super) struct BackupCommand {
    /// The copy, a file that does not exist yet
    #[arg(value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    options: QueryOptions,
}

#[derive(Serialize)]
struct View {
    file: String,
    bytes: u64,
    buckets: i64,
    audit_rows: i64,
}

impl BackupCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let url = self.options.config()?.database.url.borrow().clone();
        let contents = tokio::select! {
            done = back_up(url.expose_secret(), &self.to) => {
                done.map_err(CommandError::failed)?
            }
            // Dropping the unfinished copy removes it.
            () = signals::stop() => {
                return Err(CommandError::failed("stopped: no backup was made"));
            }
        };
        note(&format!(
            "{} bytes: {} buckets with an owner, {} audit rows. Keep it as you keep a password file.",
            contents.bytes, contents.buckets, contents.audit_rows
        ));
        let view = View {
            file: self.to.display().to_string(),
            bytes: contents.bytes,
            buckets: contents.buckets,
            audit_rows: contents.audit_rows,
        };
        self.options.show(&view, &format!("{}\n", view.file))
    }
}
