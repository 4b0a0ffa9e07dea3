//! `?format=`: the tool that the answer is written for.

use actix_web::HttpRequest;
use url::Url;

use crate::service::Refusal;

use crate::http::input::accept::is_asked_for;
use crate::http::state::StorageAddress;

/// The query parameter.
pub(crate) const PARAMETER: &str = "format";

/// Asks for [`Tool::Env`] in `Accept`.
pub(super) const SHELL_SCRIPT: &str = "text/x-shellscript";

/// What an answer is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Iceberg,
    Text(Tool),
}

/// Asks for [`Format::Iceberg`].
const ICEBERG: &str = "iceberg";

/// The tool that a text is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// A POSIX shell, and every AWS SDK started from it.
    Env,
    /// `~/.aws/config`
    AwsProfile,
    /// `rclone.conf`
    Rclone,
    /// `.s3cfg`
    S3cmd,
    /// SQL for `DuckDB` with its extension `httpfs`.
    Duckdb,
}

/// The words that the parameter takes.
pub(crate) fn names() -> Vec<&'static str> {
    let tools = Tool::ALL.into_iter().map(Tool::name);
    ["json"].into_iter().chain(tools).chain([ICEBERG]).collect()
}

impl Format {
    /// What the request asks for: the parameter, else the header `Accept`, else JSON.
    pub(crate) fn of(
        request: &HttpRequest,
        parameters: &[(String, String)],
    ) -> Result<Self, Refusal> {
        let asked = parameters.iter().find(|(name, _)| name == PARAMETER);
        match asked.map(|(_, value)| value.as_str()) {
            None if is_asked_for(request, SHELL_SCRIPT) => Ok(Self::Text(Tool::Env)),
            None | Some("json") => Ok(Self::Json),
            Some(ICEBERG) => Ok(Self::Iceberg),
            Some(asked) => Tool::ALL
                .into_iter()
                .find(|tool| tool.name() == asked)
                .map(Self::Text)
                .ok_or(Refusal::MalformedRequest(
                    "Unknown format. Use json, env, aws-profile, rclone, s3cmd, duckdb or iceberg.",
                )),
        }
    }
}

impl Tool {
    const ALL: [Self; 5] = [
        Self::Env,
        Self::AwsProfile,
        Self::Rclone,
        Self::S3cmd,
        Self::Duckdb,
    ];

    /// The word that asks for it.
    fn name(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::AwsProfile => "aws-profile",
            Self::Rclone => "rclone",
            Self::S3cmd => "s3cmd",
            Self::Duckdb => "duckdb",
        }
    }

    /// Whether the tool's configuration can hold this store's address; checked before a session is
    /// issued.
    ///
    /// # Errors
    ///
    /// [`Refusal::MalformedRequest`] if it cannot.
    pub(crate) fn check(self, storage: &StorageAddress) -> Result<(), Refusal> {
        let knows_hosts_only = matches!(self, Self::S3cmd | Self::Duckdb);
        let has_path = Url::parse(&storage.endpoint).is_ok_and(|url| url.path() != "/");
        if knows_hosts_only && has_path {
            return Err(Refusal::MalformedRequest(
                "This format cannot hold the store's address, which has a path.",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn tools_that_know_only_hosts_refuse_a_store_with_a_path() {
        let storage = |endpoint: &str| StorageAddress {
            endpoint: endpoint.to_owned(),
            region: "us-east-1".to_owned(),
            path_style: true,
        };
        for tool in Tool::ALL {
            tool.check(&storage("https://s3.example")).unwrap();
            let elsewhere = tool.check(&storage("https://example/s3"));
            let knows_hosts_only = [Tool::S3cmd, Tool::Duckdb].contains(&tool);
            assert_eq!(elsewhere.is_err(), knows_hosts_only, "{tool:?}");
        }
    }

    fn of(accept: &str, format: Option<&str>) -> Option<Format> {
        let request = TestRequest::default().insert_header(("accept", accept));
        let parameters = format.map(|format| (PARAMETER.to_owned(), format.to_owned()));
        let parameters: Vec<_> = parameters.into_iter().collect();
        Format::of(&request.to_http_request(), &parameters).ok()
    }

    #[test]
    fn parameter_wins_over_the_header() {
        assert_eq!(of("*/*", None), Some(Format::Json));
        assert_eq!(
            of("text/x-shellscript", None),
            Some(Format::Text(Tool::Env))
        );
        let list = "text/html, Text/X-Shellscript;q=0.9";
        assert_eq!(of(list, None), Some(Format::Text(Tool::Env)));
        assert_eq!(of(list, Some("json")), Some(Format::Json));
        assert_eq!(of("text/x-shellscript; q=0", None), Some(Format::Json));
        assert_eq!(of("*/*", Some("iceberg")), Some(Format::Iceberg));
        assert_eq!(of("*/*", Some("s3cmd")), Some(Format::Text(Tool::S3cmd)));
        for bad in ["", "ENV", "xml", "env,rclone"] {
            assert_eq!(of("*/*", Some(bad)), None, "{bad}");
        }
    }
}
