use std::time::Duration;

use crate::domain::Access;
use crate::service::Refusal;

/// Less than the default, on request (`access`, `duration`); never more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Narrowing {
    pub(crate) access: Access,
    /// None: the default.
    pub(crate) duration: Option<Duration>,
}

impl Narrowing {
    /// The query parameters that it is read from.
    pub(crate) const PARAMETERS: [&'static str; 2] = ["access", "duration"];

    /// The default.
    pub(crate) const NONE: Self = Self {
        access: Access::ReadWrite,
        duration: None,
    };

    /// From query parameters that appear once each.
    pub(crate) fn of(parameters: &[(String, String)]) -> Result<Self, Refusal> {
        let mut narrowing = Self::NONE;
        for (name, value) in parameters {
            match name.as_str() {
                "access" => narrowing.access = access(value)?,
                "duration" => narrowing.duration = Some(seconds(value)?),
                _ => {}
            }
        }
        Ok(narrowing)
    }
}

fn access(value: &str) -> Result<Access, Refusal> {
    [Access::Read, Access::ReadWrite]
        .into_iter()
        .find(|access| access.as_str() == value)
        .ok_or(Refusal::MalformedRequest(
            "The access must be read or read-write.",
        ))
}

/// Digits only: `+900`, `9e2` and `900s` are mistakes.
pub(crate) fn seconds(value: &str) -> Result<Duration, Refusal> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = if digits { value.parse().ok() } else { None };
    seconds
        .map(Duration::from_secs)
        .ok_or(Refusal::MalformedRequest(
            "The duration is not a whole number of seconds.",
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Option<Narrowing> {
        Narrowing::of(&[(name.to_owned(), value.to_owned())]).ok()
    }

    #[test]
    fn access_is_one_of_two_words() {
        assert_eq!(read("access", "read").unwrap().access, Access::Read);
        let all = read("access", "read-write").unwrap();
        assert_eq!(all, Narrowing::NONE);
        for bad in ["", "Read", "write", "read ", "read,read-write", "*"] {
            assert_eq!(read("access", bad), None, "{bad}");
        }
    }

    #[test]
    fn a_duration_is_whole_seconds() {
        let asked = read("duration", "900").unwrap().duration;
        assert_eq!(asked, Some(Duration::from_mins(15)));
        for bad in [
            "",
            "+900",
            "-1",
            "900s",
            "9e2",
            "900.0",
            " 900",
            "18446744073709551616",
        ] {
            assert_eq!(read("duration", bad), None, "{bad}");
        }
    }
}
