//! Who may sign requests: the root, the users of IAM, and the sessions that the root opened.

mod account;
mod account_file;
mod root;
mod session_token;
mod sessions;
mod users;

use std::sync::Arc;

use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Request, S3Result, s3_error};

use super::policy::Policy;

pub(super) use account::{AccessKey, Account, Tag, User};
pub use root::RootIdentity;
pub(super) use session_token::session_token;
pub(super) use sessions::{NewSession, Sessions};
pub(super) use users::{UserIdentity, Users};

/// Everyone who has a key to the store.
pub(super) struct Identities {
    root: RootIdentity,
    sessions: Sessions,
    users: Arc<Users>,
}

/// Who signed a request.
#[derive(Clone)]
pub(super) enum Identity {
    Root,
    /// With the session policy, where there is one.
    Session(Option<Policy>),
    User(UserIdentity),
}

/// The secret keys, for `s3s` to check signatures with.
pub(super) struct SecretKeys(pub(super) Arc<Identities>);

impl Identities {
    pub(super) fn new(root: RootIdentity, users: Users) -> Self {
        Self {
            root,
            sessions: Sessions::default(),
            users: Arc::new(users),
        }
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    pub(super) fn users(&self) -> &Arc<Users> {
        &self.users
    }

    pub(super) fn secret_key(&self, access_key_id: &str) -> S3Result<SecretKey> {
        if access_key_id == self.root.access_key_id {
            return Ok(SecretKey::from(self.root.secret_access_key.clone()));
        }
        let secret = self.sessions.secret_key(access_key_id);
        secret
            .or_else(|| self.users.secret_key(access_key_id))
            .ok_or_else(|| s3_error!(InvalidAccessKeyId))
    }

    /// Who signed a request with this key and sent this session token along. The signature has
    /// been checked by now; the token and the time have not.
    pub(super) fn authenticated(
        &self,
        access_key_id: &str,
        token: Option<&str>,
    ) -> S3Result<Identity> {
        let lasting = if access_key_id == self.root.access_key_id {
            Some(Identity::Root)
        } else {
            self.users.identity(access_key_id).map(Identity::User)
        };
        match (lasting, token) {
            (Some(identity), None) => Ok(identity),
            (Some(_), Some(_)) => Err(s3_error!(InvalidToken)),
            (None, token) => {
                let policy = self.sessions.policy(access_key_id, token)?;
                Ok(Identity::Session(policy))
            }
        }
    }
}

impl Identity {
    /// Who found the request allowed, for whoever serves it.
    pub(super) fn of<T>(req: &S3Request<T>) -> S3Result<&Self> {
        req.extensions
            .get::<Self>()
            .ok_or_else(|| s3_error!(AccessDenied))
    }

    /// Whose uploads these are; nobody's in particular for the root, who may finish any. A user's
    /// go with the user and not with the key, which may be rotated in the middle of one.
    pub(super) fn upload_owner(&self) -> Option<&str> {
        match self {
            Self::Root => None,
            Self::Session(_) => Some(""),
            Self::User(user) => Some(&user.user_id),
        }
    }
}

#[async_trait::async_trait]
impl S3Auth for SecretKeys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.0.secret_key(access_key)
    }
}
