//! The rooms of `src/` are in layers: an import goes to a room of a lower layer, never to one of the
//! same layer or of a higher one.
//!
//! The rule is read off the paths in the source: `crate::ROOM::...` anywhere outside of tests, also in
//! the documentation. `models/` and `inputs/` are plug-ins: the registry lists them, and they see the
//! crate through the few names that `lib.rs` exports and through the rooms that are below the registry.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// The lowest layer first. A room may import what stands before its own line.
const LAYERS: [&[&str]; 10] = [
    &["error"],
    &["util"],
    &["device", "metrics", "stats", "viz", "weights"],
    &["data", "ops"],
    &["nn"],
    &["onnx", "optim", "tensorboard"],
    &["run"],
    &["registry"],
    &["train", "sweep"],
    &["commands"],
];

/// What plug-ins must not know: the command line, the runs and the training.
const ABOVE_PLUGINS: [&str; 5] = ["commands", "train", "registry", "run", "tensorboard"];

#[test]
fn imports_go_to_lower_layers() {
    let layers: BTreeMap<&str, usize> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(layer, rooms)| rooms.iter().map(move |room| (*room, layer)))
        .collect();
    let (mut wrong, mut rooms) = (Vec::new(), BTreeSet::new());
    for file in sources("src") {
        let Some(room) = room_of(&file) else { continue };
        let layer = *layers.get(room.as_str()).unwrap_or_else(|| {
            panic!("src/{room} is in no layer: give it a line of LAYERS in {}", file!())
        });
        for (line, target) in imports(&file, "crate") {
            // The tables of the plug-ins are the registry's and the commands'.
            let is_table = target == "models" || target == "inputs";
            let allowed = match layers.get(target.as_str()) {
                Some(below) => *below < layer || target == room,
                None => is_table && layer >= layers["registry"],
            };
            if !allowed {
                wrong.push(format!("{}:{line}: {room} -> {target}", file.display()));
            }
        }
        rooms.insert(room);
    }
    assert!(wrong.is_empty(), "imports to a room that is not lower:\n{}", wrong.join("\n"));
    let listed: BTreeSet<_> = layers.keys().map(|room| (*room).to_owned()).collect();
    assert_eq!(rooms, listed, "LAYERS lists the rooms that are there");
}

#[test]
fn plugins_do_not_know_the_program() {
    for file in sources("models").into_iter().chain(sources("inputs")) {
        for (line, target) in imports(&file, "dytb") {
            let is_above = ABOVE_PLUGINS.contains(&target.as_str());
            assert!(!is_above, "{}:{line}: a plug-in uses `{target}`", file.display());
        }
    }
}

/// The Rust files below `folder`, in order.
fn sources(folder: &str) -> Vec<PathBuf> {
    let files = WalkDir::new(folder).sort_by_file_name().into_iter();
    let files = files.map(|entry| entry.unwrap().into_path());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

/// The room of a file of `src/`; `None` for `lib.rs` and the programs.
fn room_of(file: &Path) -> Option<String> {
    let below = file.strip_prefix("src").unwrap();
    let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
    let room = first.strip_suffix(".rs").unwrap_or(first);
    (room != "lib" && room != "bin").then(|| room.to_owned())
}

/// `(line, room)` for each path `root::room` in the file outside of its tests.
fn imports(file: &Path, root: &str) -> Vec<(usize, String)> {
    let text = fs::read_to_string(file).unwrap();
    let is_test = |line: &str| line.starts_with("#[cfg(test)]");
    let root = format!("{root}::");
    let mut found = Vec::new();
    for (number, line) in text.lines().take_while(|line| !is_test(line)).enumerate() {
        for (at, _) in line.match_indices(&root) {
            let before = line[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
                continue;
            }
            let rest = &line[at + root.len()..];
            // A list, too, has the names of rooms or of what `lib.rs` exports.
            let list = rest.strip_prefix('{').map(|list| list.split('}').next().unwrap());
            for path in list.map_or(vec![rest], |list| list.split(',').collect()) {
                let is_end = |c: char| !c.is_alphanumeric() && c != '_';
                let name = path.trim_start().split(is_end).next().unwrap();
                found.push((number + 1, name.to_owned()));
            }
        }
    }
    found
}
