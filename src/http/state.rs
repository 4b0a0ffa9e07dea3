use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use ipnet::IpNet;
use semver::Version;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::domain::{RequestId, Scope, WorkspaceName};
use crate::service::{
    Authenticate, CallerLimit, Clock, CurrentRestrictions, Entitle, IdentifySession, IssueSession,
    ListSessions, ListStorage, Randomness, Refusal, RevokeSessions, RotateAccessKey,
};

use crate::http::middleware::drain::ShutdownStage;
use crate::http::observer::Observer;

/// What every handler shares.
pub struct Gateway {
    /// Tells when a request arrived; its id begins with that.
    pub clock: Arc<dyn Clock>,
    /// Makes the rest of requests' ids.
    pub randomness: Arc<dyn Randomness>,
    /// Tells whether the gateway can work.
    pub readiness: Arc<dyn Readiness>,
    /// The scope that a token must hold.
    pub required_scope: Scope,
    /// The gateway's own address, as clients see it, without a slash at the end.
    pub public_url: String,
    /// The authorization server whose tokens are taken.
    pub issuer: String,
    /// What clients are told about the store.
    pub storage: StorageAddress,
    /// One permit for each credential call that may be under way at once.
    pub in_flight: Semaphore,
    /// Where people sign in.
    pub sign_in: Arc<dyn SignIn>,
    /// The client that Swagger UI signs in as; nothing if it is switched off.
    ///
    /// It is a public client of the authorization server: authorization code with PKCE, no secret.
    pub swagger_ui_client_id: Option<String>,
    /// The public client that `cloakroom login` signs in as, if there is one.
    pub login_client_id: Option<String>,
    /// The console, if it is switched on.
    pub console: Option<Console>,
    /// Working credentials for the pages to show, in development.
    pub samples: Arc<OnceLock<Samples>>,
    /// Older clients of workspaces are turned away.
    pub minimum_client_version: Option<Version>,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Set when the registry is open; nothing is handed out before.
    pub use_cases: OnceLock<UseCases>,
    /// The shutdown stage.
    pub stage: ShutdownStage,
    /// Told of every answer.
    pub observer: Arc<dyn Observer>,
}

/// The use cases behind the credential routes. They need the registry.
pub struct UseCases {
    /// Who is asking.
    pub authenticate: Authenticate,
    /// How often a caller may ask for anything.
    pub caller_limit: CallerLimit,
    /// What is theirs.
    pub entitle: Entitle,
    /// Lists it.
    pub list_storage: ListStorage,
    /// Tells whose session it is.
    pub identify_session: IdentifySession,
    /// Lists what was handed out.
    pub list_sessions: ListSessions,
    /// Hands out a key to it.
    pub issue_session: IssueSession,
    /// Ends sessions.
    pub revoke_sessions: Arc<RevokeSessions>,
    /// Whom operators have blocked.
    pub restrictions: Arc<CurrentRestrictions>,
    /// Makes a new pair of an access key.
    pub rotate_access_key: RotateAccessKey,
}

/// Credentials that work as they stand, in development only.
#[derive(Clone, Debug)]
pub struct Samples {
    /// A command that prints a token for any user.
    pub token_command: String,
    /// An API key of an organisation.
    pub api_key: String,
    /// A workspace that the token's user is a member of.
    pub workspace: WorkspaceName,
}

/// What the console is told beside the addresses.
#[derive(Clone, Debug)]
pub struct Console {
    /// The public client of the authorization server that it signs in as.
    pub client_id: String,
    /// The store's engine, as `storage.flavor` names it: each lets web pages in by another setting.
    pub engine: String,
}

/// Where clients find the store.
#[derive(Clone, Debug)]
pub struct StorageAddress {
    /// Its base URL.
    pub endpoint: String,
    /// Its region.
    pub region: String,
    /// `https://host/bucket` rather than `https://bucket.host`.
    pub path_style: bool,
}

/// Whether the gateway can work: the registry is writable, and discovery has succeeded once.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// What is missing, in a word; nothing if all is well.
    async fn missing(&self) -> Option<&'static str>;
}

/// The authorization server, as browsers see it.
pub trait SignIn: Send + Sync {
    /// Nothing as long as its metadata cannot be read, or if it names no such endpoints.
    fn endpoints(&self) -> Option<SignInEndpoints>;
}

/// The endpoints of the authorization code grant (RFC 6749 section 3).
#[derive(Clone, Debug)]
pub struct SignInEndpoints {
    /// `authorization_endpoint`
    pub authorization: String,
    /// `token_endpoint`
    pub token: String,
    /// `end_session_endpoint` (OpenID Connect RP-Initiated Logout 1.0), if there is one.
    pub end_session: Option<String>,
    /// `revocation_endpoint` (RFC 7009), if there is one.
    pub revocation: Option<String>,
    /// Whether the authorization server lists the scope `openid`.
    pub openid: bool,
}

impl Gateway {
    pub(crate) fn use_cases(&self) -> Result<&UseCases, Refusal> {
        let open = self.use_cases.get();
        open.ok_or_else(|| Refusal::Internal("the registry is not open yet".to_owned()))
    }

    /// What keeps the gateway from working, in a word; nothing if it is ready.
    pub async fn missing(&self) -> Option<&'static str> {
        if self.stage.is_leaving() {
            Some("stopping")
        } else {
            self.readiness.missing().await
        }
    }

    /// A gateway that stops refuses all requests for one reason (docs/operations.md).
    pub(crate) fn check_open(&self) -> Result<(), Refusal> {
        if self.stage.is_closed() {
            return Err(Refusal::Overloaded);
        }
        Ok(())
    }

    /// A place for one credential call, unless all are taken.
    pub(crate) fn enter(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.in_flight
            .try_acquire()
            .map_err(|_| Refusal::Overloaded)
    }

    pub(crate) fn new_request_id(&self) -> RequestId {
        RequestId::at(self.clock.now(), self.randomness.bits())
    }

    /// The address of one of the gateway's own pages.
    pub(crate) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }
}
