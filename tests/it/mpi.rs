//! One training shared out over the ranks of `mpirun`: the files of one process, bit for bit.
//!
//! Without an `mpirun` on this machine the tests say that they are skipped.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::common::command::{Bench, Done};
use crate::common::remains::assert_same;
use crate::common::skip::skipped;
use crate::sweep::table;
use dytb::run::latest;

/// Long enough that ranks which wait for each other for ever are told from slow ones.
const PATIENCE: Duration = Duration::from_secs(20);
/// A run that is long enough to be stopped.
const LONG: &str = "--model SingleLayerCAE --dataset Digits --seed 1 --epochs 150 --images_every 75 \
                    --optimizer Adam --optimizer_args '{\"learning_rate\": 1e-3}' --device cpu";
const LONG_RUN: &str = "log/SingleLayerCAE/Digits_Adam_lr=0.001";

/// Whether there is an `mpirun`.
fn is_there() -> bool {
    let found = Command::new("mpirun").arg("--version").output().is_ok();
    if !found {
        skipped("what needs ranks: there is no mpirun");
    }
    found
}

/// `program` with the arguments in `line` on so many ranks, ready to start.
fn on_ranks(bench: &Bench, ranks: usize, program: &str, line: &str) -> Command {
    let flags = "--allow-run-as-root --oversubscribe --bind-to none";
    let mut command = bench.command("mpirun", &format!("{flags} -n {ranks} {program} {line}"));
    command.env("RAYON_NUM_THREADS", "1");
    command
}

fn autoencoder() -> &'static str {
    env!("CARGO_BIN_EXE_train_autoencoder")
}

fn classifier() -> &'static str {
    env!("CARGO_BIN_EXE_train_classifier")
}

/// `program` with the arguments in `line` in one process, to its end.
fn alone(bench: &Bench, program: &str, line: &str) -> Done {
    let mut command = bench.command(program, line);
    // config.json says how many threads there are.
    command.env("RAYON_NUM_THREADS", "1");
    run(command)
}

fn run(mut command: Command) -> Done {
    command.output().unwrap().into()
}

/// The step of the last checkpoint of the run at `path`; 0 without one.
fn saved(path: &Path) -> u64 {
    let found = latest(&path.join("checkpoints")).unwrap();
    found.map_or(0, |(_, checkpoint)| checkpoint.state.step)
}

