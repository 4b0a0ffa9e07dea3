//! The answer as text that a tool reads, ready to paste.

use actix_web::HttpResponse;
use secrecy::ExposeSecret;
use url::Url;

use crate::service::{Refusal, UpstreamError, UpstreamErrorKind};

use crate::http::dialects::session::GrantedSession;
use crate::http::dialects::v1::format::{SHELL_SCRIPT, Tool};
use crate::http::state::StorageAddress;

/// What the texts are made of. No character in it is special to a shell, to SQL or in a file of
/// `key = value` lines.
struct Values<'a> {
    bucket: &'a str,
    endpoint: &'a str,
    /// Host and port.
    host: &'a str,
    https: bool,
    region: &'a str,
    path_style: bool,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: &'a str,
}

impl Tool {
    /// The credentials in this tool's language.
    ///
    /// # Errors
    ///
    /// [`Refusal::Store`] if a key holds a character that is special to a tool.
    pub(crate) fn answer(
        self,
        granted: &GrantedSession,
        storage: &StorageAddress,
    ) -> Result<HttpResponse, Refusal> {
        let (grant, session) = (&granted.grant, &granted.session);
        let url = Url::parse(&storage.endpoint).ok();
        let https = url.as_ref().is_some_and(|url| url.scheme() == "https");
        let expiration = granted.expiration();
        let values = Values {
            bucket: grant.bucket.as_str(),
            endpoint: &storage.endpoint,
            host: url.as_ref().map_or("", host_and_port),
            https,
            region: &storage.region,
            // An IP address has no subdomains.
            path_style: storage.path_style
                || url.as_ref().is_some_and(|url| url.domain().is_none()),
            access_key_id: &session.access_key_id,
            secret_access_key: session.secret_access_key.expose_secret(),
            session_token: session.session_token.expose_secret(),
            expiration: &expiration,
        };
        if !values.are_plain() {
            return Err(Refusal::Store(UpstreamError::new(
                UpstreamErrorKind::Nonsense,
                "AssumeRole: a key that cannot be written into a text",
            )));
        }
        let text = match self {
            Self::Env => values.env(),
            Self::AwsProfile => values.aws_profile(),
            Self::Rclone => values.rclone(),
            Self::S3cmd => values.s3cmd(),
            Self::Duckdb => values.duckdb(),
        };
        let media_type = match self {
            Self::Env => SHELL_SCRIPT,
            _ => "text/plain",
        };
        Ok(HttpResponse::Ok()
            .content_type(format!("{media_type}; charset=utf-8"))
            .body(text))
    }
}

fn host_and_port(url: &Url) -> &str {
    &url[url::Position::BeforeHost..url::Position::AfterPort]
}

