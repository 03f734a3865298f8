//! `dytb sweep`: what is drawn, what is promoted, and that nothing of it depends on when it is killed.
//!
//! `DYTB_KILLS=50 cargo test --test it sweep::killed` kills as many times as it says, and a sweep of 27 trials.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::common::command::{Bench, Done};
use crate::common::remains::remains;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

/// What all trials have alike.
const LINE: &str = "sweep --model SingleLayerCAE --dataset Digits --epochs 4";

/// The table without the times and what depends on where it is.
pub fn table(bench: &Bench) -> Vec<Value> {
    let rows = bench.dytb("compare sweep --each --json").ended(0).json();
    let rows = rows.as_array().unwrap().iter().cloned();
    rows.map(|mut row| {
        row.as_object_mut().unwrap().shift_remove("seconds");
        row
    })
    .collect()
}

/// What a run leaves, but for the results files, which it does not have in its folder.
fn run(bench: &Bench, folder: &str) -> Vec<u8> {
    let files = remains(&bench.path(folder));
    files.into_iter().flat_map(|(name, bytes)| [name.into_bytes(), bytes].concat()).collect()
}

#[test]
fn a_grid_is_trained_once() {
    let bench = Bench::new();
    let line = format!(
        "{LINE} --search grid --vary learning_rate=log:1e-4..1e-2:3 --vary batch_size=32,128 --seeds 2"
    );
    let done = bench.dytb(&line).ended(0);
    assert!(done.stderr.contains("trial 6 of 6, run 2 of 2: error"), "{}", done.stderr);
    assert!(done.stdout.contains("importance") && done.stdout.contains("n = 2"), "{}", done.stdout);
    assert!(image::image_dimensions(bench.path("sweep/parallel.png")).is_ok());
    let rows = table(&bench);
    assert_eq!(rows.len(), 12);
    let again = bench.dytb(&line).ended(0);
    assert!(again.stderr.is_empty() && again.stdout == done.stdout, "{}", again.stderr);
    assert_eq!(bench.lines("sweep/trials.jsonl").len(), 6);
    // A trial is the run that its flags describe.
    let alone = Bench::new();
    let flags = "--model SingleLayerCAE --dataset Digits --epochs 4 --learning_rate 0.001 --batch_size 128 --seeds 2, \
                 --comment trial=4 --images_every 0";
    alone.dytb(&format!("train {flags}")).ended(0);
    let name = "SingleLayerCAE/Digits_Momentum_lr=0.001_trial=4_seed=2";
    let (ours, theirs) = (
        remains(&bench.path(&format!("sweep/{name}"))),
        remains(&alone.path(&format!("log/{name}"))),
    );
    for (file, bytes) in &ours {
        assert!(*bytes == theirs[file], "{file} differs");
    }
}

/// Two at a time have a half each of what one would have; a number that is given is each one's.
#[test]
#[cfg(target_os = "linux")]
fn jobs_share_the_memory() {
    let bench = Bench::new();
    let line = format!("{LINE} --vary learning_rate=0.1,0.01 --search grid");
    for (flags, folder, wanted) in [
        ("--jobs 2", "two", None),
        ("--jobs 2 --memory 1M", "given", Some(1 << 20)),
        ("--jobs 1", "one", Some(0)),
    ] {
        bench.dytb(&format!("{line} {flags} --log_dir {folder}")).ended(0);
        let printed = walkdir::WalkDir::new(bench.path(folder)).into_iter();
        let printed = printed.map(|entry| entry.unwrap().into_path());
        let printed = printed.filter(|path| path.file_name().unwrap() == "printed.txt");
        let bytes: Vec<Vec<u64>> = printed
            .map(|path| {
                let text = fs::read_to_string(path).unwrap();
                let words = text.lines().next().unwrap().split(' ');
                let given = words.filter_map(|word| word.strip_prefix("--memory="));
                given.map(|bytes| bytes.parse().unwrap()).collect()
            })
            .collect();
        let is_right = |bytes: &Vec<u64>| match (wanted, &bytes[..]) {
            (None, [bytes]) => *bytes > 1 << 20,
            (Some(0), []) => true,
            (Some(wanted), [bytes]) => *bytes == wanted,
            _ => false,
        };
        assert!(bytes.len() == 2 && bytes[0] == bytes[1], "{flags}: {bytes:?}");
        assert!(bytes.iter().all(is_right), "{flags}: {bytes:?}");
    }
}

