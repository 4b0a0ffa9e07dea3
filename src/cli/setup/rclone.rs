use std::path::PathBuf;

use crate::cli::error::CommandError;
use crate::cli::output::{note, print};

use super::change::Change;
use super::ini::Section;
use super::place::Place;
use super::{SetupArguments, aws, tell};

/// Write a remote into rclone.conf, and the profile that it gets its credentials by into ~/.aws/config
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom setup rclone
  cloakroom setup rclone --profile locker --yes
  cloakroom setup rclone --workspace acme/research

RCLONE_CONFIG and AWS_CONFIG_FILE name other files.")]
pub(in crate::cli) struct RcloneCommand {
    #[command(flatten)]
    setup: SetupArguments,
}

impl RcloneCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let setup = &self.setup;
        let connection = setup.gateway.connect()?;
        let place = setup.place(&connection).await?;
        let (name, file) = (setup.profile(), config_file()?);
        let changes = [
            aws::change(setup, &connection, &place)?,
            Change::new(&file, &remote(&name, &place), setup.force)?,
        ];
        if changes.iter().all(Option::is_none) {
            note(&format!("{} has this remote already.", file.display()));
        }
        for change in changes.iter().flatten() {
            change.confirm(&setup.confirmation)?;
        }
        for change in changes.iter().flatten() {
            change.make()?;
        }
        tell(&place);
        print(&format!("rclone ls {name}:{}\n", place.path()))
    }
}

/// `$RCLONE_CONFIG`, by default `rclone/rclone.conf` in the user's configuration directory.
fn config_file() -> Result<PathBuf, CommandError> {
    if let Some(file) = std::env::var_os("RCLONE_CONFIG").filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(file));
    }
    let set = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let set = set.filter(|path| path.is_absolute());
    let by_default = || Some(std::env::home_dir()?.join(".config"));
    let directory = set.or_else(by_default);
    let directory = directory
        .ok_or_else(|| CommandError::failed("there is no home directory: set RCLONE_CONFIG"))?;
    Ok(directory.join("rclone/rclone.conf"))
}

/// Rclone would check that the bucket exists, which the session may not do.
fn remote(name: &str, place: &Place) -> Section {
    Section::new(
        name,
        &[
            "type = s3".to_owned(),
            "provider = Other".to_owned(),
            "env_auth = true".to_owned(),
            format!("profile = {name}"),
            format!("region = {}", place.region),
            format!("endpoint = {}", place.endpoint),
            format!("force_path_style = {}", !place.is_aws()),
            "no_check_bucket = true".to_owned(),
        ],
    )
}
