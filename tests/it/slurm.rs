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

/// Waits until `is_so` of the jobs of `cluster`.
#[track_caller]
fn wait_until(cluster: &Bench, what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(
            start.elapsed() < Duration::from_secs(480),
            "{what}\n{}",
            all_that_is_known(cluster)
        );
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// The jobs, the processes and the ends of the files that tell why one waits in vain.
fn all_that_is_known(cluster: &Bench) -> String {
    let mut known = vec![
        output("scontrol", &["show", "jobs"]),
        output("ps", &["-eo", "pid,ppid,stat,etimes,time,wchan:24,args", "--width=200"]),
    ];
    let tasks = fs::read_dir(cluster.path("sweep/output")).into_iter().flatten().flatten();
    let daemons = std::env::var_os("DYTB_SLURM").map(PathBuf::from).into_iter();
    let logs = daemons.flat_map(|dir| [dir.join("slurmctld.log"), dir.join("slurmd.log")]);
    for path in tasks.map(|entry| entry.path()).chain(logs) {
        let text = fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<_> = text.lines().collect();
        let end = lines[lines.len().saturating_sub(30)..].join("\n");
        known.push(format!("-- {}\n{end}", path.display()));
    }
    known.join("\n")
}

/// A task that runs, when none is just being started or ended, nor can be: such a one cannot be altered, and is lost
/// with the daemon that starts it.
fn running() -> Option<String> {
    let processors = std::thread::available_parallelism().unwrap().get();
    let text = output("squeue", &["--noheader", "--array", "--states=all", "--format=%i %t %M %r"]);
    let (mut under_way, mut waiting) = (Vec::new(), 0);
    for line in text.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [_, "CG" | "CF", ..] | [_, "R", "0:00" | "0:01", _] => return None,
            [task, "R", ..] => under_way.push(task.to_owned()),
            [_, "PD", _, "Resources" | "Priority" | "None"] => waiting += 1,
            _ => {}
        }
    }
    (waiting == 0 || under_way.len() == processors).then(|| under_way.into_iter().next())?
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
    // What a test before has left.
    output("scancel", &["--me"]);
    wait_until(&cluster, "an empty queue", || queue().is_empty());
    local.dytb(LONG).ended(0);
    let done =
        cluster.dytb(&format!("{LONG} --engine slurm --sbatch '--mem=100 --time=10'")).ended(0);
    assert_eq!(done.stdout.lines().count(), 1, "{}", done.stdout);
    // A user's `scancel`, an operator's requeue, and a daemon that dies: its tasks go on, and are found again.
    for number in 0..3 {
        let mut task = None;
        wait_until(&cluster, "a task that runs", || {
            release();
            task = running();
            task.is_some()
        });
        let task = task.unwrap();
        match number {
            // The task ends and asks for its requeueing so soon that scancel, which waits for more, would try again for
            // a minute and a half.
            0 => drop(output("timeout", &["2", "scancel", "--batch", "--signal=TERM", &task])),
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
        wait_until(cluster, "the end of all tasks", || {
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
