use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use s3s::auth::SecretKey;

use super::account::Account;
use super::file::AccountFile;
use crate::embedded::storage::policy::Policy;
use crate::embedded::storage::query::Refusal;

/// The users of the store, in memory and in a file.
pub(in crate::embedded::storage) struct Users {
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
    holder: KeyHolder,
}

/// Whose an access key is, and what they may do.
#[derive(Clone)]
pub(in crate::embedded::storage) struct KeyHolder {
    pub(in crate::embedded::storage) user_id: String,
    pub(in crate::embedded::storage) policy: Policy,
}

impl Users {
    /// Reads what the file holds; nothing, if there is none yet.
    ///
    /// # Errors
    ///
    /// When there is a file that cannot be read.
    pub(in crate::embedded::storage) fn open(path: &Path) -> io::Result<Self> {
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

    pub(in crate::embedded::storage) fn secret(&self, access_key: &str) -> Option<SecretKey> {
        self.look(|current| current.active.get(access_key).map(|key| key.secret.clone()))
    }

    /// Whose key this is, if it is active.
    pub(in crate::embedded::storage) fn holder(&self, access_key: &str) -> Option<KeyHolder> {
        self.look(|current| current.active.get(access_key).map(|key| key.holder.clone()))
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Account) -> T) -> T {
        self.look(|current| look(&current.account))
    }

    /// Changes the account, in the file first. A change goes on if whoever asked for it goes away:
    /// memory must not fall behind the file.
    pub(super) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Account) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let users = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || users.change_now(change));
        done.await.map_err(Refusal::internal)?
    }

    fn change_now<T>(
        &self,
        change: impl FnOnce(&mut Account) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut account = self.read(Clone::clone);
        let done = change(&mut account)?;
        let next = Current::of(account).ok_or_else(malformed)?;
        self.file.write(&next.account).map_err(Refusal::internal)?;
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
            let holder = KeyHolder {
                user_id: user.id.clone(),
                policy: Policy::parse(user.policies.values().map(String::as_str))?,
            };
            for key in user.keys.iter().filter(|key| key.active) {
                let secret = SecretKey::from(key.secret.clone());
                let holder = holder.clone();
                active.insert(key.id.clone(), Active { secret, holder });
            }
        }
        Some(Self { account, active })
    }
}

fn malformed() -> Refusal {
    Refusal::bad("MalformedPolicyDocument", "Syntax errors in policy.")
}
