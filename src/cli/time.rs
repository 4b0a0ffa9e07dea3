//! Times on the command line.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::adapters::SystemClock;
use crate::service::Clock;

/// Reads a time in the past: how long ago, a day, or a time.
pub(super) fn parse_since(text: &str) -> Result<DateTime<Utc>, String> {
    if let Some(ago) = duration(text) {
        let then = SystemClock.now().checked_sub_signed(ago);
        return then.ok_or_else(|| "is too long ago".to_owned());
    }
    parse_time(text)
}

/// Reads a time in the future: how long from now, a day, or a time.
pub(super) fn parse_until(text: &str) -> Result<DateTime<Utc>, String> {
    let then = match duration(text) {
        Some(from_now) => SystemClock.now().checked_add_signed(from_now),
        None => Some(parse_time(text)?),
    };
    // The registry compares times as text.
    then.filter(|then| then.year() < 10_000)
        .ok_or_else(|| "is too far away".to_owned())
}

fn duration(text: &str) -> Option<TimeDelta> {
    let duration = text.parse::<humantime::Duration>().ok()?;
    Some(TimeDelta::from_std(*duration).unwrap_or(TimeDelta::MAX))
}

fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    text.parse::<DateTime<Utc>>()
        .map_err(|_| "expected 24h, 2026-11-21, or 2026-11-21T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_a_time_or_an_age_is_a_time() {
        let time = |text: &str| parse_since(text).unwrap().to_rfc3339();
        assert_eq!(time("2026-11-21"), "2026-11-21T00:00:00+00:00");
        assert_eq!(
            time("2026-11-21T12:00:00+02:00"),
            "2026-11-21T10:00:00+00:00"
        );
        let then = parse_since("24h").unwrap() + TimeDelta::hours(24);
        assert!((SystemClock.now() - then).abs() < TimeDelta::minutes(1));
        let then = parse_until("24h").unwrap() - TimeDelta::hours(24);
        assert!((SystemClock.now() - then).abs() < TimeDelta::minutes(1));
        assert!(parse_since("yesterday").is_err());
    }

    #[test]
    fn a_time_that_text_cannot_order_is_too_far_away() {
        for far in ["9000y", "+11026-01-01", "+11026-01-01T00:00:00Z"] {
            assert!(parse_until(far).is_err(), "{far}");
        }
        assert!(parse_until("9999-12-31").is_ok());
    }
}
