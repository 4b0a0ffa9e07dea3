use std::time::Duration;

use url::Url;

use crate::adapters::Current;
use crate::adapters::aws::{Engine, StaticIdentity};
use crate::adapters::oauth::is_confidential;
use crate::domain::ExtraAction;

use super::addresses::{check_address, refuse_http};
use super::reader::{ReadOption, Reader};

const DEFAULT_REGION: &str = "us-east-1";
const DEFAULT_DURATION: &str = "1h";
const SHORTEST: Duration = Duration::from_mins(15);
const LONGEST: Duration = Duration::from_hours(12);
const DEFAULT_RECHECK: &str = "5m";

/// `storage.*`: the store, and who the gateway is there.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// `storage.flavor`: which engine; quirks, never a different contract.
    pub engine: Engine,
    /// `storage.endpoint`: where the gateway talks to S3; AWS's own by default.
    pub endpoint: Option<Url>,
    /// `storage.public_endpoint`: what the client is told; the endpoint by default.
    pub public_endpoint: Option<Url>,
    /// `storage.sts_endpoint`: the endpoint by default.
    pub sts_endpoint: Option<Url>,
    /// `storage.region`.
    pub region: String,
    /// `storage.access_key_id` and `storage.secret_access_key`: the gateway's own identity; AWS's
    /// default chain by default.
    pub identity: Option<StaticIdentity>,
    /// `storage.role_arn`: required for `aws` and `ceph`.
    pub role_arn: Option<String>,
    /// `storage.external_id`.
    pub external_id: Option<String>,
    /// `storage.path_style`: true unless `aws`.
    pub path_style: bool,
    /// `storage.session_duration`: 15 min to 12 h.
    pub session_duration: Duration,
    /// `storage.cap_to_token_expiry`: sessions end with the token.
    pub cap_to_token_expiry: bool,
    /// `storage.bucket_recheck`: how long "it exists and is ours" is believed.
    pub bucket_recheck: Duration,
    /// `storage.extra_actions`: beyond the four.
    pub extra_actions: Vec<ExtraAction>,
    /// `storage.allow_http`: plain http to a host that is not loopback.
    pub allow_http: bool,
    /// `storage.ca_file`: private certificate authorities (PEM).
    pub authorities: Current<Option<Vec<u8>>>,
}

