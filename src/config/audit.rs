use std::time::Duration;

use super::key::Key;
use super::reader::{Read, Reader};
use super::storage::LONGEST_SESSION;

const RETENTION: Key = Key::new(
    "audit.retention",
    "How long the audit trail keeps its rows, such as `400d`; older ones are removed in the background. \
     At least `36h`, a day more than the longest session. Without it, nothing is removed.",
)
.see("Retention", "audit.md#retention");

/// Until then a session may be in use.
const SHORTEST: Duration = LONGEST_SESSION.saturating_add(Duration::from_hours(24));

/// `audit.*`
#[derive(Clone, Copy, Debug)]
pub struct AuditConfig {
    /// `audit.retention`
    pub retention: Option<Duration>,
}

impl AuditConfig {
    pub(super) fn read(reader: &mut Reader) -> Read<Self> {
        reader.section(
            "audit",
            "The audit trail, which is in the database with the registry.",
        );
        let retention = reader.optional(RETENTION);
        if matches!(retention, Ok(Some(time)) if time < SHORTEST) {
            reader.error(
                RETENTION,
                "must be at least 36h: the row of a session is needed while it lasts, up to 12h, and \
                 a day longer",
            );
        }
        Ok(Self {
            retention: retention?,
        })
    }
}
