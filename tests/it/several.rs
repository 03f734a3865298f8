//! One command, several runs: `--seeds`, `--folds`, and what `compare` makes of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::common::command::{Bench, Done, scalars};
use crate::common::remains::{assert_same, remains};
use serde_json::Value;

/// A short run on the data set that is in the program.
const LINE: &str =
    "train --model SingleLayerCAE --dataset Digits --epochs 2 --optimizer Adam --lr 1e-3";
/// The name of its folder without the seed.
const RUN: &str = "log/SingleLayerCAE/Digits_Adam_lr=0.001";

/// All files below the folder of runs.
fn files(bench: &Bench) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(bench.path("log")).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.map(|file| (file.path().to_owned(), fs::read(file.path()).unwrap())).collect()
}

/// The folder of the mean of the runs.
fn mean_of(bench: &Bench) -> PathBuf {
    let folders = bench.path("log/SingleLayerCAE").read_dir().unwrap();
    let mut folders = folders.map(|entry| entry.unwrap().path());
    folders.find(|path| path.to_str().unwrap().contains("_mean_")).unwrap()
}

#[test]
fn a_run_for_each_seed() {
    let bench = Bench::new();
    let done = bench.dytb(&format!("{LINE} --seeds 3")).ended(0);
    assert!(done.stderr.contains("seed 2 (2 of 3)"), "{}", done.stderr);
    let last: Vec<_> = done.stdout.lines().rev().take(2).collect();
    assert!(last[0].starts_with("test error = ") && last[0].contains("(n = 3, "), "{last:?}");
    assert_eq!(bench.lines("test_results.txt").len(), 3);
    // Each is the run that it is alone, to the last bit.
    let alone = Bench::new();
    alone.dytb(&format!("{LINE} --seed 2")).ended(0);
    let (ours, theirs) =
        (remains(&bench.path(&format!("{RUN}_seed=2"))), remains(&alone.path(RUN)));
    assert_eq!(ours["history.csv"], theirs["history.csv"]);
    assert_eq!(ours["test_images.csv"], theirs["test_images.csv"]);
    // The mean, for TensorBoard.
    let mean = scalars(&mean_of(&bench));
    let of = |run: &str| scalars(&bench.path(&format!("{RUN}_{run}/validation")));
    let errors = |step: i64| {
        let runs = ["seed=1", "seed=2", "seed=3"].map(of);
        let at = |run: &Vec<(i64, String, f32)>| {
            run.iter().find(|(at, tag, _)| *at == step && tag == "error").unwrap().2
        };
        runs.iter().map(at).collect::<Vec<_>>()
    };
    for step in [11, 22] {
        let errors = errors(step);
        let value =
            |tag: &str| mean.iter().find(|(at, name, _)| *at == step && name == tag).unwrap().2;
        let sum: f64 = errors.iter().copied().map(f64::from).sum();
        assert_eq!(value("error"), (sum / 3.0) as f32);
        assert_eq!(value("error/least"), errors.iter().copied().fold(f32::INFINITY, f32::min));
        assert_eq!(value("error/most"), errors.iter().copied().fold(0.0, f32::max));
    }
    // Finished ones are not trained again; one more is.
    let before = files(&bench);
    let again = bench.dytb(&format!("{LINE} --seeds 3 --json")).ended(0);
    let json = again.json();
    assert_eq!((json["runs"].as_array().unwrap().len(), &json["test_error"]["n"]), (3, &3.into()));
    for (path, bytes) in files(&bench) {
        assert!(path.to_str().unwrap().contains("_mean_") || before[&path] == bytes, "{path:?}");
    }
    let more = bench.dytb(&format!("{LINE} --seeds 2,7")).ended(0);
    assert!(more.stderr.contains("finished") && bench.path(&format!("{RUN}_seed=7")).is_dir());
}

#[test]
fn killed_between_seeds_and_in_them() {
    let line = format!("{LINE} --seeds 3");
    let through = Bench::new();
    through.dytb(&line).ended(0);
    for (milliseconds, signal) in
        [(3, "KILL"), (30, "TERM"), (60, "KILL"), (90, "INT"), (130, "KILL")]
    {
        let bench = Bench::new();
        let child = bench.command(env!("CARGO_BIN_EXE_dytb"), &line).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        let pid = child.id().to_string();
        std::process::Command::new("kill").args(["-s", signal, &pid]).status().unwrap();
        let done = Done::from(child.wait_with_output().unwrap());
        assert!(matches!(done.code, None | Some(0 | 130 | 143)), "{done:?}");
        bench.dytb(&line).ended(0);
        for seed in 1..=3 {
            assert_same(&through, &bench, &format!("{RUN}_seed={seed}"));
        }
        assert_eq!(scalars(&mean_of(&through)), scalars(&mean_of(&bench)));
    }
}