impl StorageConfig {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let allow_http = reader.parse("storage.allow_http", "false");
        let flavor = reader.parse("storage.flavor", "generic");
        let mut endpoint = |key| {
            let url = reader.url(key);
            check_address(reader, key, url.as_ref().and_then(Option::as_ref));
            check_base(reader, key, url.as_ref().and_then(Option::as_ref));
            if allow_http == Some(false) {
                refuse_http(reader, key, url.as_ref().and_then(Option::as_ref));
            }
            url
        };
        let public_endpoint = endpoint("storage.public_endpoint");
        let sts_endpoint = endpoint("storage.sts_endpoint");
        let endpoint = endpoint("storage.endpoint");
        if flavor.is_some_and(|flavor| flavor != Engine::Aws) && matches!(endpoint, Some(None)) {
            reader.error(
                "storage.endpoint",
                "is required unless storage.flavor is aws",
            );
        }
        let region = reader.parse::<String>("storage.region", DEFAULT_REGION);
        if region.as_deref().is_some_and(|region| !is_plain(region)) {
            reader.error(
                "storage.region",
                "must be letters, digits, '-', '_' and '.'",
            );
        }
        let identity = read_identity(
            reader,
            ["storage.access_key_id", "storage.secret_access_key"],
        );
        let role_arn = reader.optional::<String>("storage.role_arn");
        if flavor.is_some_and(Engine::needs_role) && matches!(role_arn, Some(None)) {
            reader.error(
                "storage.role_arn",
                "is required for the flavors aws and ceph",
            );
        }
        let external_id = reader.optional("storage.external_id");
        let path_style = flavor.is_none_or(Engine::prefers_path_style);
        let path_style = reader.parse("storage.path_style", &path_style.to_string());
        let session_duration = reader.duration("storage.session_duration", DEFAULT_DURATION);
        if session_duration.is_some_and(|length| !(SHORTEST..=LONGEST).contains(&length)) {
            reader.error("storage.session_duration", "must be from 15min to 12h");
        }
        let cap_to_token_expiry = reader.parse("storage.cap_to_token_expiry", "false");
        let bucket_recheck = reader.duration("storage.bucket_recheck", DEFAULT_RECHECK);
        let extra_actions = read_extra_actions(reader);
        let authorities = reader.authorities("storage.ca_file");
        Some(Self {
            engine: flavor?,
            endpoint: endpoint?,
            public_endpoint: public_endpoint?,
            sts_endpoint: sts_endpoint?,
            region: region?,
            identity: identity?,
            role_arn: role_arn?,
            external_id: external_id?,
            path_style: path_style?,
            session_duration: session_duration?,
            cap_to_token_expiry: cap_to_token_expiry?,
            bucket_recheck: bucket_recheck?,
            extra_actions: extra_actions?,
            allow_http: allow_http?,
            authorities: authorities?,
        })
    }

    /// What clients are told.
    #[must_use]
    pub fn told_endpoint(&self) -> String {
        let url = self.public_endpoint.as_ref().or(self.endpoint.as_ref());
        url.map_or_else(
            || format!("https://s3.{}.amazonaws.com", self.region),
            plain,
        )
    }

    /// Whether keys travel to the store unprotected.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let endpoints = [&self.endpoint, &self.sts_endpoint, &self.public_endpoint];
        endpoints
            .into_iter()
            .flatten()
            .any(|url| !is_confidential(url))
    }
}

/// Clients are told the address, and paste it into other programs' files.
fn check_base(reader: &mut Reader, key: &str, url: Option<&Url>) {
    let Some(url) = url else { return };
    let segments_are_plain = url
        .path()
        .split('/')
        .all(|part| part.is_empty() || is_plain(part));
    if url.query().is_some() || url.fragment().is_some() || !segments_are_plain {
        reader.error(
            key,
            "must be a base address: no query, no fragment, nothing that needs escaping",
        );
    }
}

fn is_plain(word: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    !word.is_empty() && word.bytes().all(plain)
}

/// A base URL without a slash at the end.
pub(crate) fn plain(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// Both halves of an identity, or none.
pub(super) fn read_identity(
    reader: &mut Reader,
    [id_key, secret_key]: [&str; 2],
) -> ReadOption<StaticIdentity> {
    let access_key_id = reader.current_secret(id_key, |_| Ok(()));
    let secret = reader.current_secret(secret_key, |_| Ok(()));
    match (access_key_id?, secret?) {
        (Some(access_key_id), Some(secret_access_key)) => Some(Some(StaticIdentity {
            access_key_id,
            secret_access_key,
        })),
        (None, None) => Some(None),
        (Some(_), None) => {
            reader.error(secret_key, format!("is required with {id_key}"));
            None
        }
        (None, Some(_)) => {
            reader.error(id_key, format!("is required with {secret_key}"));
            None
        }
    }
}

fn read_extra_actions(reader: &mut Reader) -> Option<Vec<ExtraAction>> {
    const KEY: &str = "storage.extra_actions";
    let mut actions = Vec::new();
    let mut good = true;
    for word in reader.list(KEY)? {
        let action = ExtraAction::ALL
            .into_iter()
            .find(|action| action.as_str() == word);
        if let Some(action) = action {
            actions.push(action);
        } else {
            let allowed = ExtraAction::ALL.map(ExtraAction::as_str).join(", ");
            reader.error(
                KEY,
                format!("'{word}' may not be added; these may: {allowed}"),
            );
            good = false;
        }
    }
    actions.sort_unstable();
    actions.dedup();
    good.then_some(actions)
}
