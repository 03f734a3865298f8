//! `train_autoencoder` and `evaluate_autoencoder`, as a user runs them.

use std::fs;
use std::path::Path;

use crate::common::command;
use crate::common::command::{Bench, Scalar, scalars};
use crate::common::data::real_data;
use dytb::inputs::INPUTS;
use dytb::run::{Checkpoint, RunFolder, Status, StatusKind, latest};
use dytb::{Source, Split};
use serde_json::Value;

/// A short run on the data set that is in the program.
const DIGITS: &str = "--model SingleLayerCAE --dataset Digits --seed 1 --json";
/// Its folder.
const RUN: &str = "log/SingleLayerCAE/Digits_Momentum_lr=0.01";

#[test]
fn a_run_from_nothing() {
    let bench = Bench::new();
    let line = format!("{DIGITS} --epochs 3");
    let results = bench.train(&line).ended(0).json();
    assert_eq!(results["epochs"], 3);
    assert_eq!(results["folder"], RUN);
    assert!(results["validation_error"].as_f64().unwrap() < 0.06, "{results}");

    for (file, error) in
        [("validation_results.txt", "validation_error"), ("test_results.txt", "test_error")]
    {
        let line = format!("SingleLayerCAE: Digits_Momentum_lr=0.01 {}", results[error]);
        assert_eq!(bench.lines(file), [line]);
    }
    for (test, error) in [("", "validation_error"), (" --test", "test_error")] {
        let line = format!(
            "--model SingleLayerCAE --dataset Digits --checkpoint_dir '{RUN}' --json{test}"
        );
        assert_eq!(bench.evaluate(&line).ended(0).json()["error"], results[error]);
    }

    // 1,297 examples are 11 steps of 128 an epoch.
    let train = scalars(&bench.path(&format!("{RUN}/train")));
    let errors: Vec<_> = train.iter().filter(|(_, tag, _)| tag == "error").collect();
    assert_eq!(errors.iter().map(|(step, ..)| *step).collect::<Vec<_>>(), [10, 11, 20, 22, 30, 33]);
    assert!(
        train.iter().filter(|(_, tag, _)| tag == "learning_rate").all(|(.., rate)| *rate == 0.01)
    );
    let validation = scalars(&bench.path(&format!("{RUN}/validation")));
    assert_eq!(validation.iter().map(|(step, ..)| *step).collect::<Vec<_>>(), [11, 22, 33]);
    let names = |folder: &str| {
        let files = fs::read_dir(bench.path(&format!("{RUN}/{folder}"))).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("checkpoints"), ["step-0000000022.ckpt", "step-0000000033.ckpt"]);
    assert_eq!(names("best").len(), 1);

    assert_eq!(standing(&bench, RUN), (StatusKind::Finished, 3, 33));

    // The same command again has nothing left to do, and says the same.
    let again = bench.train(&line).ended(0);
    assert_eq!(again.json(), results);
    assert!(again.stderr.contains("this run is finished"), "{}", again.stderr);
    assert_eq!(bench.lines("test_results.txt").len(), 1);

    // --restart trains it anew, with the same numbers.
    assert_eq!(bench.train(&format!("{line} --restart")).ended(0).json(), results);
    assert_eq!(bench.lines("test_results.txt").len(), 2);
}

/// State, epochs and steps of a run.
fn standing(bench: &Bench, run: &str) -> (StatusKind, u64, u64) {
    let status = Status::now(&bench.path(run)).unwrap().unwrap();
    // One that was killed has said nothing of its last seconds.
    assert!(status.seconds > 0.0 || status.state == StatusKind::Crashed);
    (status.state, status.epochs, status.step)
}

/// The checkpoint of the last step in a run's folder, and its events' scalars.
fn end_of(run: &Path) -> (Checkpoint, [Vec<Scalar>; 2]) {
    let (_, checkpoint) = latest(&run.join("checkpoints")).unwrap().unwrap();
    (checkpoint, ["train", "validation"].map(|folder| scalars(&run.join(folder))))
}

