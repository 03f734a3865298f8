//! A sweep on a cluster that Slurm schedules: a job array for each rung, a task for each run.
//!
//! A task is the batch script's `dytb sweep --task DIR:RUNG:NUMBER`, which becomes the run's own process. The script
//! passes SIGTERM on: a task that is preempted or whose time ends writes its checkpoint, ends with 143, and is
//! requeued. Later rungs are arrays that wait for the one before (`--dependency=afterany`); which trial the task of a
//! number is follows from the results in the folders.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::children;
use crate::commands::output;
use crate::data::Source;
use crate::error::{Exit, Failure};
use crate::run::{RunFolder, Status, StatusKind};
use crate::sweep::{Schedule, Standing, Sweep, Task};
use crate::train::{Interrupt, fetch_data};
use crate::util::atomic_file::write_atomically;
use crate::util::hex::hex;
use crate::util::stderr::message;

/// The batch script.
const SCRIPT: &str = "array.sbatch";
/// The options of the first submission, for those that follow.
const OPTIONS: &str = "sbatch.txt";
/// How long to wait before looking again whether another process trains a run.
const POLL: Duration = Duration::from_millis(500);
/// Seconds between Slurm's SIGTERM and the end of a task's time.
const NOTICE: u32 = 120;

/// Submits the whole sweep: an array for each rung, with the user's `options` of sbatch.
///
/// # Errors
/// When sbatch is missing or refuses, the data cannot be had, or a file cannot be written.
pub(super) fn submit(sweep: &Sweep, options: &[String]) -> Result<()> {
    fetch(sweep)?;
    write_atomically(&sweep.folder().join(OPTIONS), shell_words::join(options).as_bytes())?;
    submit_tasks(sweep)
}

/// Submits again what is neither finished nor queued.
///
/// # Errors
/// As [`submit`].
pub(super) fn submit_missing(sweep: &Sweep) -> Result<()> {
    fetch(sweep)?;
    submit_tasks(sweep)
}

/// The data, once, before many tasks ask for them at the same time.
fn fetch(sweep: &Sweep) -> Result<()> {
    let Some(config) = sweep.trials.first().and_then(|trial| trial.configs.first()) else {
        return Ok(());
    };
    let option = |flag: &str| {
        sweep.spec.options.iter().find_map(|word| word.strip_prefix(flag).map(PathBuf::from))
    };
    let offline = sweep.spec.options.iter().any(|word| word == "--offline");
    let data_dir = option("--data_dir=");
    let bytes = |text: &PathBuf| text.to_str().and_then(|text| text.parse().ok());
    let memory = option("--memory=").as_ref().and_then(bytes);
    fetch_data(config, &Source { data_dir, offline, memory, ..Source::default() })
}

/// An array for each rung of what is neither done nor queued.
fn submit_tasks(sweep: &Sweep) -> Result<()> {
    let script = write_script(sweep)?;
    let mut schedule = Schedule::new(sweep);
    let mut before: Option<String> = None;
    for rung in 0..schedule.rungs().len() {
        let count = schedule.rungs()[rung].trials.min(sweep.trials.len()) * sweep.spec.runs;
        let queued = queued(sweep, rung)?;
        let trials = schedule.trials_of(sweep, rung);
        let numbers: Vec<_> = (1..=count)
            .filter(|number| !queued.contains(number))
            .filter(|number| match &trials {
                // Who it is, is not known yet.
                None => true,
                Some(trials) => {
                    let place = (number - 1) / sweep.spec.runs;
                    let run = (number - 1) % sweep.spec.runs;
                    trials.get(place).is_some_and(|&trial| {
                        schedule.standing(sweep, Task { rung, trial, run }) == Standing::Behind
                    })
                }
            })
            .collect();
        if numbers.is_empty() {
            continue;
        }
        let job = sbatch(sweep, &script, rung, &numbers, before.as_deref())?;
        let epochs = schedule.rungs()[rung].epochs;
        output::print(&format!("job {job}: {} runs to epoch {epochs}", numbers.len()))?;
        before = Some(job);
    }
    if before.is_none() {
        message("note: nothing is missing: all runs are done or queued");
    }
    Ok(())
}

