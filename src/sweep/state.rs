//! A sweep on the disk:
//!
//! | path | what |
//! |---|---|
//! | `sweep.json` | what is searched, and how |
//! | `trials.jsonl` | a line for each trial that was drawn, `{"trial":1,"values":{"learning_rate":0.01}}`; only appended to |
//! | `configs/0001_0.json` | the configuration of each run of a trial, one for each seed and fold |
//! | `<Model>/<name>/` | the runs |
//! | `output/0001_0/` | what a run has printed, and its results files |
//! | `.sweep.lock` | held by the process that leads the sweep |

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::search::Search;
use super::space::Vary;
use crate::error::{Exit, Failure};
use crate::run::{RunConfig, RunFolder};
use crate::util::atomic_file::{cannot_write, write_atomically};
use crate::util::file_lock::{Held, try_lock};

/// The version of the files.
const FORMAT: u32 = 1;
const SPEC: &str = "sweep.json";
const TRIALS: &str = "trials.jsonl";
const LOCK: &str = ".sweep.lock";

/// What is searched, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepSpec {
    /// The version of the files.
    format: u32,
    /// What is varied, as it was written.
    pub vary: Vec<String>,
    /// How configurations are chosen.
    pub search: Search,
    /// The seed of that.
    pub search_seed: u64,
    /// How many.
    pub trials: usize,
    /// Runs of a trial: seeds and folds.
    pub runs: usize,
    /// η of successive halving, if it is done.
    pub halving: Option<u64>,
    /// Epochs of a whole run.
    pub epochs: u64,
    /// With TPE, how many trials are drawn without knowing each other's results.
    pub lag: usize,
    /// The configuration of the first trial's first run without what is varied: what all have alike.
    pub base: Value,
    /// What training is told beside the configuration, as where the data are. It may change.
    #[serde(default)]
    pub options: Vec<String>,
    /// The words before the program of each run, as `mpirun -n 2`. They may change.
    #[serde(default)]
    pub launcher: Vec<String>,
}

impl SweepSpec {
    /// Of the present version.
    pub fn new(base: Value, vary: &[Vary], search: Search) -> Self {
        Self {
            format: FORMAT,
            vary: vary.iter().map(|vary| vary.text.clone()).collect(),
            search,
            search_seed: 1,
            trials: 1,
            runs: 1,
            halving: None,
            epochs: 1,
            lag: 1,
            base,
            options: Vec::new(),
            launcher: Vec::new(),
        }
    }

    /// What differs from `other`, by name.
    fn differences(&self, other: &Self) -> Vec<String> {
        let flat = |spec: &Self| {
            let value = serde_json::to_value(spec).unwrap_or_default();
            let mut flat: Map<String, Value> = value.as_object().cloned().unwrap_or_default();
            let base = flat.shift_remove("base").and_then(|base| base.as_object().cloned());
            flat.shift_remove("options");
            flat.shift_remove("launcher");
            flat.extend(base.unwrap_or_default());
            flat
        };
        let (ours, theirs) = (flat(self), flat(other));
        let names = theirs.keys().chain(ours.keys().filter(|name| !theirs.contains_key(*name)));
        let value =
            |map: &Map<String, Value>, name: &str| map.get(name).cloned().unwrap_or_default();
        let differs = names.filter(|name| value(&ours, name) != value(&theirs, name));
        let line = |name: &String| {
            format!("{name}: {} there, {} now", value(&theirs, name), value(&ours, name))
        };
        differs.map(line).collect()
    }
}

/// A configuration that is tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// The values of what is varied, in its order.
    pub values: Vec<Value>,
    /// The runs: a configuration for each seed and fold.
    pub configs: Vec<RunConfig>,
}

/// A line of the list of trials.
#[derive(Serialize, Deserialize)]
struct Line {
    trial: usize,
    values: Map<String, Value>,
}

/// A sweep's folder.
#[derive(Debug)]
pub struct Sweep {
    folder: PathBuf,
    /// What is searched, and how.
    pub spec: SweepSpec,
    /// What is varied.
    pub vary: Vec<Vary>,
    /// What has been drawn.
    pub trials: Vec<Trial>,
    /// Held by who leads it.
    _lock: Option<(Held, File)>,
}

impl Sweep {
    /// The sweep `spec` in `folder`, which is made if need be; this process leads it.
    ///
    /// # Errors
    /// When the folder holds another sweep, another process leads this one, or a file cannot be read or written.
    pub fn lead(folder: &Path, spec: SweepSpec) -> Result<Self> {
        let there = read_spec(folder)?;
        if let Some(there) = &there {
            let differences = spec.differences(there);
            if !differences.is_empty() {
                let what = format!("`{}` holds another sweep", folder.display());
                return Err(Failure::new(Exit::Failed, what)
                    .why(format!("it differs in\n{}", differences.join("\n")))
                    .help("give this one a folder of its own with --log_dir")
                    .into());
            }
        }
        for name in ["configs", "output"] {
            let path = folder.join(name);
            fs::create_dir_all(&path).map_err(|error| cannot_write(&path, &error))?;
        }
        let path = folder.join(LOCK);
        let lock = File::create(&path).map_err(|error| cannot_write(&path, &error))?;
        let held = try_lock(&lock, &path).map_err(|error| cannot_write(&path, &error))?;
        let Some(held) = held else {
            return Err(Failure::new(Exit::Failed, format!("`{}` is in use", folder.display()))
                .why("another process leads this sweep now")
                .help("wait for it; dytb sweep --status shows how far it is")
                .into());
        };
        if there.as_ref() != Some(&spec) {
            let mut json = serde_json::to_vec_pretty(&spec)?;
            json.push(b'\n');
            write_atomically(&folder.join(SPEC), &json)?;
        }
        Self::read(folder, spec, Some((held, lock)))
    }

