use clap::ValueEnum;

/// The store's engine (`storage.flavor`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// AWS S3 and STS.
    Aws,
    /// `MinIO`.
    Minio,
    /// Ceph RGW.
    Ceph,
    /// `SeaweedFS`.
    Seaweedfs,
    /// Another engine with S3 and STS.
    Generic,
}

/// Whether an engine has a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Support {
    /// Supported: every error is a failure.
    Yes,
    /// Possibly supported: "not implemented" is no failure.
    Perhaps,
    /// Not supported: the gateway does not use it.
    No,
}

/// How an engine ends sessions before they expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Revocation {
    /// A bucket's policy denies by the time at which the store issued a session.
    IssueTime,
    /// A bucket's policy denies by names of sessions, and knows no such time.
    SessionName,
    /// `MinIO`'s admin API revokes the sessions that were opened with the same `TokenRevokeType`.
    TokenType,
}

/// The measured differences between engines. The gateway's contract is the same on all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quirks {
    /// S3 `PutPublicAccessBlock` makes public ACLs and policies ineffective.
    pub(super) public_access_block: Support,
    /// Its `BlockPublicAcls` refuses only public ACLs. Ceph 16 and 18 then refuse every `PutObject`;
    /// `IgnorePublicAcls` protects the bucket without it.
    pub(super) block_public_acls: bool,
    /// Buckets can have tags.
    pub(super) bucket_tags: Support,
    /// All buckets belong to the gateway's account, so an `AccessDenied` means that the gateway lacks a
    /// permission, not that another account owns the bucket.
    pub(super) single_account: bool,
    /// `CreateBucket` must name the region, except in us-east-1.
    pub(super) location_constraint: bool,
    /// A lifecycle rule can drop the parts of unfinished uploads.
    pub(super) abort_rules: Support,
    /// Buckets have CORS rules.
    pub(super) cors_rules: Support,
}

