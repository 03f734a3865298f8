//! The runs of a sweep as processes of their own: `dytb train --config configs/0001_0.json` in the sweep's folder.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::data::store::share_of_free;
use crate::error::{Exit, Failure};
use crate::sweep::{Sweep, Task};

/// The variable that says how many threads compute.
const THREADS: &str = "RAYON_NUM_THREADS";
/// The file of what a run prints.
const PRINTED: &str = "printed.txt";

/// The words after `dytb` that train `task` of `sweep`, in its folder, up to the epoch of the rung that ends after
/// `epochs` epochs.
pub(super) fn words(sweep: &Sweep, task: Task, epochs: u64) -> Vec<String> {
    let Task { trial, run, .. } = task;
    let relative = |path: std::path::PathBuf| {
        path.strip_prefix(sweep.folder()).unwrap_or(&path).display().to_string()
    };
    let mut words = vec![
        "train".to_owned(),
        "--config".to_owned(),
        relative(sweep.config_path(trial, run)),
        "--log_dir=.".to_owned(),
        format!("--results_dir={}", relative(sweep.output_path(trial, run))),
    ];
    if epochs < sweep.trials[trial].configs[run].epochs {
        words.push(format!("--stop_after={epochs}"));
    }
    words.extend(sweep.spec.options.iter().cloned());
    words
}

/// The words before [those](words) of a run: the launcher, if there is one, and this program.
///
/// # Errors
/// Where this program is nowhere.
pub(super) fn program(sweep: &Sweep) -> Result<Vec<OsString>> {
    let program = std::env::current_exe().context("this program is nowhere")?;
    let launcher = sweep.spec.launcher.iter().map(OsString::from);
    Ok(launcher.chain([program.into_os_string()]).collect())
}

/// The command of a run of `sweep` that these [`words`] describe.
///
/// # Errors
/// As [`program`].
pub(super) fn command(sweep: &Sweep, words: &[String]) -> Result<Command> {
    let program = program(sweep)?;
    let mut command = Command::new(&program[0]);
    command.args(&program[1..]).args(words).current_dir(sweep.folder());
    Ok(command)
}

/// It could not be started.
pub(super) fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    let program = command.get_program().display();
    Failure::new(Exit::Failed, format!("cannot start `{program}`"))
        .why(error.to_string())
        .help("it is this program, or the first word of --launcher")
}

/// What each of several processes has of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// Processes that share the processors.
    jobs: usize,
    /// Bytes of images in memory, where it is not half of what is free.
    memory: Option<u64>,
}

impl Share {
    /// Of each of `jobs` processes of `sweep` that begin now. One that begins later finds less free, and would take
    /// less. What a launcher starts, and where, is not known: its user says what each of it has.
    pub fn of(sweep: &Sweep, jobs: usize) -> Self {
        let jobs = if sweep.spec.launcher.is_empty() { jobs } else { 1 };
        Self { jobs, memory: if jobs > 1 { share_of_free(jobs) } else { None } }
    }
}

/// Starts the process that trains `task` of `sweep`, with its share of the machine; `--memory` is each one's, where it
/// was given.
///
/// # Errors
/// When it cannot be started, or its file not be opened.
pub(super) fn spawn(sweep: &Sweep, task: Task, epochs: u64, share: Share) -> Result<Child> {
    let mut words = words(sweep, task, epochs);
    let is_given = words.iter().any(|word| word.starts_with("--memory="));
    let memory = share.memory.filter(|_| !is_given);
    words.extend(memory.map(|bytes| format!("--memory={bytes}")));
    let folder = sweep.output_path(task.trial, task.run);
    let printed = folder.join(PRINTED);
    let open = || -> std::io::Result<File> {
        fs::create_dir_all(&folder)?;
        let mut file = File::options().append(true).create(true).open(&printed)?;
        writeln!(file, "dytb {}", words.join(" "))?;
        Ok(file)
    };
    let file = open().with_context(|| format!("cannot write `{}`", printed.display()))?;
    let mut command = command(sweep, &words)?;
    command.stdin(Stdio::null());
    command.stdout(file.try_clone()?).stderr(file);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if std::env::var_os(THREADS).is_none() && share.jobs > 1 {
        command.env(THREADS, (cores / share.jobs).max(1).to_string());
    }
    // A Ctrl-C of the terminal goes to the sweep alone, which passes it on once: a second one would end a run at once.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().map_err(|error| cannot_start(&command, &error).into())
}

/// Asks the process to write a checkpoint and end.
pub(super) fn terminate(child: &mut Child) {
    #[cfg(unix)]
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // One that has ended meanwhile needs no signal.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    #[cfg(not(unix))]
    let _ = child.kill();
}

/// The last lines that a run has printed.
pub(super) fn last_words(sweep: &Sweep, task: Task) -> String {
    let path = sweep.output_path(task.trial, task.run).join(PRINTED);
    let bytes = fs::read(&path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let error = text.rfind("error: ").map_or("", |at| &text[at..]);
    format!("{}\n{}", path.display(), error.trim_end())
}
