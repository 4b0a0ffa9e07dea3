//! Policies of buckets. They can only deny: the session policy alone grants.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use serde_json::Value;

use super::policy::{Policy, RequestedAction};

/// Lets a bucket's policy only deny.
const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// The policies of all buckets that have one.
#[derive(Default)]
pub(super) struct BucketPolicies(RwLock<HashMap<String, BucketPolicy>>);

/// The policy of one bucket.
#[derive(Clone)]
pub(super) struct BucketPolicy {
    json: String,
    policy: Policy,
}

impl BucketPolicy {
    /// Reads a policy, all of whose statements deny something to everyone.
    pub(super) fn parse(json: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(json).ok()?;
        let statements = document.get("Statement")?.as_array()?;
        let only_denies = statements.iter().all(|statement| {
            let is = |name: &str, value: &str| statement.get(name) == Some(&value.into());
            is("Effect", "Deny") && is("Principal", "*")
        });
        let policy = Policy::parse([ALLOW_ALL, json])?;
        let json = json.to_owned();
        only_denies.then_some(Self { json, policy })
    }
}

impl BucketPolicies {
    /// The bucket's policy, as it was put.
    pub(super) fn get(&self, bucket: &str) -> Option<String> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(bucket).map(|policy| policy.json.clone())
    }

    /// Sets the bucket's policy, or removes it.
    pub(super) fn set(&self, bucket: &str, policy: Option<BucketPolicy>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match policy {
            Some(policy) => drop(all.insert(bucket.to_owned(), policy)),
            None => drop(all.remove(bucket)),
        }
    }

    /// Whether the bucket's policy denies the action.
    pub(super) fn deny(&self, bucket: &str, request: &RequestedAction<'_>) -> bool {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let policy = all.get(bucket).map(|policy| policy.policy.clone());
        drop(all);
        policy.is_some_and(|policy| !policy.allows(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::mine","arn:aws:s3:::mine/*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-11-26T12:00:00Z"},"StringLike":{"aws:userid":"*abc-*"}}}]}"#;

    #[test]
    fn a_policy_denies_by_time_and_name_of_the_session() {
        let policies = BucketPolicies::default();
        policies.set("mine", BucketPolicy::parse(DENY));
        let denies = |user: &str, time: &str, resource: &str| {
            let context = vec![
                ("aws:userid", user.to_owned()),
                ("aws:TokenIssueTime", time.to_owned()),
            ];
            policies.deny(
                "mine",
                &RequestedAction {
                    action: "s3:GetObject",
                    resource: resource.to_owned(),
                    context,
                },
            )
        };
        let (before, after) = ("2026-11-26T11:59:59Z", "2026-11-26T12:00:00Z");
        assert!(denies("AROA:abc-1", before, "mine/a"));
        assert!(denies("AROA:abc-1", before, "mine"));
        assert!(!denies("AROA:abc-1", after, "mine/a"));
        assert!(!denies("AROA:abd-1", before, "mine/a"));
        policies.set("mine", None);
        assert!(!denies("AROA:abc-1", before, "mine/a"));
    }

    #[test]
    fn a_policy_that_grants_is_refused() {
        assert!(BucketPolicy::parse(DENY).is_some());
        assert!(BucketPolicy::parse(&DENY.replace("Deny", "Allow")).is_none());
        assert!(
            BucketPolicy::parse(&DENY.replace(r#""Principal":"*""#, r#""Principal":{"AWS":"x"}"#))
                .is_none()
        );
        assert!(BucketPolicy::parse("{}").is_none());
    }
}
