use chrono::{DateTime, Utc};

use super::{Access, BucketName, Owner, Prefix, RequestId};

/// Who was given which key to what, and until when; never a secret (docs/call.md).
#[derive(Clone, Debug)]
pub struct SessionEvent {
    /// When the credentials were issued.
    pub time: DateTime<Utc>,
    /// The request that asked.
    pub request_id: RequestId,
    /// The dialect that the request spoke.
    pub dialect: &'static str,
    /// Who asked, as text.
    pub caller: String,
    /// Whose storage it is.
    pub owner: Owner,
    /// Which bucket.
    pub bucket: BucketName,
    /// Which part of it, if not all.
    pub prefix: Option<Prefix>,
    /// To read, or to read and write.
    pub access: Access,
    /// The key that was handed out.
    pub access_key_id: String,
    /// Until when it opens.
    pub expiration: DateTime<Utc>,
}
