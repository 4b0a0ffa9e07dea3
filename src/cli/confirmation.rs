//! Confirmation of what cannot be undone.

use std::io::{IsTerminal as _, Write as _};

use super::error::CommandError;
use super::output::printable;

/// Confirmation by the operator.
#[derive(clap::Args, Debug)]
pub(super) struct Confirmation {
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

impl Confirmation {
    /// Asks on the terminal. Without a terminal, `--yes` is required.
    pub(super) fn ask(&self, question: &str) -> Result<(), CommandError> {
        if self.yes {
            return Ok(());
        }
        let question = printable(question);
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            let why = format!("{question}\nThere is no terminal to ask on: confirm with --yes");
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
