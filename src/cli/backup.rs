//! `cloakroom backup`: the registry and the audit trail in one file.

use std::path::PathBuf;

use secrecy::ExposeSecret;
use serde::Serialize;

use crate::adapters::database::back_up;

use super::administration::Reading;
use super::outcome::{CommandError, complain};
use super::signals;

/// Copies the registry and the audit trail of an `SQLite` database while the gateway runs.
#[derive(clap::Args, Debug)]
pub(super) struct BackupCommand {
    /// Where to; a file that does not exist yet
    #[arg(value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    common: Reading,
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
        let url = self.common.config()?.database.url.borrow().clone();
        let contents = tokio::select! {
            done = back_up(url.expose_secret(), &self.to) => {
                done.map_err(|error| CommandError::Failed(error.to_string()))?
            }
            // What was begun is removed on the way out.
            () = signals::stop() => {
                return Err(CommandError::Failed("stopped: there is no backup".to_owned()));
            }
        };
        complain(&format!(
            "{} bytes: {} buckets with an owner, {} audit rows. Keep it as you keep a password file.",
            contents.bytes, contents.buckets, contents.audit_rows
        ));
        let view = View {
            file: self.to.display().to_string(),
            bytes: contents.bytes,
            buckets: contents.buckets,
            audit_rows: contents.audit_rows,
        };
        self.common.show(&view, &format!("{}\n", view.file))
    }
}
