use std::time::Duration;

use url::Url;

use crate::adapters::Current;
use crate::adapters::aws::{Engine, StaticIdentity};
use crate::adapters::oauth::is_confidential;
use crate::domain::{ExtraAction, SessionPolicySettings, Share};

use super::addresses::check_address;
use super::identity::read_identity;
use super::key::Key;
use super::known_secrets::WELL_KNOWN;
use super::reader::{Read, Reader, SDK_SECRET};
use super::value::Choice;

const ENGINE: Key = Key::new(
    "storage.flavor",
    "Which engine the store runs. `generic` is any other store with S3 and STS.",
)
.default("generic");

const ENDPOINT: Key = Key::new(
    "storage.endpoint",
    "Where the gateway reaches S3. Required unless `storage.flavor` is `aws`.",
)
.otherwise("AWS's own");

const PUBLIC_ENDPOINT: Key = Key::new(
    "storage.public_endpoint",
    "The endpoint that clients are told.",
)
.otherwise("`storage.endpoint`");

const STS_ENDPOINT: Key = Key::new("storage.sts_endpoint", "Where the gateway reaches STS.")
    .otherwise("`storage.endpoint`");

const REGION: Key = Key::new(
    "storage.region",
    "The store's region, which clients are told as well.",
)
.default("us-east-1");

const ACCESS_KEY_ID: Key = Key::new(
    "storage.access_key_id",
    "The access key id of the gateway's own identity at the store.",
)
.otherwise("AWS's default chain");

const SECRET_ACCESS_KEY: Key = Key::new(
    "storage.secret_access_key",
    "The secret access key of that identity.",
)
.otherwise("AWS's default chain");

const ROLE_ARN: Key = Key::new(
    "storage.role_arn",
    "The role whose sessions clients get. Required for `aws`, `ceph` and `seaweedfs`.",
);

const EXTERNAL_ID: Key = Key::new(
    "storage.external_id",
    "The external id that the role's trust policy asks for.",
);

const PATH_STYLE: Key = Key::new(
    "storage.path_style",
    "Whether the bucket is in the path of a URL and not in its host name.",
)
.otherwise("`true` unless `storage.flavor` is `aws`");

const SESSION_DURATION: Key = Key::new(
    "storage.session_duration",
    "How long credentials last: from 15 min to 12 h. The `expiration` in an answer is always the \
     store's own.",
)
.default("1h");

const CAP_TO_TOKEN_EXPIRY: Key = Key::new(
    "storage.cap_to_token_expiry",
    "Whether credentials end with the token. A token that has less than 15 min left then gets 401.",
)
.default("false");

const SESSION_REUSE: Key = Key::new(
    "storage.session_reuse",
    "Hands the same session out again to the same caller for the same grant while this share of \
     its life remains, such as `50%`, and 15 min. Otherwise every call opens a session.",
)
.see("Session reuse", "limits.md#session-reuse");

const BUCKET_RECHECK: Key = Key::new(
    "storage.bucket_recheck",
    "How long the gateway relies on its last check that a bucket exists and is its own.",
)
.default("5m");

const EXTRA_ACTIONS: Key = Key::new(
    "storage.extra_actions",
    "What sessions may do beyond listing, reading, writing and deleting.",
);

pub(super) const ALLOW_HTTP: Key = Key::new(
    "storage.allow_http",
    "Whether the store may be reached over plain http on another machine.",
)
.default("false");

const CA_FILE: Key = Key::new(
    "storage.ca_file",
    "Certificate authorities (PEM) to trust for the store. The file may be replaced while the \
     gateway runs.",
)
.otherwise("the system's")
.see("Files that change", "files.md#files-that-change");

const SHORTEST: Duration = Duration::from_mins(15);
pub(super) const LONGEST_SESSION: Duration = Duration::from_hours(12);

/// `storage.*`
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// `storage.flavor`
    pub engine: Engine,
    /// `storage.endpoint`
    pub endpoint: Option<Url>,
    /// `storage.public_endpoint`
    pub public_endpoint: Option<Url>,
    /// `storage.sts_endpoint`
    pub sts_endpoint: Option<Url>,
    /// `storage.region`
    pub region: String,
    /// `storage.access_key_id` and `storage.secret_access_key`
    pub identity: Option<StaticIdentity>,
    /// `storage.role_arn`
    pub role_arn: Option<String>,
    /// `storage.external_id`
    pub external_id: Option<String>,
    /// `storage.path_style`
    pub path_style: bool,
    /// `storage.session_duration`
    pub session_duration: Duration,
    /// `storage.cap_to_token_expiry`
    pub cap_to_token_expiry: bool,
    /// `storage.session_reuse`
    pub session_reuse: Option<Share>,
    /// `storage.bucket_recheck`
    pub bucket_recheck: Duration,
    /// `storage.extra_actions`, sorted, each once
    pub extra_actions: Vec<ExtraAction>,
    /// `storage.allow_http`
    pub allow_http: bool,
    /// The content of `storage.ca_file`
    pub authorities: Current<Option<Vec<u8>>>,
}