impl Values<'_> {
    /// Letters, digits and the punctuation of base64, URLs and times.
    fn are_plain(&self) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=:._~-[]".contains(&byte);
        [
            self.bucket,
            self.endpoint,
            self.host,
            self.region,
            self.access_key_id,
            self.secret_access_key,
            self.session_token,
            self.expiration,
        ]
        .iter()
        .all(|value| !value.is_empty() && value.bytes().all(plain))
    }

    /// Every SDK of 2024 and later reads these; the checksum settings are for stores older than
    /// 2025.
    fn env(&self) -> String {
        format!(
            "export AWS_ACCESS_KEY_ID='{}'\n\
             export AWS_SECRET_ACCESS_KEY='{}'\n\
             export AWS_SESSION_TOKEN='{}'\n\
             export AWS_CREDENTIAL_EXPIRATION='{}'\n\
             export AWS_REGION='{region}'\n\
             export AWS_DEFAULT_REGION='{region}'\n\
             export AWS_ENDPOINT_URL_S3='{}'\n\
             export AWS_REQUEST_CHECKSUM_CALCULATION='when_required'\n\
             export AWS_RESPONSE_CHECKSUM_VALIDATION='when_required'\n\
             export BUCKET='{}'\n",
            self.access_key_id,
            self.secret_access_key,
            self.session_token,
            self.expiration,
            self.endpoint,
            self.bucket,
            region = self.region,
        )
    }

    fn aws_profile(&self) -> String {
        format!(
            "# s3://{}, until {}\n\
             [profile cloakroom]\n\
             aws_access_key_id = {}\n\
             aws_secret_access_key = {}\n\
             aws_session_token = {}\n\
             region = {}\n\
             services = cloakroom\n\
             request_checksum_calculation = when_required\n\
             response_checksum_validation = when_required\n\
             s3 =\n  addressing_style = {}\n\
             \n\
             [services cloakroom]\n\
             s3 =\n  endpoint_url = {}\n",
            self.bucket,
            self.expiration,
            self.access_key_id,
            self.secret_access_key,
            self.session_token,
            self.region,
            if self.path_style { "path" } else { "auto" },
            self.endpoint,
        )
    }

    /// Rclone would check that the bucket exists, which the session may not do.
    fn rclone(&self) -> String {
        format!(
            "# cloakroom:{}, until {}\n\
             [cloakroom]\n\
             type = s3\n\
             provider = Other\n\
             access_key_id = {}\n\
             secret_access_key = {}\n\
             session_token = {}\n\
             region = {}\n\
             endpoint = {}\n\
             force_path_style = {}\n\
             no_check_bucket = true\n",
            self.bucket,
            self.expiration,
            self.access_key_id,
            self.secret_access_key,
            self.session_token,
            self.region,
            self.endpoint,
            self.path_style,
        )
    }

    /// On EC2, s3cmd replaces a token from a file by the machine's own role, hence the note.
    fn s3cmd(&self) -> String {
        let bucket_host = if self.path_style { "" } else { "%(bucket)s." };
        format!(
            "# s3://{}, until {}\n\
             # Not on EC2: with these, s3cmd goes on as the machine's own role there. Leave the keys out\n\
             # and set the environment of ?format=env instead.\n\
             [default]\n\
             access_key = {}\n\
             secret_key = {}\n\
             access_token = {}\n\
             bucket_location = {}\n\
             host_base = {host}\n\
             host_bucket = {bucket_host}{host}\n\
             use_https = {}\n",
            self.bucket,
            self.expiration,
            self.access_key_id,
            self.secret_access_key,
            self.session_token,
            self.region,
            if self.https { "True" } else { "False" },
            host = self.host,
        )
    }

    fn duckdb(&self) -> String {
        format!(
            "-- until {}\n\
             CREATE OR REPLACE SECRET cloakroom (\n    \
                 TYPE s3,\n    \
                 KEY_ID '{}',\n    \
                 SECRET '{}',\n    \
                 SESSION_TOKEN '{}',\n    \
                 REGION '{}',\n    \
                 ENDPOINT '{}',\n    \
                 URL_STYLE '{}',\n    \
                 USE_SSL {},\n    \
                 SCOPE 's3://{}'\n\
             );\n",
            self.expiration,
            self.access_key_id,
            self.secret_access_key,
            self.session_token,
            self.region,
            self.host,
            if self.path_style { "path" } else { "vhost" },
            self.https,
            self.bucket,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_special_characters_are_refused() {
        let with = |token| Values {
            bucket: "b",
            endpoint: "https://[::1]:9000",
            host: "[::1]:9000",
            https: true,
            region: "r",
            path_style: true,
            access_key_id: "A",
            secret_access_key: "s/+=",
            session_token: token,
            expiration: "2026-03-15T14:00:00Z",
        };
        assert!(with("FwoGZXIvY~._-").are_plain());
        for bad in [
            "", "a'b", "a\nb", "$(x)", "`x`", "a b", "a\"", "a;b", "a#", "%", "a\\", "\u{e4}",
        ] {
            assert!(!with(bad).are_plain(), "{bad:?}");
        }
    }
}
