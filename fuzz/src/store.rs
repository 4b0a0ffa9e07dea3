//! A store that is well: STS, IAM, and S3 without a bucket, where any can be made. It keeps what it hands out.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::xml::texts;

/// What each key begins with.
pub(crate) const KEY: &str = "FUZZ";

/// The secret of each.
pub(crate) const SECRET: &str = "handed-out";

/// What a key may do.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) policy: String,
    /// The access key whose pair it is; a session has none.
    pub(crate) access_key: Option<String>,
}

#[derive(Default)]
pub(crate) struct Store {
    /// By its key.
    pub(crate) opened: HashMap<String, Opened>,
    /// The policy of each of IAM's users.
    policies: HashMap<String, String>,
    /// The pairs of each.
    pairs: HashMap<String, Vec<String>>,
    /// How many pairs were made.
    made: usize,
}

impl Store {
    /// Opens a session with this policy until `end`.
    pub(crate) fn assume_role(&mut self, policy: &str, end: &str) -> String {
        let digest = Sha256::digest(policy);
        let key = format!("{KEY}{}", &hex::encode(digest)[..16]);
        self.hand_out(&key, policy, None);
        let answer = format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>\
             <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>T</SessionToken>\
             <Expiration>{end}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        );
        assert_eq!(texts(answer.as_bytes(), "AccessKeyId"), [key]);
        answer
    }

    /// IAM's answer to a form, if it is one of IAM's.
    pub(crate) fn iam(&mut self, form: &HashMap<String, String>) -> Option<String> {
        let user = form.get("UserName")?;
        let pairs = self.pairs.entry(user.clone()).or_default();
        let result = match form.get("Action")?.as_str() {
            "PutUserPolicy" => {
                let policy = form["PolicyDocument"].clone();
                self.policies.insert(user.clone(), policy);
                String::new()
            }
            "CreateAccessKey" => {
                let policy = self.policies[user].clone();
                let id = user
                    .strip_prefix("cloakroom-")
                    .expect("a user of an access key");
                self.made += 1;
                let key = format!("{KEY}PAIR{}", self.made);
                self.hand_out(&key, &policy, Some(id.to_owned()));
                self.pairs
                    .entry(user.clone())
                    .or_default()
                    .push(key.clone());
                format!(
                    "<AccessKey><UserName>{user}</UserName><AccessKeyId>{key}</AccessKeyId>\
                     <Status>Active</Status><SecretAccessKey>{SECRET}</SecretAccessKey></AccessKey>"
                )
            }
            "ListAccessKeys" => {
                let members = pairs.iter();
                let members =
                    members.map(|key| format!("<member><AccessKeyId>{key}</AccessKeyId></member>"));
                let members: String = members.collect();
                format!("<AccessKeyMetadata>{members}</AccessKeyMetadata>")
            }
            "DeleteAccessKey" => {
                pairs.retain(|key| *key != form["AccessKeyId"]);
                String::new()
            }
            _ => String::new(),
        };
        let action = &form["Action"];
        Some(format!(
            "<{action}Response><{action}Result>{result}</{action}Result></{action}Response>"
        ))
    }

    fn hand_out(&mut self, key: &str, policy: &str, access_key: Option<String>) {
        let policy = policy.to_owned();
        let opened = Opened { policy, access_key };
        self.opened.insert(key.to_owned(), opened);
    }
}
