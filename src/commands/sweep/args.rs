//! The command line of `sweep`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use serde_json::Value;

use super::{file, lead, slurm, status};
use crate::commands::train::TrainArgs;
use crate::commands::values;
use crate::data::Source;
use crate::error::{Exit, Failure};
use crate::models::MODELS;
use crate::sweep::{Domain, Search, Sweep as State, SweepSpec, Vary, draw, grid_size};
use crate::train::Exchange;
use crate::util::stderr::message;

/// The folder of a sweep that has no other.
const FOLDER: &str = "sweep";

/// Try many configurations of a model, and rank them.
///
/// All flags of `dytb train` say what the trials have alike, --vary what differs. Trials are runs in the folder of
/// --log_dir; the same command goes on where it was stopped, and does nothing twice.
#[derive(Parser, Clone, Debug)]
pub struct Sweep {
    /// Model to train, one of models/
    #[arg(long, alias = "arch", value_parser = values::names(MODELS), value_name = "NAME", required = true)]
    model: Option<String>,
    /// Vary this flag: NAME=A,B,C or a range, NAME=LOW..HIGH, NAME=log:LOW..HIGH, NAME=int:LOW..HIGH; :N behind a range
    /// takes N values of it for a grid
    #[arg(long, value_name = "NAME=VALUES", required = true)]
    vary: Vec<Vary>,
    /// How configurations are chosen: all combinations, at random, or by the results so far
    #[arg(long, value_enum, default_value = "random", value_name = "HOW")]
    search: SearchName,
    /// Number of trials [default: all of a grid, else 20]
    #[arg(long, value_parser = values::at_least_one, allow_negative_numbers = true, value_name = "N")]
    trials: Option<usize>,
    /// Random seed of the search
    #[arg(long = "search_seed", alias = "search-seed", default_value = "1", value_parser = values::whole_number, allow_negative_numbers = true, value_name = "N")]
    search_seed: u64,
    /// Successive halving: train all trials for a few epochs, the best N-th of them for N times as many, and so on
    #[arg(long, value_parser = values::folds, allow_negative_numbers = true, value_name = "N")]
    halving: Option<u64>,
    /// Runs at the same time, on this machine
    #[arg(long, default_value = "1", value_parser = values::at_least_one, allow_negative_numbers = true, value_name = "N")]
    jobs: usize,
    /// Stop after so long, as 30m or 2h; the same command goes on
    #[arg(long, value_parser = duration, value_name = "TIME")]
    time: Option<Duration>,
    /// What trains: this machine, Slurm (a job array), or whoever runs the commands that are printed
    #[arg(long, value_enum, default_value = "local", value_name = "NAME")]
    engine: Engine,
    /// Options of sbatch, as "--partition=gpu --time=2:00:00"
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    sbatch: Option<Words>,
    /// What starts each run, as "mpirun -n 2": the program and its arguments follow
    #[arg(long, value_name = "COMMAND")]
    launcher: Option<Words>,
    #[command(flatten)]
    train: TrainArgs,
    /// Take all flags from a JSON file: {"model": "LeNet", "vary": {"batch_size": [32, 128]}, ...}
    #[arg(long, value_name = "FILE", exclusive = true)]
    file: Option<PathBuf>,
    /// Show how far the sweep in DIR is [default: sweep]
    #[arg(long, value_name = "DIR", exclusive = true, num_args = 0..=1, default_missing_value = FOLDER)]
    status: Option<PathBuf>,
    /// Submit to Slurm what is neither finished nor queued of the sweep in DIR [default: sweep]
    #[arg(long, value_name = "DIR", exclusive = true, num_args = 0..=1, default_missing_value = FOLDER)]
    missing: Option<PathBuf>,
    /// A task of a job array: DIR:RUNG:NUMBER
    #[arg(long, hide = true, exclusive = true, value_name = "TASK")]
    task: Option<String>,
}

/// Words, with the quotes of a shell.
#[derive(Clone, Debug)]
struct Words(Vec<String>);

impl FromStr for Words {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match shell_words::split(text) {
            Ok(words) if words.is_empty() => Err("it is empty".to_owned()),
            Ok(words) => Ok(Self(words)),
            Err(_) => Err("a quote in it is not closed".to_owned()),
        }
    }
}

/// How configurations are chosen.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum SearchName {
    Grid,
    Random,
    Tpe,
}

/// What trains the trials.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Local,
    Slurm,
    Commands,
}

