//! The floor table of docs/architecture.md, held against the imports of every file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

#[derive(Debug, Clone, PartialEq, Eq)]
struct Floor {
    height: u8,
    /// From the left of its row; counts on the ground floor alone.
    place: usize,
}

impl Floor {
    /// Lower floors; and on the ground floor, where measures are made of measures, whatever stands to the left.
    fn may_import(&self, target: &Self) -> bool {
        target.height < self.height || self.height == 0 && target.height == 0 && target.place < self.place
    }
}

#[test]
fn every_file_imports_only_from_floors_below_its_own() {
    let root = root();
    let floors = table(&fs::read_to_string(root.join("docs/architecture.md")).expect("the table is there"));
    let mut faults = Vec::new();
    for (krate, source) in [("gateway-core", "gateway/core/src"), ("gateway", "gateway/src")] {
        for file in rust_files(&root.join(source)) {
            let text = fs::read_to_string(&file).expect("a listed file can be read");
            let place = file.strip_prefix(root.join(source)).expect("listed below it");
            let own =
                place.components().next().expect("a file has a name").as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
            if own == "lib" {
                continue;
            }
            let Some(floor) = floors.get(&(krate.to_owned(), own.clone())) else {
                faults.push(format!("{}: module {own} stands on no floor of docs/architecture.md", file.display()));
                continue;
            };
            for import in imports(&text) {
                let Some(target) = floors.get(&(krate.to_owned(), import.clone())) else { continue };
                if import != own && !floor.may_import(target) {
                    faults.push(format!("{}: floor {} imports {import} of floor {}", file.display(), floor.height, target.height));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn siblings_see_each_other_on_the_ground_floor_alone_and_only_to_the_left() {
    let at = |height, place| Floor { height, place };
    assert!(at(0, 1).may_import(&at(0, 0)) && !at(0, 0).may_import(&at(0, 1)));
    assert!(!at(7, 1).may_import(&at(7, 0)));
    assert!(at(7, 0).may_import(&at(6, 2)) && !at(6, 2).may_import(&at(7, 0)));
}

#[test]
fn an_import_of_a_higher_floor_is_seen_in_every_spelling() {
    let spellings = [
        ("use crate::switch::Switch;", vec!["switch"]),
        ("use crate::{call::{Call, Turn}, sip};", vec!["call", "sip"]),
        ("    let call = crate::call::Call::begin();", vec!["call"]),
        ("use crate::{\n    ids::CallId,\n    plane::Shard,\n};", vec!["ids", "plane"]),
        ("// use crate::switch::Switch;", vec![]),
    ];
    for (text, expected) in spellings {
        assert_eq!(imports(text), expected, "{text}");
    }
}

/// Rows `| floor | crate | modules |` of the table, by crate and module.
fn table(text: &str) -> BTreeMap<(String, String), Floor> {
    let mut floors = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [height, krate, modules] = cells[..] else { continue };
        let Ok(height) = height.parse() else { continue };
        for (place, module) in modules.split_whitespace().enumerate() {
            floors.insert((krate.to_owned(), module.to_owned()), Floor { height, place });
        }
    }
    assert!(floors.len() > 10, "the table of docs/architecture.md is gone");
    floors
}

/// The top modules that a file names behind `crate::`, outside comments.
fn imports(text: &str) -> Vec<String> {
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with('$') || code[..at].chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(heads(group));
        } else {
            found.push(word(rest));
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

/// The first words of a `{a::b, c::{d, e}, f}` group.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut fresh, mut found) = (0, true, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            _ if fresh && !letter.is_whitespace() => {
                found.push(word(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}
