//! A strict JSON parser: it rejects duplicate members at any depth, and members of an unexpected type,
//! including `null`. A parser that takes the last of two `active` members could be tricked.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::domain::members_of_claim;

/// A JSON object without duplicate members at any depth, in UTF-8 (RFC 7519 section 7.2).
#[derive(Debug)]
pub(super) struct StrictObject(Map<String, Value>);

/// A member has the wrong type. The error never contains its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("member '{member}' is not {expected}")]
pub struct WrongMember {
    member: &'static str,
    expected: &'static str,
}

impl StrictObject {
    pub(super) fn from_slice(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, serde_json::Error> {
        serde_json::from_value(Value::Object(self.0))
    }

    pub(super) fn required_bool(&self, member: &'static str) -> Result<bool, WrongMember> {
        match self.0.get(member) {
            Some(Value::Bool(value)) => Ok(*value),
            _ => Err(WrongMember {
                member,
                expected: "a boolean",
            }),
        }
    }

    pub(super) fn string(&self, member: &'static str) -> Result<Option<String>, WrongMember> {
        match self.0.get(member) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value.clone())),
            Some(_) => Err(WrongMember {
                member,
                expected: "a string",
            }),
        }
    }

    /// A `NumericDate` (RFC 7519 section 2): seconds since 1970, possibly with a fraction.
    pub(super) fn date(&self, member: &'static str) -> Result<Option<DateTime<Utc>>, WrongMember> {
        match self.0.get(member) {
            None => Ok(None),
            Some(Value::Number(seconds)) => Ok(Some(numeric_date(seconds))),
            Some(_) => Err(WrongMember {
                member,
                expected: "a number",
            }),
        }
    }

    /// One string or a list of strings, such as `aud` (RFC 7519 section 4.1.3). `known_as` names the
    /// member in errors.
    pub(super) fn strings(
        &self,
        member: &str,
        known_as: &'static str,
    ) -> Result<Option<Vec<String>>, WrongMember> {
        let wrong = WrongMember {
            member: known_as,
            expected: "a string or a list of strings",
        };
        match self.0.get(member) {
            None => Ok(None),
            Some(Value::String(one)) => Ok(Some(vec![one.clone()])),
            Some(Value::Array(several)) => {
                let several = several.iter().map(|one| one.as_str().map(str::to_owned));
                let several: Option<Vec<String>> = several.collect();
                several.map(Some).ok_or(wrong)
            }
            Some(_) => Err(wrong),
        }
    }

    /// The claim as text, if it is a string, a boolean or a whole number of 64 bits. Others could look
    /// the same as text although they differ.
    pub(super) fn scalar(&self, claim: &str) -> Option<String> {
        match self.claim(claim)? {
            Value::String(text) => Some(text.clone()),
            Value::Bool(is_true) => Some(is_true.to_string()),
            Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
            _ => None,
        }
    }

    /// The claim that a name or a JSON Pointer leads to. A pointer leads into objects only: the order of
    /// a list's elements tells nothing.
    fn claim(&self, claim: &str) -> Option<&Value> {
        let members = members_of_claim(claim);
        let (first, inner) = members.split_first()?;
        let mut inner = inner.iter();
        inner.try_fold(self.0.get(first)?, |value, member| {
            value.as_object()?.get(member)
        })
    }

    pub(super) fn list(&self, member: &'static str) -> Result<&[Value], WrongMember> {
        match self.0.get(member) {
            Some(Value::Array(list)) => Ok(list),
            _ => Err(WrongMember {
                member,
                expected: "a list",
            }),
        }
    }

    pub(super) fn has(&self, member: &str) -> bool {
        self.0.contains_key(member)
    }

    pub(super) fn has_object(&self, member: &'static str) -> Result<bool, WrongMember> {
        match self.0.get(member) {
            None => Ok(false),
            Some(Value::Object(_)) => Ok(true),
            Some(_) => Err(WrongMember {
                member,
                expected: "an object",
            }),
        }
    }
}

impl<'de> Deserialize<'de> for StrictObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match StrictValue::deserialize(deserializer)?.0 {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(de::Error::custom("not a JSON object")),
        }
    }
}

struct StrictValue(Value);

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(StrictValue(value)) = seq.next_element()? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, StrictValue(value))) = map.next_entry::<String, _>()? {
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("duplicate member"));
            }
        }
        Ok(Value::Object(members))
    }
}

