//! File systems that several machines share: without locks, and with clocks that differ. A library that is loaded
//! before the C library (`LD_PRELOAD`) makes them so, which `cc` compiles.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, SystemTime};

use dytb::run::latest;

use crate::common::command::{Bench, Done};
use crate::common::remains::{assert_same, remains};
use crate::common::skip::skipped;
use crate::sweep::table;

/// A run that is long enough to be met in its midst.
const LINE: &str =
    "train --model SingleLayerCAE --dataset Digits --seed 1 --epochs 60 --images_every 0";
const RUN: &str = "log/SingleLayerCAE/Digits_Momentum_lr=0.01";
/// A sweep whose trials go on from rung to rung.
const SWEEP: &str = "sweep --model SingleLayerCAE --dataset Digits --epochs 9 --vary learning_rate=log:1e-4..1e-1 \
                     --trials 6 --halving 3 --jobs 2";

/// The library that `source` in `preload/` is compiled to; none where there is no `cc`.
fn library(folder: &Bench, source: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/preload").join(source);
    let library = folder.path("preload.so");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(path).status();
    match compiled {
        Ok(status) => {
            assert!(status.success(), "{source} is not compiled");
            Some(library)
        }
        Err(_) => {
            skipped("there is no C compiler `cc`");
            None
        }
    }
}

/// `dytb` on a file system without locks.
fn without_locks(bench: &Bench, library: &Path, line: &str) -> Command {
    let mut command = bench.command(env!("CARGO_BIN_EXE_dytb"), line);
    command.env("LD_PRELOAD", library);
    command
}

fn done(child: Child) -> Done {
    Done::from(child.wait_with_output().unwrap())
}

fn end(command: &mut Command) -> Done {
    Done::from(command.output().unwrap())
}

#[track_caller]
fn wait_for_checkpoint(run: &Path) {
    while latest(&run.join("checkpoints")).unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The files whose names say that a process owns something.
fn owners(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().into_path());
    entries.filter(|path| path.to_str().unwrap().contains(".owner")).collect()
}

#[test]
fn a_run_without_locks_has_one_process_and_a_killed_one_is_taken_over() {
    let (through, tools) = (Bench::new(), Bench::new());
    through.dytb(LINE).ended(0);
    let Some(library) = library(&tools, "no_locks.c") else { return };
    let bench = Bench::new();
    let spawn = || without_locks(&bench, &library, LINE).spawn().unwrap();
    let mut first = spawn();
    wait_for_checkpoint(&bench.path(RUN));
    // Stopped or not, it is no other's while it is looked at; stopped, so that it does not end meanwhile.
    let second = spawn();
    std::thread::sleep(Duration::from_millis(700));
    signal(&first, "STOP");
    std::thread::sleep(Duration::from_millis(300));
    let owner = fs::read(bench.path(RUN).join(".lock.owner")).unwrap();
    signal(&first, "CONT");
    let refused = done(second);
    // It has ended while the second one looked, or it is told of.
    let is_over = first.try_wait().unwrap().is_some();
    assert!(refused.code == Some(1) || is_over, "{refused:?}");
    assert!(refused.code != Some(1) || refused.stderr.contains("is in use"), "{refused:?}");
    assert!(refused.stderr.contains("has no locks"), "{refused:?}");
    assert!(String::from_utf8(owner).unwrap().contains(&format!(" {} ", first.id())));
    done(first).ended(0);
    assert_same(&through, &bench, RUN);
    assert_eq!(owners(&bench.path("")), [] as [PathBuf; 0]);

    // One that is killed has not let go of it; two want it then.
    let bench = Bench::new();
    let spawn = || without_locks(&bench, &library, LINE).spawn().unwrap();
    let first = spawn();
    wait_for_checkpoint(&bench.path(RUN));
    signal(&first, "KILL");
    assert_eq!(done(first).code, None);
    assert_eq!(owners(&bench.path("")).len(), 1);
    let two = [spawn(), spawn()].map(done);
    assert!(two.iter().any(|done| done.code == Some(0)), "{two:?}");
    let is_calm = |done: &Done| done.code == Some(0) || done.stderr.contains("is in use");
    assert!(two.iter().all(is_calm), "{two:?}");
    assert_same(&through, &bench, RUN);
    assert_eq!(owners(&bench.path("")), [] as [PathBuf; 0]);
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
}

