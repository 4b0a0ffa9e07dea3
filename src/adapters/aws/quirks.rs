use clap::ValueEnum;

/// Which engine the store runs (`storage.flavor`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// AWS S3 and STS.
    Aws,
    /// `MinIO`.
    Minio,
    /// Ceph RGW.
    Ceph,
    /// Something else that speaks S3 and STS.
    Generic,
}

/// How far an engine knows a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Support {
    /// It does, and a failure is a failure.
    Yes,
    /// It may: "not implemented" is an answer.
    Perhaps,
    /// It does not.
    No,
}

/// What engines do differently, measured; never a different contract.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quirks {
    /// Buckets can be closed to the public (S3 `PutPublicAccessBlock`).
    pub(super) public_access_block: Support,
    /// That feature's `BlockPublicAcls` refuses what it should. Ceph 16 refuses every `PutObject`
    /// under it, with a public ACL or without; `IgnorePublicAcls` closes the bucket as well.
    pub(super) block_public_acls: bool,
    /// Buckets carry tags.
    pub(super) bucket_tags: Support,
    /// Every bucket of the store is the gateway's account's, so that a refusal to look at one
    /// says something about the gateway and nothing about the bucket.
    pub(super) single_account: bool,
    /// `CreateBucket` names the region, except in us-east-1.
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

    /// Whether `AssumeRole` needs to be told a role that exists.
    #[must_use]
    pub fn needs_role(self) -> bool {
        matches!(self, Self::Aws | Self::Ceph)
    }

    /// Whether buckets are addressed by path unless configured otherwise.
    #[must_use]
    pub fn prefers_path_style(self) -> bool {
        self != Self::Aws
    }
}
