use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use s3s::auth::SecretKey;

use super::account::Account;
use super::account_file::AccountFile;
use crate::embedded::storage::aws_query::QueryError;
use crate::embedded::storage::policy::Policy;

/// The users of IAM, in memory and in a file.
pub(crate) struct Users {
    file: AccountFile,
    /// Held while the account is changed: one change at a time.
    changing: Mutex<()>,
    current: RwLock<Current>,
}

struct Current {
    account: Account,
    /// By access key id. Inactive access keys sign nothing.
    active: HashMap<String, ActiveAccessKey>,
}

struct ActiveAccessKey {
    secret: SecretKey,
    user: UserIdentity,
}

/// The user of an access key, with their policies.
#[derive(Clone)]
pub(crate) struct UserIdentity {
    pub(crate) user_id: String,
    pub(crate) policy: Policy,
}

impl Users {
    /// Reads the file. There are no users if there is none yet.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = AccountFile::new(path);
        let account = file.read()?;
        let current = Current::new(account)
            .ok_or_else(|| file.unreadable("it holds a malformed policy document"))?;
        Ok(Self {
            file,
            changing: Mutex::default(),
            current: RwLock::new(current),
        })
    }

    pub(crate) fn secret_key(&self, access_key_id: &str) -> Option<SecretKey> {
        self.with_current(|current| Some(current.active.get(access_key_id)?.secret.clone()))
    }

    /// The user of an active access key.
    pub(crate) fn identity(&self, access_key_id: &str) -> Option<UserIdentity> {
        self.with_current(|current| Some(current.active.get(access_key_id)?.user.clone()))
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Account) -> T) -> T {
        self.with_current(|current| read(&current.account))
    }

    /// Changes the account, in the file first. The change completes even if its caller goes away:
    /// memory must not fall behind the file.
    pub(crate) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Account) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let users = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || users.change_now(change));
        done.await.map_err(QueryError::internal)?
    }

    fn change_now<T>(
        &self,
        change: impl FnOnce(&mut Account) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut account = self.read(Clone::clone);
        let done = change(&mut account)?;
        let next = Current::new(account).ok_or_else(QueryError::malformed_policy)?;
        self.file
            .write(&next.account)
            .map_err(QueryError::internal)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(done)
    }

    fn with_current<T>(&self, read: impl FnOnce(&Current) -> T) -> T {
        read(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Current {
    /// `None` if a policy is malformed.
    fn new(account: Account) -> Option<Self> {
        let mut active = HashMap::new();
        for user in account.users.values() {
            let identity = UserIdentity {
                user_id: user.id.clone(),
                policy: Policy::parse(user.policies.values().map(String::as_str))?,
            };
            for key in user.access_keys.iter().filter(|key| key.active) {
                let secret = SecretKey::from(key.secret.clone());
                let user = identity.clone();
                active.insert(key.id.clone(), ActiveAccessKey { secret, user });
            }
        }
        Some(Self { account, active })
    }
}
