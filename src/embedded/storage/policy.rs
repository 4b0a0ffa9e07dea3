use std::sync::Arc;

use iam_rs::{
    Arn, ConditionValue, Context, ContextValue, Decision, IAMPolicy, IAMRequest, PolicyEvaluator,
    Principal, PrincipalId, Validate as _,
};

/// What a session or a user may do. An action is denied if any of the policy documents denies it,
/// or if none allows it.
#[derive(Clone)]
pub(super) struct Policy(Arc<PolicyEvaluator>);

/// An action that a request needs.
pub(super) struct RequestedAction<'a> {
    /// For example `s3:GetObject`.
    pub(super) action: &'a str,
    /// For example `bucket/key`, which follows `arn:aws:s3:::`.
    pub(super) resource: String,
    /// Condition keys, such as `s3:prefix`, and their values.
    pub(super) context: Vec<(&'static str, String)>,
}

impl Policy {
    pub(super) fn parse<'a>(documents: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let documents: Option<Vec<IAMPolicy>> = documents.into_iter().map(parse).collect();
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

/// Whether a document may be a policy of a user: it names no principal, because that is the user.
pub(super) fn is_identity_policy(json: &str) -> bool {
    parse(json).is_some_and(|policy| {
        let mut statements = policy.statement.iter();
        policy.is_valid()
            && statements.all(|one| one.principal.is_none() && one.not_principal.is_none())
    })
}

/// Refuses a document with variables (`${aws:username}`): `iam-rs` replaces a variable that it does
/// not know with nothing, which makes a resource shorter and so wider.
fn parse(json: &str) -> Option<IAMPolicy> {
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

/// A value that is compared for equality has no wildcards.
fn take_literally(value: &mut ConditionValue) {
    match value {
        ConditionValue::String(one) => *one = literal(one),
        ConditionValue::StringList(many) => many.iter_mut().for_each(|one| *one = literal(one)),
        ConditionValue::Boolean(_) | ConditionValue::Number(_) => {}
    }
}

/// Replaces `*` and `?` with private characters that only a wildcard matches: `iam-rs` would take
/// those in the name of a resource for wildcards.
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
    fn condition_requires_its_key() {
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
    fn wildcards_in_a_requested_prefix_are_literal() {
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
    fn explicit_deny_overrides_allow() {
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
    fn document_with_variables_or_a_principal_is_refused() {
        assert!(is_identity_policy(OWN));
        let variable = OWN.replace("mine", "${aws:username}");
        assert!(Policy::parse([variable.as_str()]).is_none());
        let principal = OWN.replace(r#""Effect""#, r#""Principal":"*","Effect""#);
        assert!(!is_identity_policy(&principal) && !is_identity_policy(&variable));
    }

    proptest! {
        #[test]
        fn any_own_key_is_allowed_and_no_foreign_one(key in "\\PC{1,80}", bucket in "[a-z]{3,20}") {
            prop_assume!(bucket != "mine");
            let own = format!("mine/{key}");
            let foreign = [format!("{bucket}/{key}"), format!("{bucket}/mine/{key}")];
            prop_assert!(allows(OWN, "s3:GetObject", &own, None));
            prop_assert!(foreign.iter().all(|key| !allows(OWN, "s3:GetObject", key, None)));
        }
    }
}
