//! Commands that ask a gateway as a person: where it is, and with which token.

use std::path::{Path, PathBuf};

use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::adapters::check_authorities;
use crate::login::{Gateway, Http, LoginError, LoginFile, Reply, fresh_token};

use super::error::CommandError;
use super::output::printable;

const MAX_MESSAGE_CHARS: usize = 500;

/// Which gateway, and how to reach it.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct GatewayArguments {
    /// Address of the gateway [default: the one where you are signed in]
    #[arg(long, env = "CLOAKROOM_URL", value_parser = parse_url)]
    url: Option<Url>,
    /// Certificate authorities to trust in addition to the system's (PEM)
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Allow plain http to another host, which exposes the token
    #[arg(long)]
    allow_http: bool,
}

/// A gateway that can be asked.
pub(super) struct Connection {
    pub(super) gateway: Gateway,
    pub(super) http: Http,
}

/// A refusal as problem details, or in the words of the container route or of workspaces.
#[derive(Deserialize)]
#[serde(untagged)]
enum Refused {
    Problem {
        title: String,
        detail: String,
    },
    Container {
        code: String,
        message: String,
    },
    Workspace {
        #[serde(rename = "type")]
        code: String,
        detail: String,
    },
}

impl GatewayArguments {
    /// The gateway that is named, else the one that the person is signed in at. There is no other default:
    /// any user of a machine can listen on a port of it.
    pub(super) fn connect(&self) -> Result<Connection, CommandError> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => only_one(LoginFile::gateways()?)?,
        };
        self.connect_to(&url)
    }

    fn connect_to(&self, url: &Url) -> Result<Connection, CommandError> {
        let gateway = Gateway::parse(url, self.allow_http)?;
        let authorities = self.ca_file.as_deref().map(read_authorities).transpose()?;
        let http = Http::new(authorities.as_deref());
        let http = http.map_err(|_| failed(&gateway, "cannot set up TLS"))?;
        Ok(Connection { gateway, http })
    }

    /// The options that lead another command to the same gateway, words of a shell.
    pub(super) fn options(&self, gateway: &Gateway) -> Result<Vec<String>, CommandError> {
        let mut options = vec!["--url".to_owned(), gateway.to_string()];
        if let Some(file) = &self.ca_file {
            let file = std::path::absolute(file).map_err(CommandError::failed)?;
            options.extend(["--ca-file".to_owned(), file.display().to_string()]);
        }
        if self.allow_http {
            options.push("--allow-http".to_owned());
        }
        Ok(options)
    }
}

impl Connection {
    /// The file with the tokens.
    pub(super) fn login_file(&self) -> Result<LoginFile, LoginError> {
        LoginFile::of(&self.gateway)
    }

    /// Asks with this token. Any answer will do.
    pub(super) async fn ask(
        &self,
        method: Method,
        address: Url,
        token: &SecretString,
    ) -> Result<Reply, CommandError> {
        let reply = self.http.ask(method, address, token).await;
        reply.map_err(|error| self.gateway.unreachable(error).into())
    }

    /// Asks as the person who signed in. A token that the gateway refuses is refreshed once.
    pub(super) async fn ask_signed_in(
        &self,
        method: Method,
        address: Url,
    ) -> Result<Reply, CommandError> {
        let file = self.login_file()?;
        let token = fresh_token(&file, &self.http, None).await?;
        let reply = self.ask(method.clone(), address.clone(), &token).await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        let token = fresh_token(&file, &self.http, Some(&token)).await?;
        self.ask(method, address, &token).await
    }

    /// The JSON of a good answer; the gateway's words of any other.
    pub(super) fn read<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, CommandError> {
        if !reply.status.is_success() {
            return Err(failed(&self.gateway, &refusal(reply)));
        }
        serde_json::from_str(&reply.body).map_err(|_| {
            let what = "the answer is not a gateway's: is this the gateway's address?";
            failed(&self.gateway, what)
        })
    }
}

/// Why the gateway refuses, as one short line.
pub(super) fn refusal(reply: &Reply) -> String {
    let words = match serde_json::from_str(&reply.body) {
        Ok(
            Refused::Container { code, message }
            | Refused::Workspace {
                code,
                detail: message,
            },
        ) => format!("{code}: {message}"),
        Ok(Refused::Problem { title, detail }) => format!("{title}: {detail}"),
        Err(_) => format!(
            "answered with {}: is this the gateway's address?",
            reply.status
        ),
    };
    printable(&words).chars().take(MAX_MESSAGE_CHARS).collect()
}

pub(super) fn failed(gateway: &Gateway, what: &str) -> CommandError {
    CommandError::Failed(format!("{gateway}: {what}"))
}

fn parse_url(text: &str) -> Result<Url, &'static str> {
    Url::parse(text).map_err(|_| "expected an address like https://cloakroom.example.com")
}

fn only_one(gateways: Vec<Url>) -> Result<Url, CommandError> {
    let mut gateways = gateways.into_iter();
    match (gateways.next(), gateways.next()) {
        (None, _) => Err(LoginError::NotSignedInAnywhere.into()),
        (Some(only), None) => Ok(only),
        (Some(first), Some(second)) => Err(CommandError::Failed(format!(
            "--url: you are signed in at more than one gateway ({first}, {second}): name one"
        ))),
    }
}

fn read_authorities(path: &Path) -> Result<Vec<u8>, CommandError> {
    let failed =
        |what: String| CommandError::Failed(format!("--ca-file {}: {what}", path.display()));
    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    check_authorities(&pem).map_err(failed)?;
    Ok(pem)
}
