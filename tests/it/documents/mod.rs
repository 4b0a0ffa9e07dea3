//! README, the pages beside it and the book refer to things that exist: files, headings, paths in the
//! text, and cited tests.

mod book;
mod facts;
mod monitoring;
mod proofs;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// README, the pages beside it and every page of docs.
fn pages() -> Vec<PathBuf> {
    let beside = [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ];
    let mut pages = beside.map(PathBuf::from).to_vec();
    pages.extend(files("docs").filter(|file| file.extension().is_some_and(|end| end == "md")));
    assert!(pages.len() > 50, "{pages:?}");
    pages
}

fn files(folder: impl AsRef<Path>) -> Box<dyn Iterator<Item = PathBuf>> {
    let entries = fs::read_dir(folder).unwrap();
    Box::new(entries.flat_map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(path)
        } else {
            Box::new(std::iter::once(path))
        }
    }))
}

/// The page's lines outside its code blocks.
fn prose(page: &Path) -> String {
    let text = fs::read_to_string(page).unwrap();
    let mut in_code = false;
    let lines = text.split_inclusive('\n').filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !fence && !in_code
    });
    lines.collect()
}

/// The anchors that GitHub gives the page's headings.
fn anchors(page: &Path) -> Vec<String> {
    let mut seen = HashMap::new();
    let text = prose(page);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let words = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = words.chars().filter_map(|c| match c {
                ' ' => Some('-'),
                '-' | '_' => Some(c),
                _ => c.is_alphanumeric().then_some(c),
            });
            let anchor: String = kept.collect();
            let times = seen.entry(anchor.clone()).or_insert(0_u32);
            *times += 1;
            match *times {
                1 => anchor,
                again => format!("{anchor}-{}", again - 1),
            }
        })
        .collect()
}

/// The targets of the page's links and pictures within this repository.
fn links(text: &str) -> Vec<&str> {
    let inline = text.split("](").skip(1).filter_map(|rest| {
        let end = rest.find(')')?;
        rest.get(..end)
    });
    let defined = text.lines().filter_map(|line| {
        let (_, target) = line.strip_prefix('[')?.split_once("]: ")?;
        Some(target)
    });
    let pictures = text.split("<img src=\"").skip(1).filter_map(|rest| {
        let end = rest.find('"')?;
        rest.get(..end)
    });
    inline
        .chain(defined)
        .chain(pictures)
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .collect()
}

/// The first words in backticks that look like paths.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter_map(|code| {
        let word = code.split_whitespace().next()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
        (word.contains(['/', '.']) && word.chars().all(plain)).then_some(word)
    })
}

#[test]
fn every_relative_link_resolves() {
    let mut looked_at = 0;
    let mut broken = Vec::new();
    for page in pages() {
        let text = prose(&page);
        for target in links(&text) {
            looked_at += 1;
            let (file, anchor) = match target.split_once('#') {
                Some((file, anchor)) => (file, Some(anchor)),
                None => (target, None),
            };
            let path = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            let leads = path.exists()
                && anchor.is_none_or(|anchor| anchors(&path).iter().any(|one| one == anchor));
            if !leads {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    assert!(looked_at > 200, "only {looked_at} links");
}

/// `tests/docs/run` finds and runs only fenced blocks.
#[test]
fn every_code_block_is_fenced() {
    for page in pages() {
        let text = prose(&page);
        let mut lines = text.lines().zip(text.lines().skip(1));
        let indented = lines.find(|(before, line)| before.is_empty() && line.starts_with("    "));
        assert_eq!(indented, None, "{}", page.display());
    }
}

#[test]
fn every_path_in_the_pages_exists() {
    let mut looked_at = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for path in paths(&prose(&page)) {
            let folders = ["src/", "tests/", "deploy/", "docs/", ".ci/"];
            let is_the_readers_own = text.contains(&format!(" file={path}\n"));
            if folders.iter().any(|folder| path.starts_with(folder)) && !is_the_readers_own {
                looked_at += 1;
                assert!(Path::new(path).exists(), "{}: {path}", page.display());
            }
        }
    }
    assert!(looked_at > 25, "only {looked_at} paths");
}

#[test]
fn files_in_the_walk_of_a_call_exist() {
    let walk = prose(Path::new("docs/code.md"));
    let sources: Vec<PathBuf> = files("src").collect();
    let mut looked_at = 0;
    for path in paths(&walk).filter(|path| {
        path.ends_with('/') || Path::new(path).extension().is_some_and(|end| end == "rs")
    }) {
        looked_at += 1;
        let exists = Path::new(path).exists()
            || Path::new("src").join(path).exists()
            // A file beside the one named before it.
            || (!path.contains('/') && sources.iter().any(|file| file.ends_with(path)));
        assert!(exists, "docs/code.md: {path}");
    }
    assert!(looked_at > 40, "only {looked_at} paths");
}