/// Whether two runs ended in the same place, bit for bit.
#[track_caller]
fn assert_same_end(one: &Bench, other: &Bench, run: &str) {
    let (ours, our_events) = end_of(&one.path(run));
    let (theirs, their_events) = end_of(&other.path(run));
    assert_eq!(ours.state, theirs.state);
    assert!(ours.model == theirs.model, "the parameters differ");
    assert!(ours.optimizer == theirs.optimizer, "the optimizer's slots differ");
    assert_eq!(our_events, their_events);
    for file in ["validation_results.txt", "test_results.txt"] {
        assert_eq!(one.lines(file).last(), other.lines(file).last());
    }
}

#[test]
fn more_epochs_go_on_as_if_there_had_been_no_end() {
    let (through, in_two) = (Bench::new(), Bench::new());
    for optimizer in [
        "",
        " --comment adam --optimizer Adam --optimizer_args '{\"learning_rate\": 1e-3}'",
        " --optimizer Muon --optimizer_args '{\"learning_rate\": 1e-3}' --warmup_epochs 1 \
         --lr_schedule exponential",
    ] {
        let line = format!("{DIGITS}{optimizer}");
        let expected = through.train(&format!("{line} --epochs 4")).ended(0).json();
        in_two.train(&format!("{line} --epochs 2")).ended(0);
        let resumed = in_two.train(&format!("{line} --epochs 4")).ended(0);
        assert!(resumed.stderr.contains("going on after step 22 of 44"), "{}", resumed.stderr);
        assert_eq!(resumed.json(), expected);
    }
    assert_same_end(&through, &in_two, RUN);
}