/// Drops fractions. Numbers outside the calendar become its first or last date.
fn numeric_date(number: &Number) -> DateTime<Utc> {
    #[expect(clippy::cast_possible_truncation, reason = "a cast from f64 saturates")]
    let seconds = number.as_i64().unwrap_or_else(|| {
        number
            .as_f64()
            .map_or(i64::MAX, |seconds| seconds.floor() as i64)
    });
    let out_of_range = if seconds < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    };
    DateTime::from_timestamp(seconds, 0).unwrap_or(out_of_range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> StrictObject {
        StrictObject::from_slice(json.as_bytes()).unwrap()
    }

    #[test]
    fn duplicate_members_are_refused_at_any_depth() {
        for json in [
            r#"{"active":false,"active":true}"#,
            r#"{"active":true,"\u0061ctive":true}"#,
            r#"{"active":true,"x":{"a":1,"a":2}}"#,
            r#"{"active":true,"x":[{"a":1,"a":2}]}"#,
        ] {
            assert!(StrictObject::from_slice(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn anything_but_an_object_is_refused() {
        for json in ["", "null", "true", "[]", "\"x\"", "{", "{}x", r#"{"a":1,}"#] {
            assert!(StrictObject::from_slice(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn active_must_be_a_boolean() {
        for json in [
            "{}",
            r#"{"active":"true"}"#,
            r#"{"active":1}"#,
            r#"{"active":null}"#,
        ] {
            assert!(object(json).required_bool("active").is_err(), "{json}");
        }
        assert_eq!(
            object(r#"{"active":true}"#).required_bool("active"),
            Ok(true)
        );
    }

    #[test]
    fn dates_must_be_numbers() {
        let date = |json: &str| object(json).date("exp");
        assert!(date(r#"{"exp":"1800000000"}"#).is_err());
        assert!(date(r#"{"exp":null}"#).is_err());
        assert_eq!(date("{}"), Ok(None));
        let noon = DateTime::from_timestamp(1_800_000_000, 0);
        assert_eq!(date(r#"{"exp":1800000000}"#), Ok(noon));
        assert_eq!(date(r#"{"exp":1800000000.9}"#), Ok(noon));
        assert_eq!(date(r#"{"exp":1e300}"#), Ok(Some(DateTime::<Utc>::MAX_UTC)));
        assert_eq!(
            date(r#"{"exp":18446744073709551615}"#),
            Ok(Some(DateTime::<Utc>::MAX_UTC))
        );
        assert_eq!(
            date(r#"{"exp":-1e300}"#),
            Ok(Some(DateTime::<Utc>::MIN_UTC))
        );
    }

    #[test]
    fn scalars_are_strings_whole_numbers_and_booleans() {
        let scalar = |json: &str| object(json).scalar("a");
        for (json, text) in [
            (r#"{"a":"x"}"#, "x"),
            (r#"{"a":""}"#, ""),
            (r#"{"a":7}"#, "7"),
            (r#"{"a":-7}"#, "-7"),
            (r#"{"a":18446744073709551615}"#, "18446744073709551615"),
            (r#"{"a":true}"#, "true"),
        ] {
            assert_eq!(scalar(json).as_deref(), Some(text), "{json}");
        }
        for json in [
            "{}",
            r#"{"a":null}"#,
            r#"{"a":["x"]}"#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":1.5}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e3}"#,
            r#"{"a":18446744073709551616}"#,
        ] {
            assert_eq!(scalar(json), None, "{json}");
        }
    }

    #[test]
    fn a_pointer_leads_into_objects_only() {
        let json =
            r#"{"a":{"b":{"c":"x"},"list":["x"],"text":"x","0":"y"},"/a/b/c":"z","a/text":"z"}"#;
        let scalar = |claim: &str| object(json).scalar(claim);
        for (claim, text) in [
            ("/a/b/c", "x"),
            ("/a/text", "x"),
            ("/a/0", "y"),
            ("/~1a~1b~1c", "z"),
            ("a/text", "z"),
        ] {
            assert_eq!(scalar(claim).as_deref(), Some(text), "{claim}");
        }
        for claim in [
            "/a",
            "/a/b",
            "/a/list",
            "/a/list/0",
            "/a/text/0",
            "/a/text/length",
            "/a/none",
            "/none/b",
            "/A/text",
            "a.text",
        ] {
            assert_eq!(scalar(claim), None, "{claim}");
        }
    }

    #[test]
    fn members_must_have_their_types() {
        assert!(object(r#"{"scope":["a"]}"#).string("scope").is_err());
        assert!(object(r#"{"sub":7}"#).string("sub").is_err());
        assert!(object(r#"{"aud":["a",1]}"#).strings("aud", "aud").is_err());
        assert!(object(r#"{"aud":{}}"#).strings("aud", "aud").is_err());
        assert!(object(r#"{"cnf":"x"}"#).has_object("cnf").is_err());
        assert_eq!(object(r#"{"cnf":{}}"#).has_object("cnf"), Ok(true));
    }
}
