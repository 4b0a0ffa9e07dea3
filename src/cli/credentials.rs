use std::io::Read;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::domain::WorkspaceName;
use crate::login::{Gateway, Reply};

use super::error::CommandError;
use super::gateway::{Connection, GatewayArguments, failed};
use super::output::print;

/// The longest token file worth reading, in bytes.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;

/// Print temporary credentials, for `credential_process` in the AWS configuration
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom credentials --url https://cloakroom.example.com
  cloakroom credentials --url https://cloakroom.example.com --workspace acme/research
  cloakroom credentials --url https://cloakroom.example.com --token-file ~/.cache/token
  cloakroom credentials --url http://127.0.0.1:8080 --token-file - --access read --duration 900

In ~/.aws/config (`cloakroom setup aws` writes it):
  [profile locker]
  credential_process = cloakroom credentials --url https://cloakroom.example.com

Exit codes: 0 printed, 77 sign in (again), 1 refused or no answer (standard error has the reason).")]
pub(super) struct CredentialsCommand {
    #[command(flatten)]
    gateway: GatewayArguments,
    /// File that holds the access token; `-` is standard input [default: the tokens of `cloakroom login`]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A workspace that you are a member of, instead of your own bucket
    #[arg(long, value_name = "ORG/WS")]
    workspace: Option<WorkspaceName>,
    /// Restrict what the credentials allow
    #[arg(long, value_enum)]
    access: Option<Access>,
    /// Lifetime of the credentials, if shorter than the default
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Access {
    Read,
    ReadWrite,
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
        let connection = self.gateway.connect()?;
        let reply = self.ask(&connection).await?;
        match connection.read(&reply) {
            Ok(Credentials { version: 1, .. }) => print(&format!("{}\n", reply.body)),
            Ok(_) => Err(failed(
                &connection.gateway,
                "the answer holds no credentials: is this the gateway's address?",
            )),
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, connection: &Connection) -> Result<Reply, CommandError> {
        let address = self.address(&connection.gateway);
        match &self.token_file {
            Some(file) => {
                let token = read_token(file)?;
                connection.ask(Method::GET, address, &token).await
            }
            None => connection.ask_signed_in(Method::GET, address).await,
        }
    }

    fn address(&self, gateway: &Gateway) -> Url {
        let mut address = gateway.address("/v1/credentials/container");
        if let Some(workspace) = &self.workspace {
            address
                .query_pairs_mut()
                .append_pair("workspace", &workspace.to_string());
        }
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
        address
    }
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
