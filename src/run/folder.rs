//! The folder of a run, `{log}/<Model>/<name>/`:
//!
//! | path | what |
//! |---|---|
//! | `config.json` | the run's configuration, and what it was trained with |
//! | `checkpoints/` | the last two checkpoints |
//! | `best/` | the checkpoint of the best validation: the lowest error, the highest accuracy, or the best by `--select` |
//! | `train/`, `validation/` | TensorBoard's event files |
//! | `history.csv` | a row for each epoch |
//! | `results.json` | what a finished run reached |
//! | `test_images.csv` | what its best model makes of each test image |
//! | `anomalies.json` | from which score on an image is odd: `evaluate --normal` |
//! | `status.json` | how the run stands |
//! | `source.json` | the folder of `--data_dir`, if one was given |
//! | `.lock` | held by the process that trains it |

use crate::util::atomic_file::{cannot_write, partial, write_atomically};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::anomaly_threshold::ANOMALIES;
use super::checkpoint::{list, prune};
use super::history::HISTORY;
use super::image_results::TEST_IMAGES;
use super::status::STATUS;
use super::{Checkpoint, Environment, RunConfig, Status};
use crate::data::Source;
use crate::error::{Exit, Failure};
use crate::tensorboard::event_files;
use crate::util::file_lock::{self, Held, try_lock};

/// The folder of the checkpoints that a run goes on from.
const CHECKPOINTS: &str = "checkpoints";
/// The folder of the best checkpoint.
const BEST: &str = "best";
/// The folders of the event files.
const TRAIN: &str = "train";
const VALIDATION: &str = "validation";
/// Checkpoints of a run that is being deleted.
const DELETED: &str = "deleted";
/// Checkpoints that are kept.
const KEPT_CHECKPOINTS: usize = 2;
/// The run's configuration.
const CONFIG: &str = "config.json";
/// What a finished run reached.
pub(super) const RESULTS: &str = "results.json";
/// Where the data set's files were.
const SOURCE: &str = "source.json";
/// The file that is locked.
const LOCK: &str = ".lock";

/// How long to wait before retrying: `is_in_use` holds the lock briefly while it probes.
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// What stands beside the configuration.
#[derive(Default, Deserialize)]
struct Environments {
    #[serde(default)]
    environments: Vec<Environment>,
}

/// A run's folder, locked for this process.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    held: Held,
    /// Unlocked when it is dropped, also by a crash.
    lock: File,
}

impl RunFolder {
    /// Where a run of `config` lives below `log`.
    pub fn path_of(log: &Path, config: &RunConfig) -> PathBuf {
        let runs = log.join(&config.model);
        // Of before long names were shortened.
        let whole = runs.join(config.whole_name());
        if Self::is_run(&whole) { whole } else { runs.join(config.name()) }
    }

    /// The configuration that lives at `path`, if any does.
    ///
    /// # Errors
    /// When it cannot be read or is no configuration.
    pub fn config_at(path: &Path) -> Result<Option<RunConfig>> {
        read_json(&path.join(CONFIG))
    }

    /// Whether `path` is the folder of a run that has been trained, if only for a step: it has a run's
    /// configuration and status.
    pub fn is_run(path: &Path) -> bool {
        let has_status = Status::of(path).is_ok_and(|status| status.is_some());
        has_status && Self::config_at(path).is_ok_and(|config| config.is_some())
    }

    /// The checkpoints that the run at `path` goes on from, the oldest first.
    ///
    /// # Errors
    /// When their folder is there and cannot be read.
    pub fn checkpoints_at(path: &Path) -> Result<Vec<PathBuf>> {
        list(&path.join(CHECKPOINTS))
    }

    /// Whether a process trains the run that lives at `path`, as far as its lock tells. Nothing is written there.
    pub fn is_in_use(path: &Path) -> bool {
        use std::fs::TryLockError::WouldBlock;
        let held = |lock: File| matches!(lock.try_lock_shared(), Err(WouldBlock));
        File::open(path.join(LOCK)).is_ok_and(held)
    }

    /// The same, and where the file system has no locks, whether a process said that it does and has not taken that
    /// back: one that was killed has not.
    pub(super) fn seems_in_use(path: &Path) -> bool {
        Self::is_in_use(path) || file_lock::has_owner(&path.join(LOCK))
    }

