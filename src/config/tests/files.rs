use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;

const FILE: &str = "CLOAKROOM_OAUTH__CLIENT_SECRET_FILE";

pub(super) fn secret_file(mode: u32) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    fs::write(&path, "from-the-file\n").unwrap();
    set_mode(&path, mode);
    (directory, path)
}

pub(super) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

pub(super) fn with_file(path: &Path) -> Result<Config, Vec<String>> {
    let inline = |(name, _): &&(&str, &str)| !name.ends_with("CLIENT_SECRET");
    let variables: Vec<_> = GOOD.iter().filter(inline).copied().collect();
    load(None, &[&variables[..], &[(FILE, text(path))]].concat())
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn complaint_about(path: &Path) -> String {
    with_file(path).unwrap_err().join("\n")
}

fn warning_about(path: &Path) -> String {
    with_file(path).unwrap().warnings.join("\n")
}

#[test]
fn a_secret_follows_its_file() {
    let (_directory, path) = secret_file(0o400);
    let mut config = with_file(&path).unwrap();
    assert_eq!(client_secret(&config), "from-the-file");
    let [watched] = config.files.as_mut_slice() else {
        panic!("one file");
    };
    assert_eq!(watched.key(), "oauth.client_secret_file");
    assert_eq!(watched.reread(), None);
    set_mode(&path, 0o600);
    fs::write(&path, "the-next\n").unwrap();
    assert_eq!(watched.reread(), Some(Reread::Changed(Vec::new())));
    fs::write(&path, "password\n").unwrap();
    assert!(matches!(watched.reread(), Some(Reread::Bad(_))));
    assert_eq!(watched.reread(), None, "the same complaint again");
    assert_eq!(client_secret(&config), "the-next");
}

#[test]
fn a_world_readable_secret_file_causes_a_warning_with_a_remedy() {
    for mode in [0o444, 0o644, 0o404] {
        let (_directory, path) = secret_file(mode);
        let warnings = with_file(&path).unwrap().warnings;
        let [warning] = warnings.as_slice() else {
            panic!("{warnings:?}");
        };
        let begins = format!("oauth.client_secret_file: {}: ", path.display());
        assert!(warning.starts_with(&begins), "{warning}");
        for words in [
            format!("(mode {mode:04o})"),
            "mode 0400".to_owned(),
            "defaultMode".to_owned(),
        ] {
            assert!(warning.contains(&words), "{warning}");
        }
    }
}

#[test]
fn a_secret_file_of_user_or_group_causes_no_warning() {
    for mode in [0o400, 0o600, 0o440, 0o640] {
        let (_directory, path) = secret_file(mode);
        assert_eq!(with_file(&path).unwrap().warnings, Vec::<String>::new());
    }
}

#[test]
fn all_secret_files_that_others_can_write_are_refused_at_once() {
    for mode in [0o620, 0o602, 0o666] {
        let (_directory, path) = secret_file(mode);
        let key = ("CLOAKROOM_STORAGE__ACCESS_KEY_ID_FILE", text(&path));
        let secret = ("CLOAKROOM_STORAGE__SECRET_ACCESS_KEY_FILE", text(&path));
        let errors = with(&[key, secret]).unwrap_err();
        assert_eq!(errors.len(), 2, "{errors:?}");
        let begins = format!(
            "storage.access_key_id_file: {}: other users",
            path.display()
        );
        assert!(errors[0].starts_with(&begins), "{errors:?}");
        let correction = format!("chmod 400 {}", path.display());
        assert!(errors[0].contains(&correction), "{errors:?}");
    }
}

/// Kubernetes mounts secrets like this: `secret` links to `..data/secret`, and `..data` links to a
/// directory.
#[test]
fn a_symbolic_link_is_judged_by_its_target() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("..2026_11_25");
    fs::create_dir(&inner).unwrap();
    let target = inner.join("secret");
    fs::write(&target, "from-the-file").unwrap();
    symlink("..2026_11_25", directory.path().join("..data")).unwrap();
    let path = directory.path().join("secret");
    symlink("..data/secret", &path).unwrap();
    set_mode(directory.path(), 0o1777);
    set_mode(&target, 0o440);
    assert!(with_file(&path).unwrap().warnings.is_empty());
    set_mode(&target, 0o444);
    assert_eq!(with_file(&path).unwrap().warnings.len(), 1);
    set_mode(&target, 0o646);
    assert!(complaint_about(&path).contains("can write this file"));
    set_mode(&target, 0o400);
    set_mode(&inner, 0o777);
    let message = warning_about(&path);
    let correction = format!("chmod o-w {}", inner.canonicalize().unwrap().display());
    assert!(message.contains(&correction), "{message}");
}

