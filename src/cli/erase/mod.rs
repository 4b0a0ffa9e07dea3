mod progress;
mod view;

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::domain::Owner;
use crate::server::erase_owner;
use crate::service::{
    EraseOptions, EraseOwner, ErasureOutcome, ErasurePlan, Governance, find_owner,
};

use super::error::CommandError;
use super::options::ChangeOptions;
use super::output::{named, note, printable, utc};
use super::signals;

use progress::StandardError;
use view::{View, amounts};

/// Delete all that an owner has stored, and forget a person (GDPR article 17)
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom erase --owner demo/alice                      # what there is; deletes nothing
  cloakroom erase --owner demo/alice --yes --report alice.json
  cloakroom erase --owner acme/research --yes --wait      # a workspace: everything below its prefix

The owner is blocked and its sessions are ended first, then every version, delete marker and unfinished
upload is deleted, and a person's bucket with them. The audit trail keeps the person's rows under the
pseudonym. No other owner ever gets the bucket. A run that was cut off goes on when you repeat the command.
cloakroom unblock lets the owner in again, with an empty bucket. docs/erase.md is the runbook.

Exit codes: 0 nothing is left (or nothing was to be deleted), 1 something is left, or an error, 64 bad
configuration.")]
pub(super) struct EraseCommand {
    /// Owner: `client/subject`, an organisation, `org/workspace`, or the pseudonym in log lines
    #[arg(long)]
    owner: String,
    /// Delete, and do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    how: How,
    /// Also write the result as JSON to this file, which only you may read
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    options: ChangeOptions,
}

/// How an owner is erased.
#[derive(clap::Args, Clone, Copy, Debug)]
struct How {
    /// Keep the empty bucket at the store, so that its name stays yours
    #[arg(long)]
    keep_bucket: bool,
    /// Delete versions with a governance lock, too; the gateway's user needs the right to
    #[arg(long)]
    bypass_governance: bool,
    /// Wait for the last session to expire, where the store cannot end sessions
    #[arg(long)]
    wait: bool,
}

impl EraseCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let config = self.options.config()?;
        let erase = erase_owner(&config, self.options.operator()?).await?;
        let directory = self.options.query().administration().await?;
        let owner = find_owner(&directory, &config.naming.formula, &self.owner).await?;
        let plan = erase.plan(&owner).await.map_err(CommandError::failed)?;
        if !self.yes && !self.confirm(&plan)? {
            note(&"Nothing was deleted. To delete it, repeat the command with --yes.");
            return self.show(&View::of_plan(&plan), None);
        }
        let report = self.report.as_deref().map(open_report).transpose()?;
        let erased = tokio::select! {
            erased = self.erase(&erase, &plan) => erased?,
            () = signals::stop() => {
                return Err(CommandError::failed("stopped: repeat the command to go on"));
            }
        };
        let outcome = erased.outcome();
        self.show(&erased, report)?;
        match outcome {
            ErasureOutcome::Erased | ErasureOutcome::ErasedBefore => Ok(()),
            ErasureOutcome::Locked => Err(CommandError::failed(
                "the store keeps locked versions, so the owner is not erased; it stays blocked. Repeat the \
                 command when the locks have ended, or with --bypass-governance",
            )),
            ErasureOutcome::Waiting(until) => Err(CommandError::Failed(format!(
                "nothing is left, but this store cannot end sessions, and the last of the owner's ends at \
                 {}. Repeat the command after that, or use --wait: it looks again, and finishes the erasure",
                utc(until)
            ))),
        }
    }

    async fn erase(&self, erase: &EraseOwner, plan: &ErasurePlan) -> Result<View, CommandError> {
        let progress = StandardError::new(plan.found());
        let report = erase.erase(plan, self.how.into(), &progress).await;
        let report = report.map_err(CommandError::failed)?;
        Ok(View::of_report(plan, &report))
    }

    /// Asks for the owner's name on a terminal.
    fn confirm(&self, plan: &ErasurePlan) -> Result<bool, CommandError> {
        let stdin = std::io::stdin();
        let is_asked = stdin.is_terminal() && std::io::stderr().is_terminal();
        if !is_asked || self.options.is_json() {
            return Ok(false);
        }
        let name = name_of(&plan.owner);
        let mut stderr = std::io::stderr();
        let question = format!(
            "{name} has {}. To delete all of it for ever, write the name again; an empty line deletes \
             nothing: ",
            amounts(&plan.found())
        );
        let asked = write!(stderr, "{}", printable(&question)).and_then(|()| stderr.flush());
        let mut answer = String::new();
        asked
            .and_then(|()| stdin.read_line(&mut answer))
            .map_err(CommandError::failed)?;
        Ok(is_confirmed(&answer, &name))
    }

    fn show(&self, view: &View, report: Option<NamedTempFile>) -> Result<(), CommandError> {
        if let (Some(mut file), Some(path)) = (report, &self.report) {
            let json = serde_json::to_string_pretty(view).map_err(CommandError::failed)?;
            let written = writeln!(file, "{json}").and_then(|()| file.as_file().sync_all());
            let kept = written.and_then(|()| file.persist(path).map_err(|error| error.error));
            kept.map_err(|error| cannot_write(path, &error))?;
        }
        self.options.show(view, &view.text())
    }
}

