use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::{Block, BlockReason, BlockTarget, CallerId, ClientId};
use crate::service::{Administer, Blocks as _, KnownBlock};

use super::error::CommandError;
use super::options::{ChangeOptions, QueryOptions};
use super::output::{Row, named, note, or_dash, utc};
use super::target::{parse_caller, warn_of_unknown_issuer};
use super::time::parse_until;

/// Stop issuing credentials to an owner, a caller or a client
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom block --caller demo/alice --reason 'lost laptop, ticket 4711'
  cloakroom block --client old-app --reason 'retired'
  cloakroom block --owner acme --reason 'invoice unpaid' --until 24h
  cloakroom block --list

Blocked callers get a 403 in the format of the API they call. Sessions already issued work until they
expire; cloakroom revoke ends them.")]
#[command(group(clap::ArgGroup::new("target").required(true).args(["owner", "caller", "client", "list"])))]
pub(super) struct BlockCommand {
    #[command(flatten)]
    target: TargetOptions,
    /// Why, for the log and the audit trail; the caller does not see it
    #[arg(long, value_name = "TEXT", required_unless_present = "list")]
    reason: Option<BlockReason>,
    /// End of the block: 24h, 2026-12-24, or 2026-12-24T12:00:00Z [default: never]
    #[arg(long, value_name = "TIME", value_parser = parse_until)]
    until: Option<DateTime<Utc>>,
    /// List all blocks
    #[arg(long, conflicts_with_all = ["reason", "until"])]
    list: bool,
    #[command(flatten)]
    options: ChangeOptions,
}

/// Issue credentials again to an owner, a caller or a client
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  cloakroom unblock --caller demo/alice")]
#[command(group(clap::ArgGroup::new("target").required(true).args(["owner", "caller", "client"])))]
pub(super) struct UnblockCommand {
    #[command(flatten)]
    target: TargetOptions,
    /// Within 12 hours of an erasure, too, when sessions from before it work again
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    options: ChangeOptions,
}

/// Whom it is about.
#[derive(clap::Args, Debug)]
struct TargetOptions {
    /// Block access to this owner's storage: an organisation, `org/workspace`, `client/subject`,
    /// or the pseudonym in log lines
    #[arg(long)]
    owner: Option<String>,
    /// Caller, whosever storage they ask for: `client/subject`, or the public part of an API key
    #[arg(long, value_parser = parse_caller)]
    caller: Option<CallerId>,
    /// Client id: everyone who uses it
    #[arg(long, value_name = "ID", value_parser = ClientId::parse)]
    client: Option<ClientId>,
}

#[derive(Serialize)]
struct BlockView {
    kind: String,
    name: String,
    reason: String,
    since: String,
    until: Option<String>,
}

impl BlockCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        if self.list {
            return list(self.options.query()).await;
        }
        let administer = self.options.administer().await?;
        let target = self.target.find(&administer).await?;
        let reason = self
            .reason
            .ok_or_else(|| CommandError::failed("--reason"))?;
        let until = self.until;
        let block = Block {
            target,
            reason,
            until,
        };
        if administer.has_no_bucket(&block.target).await? {
            note(&format!(
                "{} has no bucket here: check the name. The block holds all the same.",
                named(&block.target.name())
            ));
        }
        administer.block(&block).await?;
        warn_of_unknown_issuer(&self.options.config()?, &block.target);
        let name = named(&block.target.name());
        let end = until.map_or_else(String::new, |until| format!(" until {}", utc(until)));
        note(&format!(
            "Blocked the {} {name}{end}. Sessions already issued work until they expire; cloakroom revoke \
             ends them.",
            block.target.kind()
        ));
        Ok(())
    }
}

impl UnblockCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let administer = self.options.administer().await?;
        let target = self.target.find(&administer).await?;
        let (kind, name) = (target.kind(), named(&target.name()));
        let earlier = administer.sessions_from_before_erasure(&target).await?;
        if let Some(expired) = earlier.filter(|_| !self.now) {
            return Err(CommandError::failed(format!(
                "{name} was erased, and sessions from before would work again: repeat this after {}, or pass \
                 --now and run cloakroom revoke --owner {name} after their first call",
                utc(expired)
            )));
        }
        note(&if administer.unblock(&target).await? {
            format!("Unblocked the {kind} {name}.")
        } else {
            format!("Nothing changed: the {kind} {name} is not blocked.")
        });
        if let Some(KnownBlock { kind, .. }) = administer.other_block(&target).await? {
            note(&format!(
                "There is another block, of the {kind} {name}: cloakroom unblock --{kind} {name}"
            ));
        }
        Ok(())
    }
}

impl TargetOptions {
    async fn find(self, administer: &Administer) -> Result<BlockTarget, CommandError> {
        match self {
            Self {
                caller: Some(caller),
                ..
            } => Ok(BlockTarget::Caller(caller)),
            Self {
                client: Some(client),
                ..
            } => Ok(BlockTarget::Client(client)),
            Self { owner, .. } => {
                let owner = owner.unwrap_or_default();
                Ok(BlockTarget::Owner(administer.find_owner(&owner).await?))
            }
        }
    }
}

impl From<KnownBlock> for BlockView {
    fn from(block: KnownBlock) -> Self {
        Self {
            kind: block.kind,
            name: named(&block.name),
            reason: block.reason,
            since: utc(block.since),
            until: block.until.map(utc),
        }
    }
}

impl Row<5> for BlockView {
    const COLUMNS: [&str; 5] = ["KIND", "NAME", "UNTIL", "SINCE", "REASON"];

    fn row(&self) -> [String; 5] {
        [
            self.kind.clone(),
            self.name.clone(),
            or_dash(self.until.as_ref()),
            self.since.clone(),
            self.reason.clone(),
        ]
    }
}

async fn list(options: &QueryOptions) -> Result<(), CommandError> {
    let blocks = options.administration().await?.blocks().await?;
    let views: Vec<BlockView> = blocks.into_iter().map(BlockView::from).collect();
    options.list(&views)
}
