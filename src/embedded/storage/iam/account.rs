use std::collections::BTreeMap;

use chrono::Utc;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use crate::embedded::random::{base64, hex_digits};
use crate::embedded::storage::query::Refusal;

const MAX_KEYS: usize = 2;
/// Of all the inline policies of a user, spaces left out.
const MAX_POLICY_CHARS: usize = 2_048;

/// Everything that IAM keeps, and its rules.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    pub(super) users: BTreeMap<String, User>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) path: String,
    /// Never another user's, not even one's of the same name after this one is gone.
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) created: i64,
    pub(super) tags: Vec<Tag>,
    /// Documents, by their names.
    pub(super) policies: BTreeMap<String, String>,
    pub(super) keys: Vec<AccessKey>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessKey {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) active: bool,
    /// Seconds since 1970.
    pub(super) created: i64,
}

impl Account {
    pub(super) fn user(&self, name: &str) -> Result<&User, Refusal> {
        self.users.get(name).ok_or_else(|| no_user(name))
    }

    pub(super) fn user_mut(&mut self, name: &str) -> Result<&mut User, Refusal> {
        self.users.get_mut(name).ok_or_else(|| no_user(name))
    }

    /// Names that differ by case only are the same to IAM.
    pub(super) fn create(
        &mut self,
        name: String,
        path: String,
        tags: Vec<Tag>,
    ) -> Result<User, Refusal> {
        if self
            .users
            .keys()
            .any(|other| other.eq_ignore_ascii_case(&name))
        {
            return Err(conflict(
                "EntityAlreadyExists",
                format!("User with name {name} already exists."),
            ));
        }
        let id = hex_digits(8).map_err(Refusal::internal)?.to_uppercase();
        let user = User {
            name: name.clone(),
            path,
            id: format!("AIDA{id}"),
            created: now(),
            tags,
            policies: BTreeMap::new(),
            keys: Vec::new(),
        };
        self.users.insert(name, user.clone());
        Ok(user)
    }

    pub(super) fn delete(&mut self, name: &str) -> Result<(), Refusal> {
        let user = self.user(name)?;
        let left = if !user.keys.is_empty() {
            "access keys"
        } else if !user.policies.is_empty() {
            "policies"
        } else {
            self.users.remove(name);
            return Ok(());
        };
        Err(conflict(
            "DeleteConflict",
            format!("Cannot delete entity, must delete {left} first."),
        ))
    }
}

impl User {
    pub(super) fn arn(&self) -> String {
        format!("arn:aws:iam::000000000000:user{}{}", self.path, self.name)
    }

    pub(super) fn policy(&self, name: &str) -> Result<&str, Refusal> {
        let policy = self.policies.get(name).map(String::as_str);
        policy.ok_or_else(|| no_policy(name))
    }

    pub(super) fn put_policy(&mut self, name: String, document: String) -> Result<(), Refusal> {
        let others = self.policies.iter().filter(|(other, _)| **other != name);
        let others: usize = others.map(|(_, document)| length(document)).sum();
        if others + length(&document) > MAX_POLICY_CHARS {
            return Err(conflict(
                "LimitExceeded",
                format!(
                    "Maximum policy size of {MAX_POLICY_CHARS} bytes exceeded for user {}",
                    self.name
                ),
            ));
        }
        self.policies.insert(name, document);
        Ok(())
    }

    pub(super) fn delete_policy(&mut self, name: &str) -> Result<(), Refusal> {
        let removed = self.policies.remove(name);
        removed.map(drop).ok_or_else(|| no_policy(name))
    }

    pub(super) fn create_key(&mut self) -> Result<AccessKey, Refusal> {
        if self.keys.len() >= MAX_KEYS {
            return Err(conflict(
                "LimitExceeded",
                format!("Cannot exceed quota for AccessKeysPerUser: {MAX_KEYS}"),
            ));
        }
        let id = hex_digits(8).map_err(Refusal::internal)?.to_uppercase();
        let key = AccessKey {
            id: format!("AKIA{id}"),
            secret: base64(30).map_err(Refusal::internal)?,
            active: true,
            created: now(),
        };
        self.keys.push(key.clone());
        Ok(key)
    }

