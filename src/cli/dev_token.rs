use std::time::Duration;

use serde::Deserialize;

use super::outcome::{CommandError, print};

/// Prints the token alone on standard output.
#[derive(clap::Args, Debug)]
pub(super) struct DevToken {
    /// The user's name: the token's `sub`
    user: String,
    /// The port of the running `cloakroom dev`'s authorization server
    #[arg(long, value_name = "PORT", default_value_t = super::dev::OAUTH_PORT)]
    oauth_port: u16,
    /// The token's scope; several are one text, parted by spaces
    #[arg(long, default_value = "com.cleverbase.storage")]
    scope: String,
    /// The client through which the user asks
    #[arg(long, default_value = super::dev::CLIENT)]
    client_id: String,
    /// Leave out a claim, `sub` for instance; may be repeated
    #[arg(long, value_name = "CLAIM")]
    without_claim: Vec<String>,
    /// How long the token is good for; 0s makes an expired one
    #[arg(long, value_name = "TIME", default_value = "1h")]
    expires_in: humantime::Duration,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
}

impl DevToken {
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
        let unwanted = self.without_claim.join(",");
        let form = [
            ("user", self.user.as_str()),
            ("client_id", &self.client_id),
            ("scope", &self.scope),
            ("expires_in", &seconds),
            ("without_claim", &unwanted),
        ];
        let client = reqwest::Client::builder().no_proxy().build();
        let client = client.map_err(|error| failed(&error.to_string()))?;
        let answer = client
            .post(&url)
            .form(&form)
            .send()
            .await
            .map_err(|_| failed("no answer"))?;
        let body = answer.bytes().await.map_err(|_| failed("no answer"))?;
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|_| failed("not an answer of its kind"))?;
        Ok(answer.access_token)
    }
}
