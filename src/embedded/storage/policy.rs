use std::sync::Arc;

use iam_rs::{
    Arn, ConditionValue, Context, ContextValue, Decision, IAMPolicy, IAMRequest, PolicyEvaluator,
    Principal, PrincipalId, Validate as _,
};

/// What a session or a user may do, by any number of documents: what none of them allows is
/// denied, and so is what one denies.
#[derive(Clone)]
pub(super) struct Policy(Arc<PolicyEvaluator>);

/// One thing that a request wants to do.
pub(super) struct RequestedAction<'a> {
    /// For instance `s3:GetObject`.
    pub(super) action: &'a str,
    /// For instance `bucket/key`, after `arn:aws:s3:::`.
    pub(super) resource: String,
    /// Condition keys and their values, `s3:prefix` for instance.
    pub(super) context: Vec<(&'static str, String)>,
}

impl Policy {
    /// Reads policy documents.
    pub(super) fn parse<'a>(documents: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let documents: Option<Vec<IAMPolicy>> = documents.into_iter().map(read).collect();
        Some(Self(Arc::new(PolicyEvaluator::with_policies(documents?))))
    }

    /// Whether the policy allows an action. A policy that cannot be evaluated allows nothing.
    pub(super) fn allows(&self, request: &RequestedAction<'_>) -> bool {
        let resource = Arn {
            partition: "aws".to_owned(),
            service: "s3".to_owned(),
            region: String::new(),
            account_id: String::new(),
            resource: literal(&request.resource),
        };
        let mut context = Context::new();
        for (key, value) in &request.context {
            context.insert((*key).to_owned(), ContextValue::String(literal(value)));
        }
        let session = "arn:aws:sts::000000000000:assumed-role/cloakroom/session".to_owned();
        let request = IAMRequest::new_with_context(
            Principal::Aws(PrincipalId::String(session)),
            request.action,
            resource,
            context,
        );
        let evaluated = self.0.evaluate(&request);
        evaluated.is_ok_and(|result| result.decision == Decision::Allow)
    }
}

/// Whether a document may be a user's: it names no principal, for that is the user.
pub(super) fn is_identity_policy(json: &str) -> bool {
    read(json).is_some_and(|policy| {
        let mut statements = policy.statement.iter();
        policy.is_valid()
            && statements.all(|one| one.principal.is_none() && one.not_principal.is_none())
    })
}

/// A document with variables (`${aws:username}`) is none here: `iam-rs` puts nothing in the place
/// of one that it does not know, which makes a resource shorter and so wider.
fn read(json: &str) -> Option<IAMPolicy> {
    let mut policy = IAMPolicy::from_json(json).ok()?;
    let statements = policy.statement.iter_mut();
    for condition in statements.filter_map(|one| one.condition.as_mut()) {
        let exact = condition.conditions.iter_mut().filter(|(operator, _)| {
            let operator = operator.as_str();
            operator.contains("StringEquals") || operator.contains("StringNotEquals")
        });
        for value in exact.flat_map(|(_, keys)| keys.values_mut()) {
            take_literally(value);
        }
    }
    (!json.contains("${")).then_some(policy)
}

/// What is compared with names that have no wildcards must have none itself.
fn take_literally(value: &mut ConditionValue) {
    match value {
        ConditionValue::String(one) => *one = literal(one),
        ConditionValue::StringList(many) => many.iter_mut().for_each(|one| *one = literal(one)),
        ConditionValue::Boolean(_) | ConditionValue::Number(_) => {}
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
        Policy::parse([policy]).unwrap().allows(&RequestedAction {
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

    #[test]
    fn wildcards_in_a_prefix_are_characters() {
        for prefix in ["acme/*", "acme/?", "acme/x*y", "acme/**"] {
            assert!(
                allows(PART, "s3:ListBucket", "mine", Some(prefix)),
                "{prefix}"
            );
        }
        for prefix in ["*", "acme*", "acme?", "?cme/", "*/"] {
            assert!(
                !allows(PART, "s3:ListBucket", "mine", Some(prefix)),
                "{prefix}"
            );
        }
        let exact = PART.replace("StringLike", "StringEquals");
        for (prefix, expected) in [("acme/*", true), ("acme/x", false), ("acme/?", false)] {
            let allowed = allows(&exact, "s3:ListBucket", "mine", Some(prefix));
            assert_eq!(allowed, expected, "{prefix}");
        }
    }

    #[test]
    fn one_document_that_denies_outweighs_any_that_allow() {
        let deny = OWN.replace("Allow", "Deny");
        let read = |documents: &[&str]| {
            let policy = Policy::parse(documents.iter().copied()).unwrap();
            policy.allows(&RequestedAction {
                action: "s3:GetObject",
                resource: "mine/a".to_owned(),
                context: Vec::new(),
            })
        };
        assert!(!read(&[]));
        assert!(!read(&[PART]));
        assert!(read(&[PART, OWN]) && read(&[OWN, PART]));
        assert!(!read(&[OWN, &deny]) && !read(&[&deny, OWN]) && !read(&[&deny]));
    }

    #[test]
    fn a_document_with_variables_or_a_principal_is_no_users() {
        assert!(is_identity_policy(OWN));
        let variable = OWN.replace("mine", "${aws:username}");
        assert!(Policy::parse([variable.as_str()]).is_none());
        let principal = OWN.replace(r#""Effect""#, r#""Principal":"*","Effect""#);
        assert!(!is_identity_policy(&principal) && !is_identity_policy(&variable));
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
