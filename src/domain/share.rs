use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;

/// A share of a length of time in percent, from 1 to 99: `50%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u8);

/// The text is not a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a share from 1% to 99%: write 50%, for instance")]
pub struct InvalidShare;

impl Share {
    /// This share of the whole.
    #[must_use]
    pub fn of(self, whole: TimeDelta) -> TimeDelta {
        whole * i32::from(self.0) / 100
    }
}

impl FromStr for Share {
    type Err = InvalidShare;

    fn from_str(text: &str) -> Result<Self, InvalidShare> {
        let digits = text.strip_suffix('%').ok_or(InvalidShare)?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let percent = digits.parse().ok().filter(|_| is_number);
        let percent = percent.filter(|percent| (1..=99).contains(percent));
        percent.map(Self).ok_or(InvalidShare)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_part_and_never_nothing_or_all() {
        for (text, of_an_hour) in [("50%", 1_800), ("1%", 36), ("99%", 3_564), ("05%", 180)] {
            let share: Share = text.parse().unwrap();
            let part = share.of(TimeDelta::hours(1));
            assert_eq!(part, TimeDelta::seconds(of_an_hour), "{text}");
        }
        for bad in [
            "", "%", "50", "0%", "100%", "256%", "-1%", "+50%", "50 %", "0.5", "half", "50%%",
        ] {
            assert_eq!(bad.parse::<Share>(), Err(InvalidShare), "{bad}");
        }
    }
}
