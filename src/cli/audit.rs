mod export;

use chrono::{DateTime, Utc};
use clap::Subcommand;

use crate::adapters::database::{AuditQuery, AuditRow, SqlDirectory};
use crate::domain::BucketName;
use crate::server::database;
use crate::service::find_owners_with;

use super::error::CommandError;
use super::options::QueryOptions;
use super::output::{Row, named, note};
use super::time::parse_since;

use export::ExportCommand;

const DEFAULT_LIMIT: u32 = 100;

/// Show who held which key when, and what operators did
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom audit --owner acme --since 24h
  cloakroom audit --access-key ASIAIOSFODNN7EXAMPLE
  cloakroom audit --owner 5c3b3bb8e6448a51b8ad7992994f722     # the owner of a log line
  cloakroom audit --caller alice --json | jq -r '.[].bucket'
  cloakroom audit export --since 30d > audit.jsonl")]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct AuditCommand {
    #[command(subcommand)]
    command: Option<AuditSubcommand>,
    /// Owner of the storage: an organisation, `org/workspace`, `client/subject`, a subject, the
    /// pseudonym in log lines, or the name of a session in the store's log
    #[arg(long)]
    owner: Option<String>,
    /// Caller or operator: `client/subject`, a subject, the public part of an API key, the name of
    /// a capability token, an operator's name
    #[arg(long)]
    caller: Option<String>,
    /// Bucket; includes key pairs of access keys that may reach it
    #[arg(long)]
    bucket: Option<BucketName>,
    /// Key: an access key id at the store, an access key (`ak_…`), the public part of an API key,
    /// the name of a capability token
    #[arg(long, value_name = "ID")]
    access_key: Option<String>,
    /// Only rows since then: 24h, 2026-11-21, or 2026-11-21T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<DateTime<Utc>>,
    /// Show only this many rows, the newest
    #[arg(long, default_value_t = DEFAULT_LIMIT)]
    limit: u32,
    #[command(flatten)]
    options: QueryOptions,
}

#[derive(Debug, Subcommand)]
enum AuditSubcommand {
    Export(ExportCommand),
}

impl AuditCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        if let Some(AuditSubcommand::Export(export)) = self.command {
            return export.run().await;
        }
        let config = self.options.config()?;
        let database = database(&config).await?;
        let owners = match self.owner.as_deref().map(str::parse) {
            Some(Ok(pseudonym)) => {
                let directory = SqlDirectory::new(database.clone());
                find_owners_with(&directory, &config.naming.formula, &pseudonym).await?
            }
            _ => Vec::new(),
        };
        let query = AuditQuery {
            owner: self.owner,
            owners,
            caller: self.caller,
            bucket: self.bucket,
            access_key: self.access_key,
            since: self.since,
            limit: self.limit,
        };
        let (rows, has_older) = query.run(&database).await?;
        if rows.is_empty() {
            note(&"no matching rows");
        }
        if has_older {
            note(&format!(
                "only the newest {} rows are shown: see --limit for older ones",
                self.limit
            ));
        }
        self.options.list(&rows)
    }
}

impl Row<9> for AuditRow {
    const COLUMNS: [&str; 9] = [
        "TIME", "ACTION", "WHO", "WHOSE", "ACCESS", "BUCKET", "PREFIX", "KEY", "UNTIL",
    ];

    fn row(&self) -> [String; 9] {
        let action = match self.detail.as_str() {
            "" => self.action.clone(),
            detail => format!("{} ({detail})", self.action),
        };
        let whose = match self.access_key_owner.as_str() {
            "" => named(&self.owner),
            owner => format!("{} of {}", named(&self.owner), named(owner)),
        };
        [
            self.time.clone(),
            action,
            named(&self.caller),
            whose,
            self.access.clone(),
            self.bucket.clone(),
            self.prefix.clone(),
            self.access_key_id.clone(),
            self.expiration.clone(),
        ]
    }
}
