//! Holds the links between the pages: each leads to a file of the repository, and to a heading that is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// How an absolute link names a file of the repository.
const VIEWS: [&str; 3] = ["/blob/main/", "/raw/main/", "/tree/main/"];

/// The text of a page without its blocks of code.
fn prose(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// What stands between each `open` and the next `close`.
fn between<'a>(text: &'a str, open: &str, close: char) -> Vec<&'a str> {
    let rests = text.split(open).skip(1);
    rests
        .filter_map(|rest| Some(rest.split_once(close)?.0))
        .collect()
}

/// The definitions of a page: label and target.
fn definitions(prose: &str) -> Vec<(&str, &str)> {
    let lines = prose.lines();
    lines
        .filter_map(|line| line.strip_prefix('[')?.split_once("]: "))
        .collect()
}

/// The anchors that a page has: its headings as the hosting site and rustdoc spell them.
fn anchors(prose: &str) -> BTreeSet<String> {
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            title
                .chars()
                .filter(|letter| letter.is_alphanumeric() || "-_ ".contains(*letter))
                .map(|letter| if letter == ' ' { '-' } else { letter })
                .collect()
        })
        .collect()
}

/// The file that a link leads to; none if it is not of this repository.
fn file(page: &Path, target: &str) -> Option<PathBuf> {
    let inside = target.strip_prefix(env!("CARGO_PKG_REPOSITORY"));
    if let Some(path) =
        inside.and_then(|inside| VIEWS.iter().find_map(|view| inside.strip_prefix(view)))
    {
        return Some(Path::new(ROOT).join(path));
    }
    match target {
        "" => Some(page.to_owned()),
        _ if target.contains("://") => None,
        _ => Some(page.parent().unwrap().join(target)),
    }
}

/// What is wrong with the links of a page.
fn faults(page: &Path, text: &str) -> Vec<String> {
    let prose = prose(text);
    let definitions = definitions(&prose);
    let mut targets = between(&prose, "](", ')');
    targets.extend(definitions.iter().map(|(_, target)| *target));
    let dead = targets.into_iter().filter(|target| {
        let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
        let Some(file) = file(page, path) else {
            return false;
        };
        let has_anchor = |text: String| anchors(&self::prose(&text)).contains(anchor);
        !file.exists() || !anchor.is_empty() && !fs::read_to_string(file).is_ok_and(has_anchor)
    });
    let labels = between(&prose, "][", ']').into_iter();
    let undefined = labels.filter(|label| definitions.iter().all(|(defined, _)| defined != label));
    dead.chain(undefined)
        .map(|link| format!("{}: {link}", page.display()))
        .collect()
}

#[test]
fn every_link_between_the_pages_leads_somewhere() {
    let docs = fs::read_dir(Path::new(ROOT).join("docs")).unwrap();
    let mut pages: Vec<_> = docs
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    assert!(pages.len() > 10, "the pages are not where they were");
    pages.extend(["README.md", "tests/README.md"].map(|page| Path::new(ROOT).join(page)));
    let faults: Vec<_> = pages
        .iter()
        .flat_map(|page| faults(page, &fs::read_to_string(page).unwrap()))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = Path::new(ROOT).join("README.md");
    let repository = env!("CARGO_PKG_REPOSITORY");
    for text in [
        "[a](missing.md)",
        "[a](#missing)",
        "[a](Cargo.toml#missing)",
        "[a][missing]",
        "[a][b]\n\n[b]: missing.md",
        &format!("[a]({repository}/blob/main/missing.md)"),
    ] {
        assert_eq!(faults(&page, text).len(), 1, "{text}");
    }
    for text in [
        "[a](Cargo.toml)",
        "[a](#what-it-does-not-do)",
        "[a][b]\n\n[b]: https://example.org",
        "```\n[a](missing.md)\n```\n",
        &format!("[a]({repository}/tree/main/src)"),
    ] {
        assert_eq!(faults(&page, text), [""; 0], "{text}");
    }
}
