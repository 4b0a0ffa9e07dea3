use crate::login::revoke;

use super::error::CommandError;
use super::gateway::GatewayArguments;
use super::output::note;

/// Revoke the tokens of `login`, and remove them from this machine
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom logout
  cloakroom logout --url https://cloakroom.example.com

Credentials that are out work until they expire: POST /v1/credentials/revoke ends them.

Exit codes: 0 signed out, 1 the tokens are removed but could not be revoked.")]
pub(super) struct LogoutCommand {
    #[command(flatten)]
    gateway: GatewayArguments,
}

impl LogoutCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let connection = self.gateway.connect()?;
        let file = connection.login_file()?;
        let locked = file.lock().await?;
        let Some(login) = locked.read()? else {
            note(&format!("{}: not signed in.", connection.gateway));
            return Ok(());
        };
        // First, so that a command that is killed here can be repeated.
        let revoked = revoke(&login, &connection.http).await;
        locked.remove()?;
        match revoked {
            Ok(true) => note(&format!("Signed out of {}.", login.gateway)),
            Ok(false) => note(&format!(
                "Signed out of {} here. {} revokes no tokens: they expire by themselves.",
                login.gateway, login.issuer
            )),
            Err(error) => {
                return Err(CommandError::Failed(format!(
                    "{error}\nThe tokens are removed from this machine, but were not revoked: end the \
                     session at {}",
                    login.issuer
                )));
            }
        }
        Ok(())
    }
}