/// A survivor is the run that was never paused, on a schedule that ends with the whole run, too.
#[test]
fn halving_continues_and_does_not_begin_anew() {
    let bench = Bench::new();
    let line = format!(
        "{} --lr_schedule cosine --vary learning_rate=log:1e-5..1e-1 --trials 9 --halving 3 --jobs 2",
        LINE.replace("--epochs 4", "--epochs 9")
    );
    bench.dytb(&line).ended(0);
    let rows = table(&bench);
    let of = |status: &str| rows.iter().filter(|row| row["status"] == status).count();
    assert_eq!((of("finished"), of("paused")), (1, 8), "{rows:?}");
    let epochs = |epochs: u64| rows.iter().filter(|row| row["epochs_done"] == epochs).count();
    assert_eq!((epochs(1), epochs(3), epochs(9)), (6, 2, 1));
    let survivor = rows.iter().find(|row| row["status"] == "finished").unwrap();
    let folder = survivor["folder"].as_str().unwrap();
    // The best at each rung went on.
    let best = |row: &&Value| row["validation_error"].as_f64().unwrap();
    assert!(rows.iter().all(|row| best(&row) >= best(&survivor)), "{rows:?}");
    let alone = Bench::new();
    let config = bench.path(&format!("{folder}/config.json"));
    alone
        .dytb(&format!("train --config '{}' --log_dir sweep --images_every 0", config.display()))
        .ended(0);
    assert!(run(&bench, folder) == run(&alone, folder), "{folder} differs");
}

#[test]
fn killed_again_and_again_it_ends_with_the_same_table() {
    let wanted = std::env::var("DYTB_KILLS").ok().map(|kills| kills.parse::<usize>().unwrap());
    let searched = match wanted {
        Some(_) => {
            "--search grid --vary learning_rate=log:1e-4..1e-2:3 --vary batch_size=32,64,128 \
             --vary optimizer=Momentum,Adam,RMSProp"
        }
        None => {
            "--search tpe --trials 9 --vary learning_rate=log:1e-4..1e-1 --vary optimizer=Momentum,Adam"
        }
    };
    let line =
        format!("{} {searched} --jobs 2 --halving 3", LINE.replace("--epochs 4", "--epochs 9"));
    let wanted = wanted.unwrap_or(6);
    let through = Bench::new();
    let start = std::time::Instant::now();
    through.dytb(&line).ended(0);
    let duration = start.elapsed();
    let mut random = ChaCha8Rng::seed_from_u64(27);
    let (mut kills, mut sweeps) = (0, 0);
    while kills < wanted {
        let bench = Bench::new();
        for _ in 0..4 {
            let mut child = bench.command(env!("CARGO_BIN_EXE_dytb"), &line).spawn().unwrap();
            std::thread::sleep(duration.mul_f64(random.random_range(0.0..0.6)));
            if child.try_wait().unwrap().is_none() {
                let pid = child.id().to_string();
                // Alone, so that its runs are left behind, or asked to end.
                let name = ["KILL", "TERM"][random.random_range(0..2)];
                Command::new("kill").args(["-s", name, &pid]).status().unwrap();
                kills += 1;
            }
            let done = Done::from(child.wait_with_output().unwrap());
            assert!(matches!(done.code, None | Some(0 | 143)), "{done:?}");
        }
        bench.dytb(&line).ended(0);
        sweeps += 1;
        assert_eq!(through.lines("sweep/trials.jsonl"), bench.lines("sweep/trials.jsonl"));
        assert_eq!(table(&through), table(&bench));
    }
    let _ = writeln!(std::io::stderr(), "{kills} kills of {sweeps} sweeps");
}

#[test]
fn commands_for_others_make_the_same_runs() {
    let line = format!("{LINE} --vary learning_rate=1e-2,1e-3 --search grid --seeds 2");
    let (local, other) = (Bench::new(), Bench::new());
    local.dytb(&line).ended(0);
    let printed = other.dytb(&format!("{line} --engine commands")).ended(0).stdout;
    assert_eq!(printed.lines().count(), 4, "{printed}");
    for command in printed.lines() {
        assert!(Command::new("bash").args(["-c", command]).output().unwrap().status.success());
    }
    assert_eq!(table(&local), table(&other));
    let done = other.dytb(&format!("{line} --engine commands")).ended(0);
    assert!(done.stderr.contains("all runs are done"), "{}", done.stderr);
    let status = other.dytb("sweep --status").ended(0).stdout;
    assert!(status.contains("2 of 2 trials are drawn"), "{status}");
}

