use std::fmt::Write as _;

use clap::Subcommand;
use serde::Serialize;

use crate::domain::{
    BucketFormula, BucketName, BucketOwner, Owner, Principal, Slug, WorkspaceName,
};
use crate::server::show_buckets;
use crate::service::{KnownBucket, Presence, Reservation, ReservationState};

use super::confirmation::Confirmation;
use super::error::CommandError;
use super::options::{ChangeOptions, QueryOptions, parse_principal};
use super::output::{named, note, or_dash, printable, records, utc};

/// Show who has a bucket, and repair bucket-conflict
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  cloakroom bucket show demo/alice")]
pub(super) enum BucketCommand {
    /// Show who has a bucket, in what state, since when, and its tag at the store
    #[command(after_help = "Examples:
  cloakroom bucket show 5c3b3bb8e6448a51b8ad7992994f722     # the owner of a log line
  cloakroom bucket show demo/alice
  cloakroom bucket show acme --json")]
    Show(Show),
    /// Take a bucket from a person, whose next call gets the bucket of the current formula
    #[command(after_help = "Example:
  cloakroom bucket release 5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a

The bucket and its objects stay as they are. It remains reserved for this person; no other owner can
get it. Asks for confirmation.")]
    Release(Release),
    /// Assign an existing bucket to the owner for whom the formula computes its name
    #[command(after_help = "Example:
  cloakroom bucket assign 5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a --owner demo/alice

For a bucket that the registry does not know, for instance after restoring an older backup. The owner
can read all objects in it, no matter who put them there, and a policy that makes it public stays: look at
both first (docs/bucket-conflict.md). Asks for confirmation.")]
    Assign(Assign),
}

#[derive(clap::Args, Debug)]
pub(super) struct Show {
    /// Bucket, or owner: an organisation, `org/workspace`, `client/subject`, a subject, or the
    /// pseudonym in log lines and session names
    what: String,
    #[command(flatten)]
    options: QueryOptions,
}

#[derive(clap::Args, Debug)]
pub(super) struct Release {
    /// Name of the bucket at the store
    bucket: BucketName,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    options: ChangeOptions,
}

#[derive(clap::Args, Debug)]
#[command(group(clap::ArgGroup::new("whose").required(true).args(["owner", "org", "workspace"])))]
pub(super) struct Assign {
    /// Name of the bucket at the store
    bucket: BucketName,
    /// Owner: a person, as `client/subject`
    #[arg(long, value_parser = parse_person)]
    owner: Option<Principal>,
    /// Owner: an organisation whose area is in the bucket
    #[arg(long)]
    org: Option<Slug>,
    /// Owner: a workspace whose area is in the bucket
    #[arg(long)]
    workspace: Option<WorkspaceName>,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    options: ChangeOptions,
}

#[derive(Serialize)]
struct BucketView {
    bucket: String,
    reservations: Vec<ReservationView>,
    areas: Vec<AreaOfOwner>,
    access_keys: Vec<String>,
    store: StoreView,
}

#[derive(Serialize)]
struct ReservationView {
    owner: String,
    pseudonym: Option<String>,
    state: &'static str,
    since: Option<String>,
    /// The owner's bucket by the current formula, if that is a different one.
    other_bucket: Option<String>,
}

#[derive(Serialize)]
struct AreaOfOwner {
    owner: String,
    pseudonym: String,
    prefix: String,
}

#[derive(Serialize)]
struct StoreView {
    bucket: &'static str,
    deployment: Option<String>,
    error: Option<String>,
}

impl BucketCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Show(show) => show.run().await,
            Self::Release(release) => Box::pin(release.run()).await,
            Self::Assign(assign) => assign.run().await,
        }
    }
}

impl Show {
    async fn run(self) -> Result<(), CommandError> {
        let config = self.options.config()?;
        let found = show_buckets(&config).await?.show(&self.what).await?;
        let formula = &config.naming.formula;
        let views: Vec<BucketView> = found
            .iter()
            .map(|one| BucketView::new(one, formula))
            .collect();
        if views.is_empty() {
            note(&"no bucket or bucket owner has this name");
        }
        self.options.show(&views, &text(&views))
    }
}

impl Release {
    async fn run(self) -> Result<(), CommandError> {
        let config = self.options.config()?;
        let formula = &config.naming.formula;
        let found = show_buckets(&config).await?;
        let found = found.show(self.bucket.as_str()).await?;
        let reservations = found.iter().flat_map(|one| &one.reservations);
        let mut held = reservations.filter(|one| one.bucket == self.bucket && one.state.is_some());
        let held = held.next().ok_or_else(|| {
            CommandError::Failed(format!("the bucket {} is not reserved", self.bucket))
        })?;
        let view = ReservationView::new(held, formula);
        let next = view.other_bucket.clone();
        let next = next.unwrap_or_else(|| "this one again, by the formula".to_owned());
        self.confirmation.ask(&format!(
            "{} belongs to {} ({}). It stays reserved for this owner, whose next call gets {next}. \
             Release it?",
            self.bucket,
            named(&view.owner),
            view.state
        ))?;
        let administer = self.options.administer().await?;
        administer.release_bucket(held).await?;
        note(&format!("Released {}.", self.bucket));
        self.options.show(&shown(&config, &self.bucket).await?, "")
    }
}