/// The name that the operator writes: without the kind, but whole.
fn name_of(owner: &Owner) -> String {
    let stored = owner.to_string();
    let name = named(&stored);
    // A person's has no kind any more.
    match (owner, name.split_once(' ')) {
        (Owner::Principal(_), _) | (_, None) => name,
        (_, Some((_, name))) => name.to_owned(),
    }
}

/// Spaces count: a name may end with one.
fn is_confirmed(answer: &str, name: &str) -> bool {
    let answer = answer.trim_end_matches(['\r', '\n']);
    !answer.is_empty() && answer == name
}

impl From<How> for EraseOptions {
    fn from(how: How) -> Self {
        Self {
            governance: if how.bypass_governance {
                Governance::Bypass
            } else {
                Governance::Respect
            },
            keep_bucket: how.keep_bucket,
            wait: how.wait,
        }
    }
}

/// A new file with mode 0600 beside the report, before anything is deleted. It becomes the report when it
/// is complete.
fn open_report(path: &Path) -> Result<NamedTempFile, CommandError> {
    if path.is_dir() {
        return Err(cannot_write(path, &ErrorKind::IsADirectory.into()));
    }
    let parent = path.parent();
    let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
    let created = NamedTempFile::new_in(parent.unwrap_or(Path::new(".")));
    created.map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::Failed(format!("--report {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ClientId, Principal, Subject};

    #[test]
    fn the_whole_name_confirms_and_an_empty_line_does_not() {
        let person = |subject: &str| {
            Owner::Principal(Principal {
                issuer: None,
                client_id: ClientId::parse("demo").unwrap(),
                subject: Subject::parse(subject).unwrap(),
            })
        };
        for (owner, name) in [
            (person("Alice Smith"), "demo/Alice Smith"),
            (person("alice "), "demo/alice "),
            (Owner::Organisation("acme".parse().unwrap()), "acme"),
            (Owner::Workspace("acme/lab".parse().unwrap()), "acme/lab"),
        ] {
            let asked = name_of(&owner);
            assert_eq!(asked, name);
            assert!(is_confirmed(&format!("{name}\n"), &asked));
            for wrong in ["\n", "", "Smith\n", "lab\n", "y\n"] {
                assert!(!is_confirmed(wrong, &asked), "{wrong:?}");
            }
        }
    }

    #[test]
    fn a_report_that_cannot_be_written_is_refused_before_anything_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        assert!(open_report(folder.path()).is_err());
        assert!(open_report(&folder.path().join("none/alice.json")).is_err());
        assert!(open_report(&folder.path().join("alice.json")).is_ok());
    }
}
