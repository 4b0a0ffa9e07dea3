use std::collections::BTreeMap;

use chrono::Utc;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use crate::embedded::random::{base64, hex_digits};
use crate::embedded::storage::aws_query::QueryError;

const MAX_ACCESS_KEYS: usize = 2;
/// Of all the inline policies of a user, spaces left out.
const MAX_POLICY_CHARS: usize = 2_048;

/// Everything that IAM keeps, and its rules.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    pub(crate) users: BTreeMap<String, User>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) path: String,
    /// Never another user's, not even one's of the same name after this one is gone.
    pub(crate) id: String,
    /// Seconds since 1970.
    pub(crate) created: i64,
    pub(crate) tags: Vec<Tag>,
    /// Documents, by their names.
    pub(crate) policies: BTreeMap<String, String>,
    pub(crate) keys: Vec<AccessKey>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) active: bool,
    /// Seconds since 1970.
    pub(crate) created: i64,
}

impl Account {
    pub(crate) fn user(&self, name: &str) -> Result<&User, QueryError> {
        self.users.get(name).ok_or_else(|| no_user(name))
    }

    pub(crate) fn user_mut(&mut self, name: &str) -> Result<&mut User, QueryError> {
        self.users.get_mut(name).ok_or_else(|| no_user(name))
    }

    /// Names that differ by case only are the same to IAM.
    pub(crate) fn create(
        &mut self,
        name: String,
        path: String,
        tags: Vec<Tag>,
    ) -> Result<User, QueryError> {
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
        let id = hex_digits(8).map_err(QueryError::internal)?.to_uppercase();
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

    pub(crate) fn delete(&mut self, name: &str) -> Result<(), QueryError> {
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
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:iam::000000000000:user{}{}", self.path, self.name)
    }

    pub(crate) fn policy(&self, name: &str) -> Result<&str, QueryError> {
        let policy = self.policies.get(name).map(String::as_str);
        policy.ok_or_else(|| no_policy(name))
    }

    pub(crate) fn put_policy(&mut self, name: String, document: String) -> Result<(), QueryError> {
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

    pub(crate) fn delete_policy(&mut self, name: &str) -> Result<(), QueryError> {
        let removed = self.policies.remove(name);
        removed.map(drop).ok_or_else(|| no_policy(name))
    }

    pub(crate) fn create_access_key(&mut self) -> Result<AccessKey, QueryError> {
        if self.keys.len() >= MAX_ACCESS_KEYS {
            return Err(conflict(
                "LimitExceeded",
                format!("Cannot exceed quota for AccessKeysPerUser: {MAX_ACCESS_KEYS}"),
            ));
        }
        let id = hex_digits(8).map_err(QueryError::internal)?.to_uppercase();
        let key = AccessKey {
            id: format!("AKIA{id}"),
            secret: base64(30).map_err(QueryError::internal)?,
            active: true,
            created: now(),
        };
        self.keys.push(key.clone());
        Ok(key)
    }

    pub(crate) fn set_active(&mut self, id: &str, active: bool) -> Result<(), QueryError> {
        let key = self.keys.iter_mut().find(|key| key.id == id);
        key.ok_or_else(|| no_access_key(id))?.active = active;
        Ok(())
    }

    pub(crate) fn delete_access_key(&mut self, id: &str) -> Result<(), QueryError> {
        let before = self.keys.len();
        self.keys.retain(|key| key.id != id);
        if self.keys.len() < before {
            Ok(())
        } else {
            Err(no_access_key(id))
        }
    }
}

fn conflict(code: &'static str, message: String) -> QueryError {
    QueryError::new(StatusCode::CONFLICT, code, message)
}

fn no_user(name: &str) -> QueryError {
    no_such(format!("The user with name {name} cannot be found."))
}

fn no_policy(name: &str) -> QueryError {
    no_such(format!("The user policy with name {name} cannot be found."))
}

fn no_access_key(id: &str) -> QueryError {
    no_such(format!("The Access Key with id {id} cannot be found."))
}

fn no_such(message: String) -> QueryError {
    QueryError::new(StatusCode::NOT_FOUND, "NoSuchEntity", message)
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
        let key = user.create_access_key().unwrap();
        user.put_policy("p".to_owned(), "{}".to_owned()).unwrap();
        let conflict = (409, "DeleteConflict");
        assert_eq!(account.delete("acme").unwrap_err().code(), conflict);
        account
            .user_mut("acme")
            .unwrap()
            .delete_access_key(&key.id)
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
        let (first, second) = (
            user.create_access_key().unwrap(),
            user.create_access_key().unwrap(),
        );
        assert_ne!(first.id, second.id);
        assert_eq!((first.id.len(), first.secret.len()), (20, 40));
        let third = user.create_access_key().err().unwrap();
        assert_eq!(third.code(), (409, "LimitExceeded"));
        user.delete_access_key(&first.id).unwrap();
        assert!(user.create_access_key().is_ok());
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
