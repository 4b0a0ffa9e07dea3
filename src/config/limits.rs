use crate::adapters::RateLimit;

use super::reader::Reader;

const DEFAULT_PER_OWNER: &str = "20/s burst 100";
const DEFAULT_PER_CALLER: &str = "50/s burst 200";

/// `limits.*`: how much is too much.
#[derive(Clone, Copy, Debug)]
pub struct LimitsConfig {
    /// `limits.per_owner`: credential calls of one owner.
    pub per_owner: RateLimit,
    /// `limits.per_caller`: calls of one caller, refused ones too; of one address, with unknown
    /// API keys.
    pub per_caller: RateLimit,
}

impl LimitsConfig {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let per_owner = reader.parse("limits.per_owner", DEFAULT_PER_OWNER);
        let per_caller = reader.parse("limits.per_caller", DEFAULT_PER_CALLER);
        Some(Self {
            per_owner: per_owner?,
            per_caller: per_caller?,
        })
    }
}