/// The batch script of all arrays.
fn write_script(sweep: &Sweep) -> Result<PathBuf> {
    let folder = sweep.folder().canonicalize()?;
    let program = std::env::current_exe().context("this program is nowhere")?;
    let text = format!(
        "#!/bin/bash\n\
         # A task of a sweep: dytb sweep --engine slurm wrote this.\n\
         {program} sweep --task {folder}:$DYTB_RUNG:$SLURM_ARRAY_TASK_ID &\n\
         pid=$!\n\
         # The run writes a checkpoint and ends with 143.\n\
         trap 'kill -TERM $pid' TERM\n\
         wait $pid\n\
         code=$?\n\
         # A signal ends the first wait, not the run.\n\
         if kill -0 $pid 2>/dev/null; then wait $pid; code=$?; fi\n\
         if [ $code -eq 143 ]; then\n\
         \x20   scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID\"\n\
         \x20   exit 143\n\
         fi\n\
         # One that diverged has come to its end.\n\
         if [ $code -eq 3 ]; then exit 0; fi\n\
         exit $code\n",
        program = output::quoted(&program.display().to_string()),
        folder = output::quoted(&folder.display().to_string()),
    );
    let path = folder.join(SCRIPT);
    write_atomically(&path, text.as_bytes())?;
    Ok(path)
}

/// Submits an array of the tasks with these `numbers` after the job `before`; its number.
fn sbatch(
    sweep: &Sweep,
    script: &Path,
    rung: usize,
    numbers: &[usize],
    before: Option<&str>,
) -> Result<String> {
    let folder = sweep.folder().canonicalize()?;
    let mut command = Command::new("sbatch");
    command.arg("--parsable").arg(format!("--job-name={}", job_name(sweep, rung)?));
    command.arg(format!("--array={}", ranges(numbers)));
    command.args(["--requeue", "--open-mode=append"]).arg(format!("--signal=B:TERM@{NOTICE}"));
    command.arg(format!("--export=ALL,DYTB_RUNG={rung}"));
    command.arg(format!("--output={}", folder.join("output/slurm-%A_%a.txt").display()));
    command.args(before.map(|job| format!("--dependency=afterany:{job}")));
    let options = fs::read_to_string(folder.join(OPTIONS)).unwrap_or_default();
    let options = shell_words::split(&options)
        .with_context(|| format!("`{}` is damaged", folder.join(OPTIONS).display()))?;
    // The user's own come last: they count more.
    command.args(options).arg(script);
    let output = command.output().map_err(|error| {
        Failure::new(Exit::Failed, format!("cannot run sbatch: {error}"))
            .why("it submits jobs to Slurm")
            .help("run this where Slurm is, or take --engine local or commands")
    })?;
    if !output.status.success() {
        return Err(Failure::new(Exit::Failed, "sbatch refuses the job")
            .why(String::from_utf8_lossy(&output.stderr).trim().to_owned())
            .help("change --sbatch, or the cluster's limits")
            .into());
    }
    let job = String::from_utf8_lossy(&output.stdout);
    // JOB or JOB;CLUSTER.
    Ok(job.trim().split(';').next().unwrap_or_default().to_owned())
}

/// The name of the jobs of a rung: no other sweep has it.
fn job_name(sweep: &Sweep, rung: usize) -> Result<String> {
    let folder = sweep.folder().canonicalize()?;
    let digest = hex(&Sha256::digest(folder.display().to_string()));
    Ok(format!("dytb-{}-{rung}", &digest[..10]))
}

/// The numbers of the tasks of a rung that are queued or running; none where there is no Slurm.
///
/// # Errors
/// When squeue fails.
pub(super) fn queued(sweep: &Sweep, rung: usize) -> Result<BTreeSet<usize>> {
    let name = job_name(sweep, rung)?;
    let asked = Command::new("squeue")
        .args(["--noheader", "--array", "--format=%K", "--name", &name])
        .output();
    let Ok(output) = asked else { return Ok(BTreeSet::new()) };
    if !output.status.success() {
        return Err(Failure::new(Exit::Failed, "squeue does not answer")
            .why(String::from_utf8_lossy(&output.stderr).trim().to_owned())
            .into());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.trim().parse().ok()).collect())
}

/// `1-4,7,9-12`.
fn ranges(numbers: &[usize]) -> String {
    let chunks = numbers.chunk_by(|one, next| one + 1 == *next);
    let text = chunks.map(|chunk| match chunk {
        [one] => one.to_string(),
        _ => format!("{}-{}", chunk[0], chunk[chunk.len() - 1]),
    });
    text.collect::<Vec<_>>().join(",")
}

/// A line for each run that is not done, for whoever runs such lines.
///
/// # Errors
/// When the data cannot be had, or nothing can be printed.
pub(super) fn print_commands(sweep: &Sweep) -> Result<()> {
    fetch(sweep)?;
    let folder = output::quoted(&sweep.folder().canonicalize()?.display().to_string());
    let program = children::program(sweep)?;
    let program: Vec<_> =
        program.iter().map(|word| output::quoted(&word.to_string_lossy())).collect();
    let program = program.join(" ");
    let mut schedule = Schedule::new(sweep);
    let mut lines = Vec::new();
    for trial in 0..sweep.trials.len() {
        for run in 0..sweep.spec.runs {
            let task = Task { rung: 0, trial, run };
            if schedule.standing(sweep, task) == Standing::Behind {
                fs::create_dir_all(sweep.output_path(trial, run))?;
                let words = children::words(sweep, task, sweep.spec.epochs);
                let words: Vec<_> = words.iter().map(|word| output::quoted(word)).collect();
                lines.push(format!("cd {folder} && {program} {}", words.join(" ")));
            }
        }
    }
    match lines.is_empty() {
        true => {
            message("note: all runs are done");
            Ok(())
        }
        false => output::print(&lines.join("\n")),
    }
}

