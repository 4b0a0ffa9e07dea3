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

/// The measured differences between engines. The gateway's contract is the same on all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quirks {
    /// S3 `PutPublicAccessBlock` makes public ACLs and policies ineffective.
    pub(super) public_access_block: Support,
    /// Its `BlockPublicAcls` refuses only public ACLs. Ceph 16 then refuses every `PutObject`;
    /// `IgnorePublicAcls` protects the bucket without it.
    pub(super) block_public_acls: bool,
    /// Buckets can have tags.
    pub(super) bucket_tags: Support,
    /// All buckets belong to the gateway's account, so an `AccessDenied` means that the gateway lacks a
    /// permission, not that another account owns the bucket.
    pub(super) single_account: bool,
    /// `CreateBucket` must name the region, except in us-east-1.
    pub(super) location_constraint: bool,
}

impl Engine {
    pub(super) fn quirks(self) -> Quirks {
        match self {
            Self::Aws => Quirks {
                public_access_block: Support::Yes,
                block_public_acls: true,
                bucket_tags: Support::Yes,
                single_account: false,
                location_constraint: true,
            },
            Self::Ceph => Quirks {
                public_access_block: Support::Yes,
                block_public_acls: false,
                bucket_tags: Support::Yes,
                single_account: false,
                location_constraint: false,
            },
            Self::Minio => Quirks {
                public_access_block: Support::No,
                block_public_acls: false,
                bucket_tags: Support::Yes,
                single_account: true,
                location_constraint: false,
            },
            Self::Generic => Quirks {
                public_access_block: Support::Perhaps,
                block_public_acls: false,
                bucket_tags: Support::Perhaps,
                single_account: false,
                location_constraint: false,
            },
        }
    }

    /// Whether `AssumeRole` requires an existing role.
    #[must_use]
    pub fn needs_role(self) -> bool {
        matches!(self, Self::Aws | Self::Ceph)
    }

    /// Whether buckets are addressed by path by default.
    #[must_use]
    pub fn prefers_path_style(self) -> bool {
        self != Self::Aws
    }
}
