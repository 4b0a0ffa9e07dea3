//! The table of docs/monitoring.md.

use std::fmt::Write as _;

use super::declarations::Instruments;

/// Every metric in a Markdown table.
#[must_use]
pub fn reference() -> String {
    let mut table = "| metric | type | labels | says |\n|---|---|---|---|\n".to_owned();
    for declared in Instruments::DECLARED {
        let labels = declared.labels.iter().map(|label| format!("`{label}`"));
        let labels: Vec<String> = labels.collect();
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "| `{}` | {} | {} | {} |",
            declared.name(),
            declared.kind.as_str(),
            labels.join(", "),
            declared.help
        );
    }
    table
}