/// Becomes the run of a task `DIR:RUNG:NUMBER`.
///
/// # Errors
/// When there is no such task, or the rung before is not complete.
pub(super) fn run_task(text: &str) -> Result<()> {
    let wrong = || Failure::new(Exit::Usage, format!("`--task {text}` is no DIR:RUNG:NUMBER"));
    let (rest, number) = text.rsplit_once(':').ok_or_else(wrong)?;
    let (folder, rung) = rest.rsplit_once(':').ok_or_else(wrong)?;
    let (rung, number): (usize, usize) =
        (rung.parse().map_err(|_| wrong())?, number.parse().map_err(|_| wrong())?);
    let sweep = Sweep::open(Path::new(folder))?;
    let mut schedule = Schedule::new(&sweep);
    let epochs = schedule.rungs().get(rung).ok_or_else(wrong)?.epochs;
    let Some(trials) = schedule.trials_of(&sweep, rung) else {
        return Err(Failure::new(Exit::Failed, "the rung before is not complete")
            .why("who goes on is known when all its runs have come to its end")
            .help(format!("dytb sweep --missing {folder} submits what is missing"))
            .into());
    };
    let (place, run) =
        ((number.max(1) - 1) / sweep.spec.runs, (number.max(1) - 1) % sweep.spec.runs);
    let Some(&trial) = trials.get(place) else {
        message(&format!("note: no trial has the place {} of this rung", place + 1));
        return Ok(());
    };
    let task = Task { rung, trial, run };
    // A task that was started twice, or requeued before its first process was gone.
    let in_use = || RunFolder::is_in_use(&sweep.run_folder(trial, run));
    if in_use() {
        message("note: another process trains this run: waiting for it");
    }
    while in_use() {
        thread::sleep(POLL);
    }
    if schedule.standing(&sweep, task) != Standing::Behind {
        message("note: this run is done");
        return Ok(());
    }
    fs::create_dir_all(sweep.output_path(trial, run))?;
    become_run(&sweep, task, epochs)
}

/// Becomes the process that trains `task`: signals go to it.
#[cfg(unix)]
fn become_run(sweep: &Sweep, task: Task, epochs: u64) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let mut command = children::command(sweep, &children::words(sweep, task, epochs))?;
    if !sweep.spec.launcher.is_empty() {
        return follow(sweep, task, command);
    }
    // It comes back only where it cannot.
    let error = command.exec();
    Err(children::cannot_start(&command, &error).into())
}

#[cfg(not(unix))]
fn become_run(sweep: &Sweep, task: Task, epochs: u64) -> Result<()> {
    follow(sweep, task, children::command(sweep, &children::words(sweep, task, epochs))?)
}

/// Runs the `command` that trains `task`, passes signals on to it, and ends as the run does: a launcher has exit codes
/// of its own, as `mpirun` after a signal.
fn follow(sweep: &Sweep, task: Task, mut command: Command) -> Result<()> {
    let interrupt = Interrupt::listen()?;
    interrupt.defer();
    let mut child = command.spawn().map_err(|error| children::cannot_start(&command, &error))?;
    let mut passed_on = false;
    let code = loop {
        if let Some(status) = child.try_wait()? {
            break status.code();
        }
        if interrupt.signal().is_some() && !passed_on {
            children::terminate(&mut child);
            passed_on = true;
        }
        thread::sleep(POLL);
    };
    let status = Status::of(&sweep.run_folder(task.trial, task.run)).ok().flatten();
    let is_interrupted = status.is_some_and(|status| status.state == StatusKind::Interrupted);
    if let Some(signal) = interrupt.signal().filter(|_| is_interrupted) {
        return Err(Failure::new(Exit::Interrupted(signal), "the run was interrupted").into());
    }
    match code {
        Some(0) => Ok(()),
        code => {
            let exit =
                code.and_then(|code| u8::try_from(code).ok()).map_or(Exit::Failed, Exit::from_code);
            Err(Failure::new(exit, "the run has failed").why("what it printed stands above").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_ranges() {
        assert_eq!(ranges(&[1, 2, 3, 5, 7, 8]), "1-3,5,7-8");
        assert_eq!(ranges(&[4]), "4");
    }
}
