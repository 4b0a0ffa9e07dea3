//! What the book claims: with what an API refuses.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::prose;

/// Each status with each code that the table under "Errors" has.
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

/// The same of the contract, whose descriptions name the codes, or the titles of problems.
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
fn the_pages_of_the_apis_list_the_errors_of_the_contract() {
    let contract: Value = serde_json::from_str(&cloakroom::http::openapi_json()).unwrap();
    let access_keys = "/core/v1/object_storage/access_keys/access_key/generate_credentials";
    let workspace = "/api/v1/org/{org}/ws/{ws}/storage/credentials";
    for (page, path, method) in [
        ("v1", "/v1/credentials", "post"),
        ("container", "/v1/credentials/container", "get"),
        ("sts", "/", "post"),
        ("storage-boto", "/storage/boto", "post"),
        ("workspace", workspace, "get"),
        ("access-keys", access_keys, "post"),
    ] {
        let page = PathBuf::from(format!("docs/api/{page}.md"));
        let operation = &contract["paths"][path][method];
        assert_eq!(
            documented(&page),
            contracted(operation),
            "{}",
            page.display()
        );
    }
}