    pub(super) fn set_active(&mut self, id: &str, active: bool) -> Result<(), Refusal> {
        let key = self.keys.iter_mut().find(|key| key.id == id);
        key.ok_or_else(|| no_key(id))?.active = active;
        Ok(())
    }

    pub(super) fn delete_key(&mut self, id: &str) -> Result<(), Refusal> {
        let before = self.keys.len();
        self.keys.retain(|key| key.id != id);
        if self.keys.len() < before {
            Ok(())
        } else {
            Err(no_key(id))
        }
    }
}

fn conflict(code: &'static str, message: String) -> Refusal {
    Refusal::new(StatusCode::CONFLICT, code, message)
}

fn no_user(name: &str) -> Refusal {
    no_such(format!("The user with name {name} cannot be found."))
}

fn no_policy(name: &str) -> Refusal {
    no_such(format!("The user policy with name {name} cannot be found."))
}

fn no_key(id: &str) -> Refusal {
    no_such(format!("The Access Key with id {id} cannot be found."))
}

fn no_such(message: String) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "NoSuchEntity", message)
}

fn length(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is a foreign system with a clock of its own"
)]
fn now() -> i64 {
    Utc::now().timestamp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_user(name: &str) -> Account {
        let mut account = Account::default();
        let (name, path) = (name.to_owned(), "/".to_owned());
        account.create(name, path, Vec::new()).unwrap();
        account
    }

    #[test]
    fn a_name_is_taken_in_any_case() {
        let mut account = with_user("Acme");
        let again = account.create("aCME".to_owned(), "/".to_owned(), Vec::new());
        assert_eq!(again.err().unwrap().code(), (409, "EntityAlreadyExists"));
    }

    #[test]
    fn a_user_goes_last() {
        let mut account = with_user("acme");
        let user = account.user_mut("acme").unwrap();
        let key = user.create_key().unwrap();
        user.put_policy("p".to_owned(), "{}".to_owned()).unwrap();
        let conflict = (409, "DeleteConflict");
        assert_eq!(account.delete("acme").unwrap_err().code(), conflict);
        account
            .user_mut("acme")
            .unwrap()
            .delete_key(&key.id)
            .unwrap();
        assert_eq!(account.delete("acme").unwrap_err().code(), conflict);
        account
            .user_mut("acme")
            .unwrap()
            .delete_policy("p")
            .unwrap();
        account.delete("acme").unwrap();
        assert_eq!(
            account.delete("acme").unwrap_err().code(),
            (404, "NoSuchEntity")
        );
    }

    #[test]
    fn a_user_has_two_keys_at_most() {
        let mut account = with_user("acme");
        let user = account.user_mut("acme").unwrap();
        let (first, second) = (user.create_key().unwrap(), user.create_key().unwrap());
        assert_ne!(first.id, second.id);
        assert_eq!((first.id.len(), first.secret.len()), (20, 40));
        let third = user.create_key().err().unwrap();
        assert_eq!(third.code(), (409, "LimitExceeded"));
        user.delete_key(&first.id).unwrap();
        assert!(user.create_key().is_ok());
    }

    #[test]
    fn a_users_policies_have_2048_characters_together() {
        let mut account = with_user("acme");
        let user = account.user_mut("acme").unwrap();
        let mut put = |name: &str, chars: usize| {
            let document = format!("{} \n", "x".repeat(chars));
            user.put_policy(name.to_owned(), document)
        };
        put("a", 2_000).unwrap();
        put("b", 48).unwrap();
        assert_eq!(put("b", 49).unwrap_err().code(), (409, "LimitExceeded"));
        put("a", 1_000).unwrap();
        put("b", 1_000).unwrap();
    }
}