impl StorageConfig {
    /// What session policies have in common.
    #[must_use]
    pub fn session_policies(&self) -> SessionPolicySettings {
        SessionPolicySettings {
            extra_actions: self.extra_actions.clone(),
            prefixes_climb: self.engine.follows_climbing_prefixes(),
        }
    }

    pub(super) fn read(reader: &mut Reader) -> Read<Self> {
        reader.section("storage", "The store, and the gateway's identity at it.");
        let engine = reader.get(ENGINE);
        let endpoint = reader.optional(ENDPOINT);
        let public_endpoint = reader.optional(PUBLIC_ENDPOINT);
        let sts_endpoint = reader.optional(STS_ENDPOINT);
        let region = reader.get::<String>(REGION);
        let identity = read_identity(reader, ACCESS_KEY_ID, SECRET_ACCESS_KEY);
        let role_arn = reader.optional(ROLE_ARN);
        let external_id = reader.optional(EXTERNAL_ID);
        let path_style = engine.map_or(true, Engine::prefers_path_style).to_string();
        let path_style = reader.get_or(PATH_STYLE, &path_style);
        let session_duration = reader.get(SESSION_DURATION);
        let cap_to_token_expiry = reader.get(CAP_TO_TOKEN_EXPIRY);
        let session_reuse = reader.optional(SESSION_REUSE);
        let bucket_recheck = reader.get(BUCKET_RECHECK);
        let extra_actions = reader.list(EXTRA_ACTIONS);
        let allow_http = reader.get(ALLOW_HTTP);
        let authorities = reader.authorities(CA_FILE);

        for (key, url) in [
            (PUBLIC_ENDPOINT, &public_endpoint),
            (STS_ENDPOINT, &sts_endpoint),
            (ENDPOINT, &endpoint),
        ] {
            if let Ok(Some(url)) = url {
                check_address(reader, key, url, (ALLOW_HTTP, allow_http));
                check_base(reader, key, url);
            }
        }
        if engine.is_ok_and(|engine| !engine.has_known_endpoints()) && matches!(endpoint, Ok(None))
        {
            reader.error(ENDPOINT, "is required unless storage.flavor is aws");
        }
        if region.as_deref().is_ok_and(|region| !is_plain(region)) {
            reader.error(REGION, "must be letters, digits, '-', '_' and '.'");
        }
        if engine.is_ok_and(Engine::needs_role) {
            reader.refuse_empty(ROLE_ARN, &role_arn);
            if matches!(role_arn, Ok(None)) {
                reader.error(
                    ROLE_ARN,
                    "is required for the flavors aws, ceph and seaweedfs",
                );
            }
        }
        if session_duration.is_ok_and(|length| !(SHORTEST..=LONGEST_SESSION).contains(&length)) {
            reader.error(SESSION_DURATION, "must be from 15min to 12h");
        }
        if matches!(session_reuse, Ok(Some(_)))
            && session_duration.is_ok_and(|length| length <= SHORTEST)
        {
            reader.warnings.push(format!(
                "{} has no effect when {} is 15min: no session has more left than that",
                SESSION_REUSE.name, SESSION_DURATION.name
            ));
        }
        if matches!(identity, Ok(None)) && reader.sdk_has_known_secret {
            reader.error(SDK_SECRET, WELL_KNOWN);
        }
        let mut extra_actions = extra_actions?;
        extra_actions.sort_unstable();
        extra_actions.dedup();
        Ok(Self {
            engine: engine?,
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
            session_reuse: session_reuse?,
            bucket_recheck: bucket_recheck?,
            extra_actions,
            allow_http: allow_http?,
            authorities: authorities?,
        })
    }

    /// The endpoint that clients are told.
    #[must_use]
    pub fn told_endpoint(&self) -> String {
        let url = self.public_endpoint.as_ref().or(self.endpoint.as_ref());
        url.map_or_else(
            || format!("https://s3.{}.amazonaws.com", self.region),
            |url| url.as_str().trim_end_matches('/').to_owned(),
        )
    }

    /// Whether keys travel to the store unencrypted.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let endpoints = [&self.endpoint, &self.sts_endpoint, &self.public_endpoint];
        endpoints
            .into_iter()
            .flatten()
            .any(|url| !is_confidential(url))
    }
}

impl Choice for Engine {}

/// Clients are told the address, and people paste it into the files of other programs.
fn check_base(reader: &mut Reader, key: Key, url: &Url) {
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