    /// Makes the folder at `path` if need be and locks it.
    ///
    /// # Errors
    /// When it cannot be made, or another process trains there.
    pub fn open(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).map_err(|error| cannot_write(path, &error))?;
        let lock_path = path.join(LOCK);
        let lock = File::create(&lock_path).map_err(|error| cannot_write(&lock_path, &error))?;
        let mut held = try_lock(&lock, &lock_path);
        if let Ok(None) = held {
            // Somebody may only be looking: see `is_in_use`.
            thread::sleep(LOCK_RETRY);
            held = try_lock(&lock, &lock_path);
        }
        match held.map_err(|error| cannot_write(&lock_path, &error))? {
            Some(held) => Ok(Self { path: path.to_owned(), held, lock }),
            None => Err(Failure::new(Exit::Failed, format!("`{}` is in use", path.display()))
                .why("another process trains this run now")
                .help("wait for it, or start another run with --comment")
                .into()),
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Saves `checkpoint` as the one that the run goes on from and, if its model `is_best`, in
    /// `best/`. Older ones are deleted after that: a run that is killed meanwhile finds a checkpoint,
    /// and the best model that it knows of.
    ///
    /// # Errors
    /// When it cannot be written, or the folder is another one than when it was opened.
    pub fn keep(&self, checkpoint: &Checkpoint, is_best: bool) -> Result<()> {
        self.refuse_loss()?;
        if is_best {
            checkpoint.save(&self.best())?;
        }
        checkpoint.save(&self.checkpoints())?;
        self.prune()
    }

    /// Deletes the checkpoints that later ones have replaced.
    ///
    /// # Errors
    /// When one cannot be deleted.
    pub fn prune(&self) -> Result<()> {
        prune(&self.best(), 1)?;
        prune(&self.checkpoints(), KEPT_CHECKPOINTS)
    }

    /// Fails when the folder was deleted since it was opened: what is written there now is not read by
    /// anybody, and the place may be another process's. So where there are no locks and another process has taken
    /// this one for gone.
    ///
    /// # Errors
    /// Just that.
    pub fn refuse_loss(&self) -> Result<()> {
        if self.held.is_lost() {
            let what = format!("`{}` was taken over by another process", self.path.display());
            return Err(Failure::new(Exit::Failed, what)
                .why("this one was stopped for so long that it was taken for gone")
                .help("leave the run to that process, or end it and give the same command again")
                .into());
        }
        let path = self.path.join(LOCK);
        let there = fs::metadata(&path).and_then(|there| Ok((there, self.lock.metadata()?)));
        if there.is_ok_and(|(there, ours)| same_file(&there, &ours)) {
            return Ok(());
        }
        Err(Failure::new(Exit::Failed, format!("`{}` is gone", self.path.display()))
            .why(format!("`{LOCK}` in it is not the file that this process has locked"))
            .help("nothing more can be kept there: begin the run anew")
            .into())
    }

    /// Where a resumed run finds its checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
    }

    /// Where the best checkpoint is.
    pub fn best(&self) -> PathBuf {
        self.path.join(BEST)
    }

    /// The event files of the training steps.
    pub fn train(&self) -> PathBuf {
        self.path.join(TRAIN)
    }

    /// The event files of the epochs' validations.
    pub fn validation(&self) -> PathBuf {
        self.path.join(VALIDATION)
    }

    /// Deletes all of the run but its lock, and nothing else that may lie in the folder. One that is killed
    /// meanwhile leaves a run that goes on from its checkpoints or, without them, one that has not begun: its
    /// status says so from the first moment to the last.
    ///
    /// # Errors
    /// When something cannot be deleted.
    pub fn clear(&self) -> Result<()> {
        self.write_json(STATUS, &Status::NOT_BEGUN)?;
        self.delete(&self.path.join(RESULTS))?;
        self.finish_clearing()?;
        if self.checkpoints().exists() {
            let doomed = self.path.join(DELETED);
            let cannot = |error| cannot_write(&doomed, &error);
            fs::rename(self.checkpoints(), &doomed).map_err(cannot)?;
        }
        self.finish_clearing()?;
        for name in [BEST, TRAIN, VALIDATION, HISTORY, TEST_IMAGES, ANOMALIES, CONFIG, SOURCE] {
            self.delete(&self.path.join(name))?;
            self.delete(&partial(&self.path.join(name)))?;
        }
        // Earlier versions wrote event files there.
        for file in event_files(&self.path)? {
            self.delete(&file)?;
        }
        self.delete(&self.path.join(STATUS))
    }

