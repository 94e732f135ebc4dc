//! Rules for the documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::{room, root, sources};

/// README, the pages of the book and those beside README, by their path.
fn pages() -> BTreeMap<String, String> {
    let mut folders = vec![root().join("docs/src")];
    let mut files = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|file| root().join(file)).to_vec();
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let (below, here): (Vec<PathBuf>, Vec<_>) = entries.partition(|path| path.is_dir());
        folders.extend(below);
        files.extend(here.into_iter().filter(|path| path.extension().is_some_and(|is| is == "md")));
    }
    let name = |path: &PathBuf| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    files.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn the_readme_is_short() {
    assert!(pages().get("README.md").unwrap().lines().count() < 200);
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let pages = pages();
    let contents = pages.get("docs/src/SUMMARY.md").unwrap();
    for page in pages.keys().filter_map(|page| page.strip_prefix("docs/src/")).filter(|page| *page != "SUMMARY.md") {
        assert!(contents.contains(&format!("]({page})")), "SUMMARY.md lacks {page}");
    }
}

#[test]
fn every_room_is_explained() {
    let pages = pages();
    let page = pages.get("docs/src/design/architecture.md").unwrap();
    for file in sources().keys().filter(|file| !["lib.rs", "main.rs", "internals.rs"].contains(&file.as_str())) {
        assert!(page.contains(&format!("`{}`", room(file))), "the page on architecture lacks the room of {file}");
    }
}

/// `.ci/readme.py` runs the blocks that have a name. Rust is compiled with the documentation of the crate.
#[test]
fn every_block_of_code_is_run_or_says_why_not() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut names = BTreeSet::new();
    for (page, text) in pages() {
        let mut before = "";
        let mut is_inside = false;
        for line in text.lines() {
            let Some(language) = line.trim_start().strip_prefix("```") else {
                before = line;
                continue;
            };
            is_inside = !is_inside;
            if is_inside && language == "rust" {
                assert!(lib.contains(&format!("include_str!(\"../{page}\")")), "src/lib.rs does not compile {page}");
            } else if is_inside && !["json", "text", "toml"].contains(&language) {
                let name = before.strip_prefix("<!-- run: ").and_then(|rest| rest.strip_suffix(" -->"));
                let is_explained = before.starts_with("<!-- not run: ") && before.ends_with(" -->");
                assert!(
                    name.is_some() || is_explained,
                    "{page}: is this block run, or why not? {language} after {before}"
                );
                assert!(
                    name.is_none_or(|name| names.insert(name.to_owned())),
                    "{page}: two blocks have the name {name:?}"
                );
            }
        }
        assert!(!is_inside, "{page}: a block does not end");
    }
    assert!(names.len() > 20, "{names:?}");
}

/// The tests that show a promise are named as `file::test`.
#[test]
fn the_tests_that_the_threat_model_names_exist() {
    let pages = pages();
    let page = pages.get("docs/src/design/threat-model.md").unwrap();
    let named: BTreeSet<_> = page.split('`').filter(|span| span.contains(".rs::")).collect();
    assert!(named.len() > 30, "{named:?}");
    for test in named {
        let (file, name) = test.split_once("::").unwrap();
        let text = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let before = text.split_once(&format!("fn {name}(")).unwrap_or_else(|| panic!("there is no {test}")).0;
        let mut attributes = before.trim_end().lines().rev().take_while(|line| line.trim_start().starts_with("#["));
        let is_alone = attributes.any(|line| line.contains("test"));
        let of_both_engines = before.split("both_engines!(").skip(1).filter_map(|rest| rest.split(");").next());
        let is_listed = of_both_engines.flat_map(|names| names.split(',')).any(|listed| listed.trim() == name);
        assert!(is_alone || is_listed, "{test} is not a test");
    }
}
