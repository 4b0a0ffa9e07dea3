//! Dependencies point one way: domain ← service ← {adapters, http} ← metrics ← server ← cli.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the crate that a layer may use.
const MAY_USE: [(&str, &[&str]); 11] = [
    ("domain", &[]),
    ("service", &["domain"]),
    ("adapters", &["domain", "service"]),
    ("http", &["domain", "service"]),
    ("metrics", &["domain", "service", "adapters", "http"]),
    ("config", &["domain", "adapters"]),
    (
        "server",
        &[
            "domain",
            "service",
            "adapters",
            "http",
            "metrics",
            "config",
            "telemetry",
        ],
    ),
    ("telemetry", &["service", "config"]),
    // A client of gateways. Of the service it needs the clock.
    ("login", &["service", "adapters"]),
    ("embedded", &[]),
    (
        "cli",
        &[
            "domain",
            "service",
            "adapters",
            "config",
            "http",
            "server",
            "telemetry",
            "login",
            "embedded",
        ],
    ),
];

#[test]
fn dependencies_point_one_way() {
    let mut files = Vec::new();
    for (layer, _) in MAY_USE {
        let before = files.len();
        gather(Path::new(&format!("src/{layer}")), &mut files);
        gather(Path::new(&format!("src/{layer}.rs")), &mut files);
        assert!(files.len() > before, "no files of {layer}");
    }
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let layer = layer_of(&file);
        let allowed = MAY_USE.iter().find(|(name, _)| *name == layer).unwrap().1;
        for used in text.split("crate::").skip(1).map(first_word) {
            let fine = used == layer || allowed.contains(&used.as_str());
            assert!(fine, "{}: {layer} must not use {used}", file.display());
        }
    }
}

#[test]
fn every_folder_of_src_has_a_dependency_rule() {
    for entry in fs::read_dir("src").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".rs");
        let known =
            MAY_USE.iter().any(|(layer, _)| *layer == name) || ["lib", "main"].contains(&name);
        assert!(known, "{name}");
    }
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_file() {
        files.push(path.to_owned());
    } else if let Ok(entries) = fs::read_dir(path) {
        let entries = entries.map(|entry| entry.unwrap().path());
        entries
            .filter(|path| path.is_dir() || path.extension() == Some("rs".as_ref()))
            .for_each(|path| gather(&path, files));
    }
}

fn layer_of(file: &Path) -> String {
    let layer = file
        .components()
        .nth(1)
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    layer.trim_end_matches(".rs").to_owned()
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}
