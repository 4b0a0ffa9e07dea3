//! The book: every page is in the summary, and no link leaves the book.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{links, pages, prose};

fn pages_of_the_book() -> impl Iterator<Item = PathBuf> {
    pages()
        .into_iter()
        .filter(|page| page.starts_with("docs") && !page.ends_with("SUMMARY.md"))
}

#[test]
fn every_page_is_in_the_summary_once() {
    let summary = prose(Path::new("docs/SUMMARY.md"));
    let named: Vec<PathBuf> = links(&summary)
        .into_iter()
        .map(|page| Path::new("docs").join(page))
        .collect();
    let there: BTreeSet<PathBuf> = pages_of_the_book().collect();
    assert_eq!(named.iter().cloned().collect::<BTreeSet<_>>(), there);
    assert_eq!(named.len(), there.len(), "a page stands there twice");
}

/// mdBook publishes only the files in docs.
#[test]
fn no_link_leaves_the_book() {
    for page in pages_of_the_book() {
        let folder = page.parent().unwrap();
        let depth = folder.components().count() - 1;
        for target in links(&prose(&page)) {
            let up = target.split('/').filter(|part| *part == "..").count();
            assert!(up <= depth, "{}: {target}", page.display());
        }
    }
}

#[test]
fn the_readme_has_at_most_200_lines() {
    let lines = fs::read_to_string("README.md").unwrap().lines().count();
    assert!(lines <= 200, "{lines} lines");
}