impl Sweep {
    /// Leads the sweep, or says how far it is.
    ///
    /// # Errors
    /// When the flags make no sense, a trial cannot be configured, or a run failed.
    pub fn run(&self) -> Result<()> {
        let exchange = Exchange::join()?;
        exchange.told(exchange.alike(refuse_ranks(&exchange)))?;
        if let Some(path) = &self.file {
            return file::read(path)?.run();
        }
        if let Some(folder) = &self.status {
            return status::print(&State::open(folder)?);
        }
        if let Some(folder) = &self.missing {
            return slurm::submit_missing(&State::open(folder)?);
        }
        if let Some(task) = &self.task {
            return slurm::run_task(task);
        }
        self.refuse_contradictions()?;
        let spec = self.spec()?;
        let folder = self.train.given_log_dir().unwrap_or(Path::new(FOLDER));
        let mut sweep = State::lead(folder, spec)?;
        match self.engine {
            Engine::Local => {
                let options = lead::Options { jobs: self.jobs, time: self.time };
                lead::run(&mut sweep, self, &options, self.train.prints_json())
            }
            Engine::Slurm => {
                self.draw_all(&mut sweep)?;
                let options = self.sbatch.as_ref().map_or(&[][..], |words| &words.0);
                slurm::submit(&sweep, options)
            }
            Engine::Commands => {
                self.draw_all(&mut sweep)?;
                slurm::print_commands(&sweep)
            }
        }
    }

    /// Where the data set's files are.
    pub(super) fn source(&self) -> Result<Source> {
        self.train.source()
    }

    /// Fails where flags cannot be had together.
    fn refuse_contradictions(&self) -> Result<()> {
        let wrong = |what: &str, why: &str, help: &str| {
            Err(Failure::new(Exit::Usage, what).why(why).help(help).into())
        };
        let twice = self.vary.iter().enumerate();
        let mut twice =
            twice.filter(|(at, vary)| self.vary[..*at].iter().any(|other| other.name == vary.name));
        if let Some((_, vary)) = twice.next() {
            let what = format!("`--vary {}` is there twice", vary.name);
            return wrong(&what, "a flag has one set of values", "give all of them at once");
        }
        if self.engine != Engine::Local && self.search == SearchName::Tpe {
            let what = "`--search tpe` with this `--engine`";
            let why = "what TPE tries next depends on the results of the trials before";
            return wrong(what, why, "--engine local, or --search random");
        }
        if self.engine == Engine::Commands && self.halving.is_some() {
            let what = "`--halving` with `--engine commands`";
            let why = "who goes on is known when the first commands have ended";
            return wrong(what, why, "--engine local or slurm");
        }
        let epochs = self.vary.iter().any(|vary| vary.name == "epochs");
        if self.halving.is_some() && epochs {
            let what = "`--halving` with `--vary epochs`";
            return wrong(what, "the rungs are epochs of a run", "leave one of them out");
        }
        if self.sbatch.is_some() && self.engine != Engine::Slurm {
            return wrong("`--sbatch` without Slurm", "it is for sbatch", "add --engine slurm");
        }
        Ok(())
    }

    /// What is searched, and how.
    fn spec(&self) -> Result<SweepSpec> {
        let search = self.search.into();
        let of_grid = grid_size(&self.vary);
        let trials = match (search, &of_grid) {
            (Search::Grid, Err(why)) => {
                return Err(Failure::new(Exit::Usage, format!("`--vary` {why}")).into());
            }
            (Search::Grid, Ok(size)) => self.trials.unwrap_or(*size).min(*size),
            _ => self.trials.unwrap_or(20),
        };
        let ends =
            |end: f64| -> Vec<_> { self.vary.iter().map(|vary| vary.domain.at(end)).collect() };
        let (first, last) = (ends(0.0), ends(1.0));
        // Its first values stand for all: that it can be configured is seen here, before anything is written. So it is
        // seen of each listed value and, where there are ranges, of all last values and of the end of each range that the
        // others do not have: what is drawn lies between.
        let runs = self.configure(0, &first)?;
        if self.vary.iter().any(|vary| !matches!(vary.domain, Domain::List(_))) {
            self.configure(0, &last)?;
        }
        for (number, vary) in self.vary.iter().enumerate() {
            let tried: Vec<_> = match &vary.domain {
                Domain::List(listed) => listed.iter().map(|value| (&first, value)).collect(),
                _ => vec![(&first, &last[number]), (&last, &first[number])],
            };
            for (others, value) in tried {
                let mut values = others.clone();
                values[number] = value.clone();
                self.configure(0, &values)?;
            }
        }
        let first = &runs[0];
        let mut base = serde_json::to_value(first)?;
        let object = base.as_object_mut().context("a configuration is an object")?;
        for name in
            ["seed", "comment"].into_iter().chain(self.vary.iter().map(|vary| vary.name.as_str()))
        {
            object.shift_remove(name);
            for arguments in ["model_args", "optimizer_args"] {
                if let Some(arguments) = object.get_mut(arguments).and_then(Value::as_object_mut) {
                    arguments.shift_remove(name);
                }
            }
        }
        for (of, arguments) in [("model", "model_args"), ("optimizer", "optimizer_args")] {
            if self.vary.iter().any(|vary| vary.name == of) {
                object.shift_remove(arguments);
            }
        }
        let epochs = first.epochs;
        let mut spec = SweepSpec::new(base, &self.vary, search);
        spec.trials = trials;
        spec.runs = runs.len();
        spec.search_seed = self.search_seed;
        spec.halving = self.halving;
        spec.epochs = epochs;
        spec.lag = if search == Search::Tpe { self.jobs } else { 1 };
        spec.options = self.train.passed_on()?;
        spec.launcher = self.launcher.clone().map_or_else(Vec::new, |words| words.0);
        Ok(spec)
    }

