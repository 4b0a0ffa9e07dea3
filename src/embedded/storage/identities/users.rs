use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use s3s::auth::SecretKey;

use super::account::Account;
use super::account_file::AccountFile;
use crate::embedded::storage::aws_query::QueryError;
use crate::embedded::storage::policy::Policy;

/// The users of the store, in memory and in a file.
pub(crate) struct Users {
    file: AccountFile,
    /// Changes are made one at a time.
    changing: Mutex<()>,
    current: RwLock<Current>,
}

/// What is in effect.
struct Current {
    account: Account,
    /// The active keys: no other signs anything.
    active: HashMap<String, Active>,
}

struct Active {
    secret: SecretKey,
    identity: UserIdentity,
}

/// Whose an access key is, and what they may do.
#[derive(Clone)]
pub(crate) struct UserIdentity {
    pub(crate) user_id: String,
    pub(crate) policy: Policy,
}

impl Users {
    /// Reads what the file holds; nothing, if there is none yet.
    ///
    /// # Errors
    ///
    /// When there is a file that cannot be read.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = AccountFile::new(path);
        let account = file.read()?;
        let current = Current::of(account)
            .ok_or_else(|| file.unreadable("a policy in it is no policy document"))?;
        Ok(Self {
            file,
            changing: Mutex::default(),
            current: RwLock::new(current),
        })
    }

    pub(crate) fn secret_key(&self, access_key_id: &str) -> Option<SecretKey> {
        self.look(|current| {
            current
                .active
                .get(access_key_id)
                .map(|key| key.secret.clone())
        })
    }

    /// Whose key this is, if it is active.
    pub(crate) fn identity(&self, access_key_id: &str) -> Option<UserIdentity> {
        self.look(|current| {
            current
                .active
                .get(access_key_id)
                .map(|key| key.identity.clone())
        })
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&Account) -> T) -> T {
        self.look(|current| look(&current.account))
    }

    /// Changes the account, in the file first. A change goes on if whoever asked for it goes away:
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
        let next = Current::of(account).ok_or_else(malformed)?;
        self.file
            .write(&next.account)
            .map_err(QueryError::internal)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(done)
    }

    fn look<T>(&self, look: impl FnOnce(&Current) -> T) -> T {
        look(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Current {
    /// Nothing, if a policy cannot be read.
    fn of(account: Account) -> Option<Self> {
        let mut active = HashMap::new();
        for user in account.users.values() {
            let identity = UserIdentity {
                user_id: user.id.clone(),
                policy: Policy::parse(user.policies.values().map(String::as_str))?,
            };
            for key in user.keys.iter().filter(|key| key.active) {
                let secret = SecretKey::from(key.secret.clone());
                let identity = identity.clone();
                active.insert(key.id.clone(), Active { secret, identity });
            }
        }
        Some(Self { account, active })
    }
}

fn malformed() -> QueryError {
    QueryError::bad("MalformedPolicyDocument", "Syntax errors in policy.")
}