    /// Deletes what a process that was killed in [`clear`](Self::clear) was about to delete.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub fn finish_clearing(&self) -> Result<()> {
        self.delete(&self.path.join(DELETED))
    }

    /// Deletes a file or folder, if it is there.
    fn delete(&self, path: &Path) -> Result<()> {
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot delete `{}`", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Keeps `config` as the run's configuration, and beside it, in the list `environments`, that it is trained
    /// in `environment` from now on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_config(&self, config: &RunConfig, environment: Environment) -> Result<()> {
        let before = self.read_json::<Environments>(CONFIG).ok().flatten();
        let mut environments = before.unwrap_or_default().environments;
        if environments.last() != Some(&environment) {
            environments.push(environment);
        }
        let mut value = serde_json::to_value(config)?;
        if let Some(object) = value.as_object_mut() {
            object.insert("environments".to_owned(), serde_json::to_value(environments)?);
        }
        self.write_json(CONFIG, &value)
    }

    /// What the run that lives at `path` was trained with, one process after the other; none where that was not
    /// kept.
    pub fn environments_at(path: &Path) -> Vec<Environment> {
        let there = read_json::<Environments>(&path.join(CONFIG)).ok().flatten();
        there.unwrap_or_default().environments
    }

    /// Remembers where the data set's files were, for those who evaluate the run later. It is no part of
    /// what the run is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_source(&self, source: &Source) -> Result<()> {
        let data_dir = source.data_dir.as_deref().and_then(|dir| dir.canonicalize().ok());
        match data_dir.as_deref().and_then(Path::to_str) {
            Some(data_dir) => self.write_json(SOURCE, &json!({ "data_dir": data_dir })),
            None => self.delete(&self.path.join(SOURCE)),
        }
    }

    /// The folder in which the data set's files were when the run at `path` was last trained, if they were
    /// not in the cache.
    pub fn kept_data_dir(path: &Path) -> Option<PathBuf> {
        let source: Value = read_json(&path.join(SOURCE)).ok()??;
        Some(PathBuf::from(source["data_dir"].as_str()?))
    }

    /// `source` or, where it names no folder, the folder in which the data set's files were when the run at
    /// `path` was last trained.
    ///
    /// # Errors
    /// [`Exit::Unavailable`] when that one is gone.
    pub fn source_of(path: &Path, source: &Source) -> Result<Source> {
        let kept = Self::kept_data_dir(path).filter(|_| source.data_dir.is_none());
        let Some(data_dir) = kept else { return Ok(source.clone()) };
        if !data_dir.exists() {
            let what = format!("the folder of the run's data is gone: `{}`", data_dir.display());
            return Err(Failure::new(Exit::Unavailable, what)
                .why(format!("`{}` was trained on the files in it", path.display()))
                .help("put it back, or name where they are now with --data_dir")
                .into());
        }
        Ok(Source { data_dir: Some(data_dir), ..source.clone() })
    }

    /// What [`RunFolder::write_json`] wrote under `name`, if it did.
    ///
    /// # Errors
    /// When it cannot be read or is not a `T`.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        read_json(&self.path.join(name))
    }

    /// Writes `value` to the file `name`, all or nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(value)?;
        json.push(b'\n');
        write_atomically(&self.path.join(name), &json)
    }
}

/// The value in the JSON file `path`; `None` where there is no file.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let json = match fs::read(path) {
        Ok(json) => json,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let value = serde_json::from_slice(&json).map_err(|error| {
        Failure::new(Exit::Failed, format!("`{}` is damaged", path.display()))
            .why(error.to_string())
            .help(
                "put back a copy of it, or train a run of its own with --comment; --restart deletes this \
                 run and begins it anew",
            )
    })?;
    Ok(Some(value))
}

/// Whether two descriptions are those of one file.
#[cfg(unix)]
fn same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere a file that is open cannot be deleted.
#[cfg(not(unix))]
fn same_file(_one: &fs::Metadata, _other: &fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_refused_until_the_first_is_gone() {
        let log = tempfile::tempdir().unwrap();
        let first = RunFolder::open(log.path()).unwrap();
        let error = RunFolder::open(log.path()).unwrap_err();
        assert!(error.to_string().contains("in use"), "{error}");
        drop(first);
        RunFolder::open(log.path()).unwrap();
    }

    #[test]
    fn clearing_leaves_the_lock() {
        let log = tempfile::tempdir().unwrap();
        let run = RunFolder::open(log.path()).unwrap();
        fs::create_dir_all(run.best()).unwrap();
        run.write_json(CONFIG, &1).unwrap();
        run.write_json("notes.json", &1).unwrap();
        fs::create_dir(log.path().join(".git")).unwrap();
        fs::write(log.path().join("events.out.tfevents.1000000000.a.1.0"), "").unwrap();
        run.clear().unwrap();
        let files = fs::read_dir(log.path()).unwrap().map(|file| file.unwrap().file_name());
        let mut left: Vec<_> = files.collect();
        left.sort();
        // What the run has not written is somebody's.
        assert_eq!(left, [".git", ".lock", "notes.json"]);
    }

    #[test]
    fn damaged_json_is_named() {
        let log = tempfile::tempdir().unwrap();
        fs::write(log.path().join("config.json"), "{").unwrap();
        let error = RunFolder::config_at(log.path()).unwrap_err();
        assert!(error.to_string().contains("config.json` is damaged"), "{error}");
    }
}
