//! Whatever happens to a run, at most the running epoch is lost: the same command ends it as if
//! nothing had happened, bit for bit.
//!
//! `DYTB_KILLS=500 cargo test --test survive killed` kills as many times as it says.
#![cfg(unix)]

#[path = "common/command.rs"]
mod command;
#[path = "common/remains.rs"]
mod remains;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use command::{Bench, Done};
use dytb::run::latest;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use remains::assert_same;

/// A run of five epochs with all kinds of events, whose best epoch is not always the last.
const LINE: &str = "--model SingleLayerCAE --dataset Digits --seed 1 --epochs 5 --log_every 3 \
                    --images_every 2 --optimizer Adam --optimizer_args '{\"learning_rate\": 3e-2}'";
/// Its folder.
const RUN: &str = "log/SingleLayerCAE/Digits_Adam_lr=0.03";

/// The run that nothing happens to, and how long it takes.
fn undisturbed() -> (Bench, Duration) {
    let bench = Bench::new();
    let start = Instant::now();
    bench.train(LINE).ended(0);
    (bench, start.elapsed())
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
}

/// No panic, one error at the most.
#[track_caller]
fn assert_calm(done: &Done) {
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
    assert!(done.stderr.matches("error:").count() <= 1, "{}", done.stderr);
}

/// The names of the files in the folder `path` that end in `end`.
fn with_end(path: &Path, end: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(path).into_iter().flatten().flatten().map(|file| file.path());
    files.filter(|path| path.to_str().is_some_and(|path| path.ends_with(end))).collect()
}

/// A killer of processes.
struct Killer {
    random: ChaCha8Rng,
    /// How long an undisturbed run takes.
    duration: Duration,
    /// Kills so far, and those of them that met a checkpoint being written.
    kills: usize,
    in_checkpoints: usize,
}