/// Also where the same run is started twice at the same moment: no line is lost, none doubled, none torn.
#[test]
fn runs_that_end_at_the_same_time_without_locks() {
    let (bench, tools) = (Bench::new(), Bench::new());
    let Some(library) = library(&tools, "no_locks.c") else { return };
    let line = LINE.replace("--epochs 60", "--epochs 1");
    fs::write(bench.path("test_results.txt"), "a line of before").unwrap();
    let start = |number: usize| {
        let line = format!("{line} --comment {}", number / 2);
        without_locks(&bench, &library, &line).spawn().unwrap()
    };
    let all: Vec<_> = (0..12).map(start).collect::<Vec<_>>().into_iter().map(done).collect();
    for done in &all {
        assert!(done.code == Some(0) || done.stderr.contains("is in use"), "{done:?}");
    }
    for (file, others) in [("validation_results.txt", 0), ("test_results.txt", 1)] {
        let lines = bench.lines(file);
        assert_eq!(lines.len(), others + 6, "{lines:?}");
        for number in 0..6 {
            let name = format!("SingleLayerCAE: Digits_Momentum_lr=0.01_{number} ");
            let own: Vec<_> = lines.iter().filter(|line| line.starts_with(&name)).collect();
            assert!(own.len() == 1 && own[0][name.len()..].parse::<f64>().is_ok(), "{lines:?}");
        }
    }
    assert_eq!(owners(&bench.path("")), [] as [PathBuf; 0]);
}

#[test]
fn a_sweep_without_locks_has_one_leader() {
    let (through, tools) = (Bench::new(), Bench::new());
    let Some(library) = library(&tools, "no_locks.c") else { return };
    through.dytb(SWEEP).ended(0);
    let bench = Bench::new();
    let spawn = || without_locks(&bench, &library, SWEEP).spawn().unwrap();
    let two = [spawn(), spawn()].map(done);
    assert!(two.iter().any(|done| done.code == Some(0)), "{two:?}");
    let is_calm = |done: &Done| done.code == Some(0) || done.stderr.contains("is in use");
    assert!(two.iter().all(is_calm), "{two:?}");
    assert_eq!(through.lines("sweep/trials.jsonl"), bench.lines("sweep/trials.jsonl"));
    assert_eq!(table(&through), table(&bench));
    assert_eq!(owners(&bench.path("")), [] as [PathBuf; 0]);
}

/// Each process has another time, and the files are of a far future or past.
#[test]
fn no_clock_is_relied_on() {
    let (through, tools) = (Bench::new(), Bench::new());
    let Some(library) = library(&tools, "clock.c") else { return };
    let decade = 10 * 365 * 24 * 3600_i64;
    let offsets = [3 * decade, -4 * decade, 0, -decade, 7 * decade];
    let at = |bench: &Bench, offset: i64, line: &str| {
        let mut command = bench.command(env!("CARGO_BIN_EXE_dytb"), line);
        command.env("LD_PRELOAD", &library).env("CLOCK_OFFSET", offset.to_string());
        end(&mut command)
    };

    through.dytb(LINE).ended(0);
    let bench = Bench::new();
    for (number, offset) in offsets.into_iter().enumerate() {
        let line = match number + 1 < offsets.len() {
            true => format!("{LINE} --stop_after {}", 10 * (number + 1)),
            false => LINE.to_owned(),
        };
        at(&bench, offset, &line).ended(0);
        set_times(&bench.path("log"), -offset);
    }
    // Also the events, in their order: a file's name comes after those that are there.
    assert_same(&through, &bench, RUN);
    let rows = at(&bench, 0, "compare --json").ended(0).json();
    let seconds = rows[0]["seconds"].as_f64().unwrap();
    assert!((0.0..3600.0).contains(&seconds), "{rows}");

    through.dytb(SWEEP).ended(0);
    for offset in offsets {
        at(&bench, offset, &format!("{SWEEP} --time 0.4s")).ended(0);
        set_times(&bench.path("sweep"), -offset);
        let status = at(&bench, -offset, "sweep --status").ended(0).stdout;
        assert!(status.contains("of 6 trials are drawn"), "{status}");
        assert!(!status.contains('-'), "{status}");
    }
    at(&bench, decade, SWEEP).ended(0);
    assert_eq!(table(&through), table(&bench));
    let rows = table(&bench);
    for folder in rows.iter().map(|row| row["folder"].as_str().unwrap()) {
        let (ours, theirs) = (remains(&bench.path(folder)), remains(&through.path(folder)));
        assert!(ours == theirs, "{folder} differs");
    }
}

/// Gives all files below `folder` a time that is `offset` seconds from now.
fn set_times(folder: &Path, offset: i64) {
    let by = Duration::from_secs(offset.unsigned_abs());
    let now = SystemTime::now();
    let time = if offset < 0 { now - by } else { now + by };
    for entry in walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap) {
        File::open(entry.path()).unwrap().set_modified(time).unwrap();
    }
}
