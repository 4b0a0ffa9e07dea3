use std::path::{Path, PathBuf};

use crate::cli::error::CommandError;
use crate::cli::gateway::Connection;
use crate::cli::output::{note, print};

use super::change::{Change, read_text};
use super::ini::{Section, has_section};
use super::place::Place;
use super::{SetupArguments, tell};

/// The profile without a name, whose section has no word before it.
const DEFAULT: &str = "default";

/// Write a profile into ~/.aws/config, for the AWS CLI, the SDKs and all that read it
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  cloakroom setup aws
  cloakroom setup aws --profile locker --yes
  cloakroom setup aws --workspace acme/research
  cloakroom setup aws --url https://cloakroom.example.com

AWS_CONFIG_FILE names another file. A profile of this name in ~/.aws/credentials (AWS_SHARED_CREDENTIALS_FILE)
is refused: many tools would take its keys.")]
pub(in crate::cli) struct AwsCommand {
    #[command(flatten)]
    setup: SetupArguments,
}

impl AwsCommand {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let setup = &self.setup;
        let connection = setup.gateway.connect()?;
        let place = setup.place(&connection).await?;
        match change(setup, &connection, &place)? {
            Some(change) => {
                change.confirm(&setup.confirmation)?;
                change.make()?;
            }
            None => note(&format!(
                "{} has this profile already.",
                config_file()?.display()
            )),
        }
        tell(&place);
        let (profile, path) = (setup.profile(), place.path());
        print(&format!("aws --profile {profile} s3 ls s3://{path}\n"))
    }
}

/// Writes the profile for tools that read `~/.aws/config`.
pub(super) fn change(
    setup: &SetupArguments,
    connection: &Connection,
    place: &Place,
) -> Result<Option<Change>, CommandError> {
    let name = setup.profile();
    let section = section(&name, &setup.credentials(connection)?, place)?;
    refuse_rival(&name)?;
    Change::new(&config_file()?, &section, setup.force)
}

/// Many tools take keys from `~/.aws/credentials` before they run `credential_process`, and all of them take
/// other settings from there.
fn refuse_rival(name: &str) -> Result<(), CommandError> {
    let file = file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")?;
    if !has_section(&read_text(&file)?, name) {
        return Ok(());
    }
    Err(CommandError::Failed(format!(
        "{}: has a profile {name} too, whose keys many tools would take instead: remove it there, or choose \
         another --profile",
        file.display()
    )))
}

fn config_file() -> Result<PathBuf, CommandError> {
    file("AWS_CONFIG_FILE", ".aws/config")
}

/// The file that the variable names, by default the one in the home directory.
fn file(variable: &str, in_home: &str) -> Result<PathBuf, CommandError> {
    let set = std::env::var_os(variable).filter(|path| !path.is_empty());
    let by_default = || Some(std::env::home_dir()?.join(in_home));
    let file = set.map(PathBuf::from).or_else(by_default);
    file.ok_or_else(|| CommandError::Failed(format!("there is no home directory: set {variable}")))
}

/// The profile. The checksum settings are for stores older than 2025.
fn section(name: &str, credentials: &[String], place: &Place) -> Result<Section, CommandError> {
    let program = this_program()?;
    let process = [&program].into_iter().chain(credentials);
    let process: Vec<String> = process.map(|word| quoted(word)).collect::<Result<_, _>>()?;
    let style = if place.is_aws() { "auto" } else { "path" };
    let lines = [
        format!("credential_process = {}", process.join(" ")),
        format!("region = {}", place.region),
        format!("endpoint_url = {}", place.endpoint),
        "request_checksum_calculation = when_required".to_owned(),
        "response_checksum_validation = when_required".to_owned(),
        "s3 =".to_owned(),
        format!("  addressing_style = {style}"),
    ];
    let long = format!("profile {name}");
    Ok(match name {
        DEFAULT => Section::new(DEFAULT, &lines).or_named(&long),
        _ => Section::new(&long, &lines),
    })
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
