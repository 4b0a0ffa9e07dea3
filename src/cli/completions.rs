use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::Cli;
use super::error::CommandError;
use super::output::print;

/// Print a shell completion script
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom completions bash > /etc/bash_completion.d/cloakroom
  cloakroom completions zsh > ~/.zfunc/_cloakroom
  cloakroom completions fish > ~/.config/fish/completions/cloakroom.fish")]
pub(super) struct CompletionsCommand {
    /// The shell
    shell: Shell,
}

impl CompletionsCommand {
    pub(super) fn run(&self) -> Result<(), CommandError> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "cloakroom", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
