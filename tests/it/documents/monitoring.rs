//! docs/monitoring.md and deploy/monitoring: the metrics that exist, and a section for each alert.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::anchors;

const PAGE: &str = "docs/monitoring.md";
const ALERTS: &str = "deploy/monitoring/alerts.yaml";
const DASHBOARD: &str = "deploy/monitoring/dashboard.json";

/// Where the alerts think that the book is.
const BOOK: &str = "https://docs.example.com/cloakroom/";

#[test]
fn monitoring_page_has_the_table_of_every_metric() {
    let page = fs::read_to_string(PAGE).unwrap();
    let table = cloakroom::metrics::reference();
    assert!(
        page.contains(&format!("\n\n{table}\n")),
        "{PAGE} has drifted; the table is:\n{table}"
    );
}

/// The names of metrics in a text, without the suffixes of a histogram.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let metrics = words.filter(|word| {
        let ours = ["cloakroom_", "http_server_", "http_client_", "process_"];
        ours.iter().any(|start| word.starts_with(start)) && !word.ends_with('_')
    });
    let base = |name: &str| {
        let mut suffixes = ["_bucket", "_sum", "_count"].into_iter();
        let base = suffixes.find_map(|suffix| name.strip_suffix(suffix));
        base.unwrap_or(name).to_owned()
    };
    metrics.map(base).collect()
}

#[test]
fn alerts_and_dashboard_use_metrics_that_exist() {
    let table = named(&cloakroom::metrics::reference());
    let mut used = BTreeSet::new();
    for file in [
        PAGE,
        ALERTS,
        "deploy/monitoring/alerts.test.yaml",
        DASHBOARD,
    ] {
        let found = named(&fs::read_to_string(file).unwrap());
        let unknown: Vec<_> = found.difference(&table).collect();
        assert_eq!(unknown, Vec::<&String>::new(), "{file}");
        if file == DASHBOARD {
            used = found;
        }
    }
    // The dashboard shows nearly everything.
    assert!(used.len() + 10 > table.len(), "{used:?}");
}

#[test]
fn every_alert_has_a_section_and_a_test() {
    let rules = fs::read_to_string(ALERTS).unwrap();
    let tests = fs::read_to_string("deploy/monitoring/alerts.test.yaml").unwrap();
    let sections = anchors(Path::new(PAGE));
    let (mut alerts, mut books) = (Vec::new(), Vec::new());
    for line in rules.lines().map(str::trim) {
        alerts.extend(line.strip_prefix("- alert: "));
        books.extend(line.strip_prefix("runbook_url: "));
    }
    assert!(alerts.len() > 15, "{alerts:?}");
    assert_eq!(alerts.len(), books.len());
    for (alert, book) in alerts.iter().zip(books) {
        let section = alert.to_lowercase();
        assert_eq!(book, format!("{BOOK}monitoring.html#{section}"));
        assert!(sections.contains(&section), "{PAGE} has no section {alert}");
        let fires = format!("{{alertname=\"{alert}\"}}");
        assert!(tests.contains(&fires), "{alert} is not tested");
    }
}

#[test]
fn dashboard_panels_have_queries_and_places() {
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(DASHBOARD).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut places = BTreeSet::new();
    for panel in panels {
        let place = panel["gridPos"].to_string();
        assert!(places.insert(place), "{}: two at one place", panel["title"]);
        if panel["type"] == "row" {
            continue;
        }
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{}", panel["title"]);
        for target in targets {
            let query = target["expr"].as_str().unwrap();
            assert!(query.contains("job=\"$job\""), "{query}");
        }
    }
    assert!(places.len() > 20);
}
