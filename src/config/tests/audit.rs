use std::time::Duration;

use super::*;

const RETENTION: &str = "CLOAKROOM_AUDIT__RETENTION";

#[test]
fn the_trail_is_kept_for_ever_by_default() {
    assert_eq!(with(&[]).unwrap().audit.retention, None);
    let config = with(&[(RETENTION, "400d")]).unwrap();
    let retention = Duration::from_hours(400 * 24);
    assert_eq!(config.audit.retention, Some(retention));
}

#[test]
fn a_retention_shorter_than_the_longest_session_and_a_day_is_refused() {
    assert!(with(&[(RETENTION, "36h")]).is_ok());
    for short in ["0s", "12h", "2159m", "35h 59m 59s"] {
        let refused = complaint(&[(RETENTION, short)]);
        let begins = "audit.retention: must be at least 36h";
        assert!(refused.starts_with(begins), "{short}: {refused}");
    }
}
