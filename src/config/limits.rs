use crate::adapters::RateLimit;

use super::reader::Reader;

const DEFAULT_PER_OWNER: &str = "20/s burst 100";

/// `limits.*`: how much is too much.
#[derive(Clone, Copy, Debug)]
pub struct LimitsConfig {
    /// `limits.per_owner`: credential calls of one owner.
    pub per_owner: RateLimit,
}

impl LimitsConfig {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        Some(Self {
            per_owner: reader.parse("limits.per_owner", DEFAULT_PER_OWNER)?,
        })
    }
}