/// Waits until the run at `path` has a checkpoint after the step `before`.
fn wait_for_checkpoint(path: &Path, before: u64) {
    let begin = Instant::now();
    while saved(path) <= before {
        assert!(begin.elapsed() < 6 * PATIENCE, "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(pid: u32, name: &str) {
    let pid = pid.to_string();
    assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
}

/// The ranks that `mpirun` has started.
fn ranks_of(mpirun: &Child) -> Vec<u32> {
    let children = format!("/proc/{0}/task/{0}/children", mpirun.id());
    let children = std::fs::read_to_string(children).unwrap();
    children.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// The output of `child`, which has to end soon.
fn ends_soon(mut child: Child) -> Done {
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it goes on: {:?}", Done::from(child.wait_with_output().unwrap()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap().into()
}

/// What ends a run that is trained by `ranks` and has written a checkpoint.
fn interrupted(bench: &Bench, ranks: usize, signalled: impl Fn(&Child) -> u32) -> Done {
    let before = saved(&bench.path(LONG_RUN));
    let child = on_ranks(bench, ranks, autoencoder(), LONG).spawn().unwrap();
    wait_for_checkpoint(&bench.path(LONG_RUN), before);
    signal(signalled(&child), "TERM");
    let done = ends_soon(child);
    assert_eq!(done.stderr.matches("interrupted after step").count(), 1, "{}", done.stderr);
    done
}

/// Fails unless the run `name` of `line` is the same on 1 to 4 ranks as in one process.
#[track_caller]
fn assert_same_on_all(program: &str, line: &str, name: &str) {
    let through = Bench::new();
    let one = alone(&through, program, line).ended(0);
    for ranks in 1..=4 {
        let bench = Bench::new();
        let done = run(on_ranks(&bench, ranks, program, line)).ended(0);
        assert_eq!(done.stdout, one.stdout, "{ranks} ranks");
        assert_same(&through, &bench, name);
        let history = std::fs::read_to_string(bench.path(name).join("history.csv")).unwrap();
        assert_eq!(history.contains("bytes_sent,waiting_seconds"), ranks > 1, "{history}");
    }
}

#[test]
fn an_autoencoder_is_the_same_on_any_number_of_ranks() {
    if is_there() {
        // The last batch of an epoch has fewer microbatches than there are ranks.
        let line = "--model SingleLayerCAE --dataset Digits --seed 2 --epochs 3 --device cpu --l2_penalty 1e-4 \
                    --metrics --optimizer Adam --optimizer_args '{\"learning_rate\": 1e-3}' --batch_size 100";
        let name = "log/SingleLayerCAE/Digits_Adam_lr=0.001_l2=0.0001";
        assert_same_on_all(autoencoder(), line, name);
    }
}

#[test]
fn one_that_draws_is_the_same_on_any_number_of_ranks() {
    if is_there() {
        let line = "--model StackedDenoisingCAE --dataset Digits --seed 2 --epochs 2 --device cpu";
        let name = "log/StackedDenoisingCAE/Digits_Momentum_lr=0.01";
        assert_same_on_all(autoencoder(), line, name);
        let line = "--model VAE --dataset Digits --seed 2 --epochs 2 --device cpu --loss mse+ssim --noise gaussian:0.2";
        let name = "log/VAE/Digits_code=32_Momentum_lr=0.01_loss=mse+ssim_noise=gaussian-0.2";
        assert_same_on_all(autoencoder(), line, name);
    }
}

#[test]
fn a_classifier_is_the_same_on_any_number_of_ranks() {
    if is_there() {
        let line = "--model SingleLayerCAEClassifier --dataset Digits --seed 2 --epochs 3 --device cpu --metrics \
                    --patience 1 --select f1";
        let name = "log/SingleLayerCAEClassifier/Digits_Momentum_lr=0.01_select=f1";
        assert_same_on_all(classifier(), line, name);
    }
}

/// A large dense layer leaves its gradient to the batch. Batches of 40 have three microbatches: of four ranks one
/// has no part in them.
#[test]
fn a_large_dense_layer_is_the_same_on_any_number_of_ranks() {
    if is_there() {
        let line = "--model LeNetDropout --dataset Digits --seed 2 --epochs 1 --device cpu --batch_size 40 \
                    --l2_penalty 1e-3";
        assert_same_on_all(classifier(), line, "log/LeNetDropout/Digits_Momentum_lr=0.01_l2=0.001");
    }
}

/// Also of the last batch, which is smaller: each example keeps the partner that it has in one process.
#[test]
fn what_is_augmented_and_mixed_is_the_same_on_any_number_of_ranks() {
    if is_there() {
        let line = "--model SingleLayerCAEClassifier --dataset Digits --seed 2 --epochs 2 --device cpu --batch_size 100 \
                    --augment crop:1,flip,rand:2,9 --mixup 0.2 --cutmix 1 --label_smoothing 0.1 --normalize standard";
        let name = "log/SingleLayerCAEClassifier/Digits_Momentum_lr=0.01_augment=crop-1,flip,rand-2,9_mixup=0.2_\
                    cutmix=1.0_label_smoothing=0.1_normalize=standard";
        assert_same_on_all(classifier(), line, name);
    }
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks() {
    if !is_there() {
        return;
    }
    let line = LONG.replace("--epochs 150", "--epochs 4");
    let (through, bench) = (Bench::new(), Bench::new());
    alone(&through, autoencoder(), &line).ended(0);
    for (ranks, epochs) in [(2, 1), (3, 2)] {
        let line = format!("{line} --stop_after {epochs}");
        run(on_ranks(&bench, ranks, autoencoder(), &line)).ended(0);
    }
    alone(&bench, autoencoder(), &format!("{line} --stop_after 3")).ended(0);
    run(on_ranks(&bench, 4, autoencoder(), &line)).ended(0);
    assert_same(&through, &bench, LONG_RUN);
    // It is finished: all ranks end.
    let again = run(on_ranks(&bench, 2, autoencoder(), &line)).ended(0);
    assert_eq!(again.stderr.matches("this run is finished").count(), 1, "{}", again.stderr);
}

#[test]
fn a_killed_rank_ends_all_and_the_same_command_goes_on() {
    if !is_there() {
        return;
    }
    let through = Bench::new();
    alone(&through, autoencoder(), LONG).ended(0);
    for killed in [0, 1] {
        let bench = Bench::new();
        let child = on_ranks(&bench, 2, autoencoder(), LONG).spawn().unwrap();
        wait_for_checkpoint(&bench.path(LONG_RUN), 0);
        signal(ranks_of(&child)[killed], "KILL");
        let done = ends_soon(child);
        assert_ne!(done.code, Some(0), "{done:?}");
        run(on_ranks(&bench, 2, autoencoder(), LONG)).ended(0);
        assert_same(&through, &bench, LONG_RUN);
    }
}

#[test]
fn a_signal_ends_all_with_a_checkpoint() {
    if !is_there() {
        return;
    }
    let (through, bench) = (Bench::new(), Bench::new());
    alone(&through, autoencoder(), LONG).ended(0);
    // To one rank, and to all by mpirun, which has an exit code of its own.
    interrupted(&bench, 2, |mpirun| ranks_of(mpirun)[1]).ended(143);
    interrupted(&bench, 3, Child::id);
    alone(&bench, autoencoder(), LONG).ended(0);
    assert_same(&through, &bench, LONG_RUN);
}

#[test]
fn what_cannot_be_shared_out_is_refused() {
    if !is_there() {
        return;
    }
    let bench = Bench::new();
    // Statistics of the batch.
    let line = "--model LeNetBN --dataset Digits --epochs 1 --device cpu --seed 1";
    let done = run(on_ranks(&bench, 2, classifier(), line)).ended(1);
    let told = "error: LeNetBN cannot be trained by 2 ranks\n  a layer computes over";
    assert_eq!(done.stderr.matches(told).count(), 1, "{}", done.stderr);
    assert!(!bench.path("log").exists());
}

#[test]
fn ranks_that_differ_are_refused() {
    if !is_there() {
        return;
    }
    let bench = Bench::new();
    let program = autoencoder();
    let other = LONG.replace("--seed 1", "--seed 2");
    let line = format!("{LONG} : -n 1 {program} {other}");
    let done = run(on_ranks(&bench, 1, program, &line)).ended(1);
    let told = "error: rank 1 has another configuration than rank 0";
    assert_eq!(done.stderr.matches(told).count(), 1, "{}", done.stderr);
    // What one of them cannot do ends all, and is told once.
    let other = LONG.replace("--seed 1", "--seed 1 --config nowhere.json");
    let line = format!("{LONG} : -n 1 {program} {other}");
    let done = run(on_ranks(&bench, 1, program, &line));
    assert_ne!(done.code, Some(0), "{done:?}");
    assert_eq!(done.stderr.matches("rank 1: error: ").count(), 1, "{}", done.stderr);
    assert!(!bench.path("log").exists());
}

/// Another program, or other pictures in the folder of the same name.
#[test]
fn ranks_with_another_program_or_other_data_are_refused() {
    if !is_there() {
        return;
    }
    let (bench, program) = (Bench::new(), autoencoder());
    let copy = bench.path("copy");
    let bytes = [std::fs::read(program).unwrap(), vec![0]].concat();
    std::fs::write(&copy, bytes).unwrap();
    std::fs::set_permissions(&copy, std::fs::metadata(program).unwrap().permissions()).unwrap();
    let line = format!("{LONG} : -n 1 {} {LONG}", copy.display());
    let done = run(on_ranks(&bench, 1, program, &line)).ended(1);
    let told = "error: rank 1 has another program than rank 0";
    assert_eq!(done.stderr.matches(told).count(), 1, "{}", done.stderr);

    for (number, folder) in ["one", "other"].into_iter().enumerate() {
        for picture in 0..60 {
            let path =
                bench.path(&format!("{folder}/pets/{}/{picture}.png", ["a", "b"][picture % 2]));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let value = (picture * 4 + number) as u8;
            image::GrayImage::from_pixel(8, 8, image::Luma([value])).save(path).unwrap();
        }
    }
    let line = |folder: &str| {
        let line = "--model SingleLayerCAE --dataset ImageFolder --image_size 8 --seed 1 --epochs 1 --device cpu";
        format!("{line} --data_dir {folder}/pets")
    };
    let line = format!("{} : -n 1 {program} {}", line("one"), line("other"));
    let done = run(on_ranks(&bench, 1, program, &line)).ended(1);
    let told = "error: rank 1 has another data set than rank 0";
    assert_eq!(done.stderr.matches(told).count(), 1, "{}", done.stderr);
    assert!(!bench.path("log").exists());
}

/// All ranks train one after the other; the first one alone writes and prints.
#[test]
fn several_seeds_and_folds_are_those_of_one_process() {
    if !is_there() {
        return;
    }
    let line =
        "train --model SingleLayerCAE --dataset Digits --epochs 2 --device cpu --seeds 2 --folds 2";
    let (through, bench) = (Bench::new(), Bench::new());
    let dytb = env!("CARGO_BIN_EXE_dytb");
    let one = alone(&through, dytb, line).ended(0);
    let done = run(on_ranks(&bench, 2, dytb, line)).ended(0);
    assert_eq!(one.stdout, done.stdout);
    for (fold, seed) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        let name = format!("log/SingleLayerCAE/Digits_Momentum_lr=0.01_fold={fold}of2_seed={seed}");
        assert_same(&through, &bench, &name);
    }
    // One that fails ends no other, on all ranks alike.
    let failing = format!("{line} --lr 1e30 --comment x");
    let done = run(on_ranks(&bench, 2, dytb, &failing)).ended(3);
    assert_eq!(done.stderr.matches("error: 4 of 4 runs failed").count(), 1, "{}", done.stderr);
}

#[test]
fn a_sweep_is_led_by_one_process_and_its_runs_may_have_ranks() {
    if !is_there() {
        return;
    }
    let dytb = env!("CARGO_BIN_EXE_dytb");
    let line = "sweep --model SingleLayerCAE --dataset Digits --epochs 3 --device cpu --halving 3 \
                --vary learning_rate=1e-3,1e-2,3e-2 --search grid";
    let (through, bench) = (Bench::new(), Bench::new());
    let done = run(on_ranks(&bench, 2, dytb, line)).ended(2);
    assert_eq!(done.stderr.matches("error: a sweep by 2 ranks").count(), 1, "{}", done.stderr);
    assert!(done.stderr.contains("--launcher") && !bench.path("sweep").exists(), "{done:?}");
    alone(&through, dytb, line).ended(0);
    let launcher = "--launcher 'mpirun --allow-run-as-root --oversubscribe --bind-to none -n 2'";
    alone(&bench, dytb, &format!("{line} {launcher}")).ended(0);
    assert_eq!(table(&through), table(&bench));
    let history = "sweep/SingleLayerCAE/Digits_Momentum_lr=0.03_trial=3_seed=1/history.csv";
    assert!(bench.lines(history)[0].contains("bytes_sent"));
}

#[test]
fn a_seed_that_is_drawn_is_that_of_the_first_rank() {
    if is_there() {
        let (through, bench) = (Bench::new(), Bench::new());
        let line = LONG.replace("--epochs 150", "--epochs 2").replace("--seed 1 ", "");
        run(on_ranks(&bench, 3, autoencoder(), &line)).ended(0);
        let config = std::fs::read_to_string(bench.path(LONG_RUN).join("config.json")).unwrap();
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        let line = format!("{line} --seed {}", config["seed"]);
        alone(&through, autoencoder(), &line).ended(0);
        let best = |bench: &Bench| latest(&bench.path(LONG_RUN).join("best")).unwrap().unwrap().1;
        assert_eq!(best(&through), best(&bench));
    }
}
