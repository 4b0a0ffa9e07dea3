use std::time::Duration;

use secrecy::ExposeSecret;
use serde::Serialize;

use crate::config::Config;
use crate::domain::{BucketName, Prefix};
use crate::service::Export;

use super::error::CommandError;
use super::options::ChangeOptions;
use super::output::{note, utc};

/// The shortest session that stores open.
const SHORTEST: Duration = Duration::from_mins(15);

/// Print credentials to read all that an owner has stored (GDPR article 20)
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom export --owner demo/alice --for 12h > alice.env
  eval \"$(cloakroom export --owner acme)\"; aws s3 sync \"s3://$BUCKET/$PREFIX\" ./acme
  cloakroom export --owner demo/alice --json              # as credential_process prints them

The credentials may list and get, and nothing else. They are a secret: anyone who has them can read. A block of
the owner does not stop them; the audit trail has a row. Stores limit how long they last, and standard error
says how long that is.")]
pub(super) struct ExportCommand {
    /// Owner: `client/subject`, an organisation, `org/workspace`, or the pseudonym in log lines
    #[arg(long)]
    owner: String,
    /// Lifetime of the credentials, if the store allows it
    #[arg(long = "for", value_name = "TIME", default_value = "24h")]
    lifetime: humantime::Duration,
    /// One of the owner's former buckets [default: the bucket that the owner has now]
    #[arg(long)]
    bucket: Option<BucketName>,
    #[command(flatten)]
    options: ChangeOptions,
}

/// What `credential_process` prints, and where it leads.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct View {
    version: u8,
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
    bucket: String,
    prefix: String,
    endpoint: String,
    region: String,
}

impl ExportCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        if *self.lifetime < SHORTEST {
            return Err(CommandError::failed("--for: at least 15m"));
        }
        let config = self.options.config()?;
        let administer = self.options.administer().await?;
        let owner = administer.find_owner(&self.owner).await?;
        let export = administer
            .export(&owner, self.bucket.as_ref(), *self.lifetime)
            .await?;
        let view = View::new(&export, &config);
        let from = format!("s3://{}/{}", view.bucket, view.prefix);
        note(&format!(
            "Until {}, these credentials read {from}. To copy it:\n  aws s3 sync {from} ./copy \
             --endpoint-url {} --region {}",
            view.expiration, view.endpoint, view.region
        ));
        for other in &export.others {
            note(&format!("The owner has another bucket: --bucket {other}"));
        }
        self.options.show(&view, &view.env()?)
    }
}

impl View {
    fn new(export: &Export, config: &Config) -> Self {
        let (grant, session) = (&export.grant, &export.session);
        Self {
            version: 1,
            access_key_id: session.access_key_id.clone(),
            secret_access_key: session.secret_access_key.expose_secret().to_owned(),
            session_token: session.session_token.expose_secret().to_owned(),
            expiration: utc(session.expiration),
            bucket: grant.bucket.to_string(),
            prefix: grant
                .prefix
                .as_ref()
                .map(Prefix::to_string)
                .unwrap_or_default(),
            endpoint: config.storage.told_endpoint(),
            region: config.storage.region.clone(),
        }
    }

    /// For a POSIX shell.
    fn env(&self) -> Result<String, CommandError> {
        let values = [
            ("BUCKET", &self.bucket),
            ("PREFIX", &self.prefix),
            ("AWS_ACCESS_KEY_ID", &self.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &self.secret_access_key),
            ("AWS_SESSION_TOKEN", &self.session_token),
            ("AWS_CREDENTIAL_EXPIRATION", &self.expiration),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
            ("AWS_ENDPOINT_URL_S3", &self.endpoint),
        ];
        let is_special = |value: &String| value.contains(['\'', '\n', '\0']);
        if values.iter().any(|(_, value)| is_special(value)) {
            return Err(CommandError::failed(
                "the store's answer holds a character that is special to a shell: use --json",
            ));
        }
        let line = |(name, value): (&str, &String)| format!("export {name}='{value}'\n");
        Ok(values.into_iter().map(line).collect())
    }
}
