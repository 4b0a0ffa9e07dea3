use super::QueryError;

/// The parameters of one call.
#[derive(Debug)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body. A parameter that stands twice has no one value.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, QueryError> {
        let parameters: Vec<(String, String)> = serde_urlencoded::from_bytes(body)
            .map_err(|_| QueryError::invalid("The body is no form of parameters."))?;
        let mut names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let many = names.len();
        names.dedup();
        if names.len() < many {
            return Err(QueryError::invalid("A parameter stands more than once."));
        }
        Ok(Self(parameters))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, QueryError> {
        self.get(name)
            .ok_or_else(|| QueryError::invalid(format!("{name} is missing.")))
    }

    /// Whether any parameter's name starts so.
    pub(crate) fn has(&self, start: &str) -> bool {
        self.0.iter().any(|(name, _)| name.starts_with(start))
    }

    /// Refuses parameters that the action does not know here: what is left out in silence may be
    /// what was to bound somebody. A name that ends in a dot stands for a list.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), QueryError> {
        let is_known = |name: &str| {
            ["Action", "Version"].contains(&name)
                || known.contains(&name)
                || known
                    .iter()
                    .any(|list| list.ends_with('.') && name.starts_with(list))
        };
        match self.0.iter().find(|(name, _)| !is_known(name)) {
            None => Ok(()),
            Some((name, _)) => Err(QueryError::invalid(format!("{name} is not known here."))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_stands_twice_is_refused() {
        assert!(Form::parse(b"Action=GetUser&UserName=a").is_ok());
        assert!(Form::parse(b"Action=GetUser&UserName=a&UserName=b").is_err());
        assert!(Form::parse(b"Action=GetUser&User%4eame=a&UserName=a").is_err());
    }

    #[test]
    fn a_parameter_that_is_not_known_is_refused() {
        let form = Form::parse(b"Action=CreateUser&UserName=a&Tags.member.1.Key=k").unwrap();
        assert!(form.only(&["UserName", "Tags."]).is_ok());
        assert!(form.only(&["UserName"]).is_err());
        assert!(form.only(&["Tags."]).is_err());
    }
}
