use std::path::{Path, PathBuf};

use crate::cli::error::CommandError;
use crate::cli::output::{note, print};

use super::SetupArguments;
use super::change::Change;
use super::ini::Section;
use super::place::Place;

/// The profile without a name, whose section has no word before it.
const DEFAULT: &str = "default";

/// Write a profile into ~/.aws/config, for the AWS CLI, the SDKs and all that read it
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom setup aws
  cloakroom setup aws --profile locker --yes
  cloakroom setup aws --url https://cloakroom.example.com

AWS_CONFIG_FILE names another file.")]
pub(in crate::cli) struct AwsCommand {
    #[command(flatten)]
    setup: SetupArguments,
}

impl AwsCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let setup = &self.setup;
        let (connection, place) = setup.place().await?;
        let section = setup.aws_profile(&connection, &place)?;
        let file = config_file()?;
        match Change::new(&file, &section, setup.force)? {
            Some(change) => {
                change.confirm(&setup.confirmation)?;
                change.make()?;
                note(&format!("Your bucket is {}. For instance:", place.bucket));
            }
            None => note(&format!("{} has this profile already.", file.display())),
        }
        let (profile, bucket) = (&setup.profile, &place.bucket);
        print(&format!("aws --profile {profile} s3 ls s3://{bucket}/\n"))
    }
}

/// `$AWS_CONFIG_FILE`, by default `~/.aws/config`.
pub(super) fn config_file() -> Result<PathBuf, CommandError> {
    let set = std::env::var_os("AWS_CONFIG_FILE").filter(|path| !path.is_empty());
    let by_default = || Some(std::env::home_dir()?.join(".aws/config"));
    let file = set.map(PathBuf::from).or_else(by_default);
    file.ok_or_else(|| CommandError::failed("there is no home directory: set AWS_CONFIG_FILE"))
}

/// The profile: `options` are those of `cloakroom credentials`. The checksum settings are for stores
/// older than 2025.
pub(super) fn profile(
    name: &str,
    options: &[String],
    place: &Place,
) -> Result<Section, CommandError> {
    let mut process = vec![this_program()?, "credentials".to_owned()];
    process.extend_from_slice(options);
    let process: Result<Vec<String>, _> = process.iter().map(|word| quoted(word)).collect();
    let style = if place.is_aws() { "auto" } else { "path" };
    let section = match name {
        DEFAULT => DEFAULT.to_owned(),
        name => format!("profile {name}"),
    };
    Ok(Section::new(
        &section,
        &[
            format!("credential_process = {}", process?.join(" ")),
            format!("region = {}", place.region),
            format!("endpoint_url = {}", place.endpoint),
            "request_checksum_calculation = when_required".to_owned(),
            "response_checksum_validation = when_required".to_owned(),
            "s3 =".to_owned(),
            format!("  addressing_style = {style}"),
        ],
    ))
}

/// This program by its path: tools may run with another `PATH`. The path by which the shell finds it
/// stays good when it is updated.
fn this_program() -> Result<String, CommandError> {
    let path = std::env::current_exe().map_err(CommandError::failed)?;
    let directories = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&directories)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join("cloakroom"))
        .find(|found| found.exists());
    let is_this = |found: &PathBuf| same_file(found, &path);
    let path = found.filter(is_this).unwrap_or(path);
    path.into_os_string()
        .into_string()
        .map_err(|_| CommandError::failed("the path of this program is not text"))
}

fn same_file(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok() == other.canonicalize().ok()
}

/// One word of `credential_process`. Some tools split it themselves, and some run it by a shell: what is
/// special to either is refused.
fn quoted(word: &str) -> Result<String, CommandError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.:-_+=@%~[]".contains(c);
    if word.chars().all(plain) {
        return Ok(word.to_owned());
    }
    let letter = |c: char| !c.is_ascii() && c.is_alphanumeric();
    if word.chars().all(|c| plain(c) || c == ' ' || letter(c)) {
        return Ok(format!("\"{word}\""));
    }
    Err(CommandError::Failed(format!(
        "{word}: holds a character that cannot stand in the profile"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_blanks_are_quoted() {
        assert_eq!(quoted("/usr/bin/cloakroom").unwrap(), "/usr/bin/cloakroom");
        assert_eq!(quoted("/my files/x").unwrap(), "\"/my files/x\"");
        assert_eq!(quoted("/jürgen/x").unwrap(), "\"/jürgen/x\"");
    }

    #[test]
    fn what_is_special_to_a_shell_is_refused() {
        for word in [
            "a\"b", "a\\b", "$(id)", "/a $HOME", "`id`", "a;b", "a&b", "a|b", "a\nb", "a'b", "a*",
        ] {
            assert!(quoted(word).is_err(), "{word}");
        }
    }
}
