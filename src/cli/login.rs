use std::thread;

use crate::login::{Gateway, Http, Login, LoginError, LoginFile, Revocation, SignIn, revoke};

use super::confirmation::Confirmation;
use super::error::CommandError;
use super::gateway::GatewayArguments;
use super::output::note;

/// Sign in at a gateway, so that `credentials` and `credential_process` work without a token file
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom login --url https://cloakroom.example.com
  cloakroom login --url http://127.0.0.1:8080    # cloakroom dev
  cloakroom login --url https://cloakroom.example.com --device

It opens the browser, and prints the link as well. On a machine without a display, or over SSH, you sign in
by a code on another device, if the authorization server has that; --browser and --device choose one.

The gateway names the authorization server and the client, and gets the token. Before the first sign-in at a
gateway you are shown all of them and asked.

The tokens are kept in ~/.local/state/cloakroom ($XDG_STATE_HOME/cloakroom), readable by you alone.")]
pub(super) struct LoginCommand {
    #[command(flatten)]
    gateway: GatewayArguments,
    /// Sign in by a code that you type on another device
    #[arg(long, conflicts_with = "browser")]
    device: bool,
    /// Sign in with the browser of this machine, even if it seems to have no display
    #[arg(long)]
    browser: bool,
    /// Public client to sign in as [default: the one that the gateway names]
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Do not ask for a sign-in that outlives the browser's session
    #[arg(long)]
    no_offline_access: bool,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl LoginCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let connection = self.gateway.connect()?;
        let file = connection.login_file()?;
        // A file that cannot be written is told before the person signs in.
        drop(file.lock().await?);
        let (gateway, http) = (connection.gateway, connection.http);
        let mut sign_in = SignIn::prepare(gateway.clone(), self.client_id, http.clone()).await?;
        if self.no_offline_access {
            sign_in.leave_out_offline_access();
        }
        confirm(&gateway, &sign_in, &file, &self.confirmation)?;
        let lacks_browser = !self.browser && !has_display() && sign_in.supports_devices();
        let login = if self.device || lacks_browser {
            on_device(&sign_in).await?
        } else {
            in_browser(&sign_in).await?
        };
        keep(&login, &file, &http).await?;
        let person = &login.person;
        let name = person.username.as_ref().or(person.subject.as_ref());
        let name = name.map(|name| format!(" as {name}")).unwrap_or_default();
        note(&format!("Signed in{name} at {}.", login.gateway));
        Ok(())
    }
}

/// The gateway chooses where the person signs in, and for what: a hostile one could name the authorization
/// server and the client of another, to get a token that is good there.
fn confirm(
    gateway: &Gateway,
    sign_in: &SignIn,
    file: &LoginFile,
    confirmation: &Confirmation,
) -> Result<(), CommandError> {
    // A file that cannot be read vouches for nothing.
    let known = file.read().ok().flatten();
    if known.is_some_and(|login| sign_in.is_like(&login)) {
        return Ok(());
    }
    note(&format!("Gateway: {gateway}"));
    note(&format!("Authorization server: {}", sign_in.issuer()));
    note(&format!("Client: {}", sign_in.client_id()));
    note(&format!("Scopes: {}", sign_in.scopes()));
    confirmation.ask("Sign in there, and give the token to this gateway?")
}

/// Revokes what is no longer kept: these tokens if they cannot be written, or those that they replace, unless
/// these could end with them.
async fn keep(login: &Login, file: &LoginFile, http: &Http) -> Result<(), LoginError> {
    let locked = file.lock().await?;
    let replaced = locked.read().ok().flatten();
    if let Err(error) = locked.write(login) {
        let _ = revoke(login, http).await;
        return Err(error);
    }
    drop(locked);
    if let Some(replaced) = replaced.filter(|replaced| !login.may_share_grant(replaced))
        && !matches!(revoke(&replaced, http).await, Ok(Revocation::Revoked))
    {
        note(&"The tokens of the sign-in before could not be revoked: they expire by themselves.");
    }
    Ok(())
}

async fn in_browser(sign_in: &SignIn) -> Result<Login, LoginError> {
    let waiting = sign_in.in_browser().await?;
    note(&"Sign in with the browser of this machine:");
    note(&format!("  {}", waiting.url()));
    let link = waiting.link_to_open().to_string();
    // Some browsers keep the one who opens them waiting. A browser that does not open is no failure:
    // the link is there.
    thread::spawn(move || webbrowser::open(&link));
    waiting.finish().await
}

async fn on_device(sign_in: &SignIn) -> Result<Login, LoginError> {
    let waiting = sign_in.on_device().await?;
    note(&"Open this page on any device and check the code:");
    note(&format!(
        "  {}",
        waiting.page_with_code().unwrap_or(waiting.page())
    ));
    note(&format!("  code: {}", waiting.code()));
    waiting.finish().await
}

/// Whether a browser can open here, and the person sees it.
fn has_display() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_remote = is_set("SSH_CONNECTION");
    let has_screen = !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
    is_set("BROWSER") || (has_screen && !is_remote)
}