impl Engine {
    /// The name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Minio => "minio",
            Self::Ceph => "ceph",
            Self::Seaweedfs => "seaweedfs",
            Self::Generic => "generic",
        }
    }

    pub(super) fn quirks(self) -> Quirks {
        match self {
            Self::Aws => Quirks {
                public_access_block: Support::Yes,
                block_public_acls: true,
                bucket_tags: Support::Yes,
                single_account: false,
                location_constraint: true,
                abort_rules: Support::Yes,
                cors_rules: Support::Yes,
            },
            Self::Ceph => Quirks {
                public_access_block: Support::Yes,
                block_public_acls: false,
                bucket_tags: Support::Yes,
                single_account: false,
                location_constraint: false,
                abort_rules: Support::Yes,
                cors_rules: Support::Yes,
            },
            Self::Minio => Quirks {
                public_access_block: Support::No,
                block_public_acls: false,
                bucket_tags: Support::Yes,
                single_account: true,
                location_constraint: false,
                abort_rules: Support::No,
                cors_rules: Support::No,
            },
            // Measured on 4.53. Without the block a session publishes objects that it uploads in parts.
            Self::Seaweedfs => Quirks {
                public_access_block: Support::Yes,
                block_public_acls: true,
                bucket_tags: Support::Yes,
                single_account: false,
                location_constraint: false,
                abort_rules: Support::Yes,
                cors_rules: Support::Yes,
            },
            Self::Generic => Quirks {
                public_access_block: Support::Perhaps,
                block_public_acls: false,
                bucket_tags: Support::Perhaps,
                single_account: false,
                location_constraint: false,
                abort_rules: Support::Perhaps,
                cors_rules: Support::Perhaps,
            },
        }
    }

    /// How sessions are ended. Another engine may ignore a bucket's policy, which shows when a revocation
    /// is proven.
    pub(super) fn revocation(self) -> Revocation {
        match self {
            Self::Aws | Self::Ceph | Self::Generic => Revocation::IssueTime,
            Self::Seaweedfs => Revocation::SessionName,
            Self::Minio => Revocation::TokenType,
        }
    }

    /// Whether a change of a bucket's policy takes minutes to reach the whole store, as AWS documents.
    #[must_use]
    pub fn spreads_policies(self) -> bool {
        match self {
            Self::Aws => true,
            Self::Ceph | Self::Minio | Self::Seaweedfs | Self::Generic => false,
        }
    }

    /// Whether `AssumeRole` requires an existing role.
    #[must_use]
    pub fn needs_role(self) -> bool {
        match self {
            Self::Aws | Self::Ceph | Self::Seaweedfs => true,
            Self::Minio | Self::Generic => false,
        }
    }

    /// Whether buckets are addressed by path by default.
    #[must_use]
    pub fn prefers_path_style(self) -> bool {
        match self {
            Self::Aws => false,
            Self::Ceph | Self::Minio | Self::Seaweedfs | Self::Generic => true,
        }
    }

    /// Whether S3, STS and IAM have addresses that the SDK knows.
    #[must_use]
    pub fn has_known_endpoints(self) -> bool {
        match self {
            Self::Aws => true,
            Self::Ceph | Self::Minio | Self::Seaweedfs | Self::Generic => false,
        }
    }

    /// Whether a tampered session token is always refused. Ceph encrypts its tokens and does not
    /// authenticate them (measured on 16.2.15 and 18.2.7).
    #[must_use]
    pub fn authenticates_session_tokens(self) -> bool {
        match self {
            Self::Ceph => false,
            Self::Aws | Self::Minio | Self::Seaweedfs | Self::Generic => true,
        }
    }

    /// Why a lifecycle rule about unfinished uploads has no effect, if that is so.
    #[must_use]
    pub fn lacks_abort_rules(self) -> Option<&'static str> {
        match self {
            Self::Minio => Some(
                "MinIO has no such lifecycle rule, and drops the parts of unfinished uploads itself, after \
                 24 h by default (its setting api stale_uploads_expiry)",
            ),
            Self::Aws | Self::Ceph | Self::Seaweedfs | Self::Generic => None,
        }
    }

    /// Why a bucket's CORS rule has no effect, if that is so.
    #[must_use]
    pub fn lacks_cors_rules(self) -> Option<&'static str> {
        match self {
            Self::Minio => Some(
                "MinIO has one setting for all buckets, MINIO_API_CORS_ALLOW_ORIGIN, by default any origin",
            ),
            Self::Aws | Self::Ceph | Self::Seaweedfs | Self::Generic => None,
        }
    }

    /// Whether a session can list the names of its neighbours' keys in a shared bucket: `MinIO` lists
    /// another prefix than the one that its policy was asked about.
    #[must_use]
    pub fn lists_neighbours_names(self) -> bool {
        match self {
            Self::Minio => true,
            Self::Aws | Self::Ceph | Self::Seaweedfs | Self::Generic => false,
        }
    }

    /// Whether a listing whose prefix has `..` for a folder shows keys of other buckets that end in `/`
    /// (`SeaweedFS` 4.53: the key, size, `ETag` and time).
    #[must_use]
    pub fn follows_climbing_prefixes(self) -> bool {
        match self {
            Self::Seaweedfs => true,
            Self::Aws | Self::Ceph | Self::Minio | Self::Generic => false,
        }
    }

    /// Whether the account in a role's ARN owns the buckets.
    pub(super) fn role_names_bucket_owner(self) -> bool {
        match self {
            Self::Aws => true,
            Self::Ceph | Self::Minio | Self::Seaweedfs | Self::Generic => false,
        }
    }

    /// Whether bucket names that end in `-an` are reserved for one account and region.
    pub(super) fn has_account_regional_names(self) -> bool {
        match self {
            Self::Aws => true,
            Self::Ceph | Self::Minio | Self::Seaweedfs | Self::Generic => false,
        }
    }

    /// Whether a session can try to make service accounts over `MinIO`'s admin API.
    pub(super) fn has_minio_admin_api(self) -> bool {
        match self {
            Self::Minio => true,
            Self::Aws | Self::Ceph | Self::Seaweedfs | Self::Generic => false,
        }
    }

    /// Whether the policy of a key pair must deny sessions. AWS's `GetSessionToken` needs no permission, and
    /// its sessions last up to 36 h. `SeaweedFS` has no such call (measured on 4.53), and takes no `Deny`
    /// in the policy of a user.
    pub(super) fn lets_pairs_open_sessions(self) -> bool {
        match self {
            Self::Seaweedfs => false,
            Self::Aws | Self::Ceph | Self::Minio | Self::Generic => true,
        }
    }

    /// Whether clients reach IAM where they reach S3, and any user may make key pairs for itself unless
    /// the store is told otherwise.
    pub(super) fn lets_users_make_key_pairs(self) -> bool {
        match self {
            Self::Seaweedfs => true,
            Self::Aws | Self::Ceph | Self::Minio | Self::Generic => false,
        }
    }
}
