use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

use clap::Subcommand;
use serde::Serialize;

use crate::domain::{
    BucketFormula, BucketName, BucketOwner, ClientId, Owner, Principal, Slug, Subject,
    WorkspaceName,
};
use crate::server::show_buckets;
use crate::service::{KnownBucket, Presence, Reservation, ReservationState};

use super::administration::{Changing, Reading};
use super::outcome::{CommandError, complain, printable};
use super::table::records;
use super::view::{named, or_dash, utc};

/// What can be done with buckets.
#[derive(Debug, Subcommand)]
pub(super) enum BucketCommand {
    /// Show who has a bucket, in which state, since when, and with which tag at the store
    #[command(after_help = "Examples:
  cloakroom bucket show 5c3b3bb8e6448a51b8ad7992994f722     # the owner of a log line
  cloakroom bucket show demo/alice
  cloakroom bucket show acme --json")]
    Show(Show),
    /// Take a bucket away from a person, whose next call gets the one that the formula gives
    #[command(after_help = "Example:
  cloakroom bucket release 5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a

The bucket and its objects stay as they are, reserved for this person, and nobody else can get it.
Asks first.")]
    Release(Release),
    /// Give an owner the bucket that is the owner's by name, as it stands at the store
    #[command(after_help = "Example:
  cloakroom bucket assign 5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a --owner demo/alice

For a bucket that the registry does not know: after a restore from an older backup, say. The owner can
read all objects in it, no matter who put them there. Asks first.")]
    Assign(Assign),
}

#[derive(clap::Args, Debug)]
pub(super) struct Show {
    /// A bucket, or an owner: an organisation, `org/workspace`, `client/subject`, a subject, the
    /// pseudonym that log lines and session names have
    what: String,
    #[command(flatten)]
    common: Reading,
}

#[derive(clap::Args, Debug)]
pub(super) struct Release {
    /// Its name at the store
    bucket: BucketName,
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    common: Changing,
}

#[derive(clap::Args, Debug)]
#[command(group(clap::ArgGroup::new("whose").required(true).args(["owner", "org", "workspace"])))]
pub(super) struct Assign {
    /// Its name at the store
    bucket: BucketName,
    /// To a person: `client/subject`
    #[arg(long, value_parser = parse_person)]
    owner: Option<Principal>,
    /// To an organisation, whose area is in it
    #[arg(long)]
    org: Option<Slug>,
    /// To a workspace, whose area is in it
    #[arg(long)]
    workspace: Option<WorkspaceName>,
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    common: Changing,
}

/// What is asked before something changes.
#[derive(clap::Args, Debug)]
struct Question {
    /// Do not ask
    #[arg(long)]
    yes: bool,
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
    /// What the formula gives the owner now, where that is another one.
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
            Self::Release(release) => release.run().await,
            Self::Assign(assign) => assign.run().await,
        }
    }
}

impl Show {
    async fn run(self) -> Result<(), CommandError> {
        let config = self.common.config()?;
        let found = show_buckets(&config).await?.show(&self.what).await?;
        let formula = &config.naming.formula;
        let views: Vec<BucketView> = found
            .iter()
            .map(|one| BucketView::new(one, formula))
            .collect();
        if views.is_empty() {
            complain(&"no bucket, and no owner of one, is called that");
        }
        self.common.show(&views, &text(&views))
    }
}

impl Release {
    async fn run(self) -> Result<(), CommandError> {
        let config = self.common.config()?;
        let formula = &config.naming.formula;
        let found = show_buckets(&config).await?;
        let found = found.show(self.bucket.as_str()).await?;
        let reservations = found.iter().flat_map(|one| &one.reservations);
        let mut held = reservations.filter(|one| one.bucket == self.bucket && one.state.is_some());
        let held = held.next().ok_or_else(|| {
            CommandError::Failed(format!("nobody has the bucket {}", self.bucket))
        })?;
        let view = ReservationView::new(held, formula);
        let next = view.other_bucket.clone();
        let next = next.unwrap_or_else(|| "this one again, by the formula".to_owned());
        self.question.ask(&format!(
            "{} is {}'s ({}). It stays that owner's and nobody else's; at the next call the owner \
             gets {next}. Release it?",
            self.bucket,
            named(&view.owner),
            view.state
        ))?;
        let administer = self.common.administer().await?;
        administer.release_bucket(held).await?;
        complain(&format!("Released {}.", self.bucket));
        self.common.show(&shown(&config, &self.bucket).await?, "")
    }
}

impl Assign {
    async fn run(self) -> Result<(), CommandError> {
        let owner = match (self.owner, self.org, self.workspace) {
            (Some(principal), ..) => Owner::Principal(principal),
            (_, Some(slug), _) => Owner::Organisation(slug),
            (.., Some(name)) => Owner::Workspace(name),
            _ => return Err(CommandError::Failed("say whose it is".to_owned())),
        };
        self.question.ask(&format!(
            "What is in {} will be {owner}'s, no matter who put it there. Assign it?",
            self.bucket
        ))?;
        let administer = self.common.administer().await?;
        administer.assign_bucket(&owner, &self.bucket).await?;
        let owner = named(&owner.to_string());
        complain(&format!("Assigned {} to {owner}.", self.bucket));
        let config = self.common.config()?;
        self.common.show(&shown(&config, &self.bucket).await?, "")
    }
}

impl Question {
    /// Asks on the terminal. Where there is none, only `--yes` is an answer.
    fn ask(&self, question: &str) -> Result<(), CommandError> {
        if self.yes {
            return Ok(());
        }
        let question = printable(question);
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            let why = format!("{question}\nThere is no terminal to ask on: say --yes");
            return Err(CommandError::Failed(why));
        }
        let mut stderr = std::io::stderr();
        let asked = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
        let mut answer = String::new();
        let answered = asked.and_then(|()| stdin.read_line(&mut answer));
        let is_yes = answered.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes");
        if is_yes {
            Ok(())
        } else {
            Err(CommandError::Failed("nothing was changed".to_owned()))
        }
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
                bucket: word(*presence),
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
            BucketOwner::Shared(_) => None,
        };
        let own = owner.as_ref().map(|owner| formula.bucket(owner));
        let other = own.filter(|own| *own != reservation.bucket);
        Self {
            pseudonym: owner
                .as_ref()
                .map(|owner| formula.digest(owner).pseudonym().to_string()),
            owner: owner.map_or_else(|| "shared".to_owned(), |owner| owner.to_string()),
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

fn word(presence: Presence) -> &'static str {
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

/// A client's id may hold a slash, so the last one parts it from the subject.
fn parse_person(text: &str) -> Result<Principal, String> {
    let (client_id, subject) = text
        .rsplit_once('/')
        .ok_or_else(|| "expected client/subject".to_owned())?;
    Ok(Principal {
        client_id: ClientId::parse(client_id).map_err(|error| error.to_string())?,
        subject: Subject::parse(subject).map_err(|error| error.to_string())?,
    })
}