    /// The sweep in `folder`, which another process may lead.
    ///
    /// # Errors
    /// When there is none, or a file is damaged.
    pub fn open(folder: &Path) -> Result<Self> {
        let none = || {
            let what = format!("there is no sweep in `{}`", folder.display());
            Failure::new(Exit::Failed, what)
                .why(format!("it has no `{SPEC}`"))
                .help("name the folder of a sweep with --log_dir")
        };
        let spec = read_spec(folder)?.ok_or_else(none)?;
        Self::read(folder, spec, None)
    }

    fn read(folder: &Path, spec: SweepSpec, lock: Option<(Held, File)>) -> Result<Self> {
        let vary: Result<Vec<Vary>, String> = spec.vary.iter().map(|text| text.parse()).collect();
        let vary = vary.map_err(|why| damaged(&folder.join(SPEC), &why))?;
        let mut sweep =
            Self { folder: folder.to_owned(), spec, vary, trials: Vec::new(), _lock: lock };
        let text = fs::read_to_string(sweep.folder.join(TRIALS)).unwrap_or_default();
        for text in text.split_inclusive('\n') {
            // One that was torn is drawn again.
            let Ok(line) = serde_json::from_str::<Line>(text) else { break };
            if !text.ends_with('\n') || line.trial != sweep.trials.len() + 1 {
                break;
            }
            let values = sweep.vary.iter().map(|vary| line.values.get(&vary.name).cloned());
            let Some(values) = values.collect::<Option<Vec<_>>>() else { break };
            let configs = (0..sweep.spec.runs).map(|run| sweep.read_config(line.trial - 1, run));
            sweep.trials.push(Trial { values, configs: configs.collect::<Result<_>>()? });
        }
        Ok(sweep)
    }

    fn read_config(&self, trial: usize, run: usize) -> Result<RunConfig> {
        let path = self.config_path(trial, run);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(serde_json::from_str(&text).map_err(|error| damaged(&path, &error.to_string()))?)
    }

    /// Adds a trial: first the configurations of its runs, then its line.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn add(&mut self, values: Vec<Value>, configs: Vec<RunConfig>) -> Result<()> {
        let trial = self.trials.len();
        for (run, config) in configs.iter().enumerate() {
            let mut json = serde_json::to_vec_pretty(config)?;
            json.push(b'\n');
            write_atomically(&self.config_path(trial, run), &json)?;
        }
        let names = self.vary.iter().map(|vary| vary.name.clone());
        let line = Line { trial: trial + 1, values: names.zip(values.iter().cloned()).collect() };
        self.append(&(serde_json::to_string(&line)? + "\n"))?;
        self.trials.push(Trial { values, configs });
        Ok(())
    }

    /// Appends a line to the list of trials, after cutting a torn one off.
    fn append(&self, line: &str) -> Result<()> {
        let path = self.folder.join(TRIALS);
        let write = || -> std::io::Result<()> {
            let mut file = File::options().read(true).append(true).create(true).open(&path)?;
            let there = fs::read(&path)?;
            let whole: usize = there
                .split_inclusive(|&byte| byte == b'\n')
                .take(self.trials.len())
                .map(<[u8]>::len)
                .sum();
            file.set_len(whole as u64)?;
            file.write_all(line.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| cannot_write(&path, &error))
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of the configuration of a run of a trial, both from 0.
    pub fn config_path(&self, trial: usize, run: usize) -> PathBuf {
        self.folder.join("configs").join(format!("{:04}_{run}.json", trial + 1))
    }

    /// The folder of what a run of a trial prints, and of its results files: no two runs write to one file.
    pub fn output_path(&self, trial: usize, run: usize) -> PathBuf {
        self.folder.join("output").join(format!("{:04}_{run}", trial + 1))
    }

    /// The folder of a run of a trial.
    pub fn run_folder(&self, trial: usize, run: usize) -> PathBuf {
        RunFolder::path_of(&self.folder, &self.trials[trial].configs[run])
    }
}

fn read_spec(folder: &Path) -> Result<Option<SweepSpec>> {
    let path = folder.join(SPEC);
    let json = match fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read `{}`", path.display()));
        }
    };
    let spec: SweepSpec =
        serde_json::from_slice(&json).map_err(|error| damaged(&path, &error.to_string()))?;
    match spec.format {
        FORMAT => Ok(Some(spec)),
        other => Err(damaged(&path, &format!("its format is {other}, a later one")).into()),
    }
}

fn damaged(path: &Path, why: &str) -> Failure {
    Failure::new(Exit::Failed, format!("`{}` is damaged", path.display()))
        .why(why)
        .help("put back a copy of it, or begin a sweep of its own with --log_dir")
}
