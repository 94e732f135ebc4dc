//! Which file uses which, and circles among them. A module has a path as its file has: that of `jwt/mod.rs` is `jwt`,
//! that of `jwt/keys.rs` is `jwt/keys`.

use std::collections::{BTreeMap, BTreeSet};

/// The part of a file that is not for its tests, without comments.
pub fn production(text: &str) -> String {
    let tests = ["#[cfg(test)]\nmod ", "#[cfg(test)]\n    mod ", "#[cfg(test)]\n#[path"];
    let tests = tests.iter().filter_map(|tests| text.find(tests)).min();
    let code = text[..tests.unwrap_or(text.len())].lines().filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

fn module(file: &str) -> &str {
    file.trim_end_matches(".rs").trim_end_matches("/mod")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}/{name}") }
}

fn parent(module: &str) -> &str {
    module.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Takes the path at the start of a text, or the paths where it branches, as in `a::{b, c::d}`, and adds `before` to each.
/// Returns what follows.
fn take_paths<'a>(text: &'a str, before: &[&'a str], paths: &mut Vec<Vec<&'a str>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = take_paths(rest, before, paths);
            // Between two of them, after `as` and another name, or at the end.
            let end = rest.find([',', '}']).unwrap_or(rest.len());
            let is_last = !rest[end..].starts_with(',') || rest[end + 1..].trim_start().starts_with('}');
            rest = rest.get(end + 1..).unwrap_or_default();
            if is_last {
                return rest;
            }
        }
    }
    let (name, rest) = text.split_at(text.find(|c| !is_word(c)).unwrap_or(text.len()));
    let path = [before, &[name]].concat();
    if let Some(rest) = rest.strip_prefix("::") {
        return take_paths(rest, &path, paths);
    }
    paths.push(path);
    rest
}

/// The paths in the code that begin with `first`.
fn paths<'a>(code: &'a str, first: &str) -> Vec<Vec<&'a str>> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices(&format!("{first}::")) {
        let before = &code[..at];
        // `pub(in crate::http)` is a visibility, not a use.
        if !before.ends_with(|c: char| is_word(c) || c == ':') && !before.ends_with("(in ") {
            take_paths(&code[at..], &[], &mut paths);
        }
    }
    paths
}

struct Modules<'a> {
    /// By file; what is in it.
    files: &'a BTreeMap<String, String>,
    all: BTreeSet<&'a str>,
    /// What the `mod.rs` of a folder takes from its children, as in `pub use keys::Keys`, and the child's module.
    taken: BTreeMap<String, String>,
}

impl<'a> Modules<'a> {
    fn new(files: &'a BTreeMap<String, String>) -> Self {
        let mut found = Self { files, all: files.keys().map(|file| module(file)).collect(), taken: BTreeMap::new() };
        for (file, code) in files {
            for child in found.children(module(file)) {
                for path in paths(code, child) {
                    let name = path.last().unwrap();
                    found.taken.insert(join(module(file), name), join(module(file), child));
                }
            }
        }
        found
    }

    /// The names of a module's children.
    fn children(&self, of: &str) -> Vec<&'a str> {
        self.all.iter().filter(|child| parent(child) == of).map(|child| &child[join(of, "").len()..]).collect()
    }

    /// The file's module that a path in the module `from` leads to.
    fn find(&self, from: &str, path: &[&str]) -> String {
        let mut found = if path.starts_with(&["crate"]) { String::new() } else { from.to_owned() };
        for name in path {
            match *name {
                "crate" | "self" => {}
                "super" => found.truncate(parent(&found).len()),
                name => {
                    let next = join(&found, name);
                    match self.taken.get(&next) {
                        _ if self.all.contains(next.as_str()) => found = next,
                        Some(child) => return child.clone(),
                        None => return found,
                    }
                }
            }
        }
        found
    }

    /// The modules that a file names. A folder's `mod.rs` is above its children, and may name them though they name it.
    fn named_by(&self, file: &str) -> BTreeSet<String> {
        let (code, from) = (self.files.get(file).unwrap(), module(file));
        let children = if file.ends_with("/mod.rs") { Vec::new() } else { self.children(from) };
        let paths = ["crate", "super", "self"].into_iter().chain(children).flat_map(|first| paths(code, first));
        paths.map(|path| self.find(from, &path)).filter(|other| !other.is_empty() && other != from).collect()
    }
}

/// The groups of modules that all use each other, directly or indirectly.
pub fn circles(files: &BTreeMap<String, String>) -> BTreeSet<Vec<String>> {
    let modules = Modules::new(files);
    let named: BTreeMap<&str, _> = files.keys().map(|file| (module(file), modules.named_by(file))).collect();
    let known_to = |module| {
        let (mut known, mut next) = (BTreeSet::new(), vec![module]);
        while let Some(module) = next.pop() {
            next.extend(named.get(module).unwrap().iter().map(String::as_str).filter(|other| known.insert(*other)));
        }
        known
    };
    let known: BTreeMap<&str, BTreeSet<&str>> = named.keys().map(|module| (*module, known_to(*module))).collect();
    let mut circles = BTreeSet::new();
    for (module, others) in &known {
        let circle: Vec<_> = others.iter().filter(|other| known.get(*other).unwrap().contains(module)).collect();
        if !circle.is_empty() {
            circles.insert(circle.into_iter().map(ToString::to_string).collect());
        }
    }
    circles
}

#[test]
fn circles_are_found_between_files_in_all_ways_to_name_one() {
    let circles_of = |files: &[(&str, &str)]| {
        circles(&files.iter().map(|(file, code)| ((*file).to_owned(), production(code))).collect())
    };
    let circle = |modules: &[&str]| BTreeSet::from([modules.iter().map(ToString::to_string).collect::<Vec<_>>()]);
    let both = [("a.rs", "use crate::b::{self, B as _, C};"), ("b.rs", "fn f() { crate::a::f() }")];
    assert_eq!(circles_of(&both), circle(&["a", "b"]));
    let of_three = [
        ("r/mod.rs", "mod a;\nmod b;\nmod c;\npub use c::{C, D};"),
        ("r/a.rs", "use super::{x::{Y, Z}, b};"),
        ("r/b.rs", "use super::D;"),
        ("r/c.rs", "use crate::{x, r::a::A};"),
    ];
    assert_eq!(circles_of(&of_three), circle(&["r/a", "r/b", "r/c"]));
    let of_a_child = [("a.rs", "mod b;\nuse b::B;"), ("a/b.rs", "use super::A;")];
    assert_eq!(circles_of(&of_a_child), circle(&["a", "a/b"]));
    let below_a_folder = [("a/mod.rs", "mod b;\nfn f() { b::f() }"), ("a/b.rs", "use super::A;")];
    assert_eq!(circles_of(&below_a_folder), BTreeSet::new());
    let in_tests =
        [("a.rs", "// crate::b::f\n#[cfg(test)]\nmod tests { use crate::b::B; }"), ("b.rs", "use crate::a::A;")];
    assert_eq!(circles_of(&in_tests), BTreeSet::new());
}
