use std::time::Duration;

use serde::Deserialize;

use super::error::CommandError;
use super::output::print;

/// Print an access token for any user name, from a running `cloakroom dev`
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  TOKEN=$(cloakroom dev-token alice)
  cloakroom dev-token bob --client-id backup
  cloakroom dev-token alice --without-claim sub     # refused: missing-claims
  cloakroom dev-token alice --scope other           # refused: insufficient-scope
  cloakroom dev-token alice --scope 'com.cleverbase.storage api.katapult.io/core/v1/object_storage'
  cloakroom dev-token alice --expires-in 0s         # refused: invalid-token")]
pub(super) struct DevTokenCommand {
    /// User name: the token's `sub`
    user: String,
    /// Port of the authorization server of `cloakroom dev`
    #[arg(long, value_name = "PORT", default_value_t = super::dev::OAUTH_PORT)]
    oauth_port: u16,
    /// Scopes of the token, separated by spaces
    #[arg(long, default_value = "com.cleverbase.storage")]
    scope: String,
    /// Client that the user signs in through
    #[arg(long, default_value = super::dev::CLIENT)]
    client_id: String,
    /// Leave out this claim, such as `sub`; may be repeated
    #[arg(long, value_name = "CLAIM")]
    without_claim: Vec<String>,
    /// Lifetime of the token; 0s makes an expired one
    #[arg(long, value_name = "TIME", default_value = "1h")]
    expires_in: humantime::Duration,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
}

impl DevTokenCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let token = self.fetch().await?;
        print(&format!("{token}\n"))
    }

    async fn fetch(&self) -> Result<String, CommandError> {
        let url = format!("http://127.0.0.1:{}/dev/token", self.oauth_port);
        let failed = |what: &str| {
            CommandError::Failed(format!(
                "{url}: {what}; is `cloakroom dev` running, and is --oauth-port its port?"
            ))
        };
        let seconds = Duration::from(self.expires_in).as_secs().to_string();
        let without_claims = self.without_claim.join(",");
        let form = [
            ("user", self.user.as_str()),
            ("client_id", &self.client_id),
            ("scope", &self.scope),
            ("expires_in", &seconds),
            ("without_claim", &without_claims),
        ];
        let client = reqwest::Client::builder().no_proxy().build();
        let client = client.map_err(|error| failed(&error.to_string()))?;
        let answer = client
            .post(&url)
            .form(&form)
            .send()
            .await
            .map_err(|_| failed("no answer"))?;
        let answer = answer.json::<Answer>().await;
        Ok(answer
            .map_err(|_| failed("the answer holds no token"))?
            .access_token)
    }
}
