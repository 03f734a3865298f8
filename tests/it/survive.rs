//! Whatever happens to a run, at most the running epoch is lost: the same command ends it as if
//! nothing had happened, bit for bit.
//!
//! `DYTB_KILLS=500 cargo test --test it survive::killed` kills as many times as it says.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::common::command::{Bench, Done, scalars};
use crate::common::remains::{assert_same, remains};
use dytb::run::{State, latest};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

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
                let names = ["KILL", "KILL", "KILL", "INT", "TERM", "HUP"];
                let name = names[self.random.random_range(0..names.len())];
                signal(&child, name);
                break;
            }
            if !in_checkpoint {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        let done = Done::from(child.wait_with_output().unwrap());
        assert_calm(&done);
        assert!(matches!(done.code, None | Some(0 | 129 | 130 | 143)), "{done:?}");
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

/// Both signals come while the process is stopped. Where two of its threads take them, a step and its checkpoint may end
/// before the second is heeded: then it is tried again. So many epochs that it has not ended by then.
#[test]
fn a_second_signal_ends_it_at_once() {
    let line = LINE.replace("--epochs 5", "--epochs 60");
    let through = Bench::new();
    through.train(&line).ended(0);
    let killed = || {
        let bench = Bench::new();
        let child = bench.training(&line).spawn().unwrap();
        while latest(&bench.path(RUN).join("checkpoints")).unwrap().is_none() {
            std::thread::yield_now();
        }
        for name in ["STOP", "INT", "TERM", "CONT"] {
            signal(&child, name);
        }
        let done = Done::from(child.wait_with_output().unwrap());
        assert!(matches!(done.code, Some(130 | 143)), "{done:?}");
        (!done.stderr.contains("interrupted after")).then_some(bench)
    };
    let bench = (0..10).find_map(|_| killed()).expect("one of ten ends at once");
    bench.train(&line).ended(0);
    assert_same(&through, &bench, RUN);
}

/// Every step ends an epoch: a signal always comes before a validation, which is done when the run goes on.
#[test]
fn a_signal_at_the_end_of_an_epoch_loses_nothing() {
    const STEPS: &str = "--batch_size 2000 --epochs 60 --comment steps";
    let line = LINE.replace("--epochs 5", STEPS);
    let run = format!("{RUN}_steps");
    let through = Bench::new();
    through.train(&line).ended(0);
    for (name, code) in [("HUP", 129), ("INT", 130), ("TERM", 143)] {
        let bench = Bench::new();
        let mut stops = 0;
        loop {
            let mut child = bench.training(&line).spawn().unwrap();
            let before = newest(&bench.path(&run));
            while child.try_wait().unwrap().is_none() && newest(&bench.path(&run)) == before {
                std::thread::yield_now();
            }
            signal(&child, name);
            let done = Done::from(child.wait_with_output().unwrap());
            assert_calm(&done);
            if done.code == Some(0) {
                break;
            }
            assert_eq!(done.code, Some(code), "{done:?}");
            stops += 1;
            if stops == 5 {
                bench.train(&line).ended(0);
                break;
            }
        }
        assert!(stops > 0, "{name}: it was never stopped");
        assert_same(&through, &bench, &run);
    }
}

/// The name of a run's newest checkpoint.
fn newest(run: &Path) -> Option<PathBuf> {
    with_end(&run.join("checkpoints"), ".ckpt").into_iter().max()
}

/// `nohup`, and a shell that starts a job in the background: what they ignore stays ignored.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_is_ignored_stays_so() {
    let bench = Bench::new();
    let mut child = Command::new("bash");
    child.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]);
    let training = bench.training(&LINE.replace("--epochs 5", "--epochs 40"));
    child.arg(training.get_program()).args(training.get_args()).current_dir(bench.path(""));
    child.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = child.spawn().unwrap();
    while latest(&bench.path(RUN).join("checkpoints")).unwrap().is_none() {
        std::thread::yield_now();
    }
    signal(&child, "HUP");
    Done::from(child.wait_with_output().unwrap()).ended(0);
}

