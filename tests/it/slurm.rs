//! A sweep on a real Slurm: job arrays, tasks that are told to end, requeued, or whose node dies.
//!
//! Only where `DYTB_SLURM` names the folder of one that `tests/cluster/one-node-slurm.sh` has started: the test
//! restarts its daemon.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::command::Bench;
use crate::common::remains::remains;
use crate::common::skip::skipped;
use crate::sweep::table;

/// Trials that are long enough to be met in their midst.
const LONG: &str = "sweep --model LeNet --dataset Digits --epochs 80 --lr_schedule cosine \
                    --vary learning_rate=1e-3,1e-2 --search grid --seeds 2";
/// Trials that go on from rung to rung.
const HALVING: &str = "sweep --model SingleLayerCAE --dataset Digits --epochs 9 --lr_schedule cosine \
                       --vary learning_rate=log:1e-4..1e-1 --trials 9 --halving 3";

/// What a command prints.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The tasks that are queued or running, with their states: `14_1 RUNNING`.
fn queue() -> Vec<String> {
    let text = output("squeue", &["--noheader", "--array", "--format=%i %T %r"]);
    text.lines().map(str::to_owned).collect()
}

/// Waits until `is_so`.
#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(240), "{what}: {:?}", queue());
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// A task that has run for some seconds: one that is just being started cannot be altered.
fn running() -> Option<String> {
    let text = output("squeue", &["--noheader", "--states=RUNNING", "--format=%i %M"]);
    let is_under_way = |line: &&str| !line.ends_with(" 0:00") && !line.ends_with(" 0:01");
    let task = text.lines().map(str::trim).find(is_under_way)?;
    Some(task.split(' ').next()?.to_owned())
}

/// What is requeued is eligible after two minutes: now.
fn release() {
    for line in queue().iter().filter(|line| line.contains("BeginTime")) {
        let task = line.split(' ').next().unwrap();
        output("scontrol", &["update", &format!("JobId={task}"), "StartTime=now"]);
    }
}

#[test]
fn a_job_array_ends_as_the_loop_does() {
    let Some(folder) = std::env::var_os("DYTB_SLURM").map(PathBuf::from) else {
        return skipped("DYTB_SLURM names no Slurm of one node");
    };
    let (local, cluster) = (Bench::new(), Bench::new());
    local.dytb(LONG).ended(0);
    let done =
        cluster.dytb(&format!("{LONG} --engine slurm --sbatch '--mem=100 --time=10'")).ended(0);
    assert_eq!(done.stdout.lines().count(), 1, "{}", done.stdout);
    // A user's `scancel`, an operator's requeue, and a daemon that dies: its tasks go on, and are found again.
    for number in 0..3 {
        let mut task = None;
        wait_until("a task that runs", || {
            release();
            task = running();
            task.is_some()
        });
        let task = task.unwrap();
        match number {
            0 => drop(output("scancel", &["--batch", "--signal=TERM", &task])),
            1 => drop(output("scontrol", &["requeue", &task])),
            _ => {
                let pid = fs::read_to_string(folder.join("slurmd.pid")).unwrap();
                output("kill", &["-s", "KILL", pid.trim()]);
                let conf = folder.join("slurm.conf");
                output("slurmd", &["-f", conf.to_str().unwrap()]);
            }
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    complete(&cluster);
    let status = cluster.dytb("sweep --status").ended(0).stdout;
    assert!(status.contains("2 of 2 trials are drawn"), "{status}");
    assert_same_runs(&local, &cluster);

    let (local, cluster) = (Bench::new(), Bench::new());
    local.dytb(HALVING).ended(0);
    let done = cluster.dytb(&format!("{HALVING} --engine slurm")).ended(0);
    assert_eq!(done.stdout.lines().count(), 3, "{}", done.stdout);
    complete(&cluster);
    assert_same_runs(&local, &cluster);
}

/// Waits until all tasks have ended, and submits again what is missing.
fn complete(cluster: &Bench) {
    for _ in 0..4 {
        wait_until("the end of all tasks", || {
            release();
            queue().is_empty()
        });
        let missing = cluster.dytb("sweep --missing").ended(0);
        if missing.stderr.contains("nothing is missing") {
            return;
        }
    }
}

/// Fails unless the sweeps have ended with the same table and the same runs.
fn assert_same_runs(local: &Bench, cluster: &Bench) {
    assert_eq!(table(local), table(cluster));
    for row in table(local) {
        let run = row["folder"].as_str().unwrap();
        let (ours, theirs) = (remains(&local.path(run)), remains(&cluster.path(run)));
        for name in ["history.csv", "test_images.csv"] {
            assert!(ours.get(name) == theirs.get(name), "{run}: {name} differs");
        }
    }
}
