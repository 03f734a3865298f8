//! Runs of an autoencoder that are interrupted.

use super::command::{Bench, Done};
use super::remains::assert_same;

/// The folder of the run of an autoencoder with `line`, of so many `threads`, when it is done or paused.
#[track_caller]
pub fn folder_of(bench: &Bench, threads: &str, line: &str) -> String {
    let output = bench.training(line).arg("--json").env("RAYON_NUM_THREADS", threads).output();
    let done = Done::from(output.unwrap()).ended(0);
    done.json()["folder"].as_str().unwrap().to_owned()
}

/// Fails unless three epochs of the run with `line` are one and two more, on any number of threads.
#[track_caller]
pub fn assert_interruptions_change_nothing(line: &str) {
    let (through, paused) = (Bench::new(), Bench::new());
    let folder = folder_of(&through, "1", &format!("{line} --epochs 3"));
    for stop in ["--stop_after 1", "--stop_after 2", ""] {
        assert_eq!(folder_of(&paused, "3", &format!("{line} --epochs 3 {stop}")), folder);
    }
    assert_same(&through, &paused, &folder);
}
