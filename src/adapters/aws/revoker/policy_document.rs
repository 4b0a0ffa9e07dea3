//! Edits a bucket's policy, and keeps what others wrote into it.

use serde_json::{Value, json};

/// The policy with this statement, in place of an earlier one of this id.
pub(super) fn with_statement(policy: Value, id: &str, statement: &Value) -> Value {
    let (mut policy, mut statements) = parts(policy);
    statements.retain(|other| !has_id(other, id));
    statements.push(statement.clone());
    policy.insert("Statement".to_owned(), Value::Array(statements));
    Value::Object(policy)
}

/// What is left of a policy.
#[derive(Debug, PartialEq)]
pub(super) enum Left {
    /// All of it: it had no such statement.
    All,
    /// No statement.
    Nothing,
    /// This policy.
    Policy(Value),
}

/// The policy without the statement of this id.
pub(super) fn without_statement(policy: Value, id: &str) -> Left {
    let (mut policy, mut statements) = parts(policy);
    let before = statements.len();
    statements.retain(|other| !has_id(other, id));
    if statements.len() == before {
        return Left::All;
    }
    if statements.is_empty() {
        return Left::Nothing;
    }
    policy.insert("Statement".to_owned(), Value::Array(statements));
    Left::Policy(Value::Object(policy))
}

/// The policy and its statements, of which a single one need not be in a list.
fn parts(policy: Value) -> (serde_json::Map<String, Value>, Vec<Value>) {
    let mut policy = match policy {
        Value::Object(policy) => policy,
        _ => serde_json::Map::from_iter([("Version".to_owned(), json!("2012-10-17"))]),
    };
    let statements = match policy.remove("Statement") {
        Some(Value::Array(statements)) => statements,
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => Vec::new(),
    };
    (policy, statements)
}

fn has_id(statement: &Value, id: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(id: &str) -> Value {
        json!({ "Sid": id, "Effect": "Deny" })
    }

    #[test]
    fn statements_of_others_are_kept() {
        let others =
            json!({ "Id": "theirs", "Version": "2008-10-17", "Statement": statement("a") });
        let with = with_statement(others.clone(), "ours", &statement("ours"));
        let both = json!([statement("a"), statement("ours")]);
        assert_eq!(with["Statement"], both);
        assert_eq!(
            (&with["Id"], &with["Version"]),
            (&others["Id"], &others["Version"])
        );
        let again = with_statement(with.clone(), "ours", &json!({ "Sid": "ours" }));
        assert_eq!(
            again["Statement"],
            json!([statement("a"), { "Sid": "ours" }])
        );
        let Left::Policy(without) = without_statement(with, "ours") else {
            panic!("theirs is left");
        };
        assert_eq!(without["Statement"], json!([statement("a")]));
    }

    #[test]
    fn a_policy_comes_and_goes_with_its_only_statement() {
        let with = with_statement(Value::Null, "ours", &statement("ours"));
        let expected = json!({ "Version": "2012-10-17", "Statement": [statement("ours")] });
        assert_eq!(with, expected);
        assert_eq!(without_statement(with, "ours"), Left::Nothing);
        assert_eq!(without_statement(Value::Null, "ours"), Left::All);
    }
}
