use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::Cli;
use super::outcome::{CommandError, print};

/// Prints a script that lets a shell complete this program's arguments.
#[derive(clap::Args, Debug)]
pub(super) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<(), CommandError> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "cloakroom", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