/// Checkpoints that were deleted, or all damaged, are no reason to begin anew: nothing is deleted, whatever
/// is done that the errors advise, short of `--restart`.
#[test]
fn checkpoints_that_are_gone_are_missed() {
    let (through, _) = undisturbed();
    let more = LINE.replace("--epochs 5", "--epochs 6");
    let kept = |bench: &Bench| {
        let best = with_end(&bench.path(RUN).join("best"), ".ckpt");
        let events = ["train", "validation"].map(|folder| scalars(&bench.path(RUN).join(folder)));
        (best.iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>(), events)
    };
    let take: [fn(&Path); 4] = [
        |run| fs::remove_dir_all(run.join("checkpoints")).unwrap(),
        |run| {
            with_end(&run.join("checkpoints"), ".ckpt")
                .iter()
                .for_each(|it| fs::remove_file(it).unwrap());
        },
        |run| {
            fs::remove_dir_all(run.join("checkpoints")).unwrap();
            fs::write(run.join("checkpoints"), "no folder").unwrap();
        },
        |run| {
            with_end(&run.join("checkpoints"), ".ckpt")
                .iter()
                .for_each(|path| fs::write(path, "torn").unwrap());
        },
    ];
    for (number, take) in take.into_iter().enumerate() {
        let bench = Bench::new();
        bench.train(LINE).ended(0);
        let before = kept(&bench);
        take(&bench.path(RUN));
        for _ in 0..2 {
            let refused = bench.train(&more).ended(1);
            assert_calm(&refused);
            assert!(refused.stderr.contains("checkpoints"), "{number}: {}", refused.stderr);
            assert!(!refused.stderr.contains("delete it"), "{number}: {}", refused.stderr);
            assert!(kept(&bench) == before, "{number}: something is gone");
        }
        // What was reached is still told, and evaluated.
        let again = bench.train(LINE).ended(0);
        assert!(again.stderr.contains("this run is finished"), "{number}: {}", again.stderr);
        bench.evaluate(RUN).ended(0);
        bench.train(&format!("{LINE} --restart")).ended(0);
        assert_same_but_for_lines(&through, &bench);
    }
}

fn assert_same_but_for_lines(one: &Bench, other: &Bench) {
    assert_eq!(remains(&one.path(RUN)), remains(&other.path(RUN)));
}

/// A run that went on after it was finished, and was stopped: its old results are not told as its own.
#[test]
fn old_results_are_not_those_of_a_run_that_went_on() {
    let bench = Bench::new();
    let epochs = |n: usize| LINE.replace("--epochs 5", &format!("--epochs {n}"));
    bench.train(&epochs(2)).ended(0);
    let child = bench.training(&epochs(2000)).spawn().unwrap();
    let step = || State::latest(&bench.path(RUN)).ok().flatten().map_or(0, |state| state.step);
    while step() < 55 {
        std::thread::yield_now();
    }
    signal(&child, "TERM");
    Done::from(child.wait_with_output().unwrap()).ended(143);
    let refused = bench.train(&epochs(2)).ended(1);
    assert!(refused.stderr.contains("`--epochs 2`: the run has trained"), "{}", refused.stderr);
    let trained = step() / 11;
    bench.train(&epochs(trained as usize + 1)).ended(0);
    let through = Bench::new();
    through.train(&epochs(trained as usize + 1)).ended(0);
    assert_eq!(through.lines("test_results.txt").last(), bench.lines("test_results.txt").last());
}

/// Results that cannot be read are made once more from the best model.
#[test]
fn damaged_results_are_made_again() {
    let (through, _) = undisturbed();
    for content in ["", "{", r#"{"epochs": 5, "best": null}"#, "null loss"] {
        let bench = Bench::new();
        bench.train(LINE).ended(0);
        let path = bench.path(RUN).join("results.json");
        let whole = fs::read_to_string(&path).unwrap();
        let damaged = match content {
            "null loss" => whole.replacen("\"error\": 0", "\"error\": null, \"x\": 0", 1),
            other => other.to_owned(),
        };
        fs::write(&path, damaged).unwrap();
        let again = bench.train(LINE).ended(0);
        assert!(again.stderr.contains("results.json` is damaged"), "{}", again.stderr);
        assert_eq!(fs::read_to_string(&path).unwrap(), whole);
        assert_same_but_for_lines(&through, &bench);
    }
}

/// A results file that is a device or a pipe would never come to an end.
#[cfg(target_os = "linux")]
#[test]
fn results_files_are_regular() {
    for name in ["validation_results.txt", "test_results.txt"] {
        let bench = Bench::new();
        std::os::unix::fs::symlink("/dev/zero", bench.path(name)).unwrap();
        let done = bench.train(LINE).ended(1);
        assert!(done.stderr.contains(&format!("cannot write `./{name}`")), "{}", done.stderr);
        assert!(!bench.path("log").exists());
    }
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
        // What is written at the end is looked at before the first step.
        assert!(!path.ends_with(".txt") || !bench.path("log").exists(), "{path}");
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
