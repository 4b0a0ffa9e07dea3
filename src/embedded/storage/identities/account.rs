use std::collections::BTreeMap;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use crate::embedded::clock::now;
use crate::embedded::random::{aws_id, base64};
use crate::embedded::storage::aws_query::QueryError;

const MAX_ACCESS_KEYS: usize = 2;
/// All inline policies of a user together, without white space.
const MAX_POLICY_CHARS: usize = 2_048;

/// The state of IAM, and the rules for changing it.
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
    /// Unique for ever: a later user of the same name has another id.
    pub(crate) id: String,
    /// Seconds since 1970.
    pub(crate) created: i64,
    pub(crate) tags: Vec<Tag>,
    /// Documents by name.
    pub(crate) policies: BTreeMap<String, String>,
    #[serde(rename = "keys")]
    pub(crate) access_keys: Vec<AccessKey>,
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

    /// To IAM, names that differ only in case are the same.
    pub(crate) fn create(
        &mut self,
        name: String,
        path: String,
        tags: Vec<Tag>,
    ) -> Result<User, QueryError> {
        let mut names = self.users.keys();
        if names.any(|other| other.eq_ignore_ascii_case(&name)) {
            return Err(conflict(
                "EntityAlreadyExists",
                format!("User with name {name} already exists."),
            ));
        }
        let user = User {
            name: name.clone(),
            path,
            id: aws_id("AIDA").map_err(QueryError::internal)?,
            created: now().timestamp(),
            tags,
            policies: BTreeMap::new(),
            access_keys: Vec::new(),
        };
        self.users.insert(name, user.clone());
        Ok(user)
    }

    pub(crate) fn delete(&mut self, name: &str) -> Result<(), QueryError> {
        let user = self.user(name)?;
        let left = if !user.access_keys.is_empty() {
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
        if self.access_keys.len() >= MAX_ACCESS_KEYS {
            return Err(conflict(
                "LimitExceeded",
                format!("Cannot exceed quota for AccessKeysPerUser: {MAX_ACCESS_KEYS}"),
            ));
        }
        let key = AccessKey {
            id: aws_id("AKIA").map_err(QueryError::internal)?,
            secret: base64(30).map_err(QueryError::internal)?,
            active: true,
            created: now().timestamp(),
        };
        self.access_keys.push(key.clone());
        Ok(key)
    }

    pub(crate) fn set_active(&mut self, id: &str, active: bool) -> Result<(), QueryError> {
        let key = self.access_keys.iter_mut().find(|key| key.id == id);
        key.ok_or_else(|| no_access_key(id))?.active = active;
        Ok(())
    }

    pub(crate) fn delete_access_key(&mut self, id: &str) -> Result<(), QueryError> {
        let before = self.access_keys.len();
        self.access_keys.retain(|key| key.id != id);
        if self.access_keys.len() < before {
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
    fn name_is_taken_in_any_case() {
        let mut account = with_user("Acme");
        let again = account.create("aCME".to_owned(), "/".to_owned(), Vec::new());
        assert_eq!(again.err().unwrap().code(), (409, "EntityAlreadyExists"));
    }

    #[test]
    fn user_is_deleted_after_its_keys_and_policies() {
        let mut account = with_user("acme");
        let user = account.user_mut("acme").unwrap();
        let key = user.create_access_key().unwrap();
        user.put_policy("p".to_owned(), "{}".to_owned()).unwrap();
        let conflict = (409, "DeleteConflict");
        assert_eq!(account.delete("acme").unwrap_err().code(), conflict);
        let user = account.user_mut("acme").unwrap();
        user.delete_access_key(&key.id).unwrap();
        assert_eq!(account.delete("acme").unwrap_err().code(), conflict);
        let user = account.user_mut("acme").unwrap();
        user.delete_policy("p").unwrap();
        account.delete("acme").unwrap();
        let gone = (404, "NoSuchEntity");
        assert_eq!(account.delete("acme").unwrap_err().code(), gone);
    }

    #[test]
    fn user_has_at_most_two_access_keys() {
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
    fn policies_of_a_user_share_2048_characters() {
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
