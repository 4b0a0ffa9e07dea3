use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::{Block, BlockReason, BlockTarget, CallerId, Owner};
use crate::service::{RevocationReport, RevokedStorage, SessionsOf, Strength};

use super::error::CommandError;
use super::options::ChangeOptions;
use super::output::{Row, named, note, records, utc};
use super::target::{parse_caller, warn_of_unknown_issuer};

/// How long the store may take to refuse, before it counts as one that does not.
const PATIENCE: Duration = Duration::from_secs(10);

/// End temporary credentials before they expire
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom revoke --caller demo/alice --and-block --reason 'lost laptop, ticket 4711'
  cloakroom revoke --owner acme/research               # everyone's sessions in a workspace
  cloakroom revoke --access-key ASIAIOSFODNN7EXAMPLE   # one session, as `cloakroom audit` shows it
  cloakroom revoke --api-key ck_5f0c1f2e8d3b4a67 --and-block --reason 'leaked on a forum'

Prints when the sessions end: immediate (the store refused a test session), within (by the time shown), or
at-expiry (the store cannot end them). Callers can get new sessions unless you pass --and-block: whoever
has a lost laptop has its token, too.")]
#[command(group(clap::ArgGroup::new("whose").required(true).args(["owner", "caller", "access_key", "api_key"])))]
pub(super) struct RevokeCommand {
    /// End all sessions for this owner's storage: an organisation, `org/workspace`, `client/subject`, or the
    /// pseudonym in log lines
    #[arg(long)]
    owner: Option<String>,
    /// Caller, whosever storage the sessions open: `client/subject`
    #[arg(long, value_parser = parse_caller)]
    caller: Option<CallerId>,
    /// Access key id of one session, as the store's log and `cloakroom audit` show it
    #[arg(long, value_name = "ID")]
    access_key: Option<String>,
    /// Public part of an API key: the sessions that it got
    #[arg(long, value_name = "ID", value_parser = parse_caller)]
    api_key: Option<CallerId>,
    /// Also block the owner or the caller, until cloakroom unblock
    #[arg(long, conflicts_with = "access_key")]
    and_block: bool,
    /// Why, with --and-block
    #[arg(
        long,
        value_name = "TEXT",
        requires = "and_block",
        default_value = "revoked"
    )]
    reason: BlockReason,
    #[command(flatten)]
    options: ChangeOptions,
}

#[derive(Serialize)]
struct RevokedView {
    owner: String,
    bucket: String,
    sessions: usize,
    revoked: &'static str,
    by: Option<String>,
    why: Option<&'static str>,
    others: bool,
}

impl RevokeCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let administer = self.options.administer().await?;
        let of = match (self.owner, self.caller.or(self.api_key), self.access_key) {
            (Some(owner), ..) => SessionsOf::Owner(administer.find_owner(&owner).await?),
            (_, Some(caller), _) => SessionsOf::Caller(caller),
            (.., key) => SessionsOf::Key(key.unwrap_or_default()),
        };
        if let Ok(target) = block_target(&of) {
            warn_of_unknown_issuer(&self.options.config()?, &target);
        }
        if self.and_block {
            let target = block_target(&of)?;
            let block = Block {
                target,
                reason: self.reason,
                until: None,
            };
            administer.block(&block).await?;
            note(&"Blocked. To let them in again: cloakroom unblock.");
        }
        let report = administer.revoke(&of, PATIENCE).await?;
        warn(&report);
        let views: Vec<RevokedView> = report.storage.iter().map(RevokedView::from).collect();
        let rows: Vec<[String; 5]> = views.iter().map(RevokedView::row).collect();
        let text = records(RevokedView::COLUMNS, &rows);
        self.options.show(&views, &text)
    }
}

fn block_target(of: &SessionsOf) -> Result<BlockTarget, CommandError> {
    match of {
        SessionsOf::Owner(owner) => Ok(BlockTarget::Owner(owner.clone())),
        SessionsOf::Caller(caller) => Ok(BlockTarget::Caller(caller.clone())),
        SessionsOf::Key(_) => Err(CommandError::failed(
            "--and-block: name an owner or a caller",
        )),
    }
}

fn warn(report: &RevocationReport) {
    if report.storage.is_empty() {
        note(&"No live sessions: nothing to revoke.");
    }
    for storage in &report.storage {
        if let Strength::AtExpiry { why, .. } = storage.ended.strength {
            note(&format!("{}: {why}", named(&storage.owner.to_string())));
        }
        if storage.ended.others {
            note(&format!(
                "{}: the store cannot tell callers apart, so the sessions of all who use this storage \
                 were ended; they get new ones at their next call",
                named(&storage.owner.to_string())
            ));
        }
        if matches!(storage.owner, Owner::Organisation(_)) {
            note(&"Access keys (ak_…) are not sessions: cloakroom access-key disable ends them.");
        }
    }
}

impl From<&RevokedStorage> for RevokedView {
    fn from(storage: &RevokedStorage) -> Self {
        let by = |at: DateTime<Utc>| Some(utc(at));
        let (revoked, by, why) = match storage.ended.strength {
            Strength::Immediate => ("immediate", None, None),
            Strength::Within(time) => ("within", by(storage.ended_at + time), None),
            Strength::AtExpiry { at, why } => ("at-expiry", by(at), Some(why)),
        };
        Self {
            owner: named(&storage.owner.to_string()),
            bucket: storage.bucket.to_string(),
            sessions: storage.sessions,
            revoked,
            by,
            why,
            others: storage.ended.others,
        }
    }
}

impl Row<5> for RevokedView {
    const COLUMNS: [&str; 5] = ["OWNER", "BUCKET", "SESSIONS", "REVOKED", "BY"];

    fn row(&self) -> [String; 5] {
        [
            self.owner.clone(),
            self.bucket.clone(),
            self.sessions.to_string(),
            self.revoked.to_owned(),
            self.by.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }
}
