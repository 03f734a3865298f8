//! What a run leaves in its folder, and whether two runs have left the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use protobuf::Message;
use tensorboard_proto::event::Event;

use crate::common::command::Bench;

/// The files of the run in `folder` by their paths in it, the events of each folder as one. What
/// differs between any two runs is left out: the lock, the times of events, the seconds in
/// `status.json` and `history.csv`, the machine in `config.json`, where a process began a new event file, and the checkpoint before the last, which may
/// be that of a signal in the midst of an epoch.
pub fn remains(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in walk(folder) {
        let name = entry.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        if name != ".lock" && name != "status.json" && !name.contains("tfevents") {
            found.insert(name, fs::read(&entry).unwrap());
        }
    }
    if let Some(config) = found.get_mut("config.json") {
        let mut json: serde_json::Value = serde_json::from_slice(config).unwrap();
        assert!(json.as_object_mut().unwrap().shift_remove("environments").is_some());
        *config = json.to_string().into_bytes();
    }
    if let Some(history) = found.get_mut("history.csv") {
        *history = timeless(history);
    }
    let checkpoints = found.keys().filter(|name| name.starts_with("checkpoints/"));
    let checkpoints: Vec<_> = checkpoints.cloned().collect();
    assert!(checkpoints.len() <= 2, "{checkpoints:?}");
    checkpoints.iter().rev().skip(1).for_each(|name| drop(found.remove(name)));
    for events in ["train", "validation"] {
        found.insert(format!("{events}/"), summaries(&folder.join(events)));
    }
    found
}

/// The rows of `history.csv` without what depends on how fast it went and on how many ranks.
fn timeless(history: &[u8]) -> Vec<u8> {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(history);
    let rows: Vec<_> = rows.records().map(|row| row.unwrap()).collect();
    let timed = ["seconds", "images_per_second", "bytes_sent", "waiting_seconds"];
    let kept: Vec<_> = (0..rows[0].len()).filter(|&at| !timed.contains(&&rows[0][at])).collect();
    let lines =
        rows.iter().map(|row| kept.iter().map(|&at| &row[at]).collect::<Vec<_>>().join(","));
    lines.collect::<Vec<_>>().join("\n").into_bytes()
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// The summaries of all event files of `folder`, in their order.
fn summaries(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for file in dytb::tensorboard::event_files(folder).unwrap() {
        for record in dytb::tensorboard::read_records(&file).unwrap() {
            let mut event = Event::new();
            event.merge_from_bytes(&record.unwrap().data).unwrap();
            event.clear_wall_time();
            if event.has_summary() {
                bytes.extend(event.write_to_bytes().unwrap());
            }
        }
    }
    bytes
}

/// Fails unless the run `run` has ended in both benches in the same place, bit for bit, with the same
/// files and the same lines in the results files.
#[track_caller]
pub fn assert_same(one: &Bench, other: &Bench, run: &str) {
    let (ours, theirs) = (remains(&one.path(run)), remains(&other.path(run)));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&theirs));
    for (name, bytes) in &ours {
        assert!(*bytes == theirs[name], "{name} differs");
    }
    for file in ["validation_results.txt", "test_results.txt"] {
        assert_eq!(one.lines(file), other.lines(file));
    }
}
