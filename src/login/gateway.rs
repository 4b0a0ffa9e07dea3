use std::fmt;

use serde::Deserialize;
use url::Url;

use crate::adapters::oauth::is_confidential;

use super::http::DocumentError;
use super::{Http, HttpError, LoginError};

const METADATA: &str = "/.well-known/oauth-protected-resource";

/// The address of a gateway, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    url: Url,
    allow_http: bool,
}

/// What a gateway says about itself (RFC 9728 section 2).
#[derive(Debug, Deserialize)]
pub(super) struct ProtectedResource {
    pub(super) resource: String,
    #[serde(default)]
    pub(super) authorization_servers: Vec<String>,
    #[serde(default)]
    pub(super) scopes_supported: Vec<String>,
    /// A member of cloakroom's own.
    pub(super) login_client_id: Option<String>,
}

impl Gateway {
    /// Checks the address. Plain http to another host exposes the tokens.
    ///
    /// # Errors
    ///
    /// [`LoginError::Url`].
    pub fn parse(url: &Url, allow_http: bool) -> Result<Self, LoginError> {
        let has_user = !url.username().is_empty() || url.password().is_some();
        if has_user || !matches!(url.scheme(), "http" | "https") {
            let what = ": must be http(s)://host, without a user or a password";
            return Err(LoginError::Url(what.to_owned()));
        }
        let gateway = Self::at(url.clone(), allow_http);
        if !gateway.may_use(url) {
            return Err(LoginError::Url(format!(
                " {url}: the token would travel unprotected; use https, or add --allow-http"
            )));
        }
        Ok(gateway)
    }

    fn at(mut url: Url, allow_http: bool) -> Self {
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        Self { url, allow_http }
    }

    /// The address of one of its routes.
    #[must_use]
    pub fn address(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        url
    }

    /// Whether requests to this address may carry tokens.
    pub(super) fn may_use(&self, url: &Url) -> bool {
        let is_http = matches!(url.scheme(), "http" | "https");
        is_confidential(url) || (self.allow_http && is_http)
    }

    /// Reads what the gateway says about itself, which must be about this address (RFC 9728 section
    /// 3.3).
    pub(super) async fn metadata(&self, http: &Http) -> Result<ProtectedResource, LoginError> {
        let [in_front, behind] = self.metadata_addresses();
        match self.metadata_at(&in_front, http).await {
            Err(_) if in_front != behind => self.metadata_at(&behind, http).await,
            done => done,
        }
    }

    /// RFC 9728 section 3.1 puts the well-known part in front of the path. A gateway behind a proxy that
    /// takes the path off has it behind.
    fn metadata_addresses(&self) -> [Url; 2] {
        let mut in_front = self.url.clone();
        in_front.set_path(&format!(
            "{METADATA}{}",
            self.url.path().trim_end_matches('/')
        ));
        [in_front, self.address(METADATA)]
    }

    async fn metadata_at(
        &self,
        address: &Url,
        http: &Http,
    ) -> Result<ProtectedResource, LoginError> {
        let read = http.get_json(address).await;
        let metadata: ProtectedResource = read.map_err(|error| match error {
            DocumentError::Http(error) => self.unreachable(error),
            error => self.failed(format!("{error}: is this the gateway's address?")),
        })?;
        let named = Url::parse(&metadata.resource).map(|url| Self::at(url, self.allow_http));
        match named {
            Ok(named) if named == *self => Ok(metadata),
            Ok(named) => Err(self.failed(format!(
                "the gateway's address is {named}: use --url {named}"
            ))),
            Err(_) => Err(self.failed("the gateway names no address of its own")),
        }
    }

    /// The gateway did not answer.
    #[must_use]
    pub fn unreachable(&self, error: HttpError) -> LoginError {
        match error {
            HttpError::NoAnswer => {
                self.failed("no answer: is the gateway running, and is this its address?")
            }
            error => self.failed(error.to_string()),
        }
    }

    pub(super) fn failed(&self, what: impl Into<String>) -> LoginError {
        LoginError::Gateway {
            gateway: self.to_string(),
            what: what.into(),
        }
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str, allow_http: bool) -> Result<String, LoginError> {
        let gateway = Gateway::parse(&Url::parse(url).unwrap(), allow_http)?;
        Ok(gateway.to_string())
    }

    #[test]
    fn an_address_has_no_slash_at_the_end() {
        for (url, expected) in [
            ("https://gateway.example", "https://gateway.example"),
            ("https://gateway.example/", "https://gateway.example"),
            (
                "https://gateway.example/a/?b#c",
                "https://gateway.example/a",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
        ] {
            assert_eq!(parse(url, false).unwrap(), expected);
        }
        let gateway = Gateway::parse(&Url::parse("https://gateway.example/a/").unwrap(), false);
        let route = gateway.unwrap().address("/v1/storage");
        assert_eq!(route.as_str(), "https://gateway.example/a/v1/storage");
    }

    #[test]
    fn the_metadata_of_a_gateway_with_a_path_are_looked_for_in_two_places() {
        let metadata = "https://gateway.example/.well-known/oauth-protected-resource";
        for (url, expected) in [
            ("https://gateway.example", [metadata; 2]),
            (
                "https://gateway.example/a/b/",
                [
                    "https://gateway.example/.well-known/oauth-protected-resource/a/b",
                    "https://gateway.example/a/b/.well-known/oauth-protected-resource",
                ],
            ),
        ] {
            let gateway = Gateway::parse(&Url::parse(url).unwrap(), false).unwrap();
            let addresses = gateway.metadata_addresses();
            assert_eq!(addresses.each_ref().map(Url::as_str), expected);
        }
    }

    #[test]
    fn tokens_do_not_travel_unprotected() {
        for bad in [
            "http://gateway.example",
            "http://127.0.0.1.evil.example",
            "ftp://127.0.0.1",
            "https://bob:hunter2@gateway.example",
        ] {
            assert!(parse(bad, false).is_err(), "{bad}");
        }
        assert!(parse("http://gateway.example", true).is_ok());
        assert!(parse("ftp://gateway.example", true).is_err());
    }
}