/// The first signal ends a run after a checkpoint; SIGKILL ends it anywhere.
#[cfg(unix)]
#[test]
fn a_run_that_is_stopped_goes_on_as_if_it_had_not_been() {
    let through = Bench::new();
    let schedule = "--lr_schedule cosine --warmup_epochs 2";
    let run = &format!("{RUN}_cosine_lr_warmup=2");
    let line = format!("{DIGITS} --epochs 40 --images_every 20 {schedule}");
    through.train(&line).ended(0);
    for (signal, code) in [("INT", Some(130)), ("TERM", Some(143)), ("KILL", None)] {
        let stopped = Bench::new();
        let child = stopped.training(&line).spawn().unwrap();
        let checkpoints = stopped.path(&format!("{run}/checkpoints"));
        while latest(&checkpoints).unwrap().is_none() {
            std::thread::yield_now();
        }
        let pid = child.id().to_string();
        std::process::Command::new("kill").args(["-s", signal, &pid]).status().unwrap();
        let done = command::Done::from(child.wait_with_output().unwrap());
        assert_eq!(done.code, code, "{}", done.stderr);
        let (state, epochs, step) = standing(&stopped, run);
        let expected = if code.is_some() { StatusKind::Interrupted } else { StatusKind::Crashed };
        assert_eq!((state, epochs), (expected, step / 11));
        if code.is_some() {
            assert!(done.stderr.contains("error: interrupted after step"), "{}", done.stderr);
        }
        assert!(stopped.lines("test_results.txt").is_empty());
        stopped.train(&line).ended(0);
        assert_same_end(&through, &stopped, run);
    }
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_taken() {
    let (through, damaged) = (Bench::new(), Bench::new());
    through.train(&format!("{DIGITS} --epochs 4")).ended(0);
    damaged.train(&format!("{DIGITS} --epochs 3")).ended(0);
    let newest = damaged.path(&format!("{RUN}/checkpoints/step-0000000033.ckpt"));
    let bytes = fs::read(&newest).unwrap();
    fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    let resumed = damaged.train(&format!("{DIGITS} --epochs 4")).ended(0);
    assert!(resumed.stderr.contains("step-0000000033.ckpt` is damaged"), "{}", resumed.stderr);
    assert!(resumed.stderr.contains("going on after step 22"), "{}", resumed.stderr);
    assert_same_end(&through, &damaged, RUN);
}

#[test]
fn a_run_keeps_its_configuration() {
    let bench = Bench::new();
    // Without --seed one is drawn, kept, and used again.
    let line = "--model SingleLayerCAE --dataset Digits --json";
    bench.train(&format!("{line} --epochs 1")).ended(0);
    let config: Value =
        serde_json::from_slice(&fs::read(bench.path(&format!("{RUN}/config.json"))).unwrap())
            .unwrap();
    bench.train(&format!("{line} --epochs 2")).ended(0);

    let refused = bench.train(&format!("{line} --epochs 2 --batch_size 64 --seed 3")).ended(1);
    assert!(refused.stderr.contains(&format!("{RUN}` holds another run")), "{}", refused.stderr);
    assert!(refused.stderr.contains("batch_size: 128 there, 64 now"), "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("seed: {} there, 3 now", config["seed"])));
    for way_out in ["--comment", "--restart"] {
        assert!(refused.stderr.contains(way_out), "{}", refused.stderr);
    }
    bench.train(&format!("{line} --epochs 1 --batch_size 64 --comment small")).ended(0);
    bench.train(&format!("{line} --epochs 1 --batch_size 64 --restart")).ended(0);
}

#[test]
fn a_run_in_use_is_refused() {
    let bench = Bench::new();
    let _lock = RunFolder::open(&bench.path(RUN)).unwrap();
    let refused = bench.train(DIGITS).ended(1);
    assert!(refused.stderr.contains("another process trains this run"), "{}", refused.stderr);
}

#[test]
fn divergence_ends_with_its_own_code_and_no_result() {
    let bench = Bench::new();
    let line = "--model SingleLayerCAE --dataset Digits --epochs 3 \
                --optimizer GradientDescentOptimizer --optimizer_args '{\"learning_rate\": 1e39}'";
    let done = bench.train(line).ended(3);
    assert!(done.stderr.contains("error: the "), "{}", done.stderr);
    assert!(done.stderr.contains("lower learning_rate"), "{}", done.stderr);
    let run = "log/SingleLayerCAE/Digits_GradientDescent_lr=1e+39";
    assert_eq!(standing(&bench, run).0, StatusKind::Diverged);
    assert!(bench.lines("validation_results.txt").is_empty());
    assert!(done.stderr.contains("it has no checkpoint yet"), "{}", done.stderr);
    // It has nothing that could be lost: the same command does the same.
    let again = bench.train(line).ended(3);
    assert_eq!(again.stderr.lines().last(), done.stderr.lines().last());
}

/// In each schedule's events are the rates that were used: of the last of 11 steps an epoch.
#[test]
fn a_scheduled_learning_rate_is_the_one_that_is_used() {
    let bench = Bench::new();
    let decay = "--lr_decay_epochs 1 --lr_decay_factor 0.5";
    let half_to = |power: f64| 0.01 * 0.5f64.powf(power / 11.0);
    let cosine =
        |step: f64, steps: f64| 0.005 * (1.0 + (std::f64::consts::PI * step / steps).cos());
    for (flags, suffix, expected) in [
        (format!("--lr_decay {decay}"), "_exp_lr", [0.01, 0.005, 0.0025]),
        (format!("--lr_schedule step {decay} --comment 2"), "_exp_lr_2", [0.01, 0.005, 0.0025]),
        (
            format!("--lr_schedule exponential {decay}"),
            "_exponential_lr",
            [half_to(10.0), half_to(21.0), half_to(32.0)],
        ),
        (
            "--lr_schedule cosine".to_owned(),
            "_cosine_lr",
            [cosine(10.0, 33.0), cosine(21.0, 33.0), cosine(32.0, 33.0)],
        ),
        ("--warmup_epochs 2".to_owned(), "_warmup=2", [0.005, 0.01, 0.01]),
        (
            "--lr_schedule cosine --warmup_epochs 1".to_owned(),
            "_cosine_lr_warmup=1",
            [0.01, cosine(10.0, 22.0), cosine(21.0, 22.0)],
        ),
    ] {
        let line = format!("{DIGITS} --epochs 3 --log_every 100 {flags}");
        let folder = bench.train(&line).ended(0).json()["folder"].as_str().unwrap().to_owned();
        assert_eq!(folder, format!("{RUN}{suffix}"));
        let rates: Vec<_> = scalars(&bench.path(&format!("{folder}/train")))
            .into_iter()
            .filter(|(_, tag, _)| tag == "learning_rate")
            .map(|(.., rate)| rate)
            .collect();
        assert_eq!(rates, expected.map(|rate| rate as f32), "{flags}");
    }
}

/// Another number of epochs is another cosine: a run of it goes on only to its own end.
#[test]
fn a_cosine_ends_with_its_epochs() {
    let bench = Bench::new();
    let line = format!("{DIGITS} --lr_schedule cosine");
    bench.train(&format!("{line} --epochs 2")).ended(0);
    let refused = bench.train(&format!("{line} --epochs 3")).ended(1);
    assert!(refused.stderr.contains("epochs: 2 there, 3 now"), "{}", refused.stderr);
    bench.train(&format!("{line} --epochs 3 --restart")).ended(0);
}

/// The article's lines, word for word after the program's name, but for where the data is and for
/// the number of epochs, which a test cannot wait for.
#[test]
fn the_articles_lines() {
    let adam = r#"--optimizer AdamOptimizer --optimizer_args '{"learning_rate": 1e-5}'"#;
    for (dataset, data) in [("MNIST", "mnist"), ("Cifar10", "cifar-10-subset")] {
        let Some(data) = real_data(data) else { continue };
        let bench = Bench::new();
        for (penalty, suffix) in [("", ""), ("--l2_penalty 1e-9", "_l2=1e-09")] {
            let line = format!(
                "--model SingleLayerCAE --dataset {dataset} {adam} --train_device \"/gpu:1\" \
                 --batch_size 1024 {penalty} --epochs 1 --json --data_dir '{}'",
                data.display()
            );
            let done = bench.train(&line).ended(0);
            assert!(done.stderr.contains("using the CPU"), "{}", done.stderr);
            let name = format!("{dataset}_Adam_lr=1e-05{suffix}");
            assert_eq!(done.json()["folder"], format!("log/SingleLayerCAE/{name}"));
            let error = done.json()["validation_error"].as_f64().unwrap();
            // Of pixels and outputs in -1..=1: (1 - -1)² / 2 at the most, whatever the seed.
            assert!((0.0..=2.0).contains(&error), "{error}");
        }
        assert_eq!(bench.lines("test_results.txt").len(), 2);
    }
}

/// A data set that is neither here nor to be downloaded: exit code 4, each address named, or what
/// the user's own pictures should look like.
#[test]
fn data_that_cannot_be_had() {
    for (name, input) in INPUTS {
        let bench = Bench::new();
        fs::create_dir(bench.path("nothing")).unwrap();
        let data_dir = Some(bench.path("nothing"));
        let source = Source { data_dir, offline: true, ..Source::default() };
        // Some are made by their code, or in the program.
        if input(&source).and_then(|dataset| dataset.load(Split::Test)).is_ok() {
            continue;
        }
        let line = format!("--model SingleLayerCAE --dataset {name} --offline --data_dir nothing");
        let done = bench.train(&line).ended(4);
        assert_eq!(done.stderr.matches("error: ").count(), 1, "{}", done.stderr);
        let needle = if *name == "ImageFolder" { "DIR/CLASS/NAME.png" } else { "https://" };
        assert!(done.stderr.contains(needle), "{}", done.stderr);
        assert!(!bench.path("log").exists());
    }
}

/// A file that is cut off is named, and nothing is written.
#[test]
fn a_truncated_data_file() {
    let name = "train-images-idx3-ubyte.gz";
    let Some(data) = real_data("mnist") else { return };
    let bench = Bench::new();
    fs::create_dir(bench.path("data")).unwrap();
    for file in fs::read_dir(data).unwrap().map(|file| file.unwrap().path()) {
        let bytes = fs::read(&file).unwrap();
        let kept = if file.ends_with(name) { bytes.len() / 2 } else { bytes.len() };
        let copy = bench.path("data").join(file.file_name().unwrap());
        fs::write(copy, &bytes[..kept]).unwrap();
    }
    let done = bench.train("--model SingleLayerCAE --dataset MNIST --data_dir data").ended(1);
    assert!(done.stderr.contains(&format!("error: data/{name}")), "{}", done.stderr);
    assert!(!bench.path("log").exists());
}

/// Nobody reads the results: no panic.
#[cfg(unix)]
#[test]
fn a_closed_pipe() {
    let bench = Bench::new();
    let mut child = bench.training(&format!("{DIGITS} --epochs 1")).spawn().unwrap();
    drop(child.stdout.take());
    // Whoever closes the pipe has what was wanted, as in `train_autoencoder ... | head`.
    let done = command::Done::from(child.wait_with_output().unwrap()).ended(0);
    assert!(!done.stderr.contains("error:"), "{}", done.stderr);
    assert_eq!(bench.lines("test_results.txt").len(), 1);
}

/// One clear error, its exit code, and nothing written.
#[test]
fn bad_input() {
    let cases = [
        ("--model SingleLayerCEA --dataset Digits", 2, "similar value exists: 'SingleLayerCAE'"),
        ("--model SingleLayerCAE --dataset Digit", 2, "similar value exists: 'Digits'"),
        ("--model SingleLayerCAE", 2, "--dataset"),
        ("--optimizer AdamOptimiser", 2, "similar value exists: 'AdamOptimizer'"),
        ("--optimizer_args '{learning_rate: 1}'", 2, "this is no JSON"),
        ("--optimizer_args '[]'", 2, "no JSON object"),
        ("--optimizer_args '{\"lerning_rate\": 1}'", 2, "a similar one: `learning_rate`"),
        ("--optimizer_args '{\"momentum\": 0.9}'", 2, "has no `learning_rate`"),
        ("--optimizer Adam", 2, "has no `learning_rate`"),
        ("--optimizer_args '{\"learning_rate\": \"x\", \"momentum\": 1}'", 2, "takes a number"),
        ("--batch_size 0", 2, "1 or more"),
        ("--batch-size x", 2, "whole number"),
        ("--epochs 0", 2, "--epochs"),
        ("--l2_penalty -1", 2, "0 or more"),
        ("--lr_decay_factor nan", 2, "0 or more"),
        ("--lr_schedule linear", 2, "constant, exponential, cosine, step"),
        ("--lr_decay --lr_schedule cosine", 2, "`--lr_decay` contradicts `--lr_schedule cosine`"),
        ("--epochs 5 --warmup_epochs 5", 2, "the run has 5 epochs"),
        ("--train_device /tpu:0", 2, "/gpu:N"),
        ("--device cuda:99", 4, "there is no device cuda:99"),
        ("--gpu 99 --require_device", 4, "here there is /cpu:0"),
        ("--comment a/b", 2, "folder's name"),
        ("--log_dir /dev/null/log", 1, "cannot write `/dev/null/log"),
        ("--results_dir /dev/null/results", 1, "cannot write `/dev/null/results"),
    ];
    for (line, code, needle) in cases {
        let bench = Bench::new();
        let line = match line.starts_with("--model") {
            true => line.to_owned(),
            false => format!("{DIGITS} {line}"),
        };
        let done = bench.train(&line).ended(code);
        assert!(done.stderr.contains(needle), "{line}: {}", done.stderr);
        assert_eq!(done.stderr.matches("error:").count(), 1, "{line}: {}", done.stderr);
        assert!(done.stdout.is_empty() && bench.is_empty(), "{line}");
    }
}

#[test]
fn checkpoints_that_do_not_fit() {
    let bench = Bench::new();
    bench.train(&format!("{DIGITS} --epochs 1")).ended(0);
    let (path, mut checkpoint) = latest(&bench.path(&format!("{RUN}/best"))).unwrap().unwrap();
    let evaluate = |path: &str| {
        bench
            .evaluate(&format!("--model SingleLayerCAE --dataset Digits --checkpoint_dir '{path}'"))
    };
    assert!(evaluate(path.to_str().unwrap()).ended(0).stdout.starts_with("validation error = "));
    for (path, needle) in [
        ("nowhere", "there is no checkpoint in `nowhere`"),
        ("log", "there is no checkpoint in `log`"),
        ("test_results.txt", "`test_results.txt` is no checkpoint of this program"),
    ] {
        let done = evaluate(path).ended(1);
        assert!(done.stderr.contains(needle), "{}", done.stderr);
    }
    checkpoint.state.config.model = "LeNet".into();
    checkpoint.save(&bench.path("another")).unwrap();
    let done = evaluate("another").ended(1);
    assert!(done.stderr.contains("it is a checkpoint of LeNet"), "{}", done.stderr);

    checkpoint.state.config.model = "SingleLayerCAE".into();
    checkpoint.state.shape = [3, 8, 8];
    checkpoint.save(&bench.path("shape")).unwrap();
    let done = evaluate("shape").ended(1);
    assert!(done.stderr.contains("cannot take Digits"), "{}", done.stderr);
}
