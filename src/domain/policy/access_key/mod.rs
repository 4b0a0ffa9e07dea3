#[cfg(test)]
mod tests;

use std::fmt;

use crate::domain::{AccessKeyRights, BucketName};

use super::{Condition, On, PolicyError, Resource, Statement, write};

/// The policy that confines an access key to its rights, on engines that hold such keys.
///
/// Nothing enters it but a [`BucketName`] and a [`crate::domain::BucketPrefix`].
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKeyPolicy(String);

/// What an engine lets the holder of a pair do that no policy allows, unless one denies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loopholes {
    /// An object is its writer's (S3, "Object Ownership": `ObjectWriter`), who may read and publish
    /// it.
    pub writers_own_objects: bool,
    /// A pair may open sessions of its own (STS `GetSessionToken`), which live on when it has ended.
    pub sessions_outlive_pairs: bool,
    /// A pair may make service accounts of its own and replace its secret, as long as no policy
    /// denies it (MinIO: `admin:CreateServiceAccount`, `admin:CreateUser`).
    pub holders_administer: bool,
}

impl Loopholes {
    /// There are none.
    pub const NONE: Self = Self {
        writers_own_objects: false,
        sessions_outlive_pairs: false,
        holders_administer: false,
    };
}

/// Why there is no policy for these rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessKeyPolicyError {
    /// A key that opens nothing is nobody's new.
    #[error("the key would open nothing: name a bucket")]
    Empty,
    /// A `*` must never reach people's lockers.
    #[error("rights in all buckets need access_keys.bucket_prefix, which says which are meant")]
    NoPrefix,
    /// Too many buckets.
    #[error(transparent)]
    TooLong(#[from] PolicyError),
}

impl AccessKeyPolicy {
    /// Writes the policy for these rights; "all" means the buckets under their prefix.
    ///
    /// # Errors
    ///
    /// [`AccessKeyPolicyError`] when no engine could take it, or it would say too much or nothing.
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
        if loopholes.holders_administer {
            statements.push(denied_to_holders());
        }
        Ok(Self(write(statements)?))
    }

    /// The policy as the engine takes it.
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

/// What the named buckets allow: both lists may be listed, the one be read, the other be written.
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

/// What every bucket under the prefix allows. Only the names of buckets cannot be narrowed.
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

/// What an owner may do with an object and the rights do not say: its ACL, its tags, its versions;
/// and reading it where they do not say that.
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

/// Everything, to any credentials but the pair itself.
fn denied_to_sessions() -> Statement {
    Statement {
        condition: Some(Condition::Null {
            token_issue_time: "false",
        }),
        ..deny(&["s3:*"], everywhere())
    }
}

/// All of `MinIO`'s administration, which has no resource.
fn denied_to_holders() -> Statement {
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
