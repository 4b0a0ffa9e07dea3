use std::fmt;

use super::{AccessKeyId, BucketName, OwnerPseudonym, Principal, Slug, WorkspaceName};

/// Whose storage it is. Buckets, rows of the registry and limits belong to owners.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A person or a workload that uses a client.
    Principal(Principal),
    /// An organisation, which asks by API key.
    Organisation(Slug),
    /// A workspace, whose members ask by access token.
    Workspace(WorkspaceName),
    /// An access key. It has no bucket, but its own limit.
    AccessKey(AccessKeyId),
}

/// A bucket's owner in the registry. The relation is one to one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BucketOwner {
    /// One principal.
    Principal(Principal),
    /// Organisations and workspaces, each below its own prefix.
    Shared(BucketName),
    /// A person who was erased.
    Erased(OwnerPseudonym),
}

/// The digest of an owner's message. The names of the owner's bucket and sessions are made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OwnerDigest(pub(super) [u8; 32]);

impl Owner {
    /// The kind, as the registry and the audit trail write it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Principal(_) => "principal",
            Self::Organisation(_) => "organisation",
            Self::Workspace(_) => "workspace",
            Self::AccessKey(_) => "access-key",
        }
    }

    /// The identity within the kind, as unambiguous text.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Principal(principal) => principal.to_string(),
            Self::Organisation(slug) => slug.to_string(),
            Self::Workspace(name) => name.to_string(),
            Self::AccessKey(id) => id.to_string(),
        }
    }

    /// Who holds the bucket in the registry if it is this owner's storage.
    #[must_use]
    pub fn bucket_owner(&self, bucket: &BucketName) -> BucketOwner {
        match self {
            Self::Principal(principal) => BucketOwner::Principal(principal.clone()),
            Self::Organisation(_) | Self::Workspace(_) | Self::AccessKey(_) => {
                BucketOwner::Shared(bucket.clone())
            }
        }
    }

    /// The fields of the message that the digest is taken of (docs/call.md), without the
    /// namespace. No two owners share a message: no field holds a NUL, and each kind has its own
    /// number of fields, the empty one at the end counted. Callers of named issuers and access keys
    /// have as many, and differ in the first.
    pub(super) fn message_fields(&self) -> Vec<&str> {
        match self {
            Self::Principal(Principal {
                issuer,
                client_id,
                subject,
            }) => {
                let (client_id, subject) = (client_id.as_str(), subject.as_str());
                match issuer {
                    None => vec![client_id, subject],
                    Some(name) => vec!["iss", name.as_str(), client_id, subject, ""],
                }
            }
            Self::Organisation(slug) => vec!["org", slug.as_str(), ""],
            Self::Workspace(name) => {
                let (organisation, workspace) = (&name.organisation, &name.workspace);
                vec!["ws", organisation.as_str(), workspace.as_str(), ""]
            }
            // Only the limit is counted by this digest.
            Self::AccessKey(id) => vec!["ak", id.as_str(), "", "", ""],
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.id())
    }
}

impl BucketOwner {
    /// The kind, as the registry's first column holds it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Principal(_) => "principal",
            Self::Shared(_) => "shared",
            Self::Erased(_) => "erased",
        }
    }

    /// The identity within the kind, as the registry's second column holds it.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Principal(principal) => principal.to_string(),
            Self::Shared(bucket) => bucket.to_string(),
            Self::Erased(pseudonym) => pseudonym.to_string(),
        }
    }
}

impl OwnerDigest {
    /// 64 lower-case hex digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}
