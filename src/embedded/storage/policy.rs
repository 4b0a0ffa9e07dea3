use std::sync::Arc;

use iam_rs::{
    Arn, Context, ContextValue, Decision, IAMPolicy, IAMRequest, Principal, PrincipalId,
    evaluate_policy,
};

/// A session policy. What it does not allow is denied.
#[derive(Clone)]
pub(super) struct Policy(Arc<IAMPolicy>);

/// One thing that a request wants to do.
pub(super) struct Deed<'a> {
    /// For instance `s3:GetObject`.
    pub(super) action: &'a str,
    /// For instance `bucket/key`, after `arn:aws:s3:::`.
    pub(super) resource: String,
    /// Condition keys and their values, `s3:prefix` for instance.
    pub(super) context: Vec<(&'static str, String)>,
}

impl Policy {
    /// Reads a policy document.
    pub(super) fn parse(json: &str) -> Option<Self> {
        let policy = IAMPolicy::from_json(json).ok()?;
        Some(Self(Arc::new(policy)))
    }

    /// Whether the policy allows the deed; a policy that cannot be evaluated allows nothing.
    pub(super) fn allows(&self, deed: &Deed<'_>) -> bool {
        let resource = Arn {
            partition: "aws".to_owned(),
            service: "s3".to_owned(),
            region: String::new(),
            account_id: String::new(),
            resource: literal(&deed.resource),
        };
        let mut context = Context::new();
        for (key, value) in &deed.context {
            context.insert((*key).to_owned(), ContextValue::String(value.clone()));
        }
        let session = "arn:aws:sts::000000000000:assumed-role/cloakroom/session".to_owned();
        let request = IAMRequest::new_with_context(
            Principal::Aws(PrincipalId::String(session)),
            deed.action,
            resource,
            context,
        );
        matches!(evaluate_policy(&self.0, &request), Ok(Decision::Allow))
    }
}

/// `iam-rs` takes a `*` in a resource's own name for the pattern's; here a name has no wildcards,
/// so these two characters give way to private ones that only a wildcard matches.
fn literal(resource: &str) -> String {
    resource.replace('*', "\u{e02a}").replace('?', "\u{e03f}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OWN: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":"arn:aws:s3:::mine"},{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:DeleteObject"],"Resource":"arn:aws:s3:::mine/*"}]}"#;
    const PART: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":"arn:aws:s3:::mine","Condition":{"StringLike":{"s3:prefix":"acme/*"}}}]}"#;

    fn allows(policy: &str, action: &str, resource: &str, prefix: Option<&str>) -> bool {
        let context = prefix.map(|prefix| ("s3:prefix", prefix.to_owned()));
        let context = context.into_iter().collect();
        let resource = resource.to_owned();
        Policy::parse(policy).unwrap().allows(&Deed {
            action,
            resource,
            context,
        })
    }

    #[test]
    fn own_objects_are_allowed_and_nothing_else() {
        for action in ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"] {
            assert!(allows(OWN, action, "mine/a", None));
            assert!(!allows(OWN, action, "mine2/a", None));
            assert!(!allows(OWN, action, "bobb/a", None));
        }
        assert!(allows(OWN, "s3:ListBucket", "mine", None));
        assert!(!allows(OWN, "s3:ListBucket", "bobb", None));
        for action in [
            "s3:DeleteBucket",
            "s3:PutBucketPolicy",
            "s3:PutObjectAcl",
            "s3:*",
        ] {
            assert!(!allows(OWN, action, "mine", None));
            assert!(!allows(OWN, action, "mine/a", None));
        }
    }

    #[test]
    fn a_condition_needs_its_key() {
        assert!(allows(PART, "s3:ListBucket", "mine", Some("acme/")));
        assert!(allows(PART, "s3:ListBucket", "mine", Some("acme/x")));
        for prefix in [
            None,
            Some(""),
            Some("acme"),
            Some("acme-evil/"),
            Some("x/acme/"),
        ] {
            assert!(!allows(PART, "s3:ListBucket", "mine", prefix), "{prefix:?}");
        }
    }

    proptest! {
        #[test]
        fn any_own_key_and_no_foreign_one(key in "\\PC{1,80}", bucket in "[a-z]{3,20}") {
            prop_assume!(bucket != "mine");
            let own = format!("mine/{key}");
            let foreign = [format!("{bucket}/{key}"), format!("{bucket}/mine/{key}")];
            prop_assert!(allows(OWN, "s3:GetObject", &own, None));
            prop_assert!(foreign.iter().all(|key| !allows(OWN, "s3:GetObject", key, None)));
        }
    }
}
