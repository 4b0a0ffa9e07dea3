#[cfg(test)]
mod tests;

use std::fmt;

use crate::domain::{AccessKeyRights, BucketName};

use super::{Condition, Null, On, PolicyError, Resource, Statement, write};

/// The policy that confines an access key to its rights.
///
/// Only a [`BucketName`] and a [`crate::domain::BucketPrefix`] enter it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKeyPolicy(String);

/// What an engine lets the user of a pair do without any policy, unless a policy denies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loopholes {
    /// Objects belong to their writers (S3, "Object Ownership": `ObjectWriter`), who may read and
    /// publish them.
    pub writers_own_objects: bool,
    /// A pair may open sessions (STS `GetSessionToken`) that outlive it.
    pub sessions_outlive_pairs: bool,
    /// A pair may make service accounts and replace its own secret (MinIO:
    /// `admin:CreateServiceAccount`, `admin:CreateUser`).
    pub users_administer: bool,
}

impl Loopholes {
    /// An engine without loopholes.
    pub const NONE: Self = Self {
        writers_own_objects: false,
        sessions_outlive_pairs: false,
        users_administer: false,
    };
}

/// Why there is no policy for these rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessKeyPolicyError {
    /// The key would have no rights.
    #[error("the key would open nothing: name a bucket")]
    Empty,
    /// Without a prefix, `*` would reach the buckets of principals.
    #[error(
        "rights in all buckets need access_keys.bucket_prefix, which limits them to buckets with that \
         prefix"
    )]
    NoPrefix,
    /// It names too many buckets.
    #[error(transparent)]
    TooLong(#[from] PolicyError),
}

impl AccessKeyPolicy {
    /// Writes the policy for these rights; "all" means the buckets under their prefix.
    ///
    /// # Errors
    ///
    /// [`AccessKeyPolicyError`] when the policy would be too long, too wide or empty.
    pub fn for_rights(
        rights: &AccessKeyRights,
        loopholes: Loopholes,
    ) -> Result<Self, AccessKeyPolicyError> {
        let all = match &rights.prefix {
            _ if !rights.reaches_all() => None,
            Some(prefix) => Some(prefix.as_str()),
            None => return Err(AccessKeyPolicyError::NoPrefix),
        };
        let mut statements: Vec<Statement> = named(rights)
            .into_iter()
            .chain(all.into_iter().flat_map(|prefix| under(rights, prefix)))
            .flatten()
            .collect();
        if statements.is_empty() {
            return Err(AccessKeyPolicyError::Empty);
        }
        if loopholes.writers_own_objects {
            statements.extend(denied_to_writers(rights));
        }
        if loopholes.sessions_outlive_pairs {
            statements.push(denied_to_sessions());
        }
        if loopholes.users_administer {
            statements.push(denied_to_users());
        }
        Ok(Self(write(statements)?))
    }

    /// The policy, as the engine is given it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessKeyPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Statements for the named buckets: every named bucket may be listed, `read_buckets` read,
/// `write_buckets` written.
fn named(rights: &AccessKeyRights) -> [Option<Statement>; 3] {
    let bucket = |name: &&BucketName| format!("arn:aws:s3:::{name}");
    [
        allow(
            &["s3:ListBucket"],
            rights.buckets().iter().map(bucket).collect(),
        ),
        allow(
            &["s3:GetObject"],
            rights.read_buckets.iter().map(objects_of).collect(),
        ),
        allow(
            &["s3:PutObject", "s3:DeleteObject"],
            rights.write_buckets.iter().map(objects_of).collect(),
        ),
    ]
}

fn objects_of(bucket: &BucketName) -> String {
    format!("arn:aws:s3:::{bucket}/*")
}

/// Statements for the buckets under the prefix. Listing the names of buckets cannot be narrowed.
fn under(rights: &AccessKeyRights, prefix: &str) -> [Option<Statement>; 4] {
    let if_so = |granted: bool, resource: String| {
        if granted { vec![resource] } else { Vec::new() }
    };
    let buckets = format!("arn:aws:s3:::{prefix}*");
    let objects = objects_under(prefix);
    [
        allow(
            &["s3:ListAllMyBuckets"],
            if_so(rights.all_buckets_read, "arn:aws:s3:::*".to_owned()),
        ),
        allow(&["s3:ListBucket"], if_so(rights.all_buckets_read, buckets)),
        allow(
            &["s3:GetObject"],
            if_so(rights.all_objects_read, objects.clone()),
        ),
        allow(
            &["s3:PutObject", "s3:DeleteObject"],
            if_so(rights.all_objects_write, objects),
        ),
    ]
}

fn objects_under(prefix: &str) -> String {
    format!("arn:aws:s3:::{prefix}*/*")
}

/// Denies what an object's owner may do beyond the rights: its ACL, its tags, its versions, and reading
/// it where the rights do not allow that.
fn denied_to_writers(rights: &AccessKeyRights) -> [Statement; 2] {
    let prefix = rights.prefix.as_ref().filter(|_| rights.all_objects_read);
    let readable: Vec<String> = rights
        .read_buckets
        .iter()
        .map(objects_of)
        .chain(prefix.map(|prefix| objects_under(prefix.as_str())))
        .collect();
    let on = if readable.is_empty() {
        everywhere()
    } else {
        On::NotResource(readable)
    };
    [
        deny(
            &["s3:GetObject?*", "s3:PutObject?*", "s3:DeleteObject?*"],
            everywhere(),
        ),
        deny(&["s3:GetObject"], on),
    ]
}

/// Denies everything to credentials other than the pair itself.
fn denied_to_sessions() -> Statement {
    Statement {
        condition: Some(Condition {
            null: Some(Null {
                token_issue_time: "false",
            }),
            ..Condition::default()
        }),
        ..deny(&["s3:*"], everywhere())
    }
}

/// Denies all of `MinIO`'s administration, which has no resource.
fn denied_to_users() -> Statement {
    Statement {
        on: None,
        ..deny(&["admin:*"], everywhere())
    }
}

fn everywhere() -> On {
    On::Resource(Resource::One("arn:aws:s3:::*".to_owned()))
}

fn deny(action: &[&'static str], on: On) -> Statement {
    Statement {
        effect: "Deny",
        action: action.to_vec(),
        on: Some(on),
        condition: None,
    }
}

fn allow(action: &[&'static str], resources: Vec<String>) -> Option<Statement> {
    if resources.is_empty() {
        return None;
    }
    Some(Statement {
        effect: "Allow",
        action: action.to_vec(),
        on: Some(On::Resource(Resource::Several(resources))),
        condition: None,
    })
}
