//! Facts in the book: the errors of each API; and the pages that the code names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{files, prose};

/// Each status and code in the table under "Errors".
fn documented(page: &Path) -> BTreeSet<(String, String)> {
    let text = prose(page);
    let (_, errors) = text.split_once("\n## Errors\n").unwrap();
    let rows = errors.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (status, codes) = (cells.next()?, cells.next()?);
        let codes = codes.split('`').skip(1).step_by(2);
        Some(codes.map(|code| (status.to_owned(), code.to_owned())))
    });
    rows.flatten().collect()
}

/// Each status and code in the contract, whose descriptions name the codes or the titles of problems.
fn contracted(operation: &Value) -> BTreeSet<(String, String)> {
    let mut pairs = BTreeSet::new();
    for (status, answer) in operation["responses"].as_object().unwrap() {
        let is_problem = answer["content"]["application/problem+json"].is_object();
        for code in answer["description"].as_str().unwrap().split(", or ") {
            let slug = code.to_lowercase().replace(' ', "-");
            let code = if is_problem { slug } else { code.to_owned() };
            if status != "200" {
                pairs.insert((status.clone(), code));
            }
        }
    }
    pairs
}

#[test]
fn api_pages_list_the_errors_of_the_contract() {
    let contract: Value = serde_json::from_str(&cloakroom::http::openapi_json()).unwrap();
    let mut looked_at = 0;
    for (path, item) in contract["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            if operation["tags"][0] != "credentials" {
                continue;
            }
            looked_at += 1;
            let page = match path.as_str() {
                "/" => "sts",
                "/v1/credentials" => "v1",
                "/v1/credentials/revoke" => "revoke",
                "/v1/storage" => "storage",
                "/v1/storage/sessions" => "sessions",
                "/v1/credentials/container" => "container",
                "/storage/boto" => "storage-boto",
                "/api/v1/org/{org}/ws/{ws}/storage/credentials" => "workspace",
                "/core/v1/object_storage/access_keys/access_key/generate_credentials" => {
                    "access-keys"
                }
                other => panic!("{other}: no page of docs/api is named here"),
            };
            let page = PathBuf::from(format!("docs/api/{page}.md"));
            assert_eq!(
                documented(&page),
                contracted(operation),
                "{}",
                page.display()
            );
        }
    }
    assert_eq!(looked_at, 9);
}

/// The words of a text that name a page of the book.
fn pages_named(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "/.-_".contains(c)));
    words
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| word.starts_with("docs/"))
        .filter(|word| Path::new(word).extension().is_some_and(|end| end == "md"))
}

#[test]
fn every_page_that_the_code_names_exists() {
    let mut looked_at = 0;
    let folders = ["src", "tests", "deploy", "migrations", "docker-compose.yml"];
    for file in folders.into_iter().flat_map(all) {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        for page in pages_named(&text) {
            looked_at += 1;
            assert!(Path::new(page).exists(), "{}: {page}", file.display());
        }
    }
    assert!(looked_at > 15, "only {looked_at} pages");
}

/// The files of a folder, or the file itself.
fn all(path: &str) -> Vec<PathBuf> {
    if Path::new(path).is_dir() {
        files(path).collect()
    } else {
        vec![PathBuf::from(path)]
    }
}
