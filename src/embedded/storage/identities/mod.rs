//! Who may sign requests: the root, the users of IAM, and the sessions that the root opened.

mod account;
mod account_file;
mod root;
mod session_token;
mod sessions;
mod users;

use std::sync::Arc;

use hyper::http::Extensions;
use s3s::auth::SecretKey;
use s3s::{S3Result, s3_error};

use crate::embedded::clock::Clock;

pub(super) use account::{AccessKey, Account, Tag, User};
pub use root::RootIdentity;
pub(super) use session_token::session_token;
pub(super) use sessions::{SessionIdentity, Sessions};
pub(super) use users::{UserIdentity, Users};

/// Everyone who may sign requests.
pub(super) struct Identities {
    root: RootIdentity,
    sessions: Sessions,
    users: Arc<Users>,
}

/// Who signed a request.
#[derive(Clone)]
pub(super) enum Identity {
    Root,
    Session(SessionIdentity),
    User(UserIdentity),
}

impl Identities {
    pub(super) fn new(root: RootIdentity, users: Users, clock: Clock) -> Self {
        Self {
            root,
            sessions: Sessions::new(clock),
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

    /// Identifies who signed a request with this access key and sent this session token. The
    /// caller has checked the signature; this checks the session token and the expiry.
    pub(super) fn identify(&self, access_key_id: &str, token: Option<&str>) -> S3Result<Identity> {
        let without_token = if access_key_id == self.root.access_key_id {
            Some(Identity::Root)
        } else {
            self.users.identity(access_key_id).map(Identity::User)
        };
        match (without_token, token) {
            (Some(identity), None) => Ok(identity),
            (Some(_), Some(_)) => Err(s3_error!(InvalidToken)),
            (None, token) => {
                let session = self.sessions.identity(access_key_id, token)?;
                Ok(Identity::Session(session))
            }
        }
    }
}

impl Identity {
    /// The identity that `s3s` passes on from the check of a request to its call.
    pub(super) fn of(request: &Extensions) -> S3Result<&Self> {
        request.get().ok_or_else(|| s3_error!(AccessDenied))
    }

    /// Who may continue the uploads of this identity. The uploads of a user belong to the user and
    /// not to an access key, which may be rotated meanwhile. `None` may continue any upload.
    pub(super) fn upload_owner(&self) -> Option<&str> {
        match self {
            Self::Root => None,
            Self::Session(_) => Some(""),
            Self::User(user) => Some(&user.user_id),
        }
    }
}
