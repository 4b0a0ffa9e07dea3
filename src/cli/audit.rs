mod export;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use clap::Subcommand;

use crate::adapters::SystemClock;
use crate::adapters::database::{AuditQuery, AuditRow, Database, SqlDirectory};
use crate::domain::{BucketFormula, BucketName, BucketOwner, Owner, OwnerPseudonym};
use crate::server::database;
use crate::service::{AccessKeyRegistry as _, Administration as _, Clock};

use super::error::CommandError;
use super::options::QueryOptions;
use super::output::{Row, named, note};

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
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
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
                owners_with(&pseudonym, &database, &config.naming.formula).await?
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

/// The owners with this pseudonym. People are found by the buckets that they have or had: a bucket is
/// named by the same digest.
async fn owners_with(
    pseudonym: &OwnerPseudonym,
    database: &Database,
    formula: &BucketFormula,
) -> Result<Vec<Owner>, CommandError> {
    let directory = SqlDirectory::new(database.clone());
    // Organisations and workspaces that were removed for good, too.
    let areas = directory.all_areas().await?.into_iter();
    let keys = directory.access_keys().await?.into_iter();
    let owners = areas
        .map(|(owner, _)| owner)
        .chain(keys.map(|one| Owner::AccessKey(one.id)));
    let has_pseudonym = |owner: &Owner| formula.digest(owner).pseudonym() == *pseudonym;
    let mut owners: Vec<Owner> = owners.filter(has_pseudonym).collect();
    let start = formula.start_of_bucket(pseudonym);
    for owner in directory.owners_of_buckets(pseudonym, &start).await? {
        if let BucketOwner::Principal(principal) = owner {
            owners.push(Owner::Principal(principal));
        }
    }
    Ok(owners)
}

/// A time, or how long ago it was.
fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(ago) = text.parse::<humantime::Duration>() {
        let ago = TimeDelta::from_std(*ago).unwrap_or(TimeDelta::MAX);
        let then = SystemClock.now().checked_sub_signed(ago);
        return then.ok_or_else(|| "is too long ago".to_owned());
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    text.parse::<DateTime<Utc>>()
        .map_err(|_| "expected 24h, 2026-11-21, or 2026-11-21T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_accepts_a_date_a_time_or_an_age() {
        let time = |text: &str| parse_time(text).unwrap().to_rfc3339();
        assert_eq!(time("2026-11-21"), "2026-11-21T00:00:00+00:00");
        assert_eq!(
            time("2026-11-21T12:00:00+02:00"),
            "2026-11-21T10:00:00+00:00"
        );
        let then = parse_time("24h").unwrap() + TimeDelta::hours(24);
        assert!((SystemClock.now() - then).abs() < TimeDelta::minutes(1));
        assert!(parse_time("yesterday").is_err());
    }
}