/// One that fails does not stop the others, and neither does one that diverges.
#[test]
fn a_failure_stops_no_other() {
    let bench = Bench::new();
    // Another run is where that of seed 2 would be.
    bench.dytb(&format!("{LINE} --seed 5 --comment seed=2")).ended(0);
    let done = bench.dytb(&format!("{LINE} --seeds 3")).ended(1);
    assert!(done.stderr.contains("1 of 3 runs failed"), "{}", done.stderr);
    assert!(done.stderr.contains("holds another run"), "{}", done.stderr);
    assert!(done.stdout.contains("failed") && done.stdout.contains("(n = 2, "), "{}", done.stdout);

    let bench = Bench::new();
    let line = LINE.replace("--optimizer Adam --lr 1e-3", "--optimizer SGD --lr 1e30");
    let done = bench.dytb(&format!("{line} --seeds 2")).ended(3);
    assert!(done.stderr.contains("2 of 2 runs failed"), "{}", done.stderr);
    assert_eq!(done.stdout.matches("diverged").count(), 2, "{}", done.stdout);
    // They are a group, of which nothing is finished.
    let table = bench.compare("").ended(0).stdout;
    assert!(table.lines().count() == 2 && table.contains("diverged"), "{table}");
}

#[test]
fn folds_share_the_images() {
    let bench = Bench::new();
    let done = bench.dytb(&format!("{LINE} --folds 3 --json")).ended(0);
    let runs = done.json()["runs"].as_array().unwrap().clone();
    let mut examples = 0;
    for run in &runs {
        let folder = run["folder"].as_str().unwrap();
        let state = dytb::run::State::latest(&bench.path(folder)).unwrap().unwrap();
        let [train, validation] = state.data.unwrap().examples;
        assert_eq!(train + validation, 1297 + 250);
        examples += validation;
        // What evaluates it later finds the same images.
        let evaluated = bench.dytb(&format!("evaluate '{folder}' --json")).ended(0).json();
        let [ours, theirs] = [&evaluated["error"], &run["validation_error"]];
        let difference = ours.as_f64().unwrap() - theirs.as_f64().unwrap();
        assert!(difference.abs() < 1e-6, "{ours} {theirs}");
    }
    assert_eq!(examples, 1297 + 250);
    let rows = bench.compare("--json").ended(0).json();
    assert_eq!((&rows[0]["n"], rows.as_array().unwrap().len()), (&3.into(), 1));
    assert!(rows[0]["folder"].as_str().unwrap().ends_with("_fold=*of3"), "{rows}");
    // A share is one run, whose name says so.
    bench.dytb(&format!("{LINE} --seed 1 --validation_split 0.2")).ended(0);
    assert!(bench.path(&format!("{RUN}_validation_split=0.2")).is_dir());
    // The fold of a later command is the fold of the first.
    let one = Bench::new();
    one.dytb(&format!("{LINE} --folds 3 --fold 2")).ended(0);
    assert_same_run(&bench, &one, &format!("{RUN}_fold=2of3"));
}

/// As `assert_same`, without the results files.
fn assert_same_run(one: &Bench, other: &Bench, run: &str) {
    assert!(remains(&one.path(run)) == remains(&other.path(run)), "{run} differs");
}

#[test]
fn wrong_flags_leave_nothing() {
    let bench = Bench::new();
    for (flags, needle) in [
        ("--seeds 0", "1 to 10000"),
        ("--seeds 1,2,1", "listed twice"),
        ("--seeds 1,x", "whole number"),
        ("--seeds 3 --seed 1", "cannot be used with"),
        ("--folds 1", "2 to"),
        ("--folds 5 --fold 6", "there are 5 folds"),
        ("--fold 2", "--folds"),
        ("--folds 5 --validation_split 0.1", "cannot be used with"),
        ("--validation_split 1", "between 0 and 1"),
        ("--split_seed 3", "nothing is split"),
        ("--metrics f1", "mse, mae, psnr, ssim"),
        ("--metrics x", "there is no metric `x`"),
        ("--select f1", "error, mse"),
    ] {
        let done = bench.dytb(&format!("{LINE} {flags}")).ended(2);
        assert!(done.stderr.contains(needle), "{flags}: {}", done.stderr);
        assert!(bench.is_empty(), "{flags}");
    }
    for (flags, needle) in [
        ("--validation_split 0.0001", "no image is left for validation"),
        ("--folds 2000 --fold 1999", "no image is left for validation"),
        ("--validation_split 0.9999", "left for training"),
    ] {
        let done = bench.dytb(&format!("{LINE} {flags}")).ended(1);
        assert!(done.stderr.contains(needle), "{flags}: {}", done.stderr);
        assert!(!bench.path("log").exists(), "{flags}");
    }
}

