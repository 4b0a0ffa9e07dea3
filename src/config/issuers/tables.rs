//! The tables of `issuers.<name>.conditions` and `.grants`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};

use crate::config::value::Table;
use crate::domain::{Access, Condition, GrantRule, Test, check_claim_name};

/// The value of a claim: a string, a whole number or a boolean, compared as text.
struct ClaimValue(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionTable {
    claim: String,
    #[serde(default, deserialize_with = "not_null")]
    equals: Option<ClaimValue>,
    #[serde(default, deserialize_with = "not_null")]
    one_of: Option<Vec<ClaimValue>>,
    #[serde(default, deserialize_with = "not_null")]
    glob: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantTable {
    r#match: BTreeMap<String, ClaimValue>,
    workspace: String,
    access: AccessWord,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AccessWord {
    Read,
    ReadWrite,
}

impl Table for Condition {
    fn schema() -> Json {
        let value = json!({ "type": ["string", "integer", "boolean"] });
        json!({
            "type": "object",
            "properties": {
                "claim": { "type": "string" },
                "equals": value,
                "one_of": { "type": "array", "items": value, "minItems": 1 },
                "glob": { "type": "string" },
            },
            "required": ["claim"],
            "oneOf": [
                { "required": ["equals"] },
                { "required": ["one_of"] },
                { "required": ["glob"] },
            ],
            "additionalProperties": false,
        })
    }

    fn read(table: Json) -> Result<Self, String> {
        let table: ConditionTable = parse(table)?;
        check_claim_name(&table.claim).map_err(|error| format!("claim: {error}"))?;
        let test = match (table.equals, table.one_of, table.glob) {
            (Some(value), None, None) => Test::Equals(value.0),
            (None, Some(values), None) if values.is_empty() => {
                return Err("one_of: must not be empty".to_owned());
            }
            (None, Some(values), None) => Test::OneOf(values.into_iter().map(|v| v.0).collect()),
            (None, None, Some(glob)) => {
                Test::Glob(glob.parse().map_err(|error| format!("glob: {error}"))?)
            }
            _ => return Err("expected one of equals, one_of and glob".to_owned()),
        };
        Ok(Self {
            claim: table.claim,
            test,
        })
    }
}

impl Table for GrantRule {
    fn schema() -> Json {
        json!({
            "type": "object",
            "properties": {
                "match": {
                    "type": "object",
                    "additionalProperties": { "type": ["string", "integer", "boolean"] },
                    "minProperties": 1,
                },
                "workspace": { "type": "string" },
                "access": { "type": "string", "enum": ["read", "read-write"] },
            },
            "required": ["match", "workspace", "access"],
            "additionalProperties": false,
        })
    }

    fn read(table: Json) -> Result<Self, String> {
        let table: GrantTable = parse(table)?;
        if table.r#match.is_empty() {
            return Err("match: must name a claim".to_owned());
        }
        for (claim, value) in &table.r#match {
            check_claim_name(claim).map_err(|error| format!("match: {claim:?}: {error}"))?;
            if value.0.contains('*') {
                return Err(format!(
                    "match: {claim}: is compared exactly, so a * has no effect: use conditions for \
                     patterns"
                ));
            }
        }
        let workspace = table.workspace.parse();
        Ok(Self {
            claims: table.r#match.into_iter().map(|(k, v)| (k, v.0)).collect(),
            workspace: workspace.map_err(|error| format!("workspace: {error}"))?,
            access: match table.access {
                AccessWord::Read => Access::Read,
                AccessWord::ReadWrite => Access::ReadWrite,
            },
        })
    }
}

/// A member that is null is a mistake, and not one that is absent.
fn not_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn parse<T: DeserializeOwned>(table: Json) -> Result<T, String> {
    serde_json::from_value(table).map_err(|error| error.to_string())
}

impl<'de> Deserialize<'de> for ClaimValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ClaimValueVisitor)
    }
}

struct ClaimValueVisitor;

impl Visitor<'_> for ClaimValueVisitor {
    type Value = ClaimValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a whole number or a boolean")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<ClaimValue, E> {
        Ok(ClaimValue(value.to_owned()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<ClaimValue, E> {
        Ok(ClaimValue(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<ClaimValue, E> {
        Ok(ClaimValue(value.to_string()))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<ClaimValue, E> {
        Ok(ClaimValue(value.to_string()))
    }
}