impl Assign {
    async fn run(self) -> Result<(), CommandError> {
        let owner = match (self.owner, self.org, self.workspace) {
            (Some(principal), ..) => Owner::Principal(principal),
            (_, Some(slug), _) => Owner::Organisation(slug),
            (.., Some(name)) => Owner::Workspace(name),
            _ => {
                return Err(CommandError::failed(
                    "--owner, --org or --workspace is required",
                ));
            }
        };
        self.confirmation.ask(&format!(
            "Everything in {} will belong to {owner}, no matter who put it there. Assign it?",
            self.bucket
        ))?;
        let administer = self.options.administer().await?;
        administer.assign_bucket(&owner, &self.bucket).await?;
        let owner = named(&owner.to_string());
        note(&format!("Assigned {} to {owner}.", self.bucket));
        let config = self.options.config()?;
        self.options.show(&shown(&config, &self.bucket).await?, "")
    }
}

/// The bucket as it is now.
async fn shown(
    config: &crate::config::Config,
    bucket: &BucketName,
) -> Result<Vec<BucketView>, CommandError> {
    let found = show_buckets(config).await?.show(bucket.as_str()).await?;
    let views = found.iter().filter(|one| one.bucket == *bucket);
    Ok(views
        .map(|one| BucketView::new(one, &config.naming.formula))
        .collect())
}

impl BucketView {
    fn new(known: &KnownBucket, formula: &BucketFormula) -> Self {
        let area = |(owner, area): &(Owner, crate::domain::Area)| AreaOfOwner {
            owner: owner.to_string(),
            pseudonym: formula.digest(owner).pseudonym().to_string(),
            prefix: area.prefix.to_string(),
        };
        let store = match &known.store {
            Ok((presence, deployment)) => StoreView {
                bucket: describe(*presence),
                deployment: deployment.clone(),
                error: None,
            },
            Err(failure) => StoreView {
                bucket: "unknown",
                deployment: None,
                error: Some(failure.to_string()),
            },
        };
        let reservations = known.reservations.iter();
        Self {
            bucket: known.bucket.to_string(),
            reservations: reservations
                .map(|one| ReservationView::new(one, formula))
                .collect(),
            areas: known.areas.iter().map(area).collect(),
            access_keys: known.access_keys.iter().map(ToString::to_string).collect(),
            store,
        }
    }
}

impl ReservationView {
    fn new(reservation: &Reservation, formula: &BucketFormula) -> Self {
        let owner = match &reservation.bucket_owner {
            BucketOwner::Principal(principal) => Some(Owner::Principal(principal.clone())),
            BucketOwner::Shared(_) | BucketOwner::Erased(_) => None,
        };
        let name = match &reservation.bucket_owner {
            BucketOwner::Erased(_) => "erased",
            _ => "shared",
        };
        let pseudonym = match &reservation.bucket_owner {
            BucketOwner::Erased(pseudonym) => Some(pseudonym.clone()),
            _ => owner
                .as_ref()
                .map(|owner| formula.digest(owner).pseudonym()),
        };
        let own = owner.as_ref().map(|owner| formula.bucket(owner));
        let other = own.filter(|own| *own != reservation.bucket);
        Self {
            pseudonym: pseudonym.map(|pseudonym| pseudonym.to_string()),
            owner: owner.map_or_else(|| name.to_owned(), |owner| owner.to_string()),
            state: match reservation.state {
                None => "set aside",
                Some(ReservationState::Reserved) => "claimed",
                Some(ReservationState::Creating) => "creating",
                Some(ReservationState::Ready) => "ready",
            },
            since: reservation.since.map(utc),
            other_bucket: other.map(|bucket| bucket.to_string()),
        }
    }
}

fn describe(presence: Presence) -> &'static str {
    match presence {
        Presence::Missing => "missing",
        Presence::Ours => "in our account",
        Presence::Foreign => "in another account",
        Presence::Hidden => "hidden from the gateway",
    }
}

fn text(views: &[BucketView]) -> String {
    let mut rows: Vec<[String; 7]> = Vec::new();
    for view in views {
        let store = view.store.error.clone();
        let store = store.unwrap_or_else(|| view.store.bucket.to_owned());
        let row = |owner: &str, pseudonym: &str, state: &str, since: Option<&String>| {
            [
                view.bucket.clone(),
                named(owner),
                pseudonym.to_owned(),
                state.to_owned(),
                or_dash(since),
                store.clone(),
                or_dash(view.store.deployment.as_ref()),
            ]
        };
        for one in &view.reservations {
            let pseudonym = or_dash(one.pseudonym.as_ref());
            rows.push(row(&one.owner, &pseudonym, one.state, one.since.as_ref()));
        }
        for area in &view.areas {
            let owner = format!("{} at {}", area.owner, area.prefix);
            rows.push(row(&owner, &area.pseudonym, "area", None));
        }
        for key in &view.access_keys {
            rows.push(row(&format!("access key {key}"), "-", "may reach it", None));
        }
        if view.reservations.is_empty() {
            rows.push(row("nobody", "-", "not reserved", None));
        }
    }
    let names = [
        "BUCKET",
        "OWNER",
        "PSEUDONYM",
        "STATE",
        "SINCE",
        "AT THE STORE",
        "DEPLOYMENT",
    ];
    let mut text = records(names, &rows);
    for view in views {
        let others = view
            .reservations
            .iter()
            .filter(|one| one.state != "set aside");
        for (owner, other) in
            others.filter_map(|one| Some((&one.owner, one.other_bucket.as_ref()?)))
        {
            let (bucket, owner) = (&view.bucket, printable(&named(owner)));
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "\n{owner} has\n  {bucket}\nbut the formula gives\n  {other}\nEvery call gets 409 until you run\n  \
                 cloakroom bucket release {bucket}"
            );
        }
    }
    text
}

fn parse_person(text: &str) -> Result<Principal, String> {
    let parsed = parse_principal(text)?;
    parsed.ok_or_else(|| "expected client/subject".to_owned())
}
