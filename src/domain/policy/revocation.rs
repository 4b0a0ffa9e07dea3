//! What a bucket's policy says about sessions that are revoked.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::domain::{BucketName, OwnerPseudonym, RoleSessionName};

/// Sessions asked for longer ago have expired.
const OLDEST: TimeDelta = TimeDelta::hours(13);

/// The hex digits of the time, in milliseconds, with which a version 7 UUID begins (RFC 9562 section 5.7).
const TIME_DIGITS: usize = 12;

/// The statement of a bucket's policy that refuses revoked sessions. It only denies: an `Allow` could
/// widen what a session policy confines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationStatement(Value);

/// What a store's `aws:userid` has before the name of a session.
///
/// Ceph ends a `*` where the next character of the pattern first occurs, and does not look further. A
/// colon occurs once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeforeName {
    /// The id of the role and a colon, as on AWS.
    RoleId,
    /// Nothing.
    Nothing,
}

impl RevocationStatement {
    /// Refuses the owner's sessions that the store issued before this time, by its own clock.
    #[must_use]
    pub fn issued_before(
        id: &str,
        bucket: &BucketName,
        owner: &OwnerPseudonym,
        time: DateTime<Utc>,
    ) -> Self {
        let time = time.to_rfc3339_opts(SecondsFormat::Secs, true);
        Self::new(
            id,
            bucket,
            &json!({
                "DateLessThan": { "aws:TokenIssueTime": time },
                "StringLike": { "aws:userid": format!("*:{owner}-*") },
            }),
        )
    }

    /// Refuses the owner's sessions that were asked for before this time, by their names: the request
    /// id in a name begins with the time. For stores whose `aws:userid` is the name alone.
    #[must_use]
    pub fn asked_before(
        id: &str,
        bucket: &BucketName,
        owner: &OwnerPseudonym,
        time: DateTime<Utc>,
    ) -> Self {
        let times = times_before(time).into_iter();
        let names: Vec<String> = times.map(|time| format!("{owner}-{time}*")).collect();
        Self::new(
            id,
            bucket,
            &json!({ "StringLike": { "aws:userid": names } }),
        )
    }

    /// Refuses the sessions of these names. `before_name` is what precedes the name in `aws:userid`.
    #[must_use]
    pub fn named(
        id: &str,
        bucket: &BucketName,
        before_name: BeforeName,
        names: &[RoleSessionName],
    ) -> Self {
        let start = match before_name {
            BeforeName::RoleId => "*:",
            BeforeName::Nothing => "",
        };
        let names = names.iter().map(|name| format!("{start}{}", name.as_str()));
        let names: Vec<String> = names.collect();
        Self::new(
            id,
            bucket,
            &json!({ "StringLike": { "aws:userid": names } }),
        )
    }

    fn new(id: &str, bucket: &BucketName, condition: &Value) -> Self {
        Self(json!({
            "Sid": id,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [
                format!("arn:aws:s3:::{bucket}"),
                format!("arn:aws:s3:::{bucket}/*"),
            ],
            "Condition": condition,
        }))
    }

    /// The statement as JSON.
    #[must_use]
    pub fn as_json(&self) -> &Value {
        &self.0
    }
}

/// The beginnings of all request ids before this time, as far back as a session can live: for each
/// digit of the time, the smaller digits in its place.
fn times_before(time: DateTime<Utc>) -> Vec<String> {
    let time_in_ms = |time: DateTime<Utc>| u64::try_from(time.timestamp_millis()).unwrap_or(0);
    let (before, oldest) = (time_in_ms(time), time_in_ms(time - OLDEST));
    let mut beginnings = Vec::new();
    for place in 0..TIME_DIGITS {
        let above = before >> (4 * (place + 1));
        let digit = (before >> (4 * place)) & 0xf;
        let width = TIME_DIGITS - place;
        beginnings.extend((0..digit).map(|smaller| format!("{:0width$x}", (above << 4) | smaller)));
        if above << (4 * (place + 1)) <= oldest {
            break;
        }
    }
    beginnings
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{BucketFormula, Owner, RequestId};

    const PSEUDONYM: &str = "0123456789abcdef0123456789abcde";

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(milliseconds).unwrap()
    }

    #[test]
    fn a_statement_only_denies_and_only_in_its_bucket() {
        let (bucket, owner) = ("shared".parse().unwrap(), PSEUDONYM.parse().unwrap());
        let time = at(1_800_000_000_000);
        let statement = RevocationStatement::issued_before("Id", &bucket, &owner, time);
        insta::assert_json_snapshot!(statement.as_json());
        let statement = RevocationStatement::asked_before("Id", &bucket, &owner, time);
        insta::assert_json_snapshot!(statement.as_json());
        let digest = BucketFormula::default().digest(&Owner::Organisation("acme".parse().unwrap()));
        let names = [RoleSessionName::new(&digest, &RequestId::at(time, [7; 16]))];
        let statement = RevocationStatement::named("Id", &bucket, BeforeName::RoleId, &names);
        insta::assert_json_snapshot!(statement.as_json());
    }

    proptest! {
        #[test]
        fn exactly_the_requests_before_are_matched(
            time in 1_700_000_000_000_i64..2_000_000_000_000,
            offset in 0_i64..13 * 3_600_000,
            random: [u8; 16],
        ) {
            let beginnings = times_before(at(time));
            let is_matched = |time| {
                let digits = RequestId::at(at(time), random).digits();
                beginnings.iter().any(|beginning| digits.starts_with(beginning))
            };
            prop_assert!(is_matched(time - 1 - offset));
            prop_assert!(!is_matched(time + offset));
            prop_assert!(!is_matched(time));
            // A bucket's policy has at most 20 KB.
            prop_assert!(beginnings.len() <= 150, "{}", beginnings.len());
        }
    }
}
