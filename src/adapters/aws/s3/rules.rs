use std::sync::Once;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::adapters::aws::failure::describe;
use crate::adapters::aws::quirks::Support;
use crate::domain::BucketName;
use crate::service::{UpstreamError, UpstreamErrorKind};

use super::S3Buckets;
use super::set_up::is_lacking;

/// The rules that the gateway keeps on its buckets (`buckets.*`). The operator's own rules stay beside
/// them. `None` leaves a bucket's rules as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketRules {
    /// After how many days the store drops the parts of an unfinished upload; 0 is no rule.
    pub abort_multipart_after: Option<u16>,
    /// The origins of the web pages that may use the buckets; empty is no rule.
    pub cors_origins: Option<Vec<String>>,
}

/// What has to be written.
pub(super) enum Change<Rule> {
    /// Nothing: the bucket has the rule, or lacks one that it is to lack.
    None,
    /// These rules, at least one.
    Put(Vec<Rule>),
    /// No rule is left.
    Delete,
}

impl S3Buckets {
    /// Both rules are tried, so that one that fails does not keep the other away.
    pub(super) async fn keep_rules(&self, bucket: &BucketName) -> Result<(), UpstreamError> {
        let abort_rule = self.keep_abort_rule(bucket).await;
        let cors_rule = self.keep_cors_rule(bucket).await;
        abort_rule.and(cors_rule)
    }
}

impl<Rule> Change<Rule> {
    /// From the bucket's rules to those with `wanted` in place of ours. A rule that says the same under
    /// another id, or without one on an engine that keeps no ids, is enough.
    pub(super) fn new(
        rules: Vec<Rule>,
        wanted: Option<Rule>,
        is_ours: impl Fn(&Rule) -> bool,
        says_the_same: impl Fn(&Rule, &Rule) -> bool,
    ) -> Self {
        let (ours, others): (Vec<Rule>, Vec<Rule>) = rules.into_iter().partition(is_ours);
        let is_right = match (&wanted, ours.as_slice()) {
            (None, []) => true,
            (Some(wanted), []) => others.iter().any(|other| says_the_same(other, wanted)),
            (Some(wanted), [one]) => says_the_same(one, wanted),
            (None | Some(_), _) => false,
        };
        if is_right {
            return Self::None;
        }
        // Some engines decide by the first CORS rule of an origin.
        let rules: Vec<Rule> = wanted.into_iter().chain(others).collect();
        if rules.is_empty() {
            Self::Delete
        } else {
            Self::Put(rules)
        }
    }
}

/// The failure of a call about rules. An engine that may lack them and does causes one warning.
pub(super) fn unless_lacking<E: ProvideErrorMetadata>(
    support: Support,
    (operation, key): (&str, &str),
    told: &Once,
    error: &SdkError<E, HttpResponse>,
) -> Result<(), UpstreamError> {
    if !is_lacking(support, error) {
        return Err(describe(operation, error));
    }
    told.call_once(|| {
        tracing::warn!("{key} has no effect on this store: {operation} is not implemented there");
    });
    Ok(())
}

/// The SDK's builders only fail when a field is missing.
pub(super) fn cannot_build<E>(operation: &'static str) -> impl Fn(E) -> UpstreamError {
    move |_| {
        let cause = format!("{operation}: cannot build the rule");
        UpstreamError::new(UpstreamErrorKind::Nonsense, cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rule of the tests: an id and what it says.
    type Rule = (&'static str, u8);

    fn change(rules: &[Rule], wanted: Option<Rule>) -> Option<Vec<Rule>> {
        let is_ours = |rule: &Rule| rule.0 == "ours";
        match Change::new(rules.to_vec(), wanted, is_ours, |a, b| a.1 == b.1) {
            Change::None => None,
            Change::Put(rules) => Some(rules),
            Change::Delete => Some(Vec::new()),
        }
    }

    #[test]
    fn only_a_difference_is_written_and_other_rules_stay() {
        let theirs = ("theirs", 1);
        let ours = ("ours", 7);
        for (rules, wanted, written) in [
            (vec![], Some(ours), Some(vec![ours])),
            (vec![theirs], Some(ours), Some(vec![ours, theirs])),
            (vec![theirs, ours], Some(ours), None),
            (
                vec![theirs, ("ours", 8)],
                Some(ours),
                Some(vec![ours, theirs]),
            ),
            (vec![ours, ours], Some(ours), Some(vec![ours])),
            (vec![("", 7)], Some(ours), None),
            (vec![theirs, ours], None, Some(vec![theirs])),
            (vec![ours], None, Some(vec![])),
            (vec![theirs], None, None),
            (vec![], None, None),
        ] {
            assert_eq!(change(&rules, wanted), written, "{rules:?} {wanted:?}");
        }
    }
}