    /// The configurations of the runs of the trial number `trial`, from 0, with these values.
    pub(super) fn configure(
        &self,
        trial: usize,
        values: &[Value],
    ) -> Result<Vec<crate::run::RunConfig>> {
        let model = self.model.as_deref().context("the parser wants --model")?;
        let values: Vec<_> = self.vary.iter().map(|vary| vary.name.as_str()).zip(values).collect();
        let runs = self.train.runs_of_trial(model, trial + 1, &values).map_err(|error| {
            // A value that a flag's own parser would not have let through.
            if error.is::<Failure>() {
                return error;
            }
            let values = values.iter().map(|(name, value)| format!("{name}={value}"));
            let values = values.collect::<Vec<_>>().join(" ");
            Failure::new(Exit::Usage, format!("`--vary`: there is no run of {values}"))
                .why(format!("{error:#}"))
                .help("take the value out")
                .into()
        })?;
        Ok(runs.into_iter().map(|run| run.config).collect())
    }

    /// Draws all trials that do not depend on results.
    fn draw_all(&self, sweep: &mut State) -> Result<()> {
        while sweep.trials.len() < sweep.spec.trials {
            let before: Vec<_> = sweep.trials.iter().map(|trial| trial.values.clone()).collect();
            let spec = &sweep.spec;
            let trial = before.len();
            let drawn = draw(spec.search, &sweep.vary, spec.search_seed, trial, &before, &[])?;
            let Some(values) = drawn else {
                message(&format!("note: there are no more than {trial} configurations"));
                break;
            };
            let configs = self.configure(trial, &values)?;
            sweep.add(values, configs)?;
        }
        Ok(())
    }
}

/// Fails on all ranks of an `mpirun`: each would lead the sweep.
fn refuse_ranks(exchange: &Exchange) -> Result<()> {
    if exchange.is_alone() {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, format!("a sweep by {} ranks", exchange.size()))
        .why("one process leads a sweep, and starts others that train")
        .help(
            "start it without mpirun: --launcher \"mpirun -n 2\" trains each run with two ranks, --jobs 2 two \
             runs at the same time",
        )
        .into())
}

impl From<SearchName> for Search {
    fn from(name: SearchName) -> Self {
        match name {
            SearchName::Grid => Self::Grid,
            SearchName::Random => Self::Random,
            SearchName::Tpe => Self::Tpe,
        }
    }
}

/// A time, as 90s, 30m, 2h or 1d.
fn duration(text: &str) -> Result<Duration, String> {
    let wanted = || "it has to be a time, as 90s, 30m, 2h or 1d".to_owned();
    let unit = text.chars().last().ok_or_else(wanted)?;
    let seconds = match unit {
        's' => 1.0,
        'm' => 60.0,
        'h' => 3600.0,
        'd' => 86_400.0,
        _ => return Err(wanted()),
    };
    let number: f64 = text[..text.len() - 1].trim().parse().map_err(|_| wanted())?;
    let seconds = number * seconds;
    // A hundred years are more than any machine has.
    match seconds > 0.0 && seconds < 3.2e9 {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err(wanted()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_shell() {
        let words: Words = r#"--comment="a b" -C 'x y' z"#.parse().unwrap();
        assert_eq!(words.0, ["--comment=a b", "-C", "x y", "z"]);
        assert!("mpirun 'x".parse::<Words>().unwrap_err().contains("not closed"));
        assert!(" ".parse::<Words>().unwrap_err().contains("empty"));
    }

    #[test]
    fn times() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1.5h"), Ok(Duration::from_secs(5400)));
        for wrong in ["", "2", "h", "-1h", "0s", "2 weeks", "nanh", "1é"] {
            assert!(duration(wrong).unwrap_err().contains("2h"), "{wrong}");
        }
    }
}
