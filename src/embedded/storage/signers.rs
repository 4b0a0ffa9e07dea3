use std::sync::Arc;

use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Request, S3Result, s3_error};

use super::RootIdentity;
use super::iam::{KeyHolder, Users};
use super::policy::Policy;
use super::sessions::Sessions;

/// Whoever has a key to the store: its root, its users, and the sessions that it opened.
pub(super) struct Signers {
    root: RootIdentity,
    sessions: Sessions,
    users: Arc<Users>,
}

/// Who signed a request.
#[derive(Clone)]
pub(super) enum Signer {
    Root,
    /// With the session policy, where there is one.
    Session(Option<Policy>),
    User(KeyHolder),
}

/// The secret keys, for whoever checks signatures.
pub(super) struct Secrets(pub(super) Arc<Signers>);

impl Signers {
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

    pub(super) fn secret(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.root.access_key_id {
            return Ok(SecretKey::from(self.root.secret_access_key.clone()));
        }
        let secret = self.sessions.secret(access_key);
        secret
            .or_else(|| self.users.secret(access_key))
            .ok_or_else(|| s3_error!(InvalidAccessKeyId))
    }

    /// Who signed a request with this key and sent this session token along. The signature has
    /// been checked by now; the token and the time have not.
    pub(super) fn signer(&self, access_key: &str, token: Option<&str>) -> S3Result<Signer> {
        let lasting = if access_key == self.root.access_key_id {
            Some(Signer::Root)
        } else {
            self.users.holder(access_key).map(Signer::User)
        };
        match (lasting, token) {
            (Some(signer), None) => Ok(signer),
            (Some(_), Some(_)) => Err(s3_error!(InvalidToken)),
            (None, token) => {
                let policy = self.sessions.policy(access_key, token)?;
                Ok(Signer::Session(policy))
            }
        }
    }
}

impl Signer {
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
            Self::User(holder) => Some(&holder.user_id),
        }
    }
}

#[async_trait::async_trait]
impl S3Auth for Secrets {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.0.secret(access_key)
    }
}