#[test]
fn groups_and_their_baseline() {
    let bench = Bench::new();
    bench.dytb(&format!("{LINE} --seeds 4")).ended(0);
    let worse = LINE.replace("1e-3", "1e-5");
    bench.dytb(&format!("{worse} --seeds 4")).ended(0);
    bench.dytb(&format!("{LINE} --seed 9 --batch_size 64 --comment small")).ended(0);

    let rows = bench.compare("--json").ended(0).json();
    let each = bench.compare("--json --each").ended(0).json();
    assert_eq!((rows.as_array().unwrap().len(), each.as_array().unwrap().len()), (3, 9));
    // What numpy says of the single rows.
    let single = |key: &str, of: &str| -> Vec<f64> {
        let rows = each.as_array().unwrap().iter();
        let rows = rows.filter(|row| row["folder"].as_str().unwrap().starts_with(of));
        rows.map(|row| row[key].as_f64().unwrap()).collect()
    };
    let group =
        rows.as_array().unwrap().iter().find(|row| row["folder"] == format!("{RUN}_seed=*"));
    let group = group.unwrap();
    let tests = single("test_error", &format!("{RUN}_seed="));
    let mean = tests.iter().sum::<f64>() / 4.0;
    let variance = tests.iter().map(|test| (test - mean).powi(2)).sum::<f64>() / 3.0;
    let near = |value: &Value, expected: f64| {
        assert!((value.as_f64().unwrap() - expected).abs() < 1e-12, "{value} {expected}");
    };
    near(&group["test_error"], mean);
    near(&group["test_error_standard_deviation"], variance.sqrt());
    assert_eq!((&group["n"], group["runs"].as_array().unwrap().len()), (&4.into(), 4));
    assert!(group["flags"].get("seed").is_none());

    // Paired by seed: with four the least p is 1/8, which both reach that are always better or worse.
    let baseline = format!("--baseline '{RUN}_seed=3'");
    let done = bench.compare(&format!("--json --filter n=4 {baseline}")).ended(0).json();
    let worse = done.as_array().unwrap().iter().find(|row| row.get("baseline").is_some()).unwrap();
    let beside = &worse["baseline"];
    assert_eq!((&beside["pairing"], &beside["pairs"]), (&"seeds".into(), &4.into()));
    assert_eq!((&beside["p"], &beside["least_p"]), (&0.125.into(), &0.125.into()));
    assert_eq!(beside["is_worse"], true);
    let text = bench.compare(&format!("--filter n=4 {baseline}")).ended(0).stdout;
    assert!(text.contains("4 seeds: the least p is 0.125"), "{text}");
    assert!(text.contains("cannot be decided"), "{text}");

    let done = bench.compare(&format!("--filter n=4 {baseline} --fail_if_worse")).ended(5);
    assert!(done.stderr.contains("worse than the baseline"), "{}", done.stderr);
    bench.compare(&format!("--filter n=4 {baseline} --fail_if_worse 1e9%")).ended(0);
    let pattern = "log/SingleLayerCAE/Digits_Adam_lr=1e-05_seed=*";
    bench.compare(&format!("--filter n=4 --baseline '{pattern}' --fail_if_worse")).ended(0);
    // One without a seed in common.
    bench.compare(&format!("{baseline} --fail_if_worse")).ended(5);
    let done = bench.compare(&format!("{baseline} --fail_if_worse 1e9%")).ended(1);
    assert!(done.stderr.contains("cannot be compared"), "{}", done.stderr);
    let done = bench
        .compare(&format!("--filter learning_rate=0.001 --filter n=4 {baseline} --fail_if_worse"))
        .ended(1);
    assert!(done.stderr.contains("nothing to compare"), "{}", done.stderr);
    let done = bench.compare(&format!("--filter n=1 {baseline}")).ended(2);
    assert!(done.stderr.contains("none of the runs"), "{}", done.stderr);
    let done = bench.compare(&format!("--filter seed>3 --baseline '{RUN}_small'")).ended(0);
    assert!(done.stdout.contains("images"), "{}", done.stdout);
    let done = bench.compare(&format!("{baseline} --filter batch_size=64 --filter n=4")).ended(1);
    assert!(done.stderr.contains("no run passes"), "{}", done.stderr);
}

