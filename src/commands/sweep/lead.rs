//! A sweep on this machine: some runs at a time, until all rungs are trained.

use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::children::Share;
use super::{Sweep as Args, children, report};
use crate::error::{Exit, Failure};
use crate::run::RunFolder;
use crate::sweep::{Next, Schedule, Standing, Sweep, Task, draw};
use crate::train::{Interrupt, fetch_data};
use crate::util::stderr::message;

/// How long to wait before looking again whether a run has ended.
const POLL: Duration = Duration::from_millis(10);

/// How the sweep is led.
pub(super) struct Options {
    /// Runs at the same time.
    pub jobs: usize,
    /// It stops after that long.
    pub time: Option<Duration>,
}

/// A run that is being trained: by a process of ours or, after a sweep that was killed, by one of its.
struct Running {
    task: Task,
    child: Option<Child>,
}

/// Why it stops before its end.
enum Stop {
    Signal(i32),
    Time,
    /// All runs would end like this one.
    Hopeless(Exit),
}

/// Trains all that is left of `sweep`, whose trials `args` configure, and prints the table.
///
/// # Errors
/// After a signal; when a file cannot be read or written; in the end, where runs failed.
pub(super) fn run(sweep: &mut Sweep, args: &Args, options: &Options, json: bool) -> Result<()> {
    let interrupt = Interrupt::listen()?;
    let began = Instant::now();
    let mut schedule = Schedule::new(sweep);
    let mut running: Vec<Running> = Vec::new();
    let mut is_fetched = false;
    let share = Share::of(sweep, options.jobs);
    interrupt.defer();
    let stop = loop {
        if let Some(exit) = reap(sweep, &mut schedule, &mut running)? {
            break Some(Stop::Hopeless(exit));
        }
        if let Some(signal) = interrupt.signal() {
            break Some(Stop::Signal(signal));
        }
        if options.time.is_some_and(|time| began.elapsed() >= time) {
            break Some(Stop::Time);
        }
        match schedule.next(sweep) {
            Next::Train(task) if running.len() < options.jobs => {
                if !is_fetched {
                    // Once, before several ask for them at the same time.
                    let config = &sweep.trials[task.trial].configs[task.run];
                    fetch_data(config, &args.source()?)?;
                    is_fetched = true;
                }
                let folder = sweep.run_folder(task.trial, task.run);
                let child = match RunFolder::is_in_use(&folder) {
                    true => None,
                    false => {
                        let epochs = schedule.rungs()[task.rung].epochs;
                        Some(children::spawn(sweep, task, epochs, share)?)
                    }
                };
                schedule.begin(task);
                running.push(Running { task, child });
            }
            Next::Draw => {
                if let Err(error) = draw_next(sweep, args, &mut schedule) {
                    end_all(&mut running)?;
                    return Err(error);
                }
            }
            Next::Nothing => break None,
            Next::Train(_) | Next::Wait => thread::sleep(POLL),
        }
    };
    if stop.is_some() {
        end_all(&mut running)?;
        interrupt.end_at_once();
    }
    report::print(sweep, &mut schedule, json)?;
    ended(&schedule, sweep, stop)
}

/// Takes note of the runs that have ended; the exit code of one after which no other would do better.
fn reap(
    sweep: &Sweep,
    schedule: &mut Schedule,
    running: &mut Vec<Running>,
) -> Result<Option<Exit>> {
    let mut hopeless = None;
    let mut left = Vec::new();
    for mut run in running.drain(..) {
        let task = run.task;
        let code = match &mut run.child {
            None if RunFolder::is_in_use(&sweep.run_folder(task.trial, task.run)) => {
                left.push(run);
                continue;
            }
            None => Some(0),
            Some(child) => match child.try_wait()? {
                None => {
                    left.push(run);
                    continue;
                }
                Some(status) => status.code(),
            },
        };
        let failed = i32::from(Exit::Failed.code());
        let is_elsewhere =
            code == Some(failed) && children::last_words(sweep, task).contains("is in use");
        let folder = sweep.run_folder(task.trial, task.run);
        if is_elsewhere && RunFolder::is_in_use(&folder) {
            // A run that a sweep which was killed has left behind had not taken its lock yet.
            left.push(Running { task, child: None });
            continue;
        }
        let ends_well = |exit: Exit| code == Some(i32::from(exit.code()));
        // Somebody may end a run by a signal: it is trained further.
        let is_interrupted = code.is_none_or(|code| code > 128);
        let has_failed =
            code != Some(0) && !ends_well(Exit::Diverged) && !is_interrupted && !is_elsewhere;
        schedule.end(task, has_failed);
        if !is_elsewhere {
            tell(sweep, schedule, task, has_failed);
        }
        if code == Some(i32::from(Exit::Unavailable.code())) {
            hopeless = Some(Exit::Unavailable);
        }
    }
    *running = left;
    Ok(hopeless)
}

