use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use url::form_urlencoded;

use super::QueryError;

/// The parameters of a call.
#[derive(Debug)]
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// Parses a body. Refuses a parameter that occurs twice, because it has no single value.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, QueryError> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body).into_owned() {
            if parameters.insert(name, value).is_some() {
                return Err(QueryError::invalid("A parameter occurs more than once."));
            }
        }
        Ok(Self(parameters))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, QueryError> {
        self.get(name)
            .ok_or_else(|| QueryError::invalid(format!("{name} is missing.")))
    }

    /// The value of a required parameter that must be a name: `[\w+=,.@-]`, this many characters.
    pub(crate) fn name(
        &self,
        parameter: &str,
        length: RangeInclusive<usize>,
    ) -> Result<&str, QueryError> {
        let name = self.required(parameter)?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
        if length.contains(&name.len()) && name.bytes().all(allowed) {
            Ok(name)
        } else {
            Err(QueryError::invalid(format!("{parameter} is malformed.")))
        }
    }

    /// Whether the name of any parameter starts like this.
    pub(crate) fn has(&self, start: &str) -> bool {
        self.0.keys().any(|name| name.starts_with(start))
    }

    /// Refuses parameters that the action does not support here: ignoring one could lift a
    /// restriction that the caller meant to set. A name that ends in a dot stands for a list.
    pub(crate) fn only(&self, supported: &[&str]) -> Result<(), QueryError> {
        let is_supported = |name: &str| {
            ["Action", "Version"].contains(&name)
                || supported.iter().any(|known| {
                    *known == name || (known.ends_with('.') && name.starts_with(known))
                })
        };
        match self.0.keys().find(|name| !is_supported(name)) {
            None => Ok(()),
            Some(name) => Err(QueryError::invalid(format!(
                "{name} is not supported here."
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_parameter_is_refused() {
        assert!(Form::parse(b"Action=GetUser&UserName=a").is_ok());
        assert!(Form::parse(b"Action=GetUser&UserName=a&UserName=b").is_err());
        assert!(Form::parse(b"Action=GetUser&User%4eame=a&UserName=a").is_err());
    }

    #[test]
    fn unsupported_parameter_is_refused() {
        let form = Form::parse(b"Action=CreateUser&UserName=a&Tags.member.1.Key=k").unwrap();
        assert!(form.only(&["UserName", "Tags."]).is_ok());
        assert!(form.only(&["UserName"]).is_err());
        assert!(form.only(&["Tags."]).is_err());
    }
}
