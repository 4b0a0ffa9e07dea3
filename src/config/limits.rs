use crate::adapters::RateLimit;

use super::key::Key;
use super::reader::{Read, Reader};

const PER_OWNER: Key = Key::new(
    "limits.per_owner",
    "Calls for credentials of one owner, in each process.",
)
.default("20/s burst 100")
.see("Limits", "limits.md");

const PER_CALLER: Key = Key::new(
    "limits.per_caller",
    "Calls of one caller, refused ones included, in each process. Calls with unknown API keys are \
     counted by their address.",
)
.default("50/s burst 200")
.see("Limits", "limits.md");

/// `limits.*`
#[derive(Clone, Copy, Debug)]
pub struct LimitsConfig {
    /// `limits.per_owner`
    pub per_owner: RateLimit,
    /// `limits.per_caller`
    pub per_caller: RateLimit,
}

impl LimitsConfig {
    pub(super) fn read(reader: &mut Reader) -> Read<Self> {
        reader.section(
            "limits",
            "How often one owner or one caller may call. Further calls get 429.",
        );
        let per_owner = reader.get(PER_OWNER);
        let per_caller = reader.get(PER_CALLER);
        Ok(Self {
            per_owner: per_owner?,
            per_caller: per_caller?,
        })
    }
}