impl Killer {
    /// Starts the run in `bench` and ends it somewhere: at a random moment, or as soon as a checkpoint
    /// is being written. Whether it ended by itself before.
    fn strike(&mut self, bench: &Bench) -> bool {
        let mut child = bench.training(LINE).spawn().unwrap();
        let at = self.duration.mul_f64(self.random.random_range(0.0..1.1));
        let in_checkpoint = self.random.random_bool(0.5);
        let folders = ["checkpoints", "best"].map(|folder| bench.path(RUN).join(folder));
        let is_writing = || folders.iter().any(|folder| !with_end(folder, ".partial").is_empty());
        let start = Instant::now();
        let mut after = self.random.random_range(0..6);
        while child.try_wait().unwrap().is_none() {
            let now = match in_checkpoint {
                true => {
                    is_writing() && {
                        after -= 1;
                        after <= 0
                    }
                }
                false => start.elapsed() >= at,
            };
            if now {
                let name = ["KILL", "KILL", "KILL", "INT", "TERM"][self.random.random_range(0..5)];
                signal(&child, name);
                break;
            }
            if !in_checkpoint {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        let done = Done::from(child.wait_with_output().unwrap());
        assert_calm(&done);
        assert!(matches!(done.code, None | Some(0 | 130 | 143)), "{done:?}");
        self.kills += usize::from(done.code != Some(0));
        self.in_checkpoints += usize::from(done.code.is_none() && is_writing());
        done.code == Some(0)
    }
}

#[test]
fn killed_again_and_again_it_ends_the_same() {
    let (through, duration) = undisturbed();
    let wanted: usize = std::env::var("DYTB_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let random = ChaCha8Rng::seed_from_u64(wanted as u64);
    let mut killer = Killer { random, duration, kills: 0, in_checkpoints: 0 };
    let mut runs = 0;
    while killer.kills < wanted {
        let bench = Bench::new();
        // Some never come to an end by themselves.
        while !killer.strike(&bench) && killer.kills < wanted {}
        bench.train(LINE).ended(0);
        assert_same(&through, &bench, RUN);
        runs += 1;
    }
    let Killer { kills, in_checkpoints, .. } = killer;
    let what = format!("{kills} kills of {runs} runs, {in_checkpoints} left half a checkpoint");
    // Past the test runner, which hides what passing tests print.
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// Between the first signal and the second the process is stopped: it cannot do anything else.
#[test]
fn a_second_signal_ends_it_at_once() {
    let (through, _) = undisturbed();
    let bench = Bench::new();
    let child = bench.training(LINE).spawn().unwrap();
    while latest(&bench.path(RUN).join("checkpoints")).unwrap().is_none() {
        std::thread::yield_now();
    }
    for name in ["STOP", "INT", "TERM", "CONT"] {
        signal(&child, name);
    }
    let done = Done::from(child.wait_with_output().unwrap());
    assert!(matches!(done.code, Some(130 | 143)), "{done:?}");
    assert!(!done.stderr.contains("interrupted after"), "{}", done.stderr);
    bench.train(LINE).ended(0);
    assert_same(&through, &bench, RUN);
}

/// A limit on the size of files fails as a full disk does: with an error of writing, anywhere.
#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let (through, _) = undisturbed();
    for kilobytes in [0, 1, 2, 6, 16, 40] {
        let bench = Bench::new();
        let mut child = Command::new("bash");
        // Its argument is the program, and those after it the program's.
        child.args(["-c", &format!("ulimit -f {kilobytes}; exec \"$0\" \"$@\"")]);
        let training = bench.training(LINE);
        child.arg(training.get_program()).args(training.get_args());
        let done = Done::from(child.current_dir(bench.path("")).output().unwrap()).ended(1);
        assert_calm(&done);
        assert!(done.stderr.contains("error: cannot write"), "{}", done.stderr);
        for folder in ["", "checkpoints", "best"] {
            assert!(with_end(&bench.path(RUN).join(folder), ".partial").is_empty());
        }
        bench.train(LINE).ended(0);
        assert_same(&through, &bench, RUN);
    }
}

/// Where a file should be is a folder, or the other way round: not even root can write it.
#[test]
fn what_cannot_be_written_is_named() {
    let (through, _) = undisturbed();
    let in_run = |name: &str| format!("{RUN}/{name}");
    let files = ["log", "log/SingleLayerCAE", RUN].map(str::to_owned);
    let files = files.into_iter().chain(["checkpoints", "best", "train", "validation"].map(in_run));
    let names = [".lock", "config.json", "status.json", "results.json"].map(in_run);
    let folders =
        names.into_iter().chain(["validation_results.txt", "test_results.txt"].map(str::to_owned));
    let obstacles = files.map(|path| (path, false)).chain(folders.map(|path| (path, true)));
    for (path, is_folder) in obstacles {
        let bench = Bench::new();
        let obstacle = bench.path(&path);
        fs::create_dir_all(obstacle.parent().unwrap()).unwrap();
        match is_folder {
            true => fs::create_dir(&obstacle).unwrap(),
            false => fs::write(&obstacle, "").unwrap(),
        }
        let done = bench.train(LINE).ended(1);
        assert_calm(&done);
        assert!(done.stderr.contains(&path), "{path}: {}", done.stderr);
        match is_folder {
            true => fs::remove_dir(&obstacle).unwrap(),
            false => fs::remove_file(&obstacle).unwrap(),
        }
        bench.train(LINE).ended(0);
        assert_same(&through, &bench, RUN);
    }
}

#[test]
fn a_folder_that_is_deleted_meanwhile() {
    let bench = Bench::new();
    let line = format!("{LINE} --epochs 2000").replacen("--epochs 5", "", 1);
    let child = bench.training(&line).spawn().unwrap();
    let run = bench.path(RUN);
    while latest(&run.join("checkpoints")).unwrap().is_none() {
        std::thread::yield_now();
    }
    // Files may come while it is emptied.
    while run.exists() {
        let _ = fs::remove_dir_all(&run);
    }
    let done = Done::from(child.wait_with_output().unwrap()).ended(1);
    assert_calm(&done);
    assert!(done.stderr.contains(RUN), "{}", done.stderr);
    assert!(!run.exists());
}

/// `train_autoencoder 2>&1 | head -1`: nobody reads what is told, and the run goes on.
#[test]
fn nobody_reads_stderr() {
    let (through, _) = undisturbed();
    let bench = Bench::new();
    let mut child = bench.training(LINE).spawn().unwrap();
    drop(child.stderr.take());
    Done::from(child.wait_with_output().unwrap()).ended(0);
    assert_same(&through, &bench, RUN);
}

/// The same command four times at once: one trains, and the others leave it alone.
#[test]
fn one_process_a_run() {
    let (through, _) = undisturbed();
    let bench = Bench::new();
    let children: Vec<_> = (0..4).map(|_| bench.training(LINE).spawn().unwrap()).collect();
    let done: Vec<_> =
        children.into_iter().map(|child| Done::from(child.wait_with_output().unwrap())).collect();
    let trained = |done: &&Done| done.code == Some(0) && !done.stderr.contains("is finished");
    assert_eq!(done.iter().filter(trained).count(), 1, "{done:?}");
    for refused in done.iter().filter(|done| done.code != Some(0)) {
        assert!(refused.stderr.contains("is in use"), "{}", refused.stderr);
        assert_eq!(refused.code, Some(1));
    }
    assert_same(&through, &bench, RUN);
}

/// Runs that end at the same time lose no line of the results files.
#[test]
fn runs_side_by_side_lose_no_line() {
    let bench = Bench::new();
    let line = "--model SingleLayerCAE --dataset Digits --epochs 1 --images_every 0";
    // As an editor leaves it, without the last line's end.
    fs::write(bench.path("test_results.txt"), "a line of before").unwrap();
    let start = |number: usize| bench.training(&format!("{line} --comment {number}")).spawn();
    let children: Vec<_> = (0..8).map(|number| start(number).unwrap()).collect();
    for child in children {
        Done::from(child.wait_with_output().unwrap()).ended(0);
    }
    for (file, others) in [("validation_results.txt", 0), ("test_results.txt", 1)] {
        let lines = bench.lines(file);
        assert_eq!(lines.len(), others + 8, "{lines:?}");
        for number in 0..8 {
            let name = format!("SingleLayerCAE: Digits_Momentum_lr=0.01_{number} ");
            let own: Vec<_> = lines.iter().filter(|line| line.starts_with(&name)).collect();
            assert!(own.len() == 1 && own[0][name.len()..].parse::<f64>().is_ok(), "{lines:?}");
        }
    }
}