#[test]
fn a_world_writable_directory_causes_a_warning() {
    let (directory, path) = secret_file(0o400);
    set_mode(directory.path(), 0o1777);
    assert_eq!(with_file(&path).unwrap().warnings, [""; 0], "sticky");
    set_mode(directory.path(), 0o777);
    let message = warning_about(&path);
    assert!(
        message.starts_with("oauth.client_secret_file: "),
        "{message}"
    );
    let correction = format!("chmod o-w {}", directory.path().display());
    assert!(message.contains(&correction), "{message}");
}

#[test]
fn a_world_writable_directory_does_not_hide_a_world_readable_file() {
    let (directory, path) = secret_file(0o444);
    set_mode(directory.path(), 0o777);
    let warnings = with_file(&path).unwrap().warnings;
    let [replaceable, readable] = warnings.as_slice() else {
        panic!("{warnings:?}");
    };
    assert!(replaceable.contains("can replace"), "{replaceable}");
    assert!(readable.contains("can read"), "{readable}");
}

#[test]
fn a_replaced_secret_file_is_checked_again() {
    let (_directory, path) = secret_file(0o600);
    let mut config = with_file(&path).unwrap();
    fs::write(&path, "the-next").unwrap();
    set_mode(&path, 0o606);
    match config.files[0].reread() {
        Some(Reread::Bad(message)) => assert!(message.contains("can write this file"), "{message}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(client_secret(&config), "from-the-file");
    set_mode(&path, 0o644);
    match config.files[0].reread() {
        Some(Reread::Changed(message)) => {
            assert!(
                matches!(&message[..], [message] if message.contains("can read")),
                "{message:?}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(client_secret(&config), "the-next");
}

#[test]
fn a_configuration_file_with_secrets_is_checked_like_a_secret_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cloakroom.toml");
    let load = |text: &str, mode| {
        fs::write(&path, text).unwrap();
        set_mode(&path, mode);
        let variables = GOOD.iter();
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(Some(&path), variables.collect())
    };
    let secrets = "[storage]\naccess_key_id = 'key'\nsecret_access_key = 'canary-secret'\n";
    let warnings = load(secrets, 0o644).unwrap().warnings;
    let begins = format!("--config: {}: every user", path.display());
    assert!(
        warnings.len() == 1 && warnings[0].starts_with(&begins),
        "{warnings:?}"
    );
    assert!(load(secrets, 0o640).unwrap().warnings.is_empty());
    let refused = load(secrets, 0o660).unwrap_err().0;
    assert!(refused[0].contains("chmod 400"), "{refused:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_its_key_and_the_cause() {
    let missing = Path::new("/nonexistent/file");
    for key in [
        "oauth.client_secret_file",
        "oauth.client_private_key_file",
        "oauth.ca_file",
        "storage.ca_file",
        "storage.secret_access_key_file",
        "access_keys.capability_key_file",
        "naming.secret_file",
        "database.url_file",
    ] {
        let variable = format!("CLOAKROOM_{}", key.to_uppercase().replace('.', "__"));
        let variables = [(variable.as_str(), text(missing))];
        let good = GOOD.iter().filter(|(name, _)| !variable.starts_with(name));
        let variables: Vec<_> = good.copied().chain(variables).collect();
        let message = load(None, &variables).unwrap_err().join("\n");
        let line = format!(
            "{key}: /nonexistent/file: No such file or directory (os error 2) ({variable})"
        );
        assert!(message.lines().any(|message| message == line), "{message}");
    }
}

#[test]
fn certificate_authorities_that_cannot_be_trusted_are_refused() {
    for (name, pem) in [
        ("empty", ""),
        ("cut off", "-----BEGIN CERTIFICATE-----\nMIIB"),
        (
            "no base64",
            "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        ),
        (
            "no certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), pem).unwrap();
        let path = file.path().to_str().unwrap();
        for key in ["oauth.ca_file", "storage.ca_file"] {
            let variable = format!("CLOAKROOM_{}", key.to_uppercase().replace('.', "__"));
            let message = complaint(&[(&variable, path)]);
            assert!(
                message.starts_with(&format!("{key}: {path}: must contain usable")),
                "{name}: {message}"
            );
        }
    }
}
