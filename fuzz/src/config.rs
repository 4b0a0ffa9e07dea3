//! A configuration file. One that loads is printed as a file that loads to the same values; one that does
//! not load is refused with a line for each mistake, which names its key or its place.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use cloakroom::config::{Config, Setting, effective};

/// What the printed file shows instead of a secret.
const HIDDEN: &str = "(hidden)";

static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap().keep();
    folder.join("cloakroom.toml")
});

pub(crate) fn check(input: &[u8]) -> bool {
    // Other files of this machine are none of the fuzzer's business.
    if input.windows(5).any(|part| part == b"_file") {
        return false;
    }
    match load(input) {
        Ok(config) => {
            loads_again(&config.settings);
            true
        }
        Err(lines) => {
            assert!(!lines.is_empty());
            for line in &lines {
                names_its_place(line);
            }
            false
        }
    }
}

fn load(text: &[u8]) -> Result<Config, Vec<String>> {
    fs::write(&*PLACE, text).unwrap();
    Config::load(Some(&PLACE), HashMap::new()).map_err(|errors| errors.0)
}

fn loads_again(settings: &[Setting]) {
    let printed = effective(settings);
    // A private key or a URL that is hidden cannot be read again, and a naming secret is too short then.
    let is_lost = |setting: &Setting| {
        [
            ".client_private_key",
            ".capability_key",
            "database.url",
            "naming.secret",
        ]
        .iter()
        .any(|end| setting.key.ends_with(end))
            && setting.value.as_deref() == Some(HIDDEN)
    };
    if settings.iter().any(is_lost) {
        return;
    }
    let again = load(printed.as_bytes());
    let again = again.unwrap_or_else(|lines| panic!("{}\nfor\n{printed}", lines.join("\n")));
    let values = |settings: &[Setting]| -> Vec<(String, Option<String>)> {
        settings
            .iter()
            .map(|one| (one.key.clone(), one.value.clone()))
            .collect()
    };
    assert_eq!(values(settings), values(&again.settings), "for\n{printed}");
    assert_eq!(
        effective(&again.settings).lines().count(),
        printed.lines().count()
    );
}

fn names_its_place(line: &str) {
    let (place, what) = line
        .split_once(": ")
        .unwrap_or_else(|| panic!("no place in {line:?}"));
    assert!(!place.is_empty() && !what.is_empty(), "{line:?}");
    assert!(!line.contains('\n'), "two lines in {line:?}");
}