/// Says how a run has ended.
fn tell(sweep: &Sweep, schedule: &mut Schedule, task: Task, has_failed: bool) {
    let Task { rung, trial, run } = task;
    let spec = &sweep.spec;
    let values = sweep.vary.iter().zip(&sweep.trials[trial].values);
    let values = values.map(|(vary, value)| format!("{}={}", vary.name, report::plain(value)));
    let values = values.collect::<Vec<_>>().join(" ");
    let of_runs =
        if spec.runs > 1 { format!(", run {} of {}", run + 1, spec.runs) } else { String::new() };
    let rungs = schedule.rungs();
    let of_rungs = match rungs.len() {
        1 => String::new(),
        _ => format!(", to epoch {}", rungs[rung].epochs),
    };
    let place = format!("trial {} of {}{of_runs}{of_rungs}", trial + 1, spec.trials);
    if has_failed {
        let words = children::last_words(sweep, task);
        message(&format!("{place}: failed  {values}\n  {}", words.replace('\n', "\n  ")));
        return;
    }
    let outcome = match schedule.standing(sweep, task) {
        Standing::There(_) => report::outcome(sweep, task, schedule),
        Standing::Diverged => "diverged".to_owned(),
        Standing::Behind => "not finished".to_owned(),
    };
    message(&format!("{place}: {outcome}  {values}"));
}

/// Draws the next trial, or notes that there is none.
fn draw_next(sweep: &mut Sweep, args: &Args, schedule: &mut Schedule) -> Result<()> {
    let tried = schedule.tried(sweep).unwrap_or_default();
    let before: Vec<_> = sweep.trials.iter().map(|trial| trial.values.clone()).collect();
    let (spec, trial) = (&sweep.spec, before.len());
    match draw(spec.search, &sweep.vary, spec.search_seed, trial, &before, &tried)? {
        Some(values) => {
            let configs = args.configure(trial, &values)?;
            sweep.add(values, configs)
        }
        None => {
            message(&format!("note: there are no more than {trial} configurations"));
            schedule.exhaust();
            Ok(())
        }
    }
}

/// Asks all runs to write a checkpoint and end, and waits for them.
fn end_all(running: &mut [Running]) -> Result<()> {
    running.iter_mut().filter_map(|run| run.child.as_mut()).for_each(children::terminate);
    for child in running.iter_mut().filter_map(|run| run.child.as_mut()) {
        child.wait()?;
    }
    Ok(())
}

/// How the program ends.
fn ended(schedule: &Schedule, sweep: &Sweep, stop: Option<Stop>) -> Result<()> {
    let help = "the same command goes on from there";
    match stop {
        Some(Stop::Signal(signal)) => {
            Err(Failure::new(Exit::Interrupted(signal), "the sweep was interrupted")
                .why("its runs have written checkpoints")
                .help(help)
                .into())
        }
        Some(Stop::Time) => {
            message(&format!("note: --time is over; {help}"));
            Ok(())
        }
        Some(Stop::Hopeless(exit)) => {
            Err(Failure::new(exit, "the sweep was stopped: its data cannot be had")
                .why(format!(
                    "what the run printed is in `{}`",
                    sweep.folder().join("output").display()
                ))
                .help(help)
                .into())
        }
        None if schedule.failed() > 0 => {
            Err(Failure::new(Exit::Failed, format!("{} runs failed", schedule.failed()))
                .why(format!(
                    "what they printed is in `{}`; they count as the worst",
                    sweep.folder().join("output").display()
                ))
                .help("the same command tries them again")
                .into())
        }
        None => Ok(()),
    }
}