#[test]
fn two_single_runs_by_their_images() {
    let bench = Bench::new();
    for (program, kind) in [("LeNet", "accuracy"), ("SingleLayerCAE", "error")] {
        let line = format!(
            "train --model {program} --dataset Digits --seed 1 --epochs 2 --images_every 0"
        );
        bench.dytb(&line).ended(0);
        bench.dytb(&format!("{line} --lr 1e-5 --comment slow")).ended(0);
        let log = format!("log/{program}");
        let run = format!("{log}/Digits_Momentum_lr=0.01");
        // The same results in another folder.
        let same = Bench::new();
        fs::create_dir_all(same.path("log")).unwrap();
        for copy in ["a", "b"] {
            copy_dir(&bench.path(&run), &same.path(&format!("log/{copy}")));
        }
        let rows = same.compare("--each --baseline log/a --fail_if_worse --json").ended(0).json();
        let beside = rows.as_array().unwrap().iter().find_map(|row| row.get("baseline")).unwrap();
        assert_eq!((&beside["p"], &beside["difference"]), (&1.0.into(), &0.0.into()), "{kind}");
        assert_eq!((&beside["pairing"], &beside["pairs"]), (&"images".into(), &250.into()));

        let rows = bench.compare(&format!("{log} --baseline '{run}' --json")).ended(0).json();
        let beside = rows.as_array().unwrap().iter().find_map(|row| row.get("baseline")).unwrap();
        assert!(beside["p"].as_f64().unwrap() < 1e-3 && beside["is_worse"] == true, "{beside}");
        // What is there image by image is what is there in all.
        let text = fs::read_to_string(bench.path(&run).join("test_images.csv")).unwrap();
        let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
        let values: Vec<f64> = match kind {
            "error" => rows.map(|row| row[2].parse().unwrap()).collect(),
            _ => rows.map(|row| f64::from(u8::from(row[1] == row[2]))).collect(),
        };
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let json = bench.compare(&format!("{log} --json --each")).ended(0).json();
        let json =
            json.as_array().unwrap().iter().find(|row| row["folder"] == run).unwrap().clone();
        let difference = mean - json[format!("test_{kind}")].as_f64().unwrap();
        assert!(difference.abs() < 1e-6, "{kind}: {difference}");
    }
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_dir(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn metrics_are_logged_and_pick_the_best() {
    let bench = Bench::new();
    let line = "train --model LeNet --dataset Digits --seed 1 --epochs 3 --images_every 0";
    bench.dytb(&format!("{line} --metrics --select ece")).ended(0);
    let run = "log/LeNet/Digits_Momentum_lr=0.01_select=ece";
    let names = ["top1", "top5", "precision", "recall", "f1", "auroc", "ece"];
    let logged = scalars(&bench.path(run).join("validation"));
    let history = dytb::run::history::Table::of(&bench.path(run)).unwrap();
    for name in names {
        let points: Vec<_> = logged.iter().filter(|(_, tag, _)| tag == name).collect();
        assert_eq!(points.len(), 3, "{name}");
        for (point, row) in points.iter().zip(history.numbers(&format!("validation_{name}"))) {
            assert_eq!(Some(point.2), row.map(|value| value as f32), "{name}");
        }
    }
    let eces = history.numbers("validation_ece");
    let best = (0..3).min_by(|&one, &other| eces[one].partial_cmp(&eces[other]).unwrap()).unwrap();
    let row = bench.compare("--json").ended(0).json()[0].clone();
    assert_eq!(row["best_epoch"], best + 1);
    assert!(row["test_auroc"].as_f64().unwrap() > 0.5, "{row}");
    // The best model is the one of that epoch.
    let done = bench.dytb(&format!("evaluate '{run}' --metrics --json")).ended(0).json();
    let difference = done["ece"].as_f64().unwrap() - eces[best].unwrap();
    assert!(difference.abs() < 1e-6, "{done}");
    assert_eq!(done["top1"], done["accuracy"]);

    // The smallest epoch's mean of the training is that of its steps.
    let steps =
        "train --model LeNet --dataset Digits --seed 1 --epochs 1 --log_every 1 --comment steps";
    bench.dytb(steps).ended(0);
    let run = bench.path("log/LeNet/Digits_Momentum_lr=0.01_steps");
    let losses: Vec<_> = scalars(&run.join("train"))
        .into_iter()
        .filter(|(_, tag, _)| tag == "loss")
        .map(|(_, _, value)| f64::from(value))
        .collect();
    let sizes: Vec<_> = (0..11).map(|step| if step < 10 { 128.0 } else { 17.0 }).collect();
    let sum: f64 = losses.iter().zip(&sizes).map(|(loss, size)| loss * size).sum();
    let mean = dytb::run::history::Table::of(&run).unwrap().numbers("train_loss")[0].unwrap();
    assert!((mean - sum / 1297.0).abs() < 1e-6, "{mean}");
}
