//! The tests that the book names as proofs exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{files, pages, prose};

/// The pages with tables whose last column names tests.
const PAGES: [&str; 2] = ["docs/security.md", "docs/threat-model.md"];

/// Every function of this repository with a test attribute.
fn tests() -> BTreeSet<String> {
    let rust =
        |folder: &str| files(folder).filter(|file| file.extension().is_some_and(|end| end == "rs"));
    let mut found = BTreeSet::new();
    for file in rust("src").chain(rust("tests")) {
        let text = fs::read_to_string(file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            let function = line
                .strip_prefix("async ")
                .unwrap_or(line)
                .strip_prefix("fn ");
            if line.starts_with("#[") {
                is_test |= line.contains("test]") || line.contains("::test(");
            } else if let Some((name, _)) = function.and_then(|rest| rest.split_once('(')) {
                if is_test {
                    found.insert(name.to_owned());
                }
                is_test = false;
            } else if !line.starts_with("//") {
                is_test = false;
            }
        }
    }
    found
}

/// The words in backticks that look like a test's name.
fn cited(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|word| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        word.chars().all(plain) && word.matches('_').count() >= 2
    })
}

#[test]
fn every_test_that_the_book_cites_exists() {
    let tests = tests();
    let mut looked_at = 0;
    for page in pages().into_iter().filter(|page| {
        PAGES.iter().any(|named| page.ends_with(named)) || page.starts_with("docs/decisions")
    }) {
        for name in cited(&prose(&page)) {
            looked_at += 1;
            assert!(
                tests.contains(name),
                "{}: there is no test {name}",
                page.display()
            );
        }
    }
    assert!(looked_at > 80, "only {looked_at} tests are cited");
}

/// The last cells of the tables whose last column has the heading "proven by" or "tried by", each with its
/// row.
fn proofs(text: &str) -> Vec<(&str, &str)> {
    let mut rows = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        let Some(row) = line.strip_prefix("| ").and_then(|r| r.strip_suffix(" |")) else {
            is_inside &= line.starts_with('|');
            continue;
        };
        let last = row.rsplit(" | ").next().unwrap();
        if ["proven by", "tried by"].contains(&last) {
            is_inside = true;
        } else if is_inside {
            rows.push((last, row));
        }
    }
    rows
}

/// Whether a suite has this test and runs it: `tests/engines/heirs.py::heirs`, or the title of a test of
/// JavaScript.
fn is_in_a_suite(path: &str, name: &str) -> bool {
    let path = Path::new(path);
    let Ok(text) = fs::read_to_string(path) else {
        return false;
    };
    let defined = match path.extension().and_then(|end| end.to_str()) {
        Some("py") => format!("def {name}("),
        Some("sh") => format!("{name}() {{"),
        Some("mjs") => return text.contains(&format!("test('{name}'")),
        _ => return false,
    };
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let names = |line: &str| line.split(|c| !is_word(c)).any(|word| word == name);
    // `tests/engines`, and its folders.
    let mut lines = files(path.iter().take(2).collect::<PathBuf>())
        .filter_map(|file| fs::read_to_string(file).ok())
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    let is_run = lines.any(|line| {
        let line = line.trim();
        names(line) && !line.starts_with(&defined) && !line.starts_with('#')
    });
    is_run && text.lines().any(|line| line.starts_with(&defined))
}

#[test]
fn every_line_of_the_threat_model_names_tests_that_exist() {
    let tests = tests();
    let mut looked_at = 0;
    for page in PAGES {
        for (cell, row) in proofs(&prose(Path::new(page))) {
            let mut named = cell.split('`').skip(1).step_by(2).peekable();
            assert!(named.peek().is_some(), "{page}: no test proves: {row}");
            for name in named {
                looked_at += 1;
                let exists = match name.split_once("::") {
                    Some((path, test)) => is_in_a_suite(path, test),
                    None => tests.contains(name),
                };
                assert!(exists, "{page}: there is no test {name}");
            }
        }
    }
    assert!(looked_at > 300, "only {looked_at} tests are named");
}

#[test]
fn a_test_of_a_suite_counts_only_if_it_is_there_and_run() {
    assert!(is_in_a_suite("tests/engines/heirs.py", "heirs"));
    assert!(is_in_a_suite("tests/engines/doctor.sh", "examine_hole"));
    for (path, name) in [
        ("tests/engines/heirs.py", "heir"),
        ("tests/engines/none.py", "heirs"),
        ("tests/engines/doctor.sh", "heirs"),
        ("tests/console/zip.test.mjs", "zipNames"),
    ] {
        assert!(!is_in_a_suite(path, name), "{path}::{name}");
    }
}
