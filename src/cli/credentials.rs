use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Host, Url};

use crate::adapters::{check_authorities, plain_http};

use super::error::CommandError;
use super::output::{print, printable};

const TIMEOUT: Duration = Duration::from_secs(10);

const MAX_ANSWER_BYTES: usize = 64 * 1024;
const MAX_MESSAGE_CHARS: usize = 500;

/// The longest token file worth reading, in bytes.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;

/// Print temporary credentials, for `credential_process` in the AWS configuration
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom credentials --url https://cloakroom.example.com --token-file ~/.cache/token
  cloakroom credentials --url http://127.0.0.1:8080 --token-file - --access read --duration 900

In ~/.aws/config:
  [profile locker]
  credential_process = cloakroom credentials --url https://cloakroom.example.com --token-file /run/token

Exit codes: 0 printed, 1 refused or no answer (standard error has the reason).")]
pub(super) struct CredentialsCommand {
    /// Address of the gateway
    #[arg(long, env = "CLOAKROOM_URL")]
    url: Url,
    /// File that holds the access token; `-` is standard input
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// Restrict what the credentials allow
    #[arg(long, value_enum)]
    access: Option<Access>,
    /// Lifetime of the credentials, if shorter than the default
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
    /// Certificate authorities to trust in addition to the system's (PEM)
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Allow plain http to another host, which exposes the token
    #[arg(long)]
    allow_http: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Access {
    Read,
    ReadWrite,
}

/// The gateway's answer when it refuses.
#[derive(Deserialize)]
struct Refused {
    code: String,
    message: String,
}

/// The parts of an answer that tell credentials from other JSON.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    version: u8,
    #[serde(rename = "AccessKeyId")]
    _access_key_id: String,
}

impl CredentialsCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let address = self.address()?;
        let token = read_token(&self.token_file)?;
        let authorities = self.ca_file.as_deref().map(read_authorities).transpose()?;
        let failed = |what: &str| CommandError::Failed(format!("{}: {what}", self.url));
        let client = plain_http(authorities.as_deref());
        let client = client.map_err(|_| failed("cannot set up TLS"))?;
        let asked = client
            .get(address)
            .bearer_auth(token.expose_secret())
            .timeout(TIMEOUT);
        let mut answer = asked.send().await.map_err(|error| {
            failed(match error {
                error if error.is_builder() => "the token is not valid",
                error if error.is_timeout() => "no answer in time",
                _ => "no answer: is the gateway running, and is this its address?",
            })
        })?;
        let status = answer.status();
        let body = read(&mut answer).await.map_err(failed)?;
        if !status.is_success() {
            let why = match serde_json::from_str::<Refused>(&body) {
                Ok(Refused { code, message }) => one_line(&format!("{code}: {message}")),
                Err(_) => format!("answered with {status}: is this the gateway's address?"),
            };
            return Err(failed(&why));
        }
        match serde_json::from_str::<Credentials>(&body) {
            Ok(Credentials { version: 1, .. }) => print(&format!("{body}\n")),
            _ => Err(failed(
                "the answer holds no credentials: is this the gateway's address?",
            )),
        }
    }

    fn address(&self) -> Result<Url, CommandError> {
        let has_user = !self.url.username().is_empty() || self.url.password().is_some();
        if has_user || !matches!(self.url.scheme(), "http" | "https") {
            return Err(CommandError::Failed(
                "--url: must be http(s)://host, without a user or a password".to_owned(),
            ));
        }
        let is_here = match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        if self.url.scheme() != "https" && !is_here && !self.allow_http {
            return Err(CommandError::Failed(format!(
                "--url {}: the token would travel unprotected; use https, or add --allow-http",
                self.url
            )));
        }
        let mut address = self.url.clone();
        let base = address.path().trim_end_matches('/').to_owned();
        address.set_path(&format!("{base}/v1/credentials/container"));
        address.set_query(None);
        if let Some(access) = self.access.and_then(|access| access.to_possible_value()) {
            address
                .query_pairs_mut()
                .append_pair("access", access.get_name());
        }
        if let Some(duration) = self.duration {
            address
                .query_pairs_mut()
                .append_pair("duration", &duration.to_string());
        }
        Ok(address)
    }
}

/// Reads the whole answer, up to a limit: a server that is not a gateway may never stop sending.
async fn read(answer: &mut reqwest::Response) -> Result<String, &'static str> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| "the answer broke off")? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            return Err("the answer is too long: is this the gateway's address?");
        }
    }
    String::from_utf8(body).map_err(|_| "the answer is not text: is this the gateway's address?")
}

/// A server's message as one short line.
fn one_line(text: &str) -> String {
    printable(text).chars().take(MAX_MESSAGE_CHARS).collect()
}

/// Reads the token without the newline that ends the file.
fn read_token(path: &Path) -> Result<SecretString, CommandError> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(MAX_TOKEN_BYTES)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_TOKEN_BYTES).read_to_string(&mut text))
    };
    let failed =
        |what: &str| CommandError::Failed(format!("--token-file {}: {what}", path.display()));
    read.map_err(|error| failed(&error.to_string()))?;
    match text.trim() {
        "" => Err(failed("holds no token")),
        token => Ok(SecretString::from(token)),
    }
}

fn read_authorities(path: &Path) -> Result<Vec<u8>, CommandError> {
    let failed =
        |what: String| CommandError::Failed(format!("--ca-file {}: {what}", path.display()));
    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    check_authorities(&pem).map_err(failed)?;
    Ok(pem)
}