#[test]
fn a_file_says_the_same_as_flags() {
    let (flags, file) = (Bench::new(), Bench::new());
    flags
        .dytb(&format!("{LINE} --vary learning_rate=log:1e-4..1e-1 --trials 3 --seeds 2"))
        .ended(0);
    let json = r#"{"model": "SingleLayerCAE", "dataset": "Digits", "epochs": 4, "trials": 3, "seeds": 2,
                   "vary": {"learning_rate": "log:1e-4..1e-1"}}"#;
    fs::write(file.path("sweep.json"), json).unwrap();
    file.dytb("sweep --file sweep.json").ended(0);
    assert_eq!(table(&flags), table(&file));
    for (json, needle) in [
        ("", "EOF"),
        ("[]", "a map"),
        (
            r#"{"model": "LeNet", "dataset": "Digits", "vary": {"epochs": [1, 2]}, "colour": 3}"#,
            "--colour",
        ),
        (r#"{"model": "LeNet", "dataset": "Digits"}"#, "--vary"),
    ] {
        fs::write(file.path("sweep.json"), json).unwrap();
        let done = file.dytb("sweep --file sweep.json").ended(2);
        assert!(done.stderr.contains(needle), "{json}: {}", done.stderr);
    }
}

/// Programs called `sbatch` and `squeue`, of which the first does what `script` says; and the search path to them.
#[cfg(unix)]
fn with_sbatch(bench: &Bench, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(bench.path("bin")).unwrap();
    for (name, script) in [("sbatch", script), ("squeue", "true")] {
        let path = bench.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("{}:{}", bench.path("bin").display(), std::env::var("PATH").unwrap())
}

#[cfg(unix)]
#[test]
fn sbatch_has_the_words_of_its_options_and_may_refuse() {
    let bench = Bench::new();
    let line = format!("{LINE} --vary learning_rate=1e-3,1e-2 --search grid --engine slurm");
    let submit = |line: &str, path: &str| {
        let mut command = bench.command(env!("CARGO_BIN_EXE_dytb"), line);
        Done::from(command.env("PATH", path).output().unwrap())
    };
    let path = with_sbatch(&bench, "echo 'error: invalid partition specified: x' >&2; exit 1");
    let refused = submit(&line, &path).ended(1);
    assert!(
        refused.stderr.contains("sbatch refuses the job\n  error: invalid partition"),
        "{refused:?}"
    );
    let path = with_sbatch(&bench, "printf '%s\\n' \"$@\" > words.txt; echo '17;one'");
    let options = r#"--sbatch '--comment="two words" --time=1'"#;
    let done = submit(&format!("{line} {options}"), &path).ended(0);
    assert_eq!(done.stdout, "job 17: 2 runs to epoch 4\n");
    let words = bench.lines("words.txt");
    assert!(words.contains(&"--array=1-2".to_owned()), "{words:?}");
    assert_eq!(words[words.len() - 3..][..2], ["--comment=two words", "--time=1"]);
    // Again, with the words of the first time.
    fs::remove_file(bench.path("words.txt")).unwrap();
    submit("sweep --missing", &path).ended(0);
    assert_eq!(words, bench.lines("words.txt"));
}

/// What stands before each run: on this machine, in printed commands, and in the task of a job array.
#[cfg(unix)]
#[test]
fn a_launcher_starts_each_run() {
    let line = format!("{LINE} --vary learning_rate=1e-2,1e-3 --search grid");
    let launcher = r#"--launcher "sh -c 'echo \"\$1\" >> started.txt; exec \"\$@\"' x""#;
    let through = Bench::new();
    through.dytb(&line).ended(0);
    let bench = Bench::new();
    let split = |line: &str| shell_words::split(line).unwrap();
    let dytb = |bench: &Bench, line: &str| {
        let mut command = bench.command(env!("CARGO_BIN_EXE_dytb"), "");
        command.args(split(line));
        Done::from(command.output().unwrap())
    };
    dytb(&bench, &format!("{line} {launcher}")).ended(0);
    assert_eq!(table(&through), table(&bench));
    assert_eq!(bench.lines("sweep/started.txt").len(), 2);

    let other = Bench::new();
    let printed = dytb(&other, &format!("{line} {launcher} --engine commands")).ended(0).stdout;
    for command in printed.lines() {
        assert!(Command::new("bash").args(["-c", command]).output().unwrap().status.success());
    }
    assert_eq!(table(&through), table(&other));
    assert_eq!(other.lines("sweep/started.txt").len(), 2);

    // It may be another one later; a task that is told to end does so as its run does.
    let long = line.replace("--epochs 4", "--epochs 60");
    let (through, bench) = (Bench::new(), Bench::new());
    through.dytb(&long).ended(0);
    dytb(&bench, &format!("{long} {launcher} --engine commands")).ended(0);
    let task = |number: usize| {
        let line = format!("sweep --task sweep:0:{number}");
        bench.command(env!("CARGO_BIN_EXE_dytb"), &line).spawn().unwrap()
    };
    let child = task(1);
    let run = "sweep/SingleLayerCAE/Digits_Momentum_lr=0.01_trial=1_seed=1/checkpoints";
    while dytb::run::latest(&bench.path(run)).unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().unwrap();
    Done::from(child.wait_with_output().unwrap()).ended(143);
    for number in [1, 2] {
        Done::from(task(number).wait_with_output().unwrap()).ended(0);
    }
    assert_eq!(table(&through), table(&bench));
    assert_eq!(bench.lines("sweep/started.txt").len(), 3);
    let missing =
        bench.dytb(&format!("{LINE} --vary epochs=1,2 --log_dir m --launcher nowhere/mpirun"));
    assert!(missing.stderr.contains("cannot start `nowhere/mpirun`"), "{missing:?}");
    assert_eq!(missing.code, Some(1));
}

#[test]
fn bad_sweeps_are_refused() {
    let bench = Bench::new();
    for (flags, needle) in [
        ("--vary learning_rate=1e-1..1e-4", "before it begins"),
        ("--vary learning_rate=", "empty"),
        ("--vary colour=1,2", "optimizers' arguments"),
        ("--vary batch_size=0,1", "batch_size"),
        ("--vary learning_rate=1e-4..1e-1 --search grid", ":4"),
        ("--lr 1e-3 --vary optimizer=Adam,Eve", "is no optimizer"),
        ("--vary learning_rate=1,2 --vary learning_rate=3", "twice"),
        ("--vary epochs=1,2 --halving 2", "--vary epochs"),
        ("--vary learning_rate=1,2 --search tpe --engine slurm", "depends on the results"),
        ("--vary learning_rate=1,2 --sbatch x", "--engine slurm"),
        ("--vary learning_rate=1,2 --launcher \"mpirun '\"", "a quote in it is not closed"),
        ("--vary learning_rate=1,2 --launcher ''", "it is empty"),
        ("--vary learning_rate=1,2 --colour red", "--colour"),
        ("--vary learning_rate=1,2 --trials 0", "1 or more"),
        ("--vary learning_rate=1,2 --time 2", "2h"),
    ] {
        let done = bench.dytb(&format!("{LINE} {flags}"));
        assert_eq!(done.code, Some(2), "{flags}: {}", done.stderr);
        assert!(done.stderr.contains(needle), "{flags}: {}", done.stderr);
        assert!(bench.is_empty(), "{flags}");
    }
    let none = bench.dytb("sweep --status nowhere").ended(1);
    assert!(none.stderr.contains("there is no sweep"), "{}", none.stderr);
    // Another sweep's folder, and one without Slurm.
    bench.dytb(&format!("{LINE} --vary learning_rate=1e-3,1e-2 --trials 2")).ended(0);
    let other = bench
        .dytb(&format!("{LINE} --vary learning_rate=1e-3,1e-2 --trials 2 --batch_size 64"))
        .ended(1);
    assert!(other.stderr.contains("batch_size: 128 there, 64 now"), "{}", other.stderr);
    let mut without = bench.command(
        env!("CARGO_BIN_EXE_dytb"),
        &format!("{LINE} --vary learning_rate=1e-3,1e-4 --engine slurm --log_dir s"),
    );
    let done = Done::from(without.env("PATH", "/nowhere").output().unwrap()).ended(1);
    assert!(done.stderr.contains("cannot run sbatch"), "{}", done.stderr);
    // A run that fails is told, and the others go on.
    fs::create_dir_all(bench.path("t/SingleLayerCAE")).unwrap();
    fs::write(bench.path("t/SingleLayerCAE/Digits_Momentum_lr=0.001_trial=1_seed=1"), "").unwrap();
    let done = bench
        .dytb(&format!("{LINE} --vary learning_rate=1e-3,1e-2 --search grid --log_dir t"))
        .ended(1);
    assert!(done.stderr.contains("trial 1 of 2: failed"), "{}", done.stderr);
    assert!(
        done.stderr.contains("1 runs failed") && done.stdout.contains("trial=2"),
        "{}",
        done.stdout
    );
}

/// A time that is over ends it with checkpoints, and the same command goes on.
#[test]
fn a_time_that_is_over() {
    let bench = Bench::new();
    let line = "sweep --model LeNet --dataset Digits --epochs 40 --vary learning_rate=1e-2,1e-3 --search grid";
    let done = bench.dytb(&format!("{line} --time 0.7s")).ended(0);
    assert!(done.stderr.contains("--time is over"), "{}", done.stderr);
    bench.dytb(line).ended(0);
    assert!(table(&bench).iter().all(|row| row["status"] == "finished"));
    let folder = Path::new("sweep/LeNet/Digits_Momentum_lr=0.01_trial=1_seed=1");
    assert!(bench.path(folder.to_str().unwrap()).is_dir());
}
