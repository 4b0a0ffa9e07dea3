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
        let text = reader.text("limits.per_owner");
        let text = text.as_deref().unwrap_or(DEFAULT_PER_OWNER);
        let per_owner = text
            .parse()
            .map_err(|error| reader.error("limits.per_owner", error));
        Some(Self {
            per_owner: per_owner.ok()?,
        })
    }
}
