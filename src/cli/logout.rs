use crate::login::{Login, LoginError, Revocation, revoke};

use super::error::CommandError;
use super::gateway::GatewayArguments;
use super::output::note;

/// Revoke the tokens of `login`, and remove them from this machine
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom logout
  cloakroom logout --url https://cloakroom.example.com

Credentials that are out work until they expire: POST /v1/credentials/revoke ends them.

If the authorization server cannot be reached, the tokens stay, so that the command can be repeated; --force removes
them all the same.

Exit codes: 0 signed out, 1 the tokens were not revoked.")]
pub(super) struct LogoutCommand {
    #[command(flatten)]
    gateway: GatewayArguments,
    /// Remove the tokens even if the authorization server cannot be reached
    #[arg(long)]
    force: bool,
}

impl LogoutCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let connection = match self.gateway.connect() {
            Err(CommandError::Login(LoginError::NotSignedInAnywhere)) => {
                note(&"Not signed in.");
                return Ok(());
            }
            connected => connected?,
        };
        let file = connection.login_file()?;
        let locked = file.lock().await?;
        let Some(login) = locked.read()? else {
            note(&format!("{}: not signed in.", connection.gateway));
            return Ok(());
        };
        // First, so that a command that is killed here can be repeated.
        let revoked = revoke(&login, &connection.http).await;
        if let Err(error) = &revoked
            && !self.force
        {
            return Err(CommandError::Failed(format!(
                "{error}\nThe tokens are still on this machine: run the command again, or remove them by --force"
            )));
        }
        locked.remove()?;
        told(&login, revoked)
    }
}

/// What became of tokens that are removed.
fn told(login: &Login, revoked: Result<Revocation, LoginError>) -> Result<(), CommandError> {
    let why = match revoked {
        Ok(Revocation::Revoked) => {
            note(&format!("Signed out of {}.", login.gateway));
            return Ok(());
        }
        Ok(Revocation::Unsupported) => {
            note(&format!(
                "Signed out of {} here. {} revokes no tokens: they expire by themselves.",
                login.gateway, login.issuer
            ));
            return Ok(());
        }
        Ok(Revocation::Refused(status)) => {
            format!("{}: the answer to a revocation is {status}", login.issuer)
        }
        Err(error) => error.to_string(),
    };
    Err(CommandError::Failed(format!(
        "{why}\nThe tokens are removed from this machine, but were not revoked: end the session at {}",
        login.issuer
    )))
}
