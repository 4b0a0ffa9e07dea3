//! `--issuers`: further issuers, to try the tokens of workloads.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use toml::de::DeTable;

use crate::cli::error::CommandError;

const ISSUERS: &str = "issuers";

/// The text of the file. Only tables of issuers may stand there: `dev` is configured by its options.
pub(super) fn read(file: &Path) -> Result<String, CommandError> {
    let failed = |error: &dyn Display| {
        CommandError::failed(format!("--issuers: {}: {error}", file.display()))
    };
    let text = fs::read_to_string(file).map_err(|error| failed(&error))?;
    let table = DeTable::parse(&text).map_err(|error| failed(&error.message()))?;
    let mut keys = table.get_ref().keys();
    if keys.any(|key| key.get_ref() != ISSUERS) {
        return Err(failed(&"has something else than tables issuers.<name>"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("issuers.toml");
        fs::write(&file, text).unwrap();
        read(&file).map_err(|error| error.to_string())
    }

    #[test]
    fn only_tables_of_issuers_are_taken() {
        let good = "[issuers.a]\naudience = 'x'\n";
        assert_eq!(read_text(good).as_deref(), Ok(good));
        for bad in [
            "[http]\naddress = '0.0.0.0:80'\n",
            "[issuers.a]\n[oauth]\n",
            "issuers = ",
        ] {
            let refused = read_text(bad).unwrap_err();
            assert!(refused.starts_with("--issuers: "), "{refused}");
        }
        assert!(read(Path::new("/nonexistent")).is_err());
    }
}
