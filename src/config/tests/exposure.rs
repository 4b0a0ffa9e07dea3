//! Files that other users can change, and paths that are not regular files.

use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::files::{secret_file, set_mode, text, with_file};
use super::*;
use crate::adapters::process_user;

#[test]
fn a_secret_file_of_another_user_causes_a_warning_at_start_and_on_change() {
    let (_directory, path) = secret_file(0o600);
    if chown(&path, Some(1234), None).is_err() {
        return; // Only root can give a file away.
    }
    let mut config = with_file(&path).unwrap();
    let message = format!(
        "{}: belongs to user id 1234, who can change it: make {} or root its owner",
        path.display(),
        process_user()
    );
    assert_eq!(
        config.warnings,
        [format!("oauth.client_secret_file: {message}")]
    );
    fs::write(&path, "the-next").unwrap();
    assert_eq!(
        config.files[0].reread(),
        Some(Reread::Changed(vec![message]))
    );
}

#[test]
fn pipes_directories_and_devices_are_refused_without_blocking() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    make_pipe(&pipe);
    for path in [pipe.as_path(), directory.path(), Path::new("/dev/null")] {
        let path = text(path).to_owned();
        let url = format!("postgres://u:canary-password@db.example/x?sslkey={path}");
        let message = in_time({
            let path = path.clone();
            move || {
                let variables = [
                    ("CLOAKROOM_OAUTH__CA_FILE", path.as_str()),
                    ("CLOAKROOM_NAMING__SECRET_FILE", path.as_str()),
                    ("CLOAKROOM_DATABASE__URL", url.as_str()),
                ];
                with(&variables).unwrap_err()
            }
        });
        for key in [
            "oauth.ca_file",
            "naming.secret_file",
            "database.url: sslkey",
        ] {
            let begins = format!("{key}: {path}: is not a regular file");
            let found = message.iter().any(|message| message.starts_with(&begins));
            assert!(found, "{begins} in {message:#?}");
        }
    }
}

#[test]
fn a_pipe_that_replaces_a_secret_file_does_not_block() {
    let (_directory, path) = secret_file(0o600);
    let mut config = with_file(&path).unwrap();
    fs::remove_file(&path).unwrap();
    make_pipe(&path);
    let message = in_time(move || config.files[0].reread());
    let expected = format!("{}: is not a regular file", path.display());
    assert_eq!(message, Some(Reread::Bad(expected)));
}

#[test]
fn a_configuration_file_that_others_can_change_causes_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cloakroom.toml");
    fs::write(&path, "[http]\nmax_in_flight = 7\n").unwrap();
    let warnings = |mode| {
        set_mode(&path, mode);
        let variables = GOOD.iter();
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(Some(&path), variables.collect())
            .unwrap()
            .warnings
    };
    let name = path.display();
    assert_eq!(warnings(0o644), [""; 0]);
    for mode in [0o664, 0o666] {
        let message = format!(
            "--config: {name}: other users can write this file (mode {mode:04o}): chmod go-w {name}"
        );
        assert_eq!(warnings(mode), [message]);
    }
    set_mode(directory.path(), 0o777);
    assert!(warnings(0o644)[0].contains("can replace this file"));
}

#[test]
fn a_private_key_in_the_database_url_is_checked_like_a_secret_file() {
    let (_directory, path) = secret_file(0o600);
    let url = format!(
        "postgres://u:canary-password@db.example/x?sslkey={}",
        text(&path)
    );
    let load = |mode| {
        set_mode(&path, mode);
        with(&[("CLOAKROOM_DATABASE__URL", &url)])
    };
    assert_eq!(load(0o600).unwrap().warnings, [""; 0]);
    let begins = format!("database.url: sslkey: {}: ", path.display());
    let warnings = load(0o644).unwrap().warnings;
    assert!(warnings[0].starts_with(&begins), "{warnings:?}");
    let refused = load(0o666).unwrap_err().join("\n");
    assert!(refused.starts_with(&begins), "{refused}");
    assert!(refused.contains("chmod 400"), "{refused}");
    assert!(!refused.contains("canary"), "{refused}");
}

fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || sender.send(work()));
    let done = done.recv_timeout(Duration::from_secs(10));
    done.expect("it waits for a writer")
}
