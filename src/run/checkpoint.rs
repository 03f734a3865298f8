//! A checkpoint: one file that holds all that a run needs to go on, or nothing.
//!
//! `step-0000000430.ckpt` is a tar archive of `state.json` ([`State`]), `model.bpk` (the parameters,
//! burn's pack format), `optimizer.bpk` (the optimizer's slots) and, last, `SHA256SUMS` over the
//! three: `tar xf` and `sha256sum -c SHA256SUMS` read and check it without this program. Of a run with `--ema`
//! `model.bpk` has the averaged parameters, which are validated and used, and before the sums there is
//! `training.bpk` with those that are trained: format 2, which earlier versions refuse. It is
//! written to a temporary name, brought to the disk and renamed, and an older one is deleted only
//! after that.

use crate::util::atomic_file::{cannot_write, sync_folder, write_atomically_with};
use crate::util::defaults::is_default;
use crate::util::hex::hex;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{DataSummary, Improvement, RunConfig};
use crate::data::Normalization;
use crate::error::{Exit, Failure};
use crate::metrics::{RunningScore, Score};
use crate::optim::MOST_STEPS;
use crate::util::stderr::message;

/// The version of the format without `training.bpk`.
const FORMAT: u32 = 1;
/// The version with it.
const WITH_AVERAGE: u32 = 2;
/// The longest state that is read without the rest, in bytes.
const MOST_STATE: u64 = 1 << 20;
/// The files in the archive, in their order; a run without average has no `training.bpk`.
const ENTRIES: [&str; 4] = ["state.json", "model.bpk", "optimizer.bpk", "training.bpk"];
/// The last one.
const SUMS: &str = "SHA256SUMS";

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Version of the checkpoint's format.
    format: u32,
    /// The run's configuration.
    pub config: RunConfig,
    /// `[channels, height, width]` of the images.
    pub shape: [usize; 3],
    /// Number of classes of the data set.
    #[serde(default)]
    pub classes: usize,
    /// What the run is trained on; `None` in checkpoints of before this was kept.
    #[serde(default)]
    pub data: Option<DataSummary>,
    /// Steps taken.
    pub step: u64,
    /// Whether these steps end an epoch whose validation has not been done yet: a signal came.
    #[serde(default, skip_serializing_if = "is_default")]
    pub validation_is_due: bool,
    /// The scores of the steps of an epoch that is not at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch_so_far: Option<RunningScore>,
    /// The best validation so far.
    pub best: Option<Best>,
    /// The last improvement, where it is not the best validation: with `--min_delta`, or on a plateau.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub improvement: Option<Improvement>,
}

/// A validation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its error, or its accuracy and loss.
    #[serde(flatten)]
    pub score: Score,
    /// Steps taken until then.
    pub step: u64,
    /// Epochs finished until then.
    pub epoch: u64,
    /// The value of the metric that picks the best, if the score does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<f64>,
}

impl Best {
    /// Of a run whose best is picked by its score.
    pub fn by_score(score: Score, step: u64, epoch: u64) -> Self {
        Self { score, step, epoch, selected: None }
    }
}

/// A run at one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Where the run stands.
    pub state: State,
    /// The parameters, as [`Network::to_bytes`](crate::nn::Network::to_bytes) gives them.
    pub model: Vec<u8>,
    /// The optimizer's slots, in burn's pack format.
    pub optimizer: Vec<u8>,
    /// The parameters that are trained, where `model` is their average.
    pub training: Option<Vec<u8>>,
}

impl State {
    /// The beginning of a run of `config` on `data`.
    pub fn new(config: RunConfig, data: DataSummary) -> Self {
        Self {
            format: FORMAT,
            config,
            shape: data.shape,
            classes: data.class_names.len(),
            data: Some(data),
            step: 0,
            validation_is_due: false,
            epoch_so_far: None,
            best: None,
            improvement: None,
        }
    }

    /// Epochs finished, the validation included, where an epoch has `steps_per_epoch` steps.
    pub fn epochs(&self, steps_per_epoch: u64) -> u64 {
        self.step / steps_per_epoch - u64::from(self.validation_is_due)
    }

    /// How its images are normalised; `None` for -1..=1.
    ///
    /// # Errors
    /// When the numbers are not those of its images.
    pub fn normalization(&self) -> Result<Option<&Normalization>> {
        let numbers = self.data.as_ref().and_then(|data| data.normalization.as_ref());
        let fits = numbers.is_none_or(|numbers| numbers.fits(self.shape[0]));
        ensure!(fits, "the checkpoint's mean and standard deviation are not those of its images");
        Ok(numbers)
    }

    /// Where the run that lives at `path` stood at its last checkpoint, without the parameters; `None`
    /// where it has none. The checksum is not looked at.
    ///
    /// # Errors
    /// When the checkpoint is damaged or cannot be read.
    pub fn latest(path: &Path) -> Result<Option<Self>> {
        let checkpoints = list(&path.join("checkpoints"))?;
        let Some(newest) = checkpoints.last() else { return Ok(None) };
        let read = || -> Result<Self> {
            let mut archive = tar::Archive::new(fs::File::open(newest)?);
            let first = archive.entries()?.next().context("it is empty")??;
            ensure!(first.size() <= MOST_STATE, "its first file is too long");
            Ok(serde_json::from_reader(first)?)
        };
        read().map(Some).with_context(|| format!("cannot read `{}`", newest.display()))
    }
}

impl Checkpoint {
    /// A run at `state` with these parameters and slots.
    pub fn new(
        state: &State,
        model: Vec<u8>,
        optimizer: Vec<u8>,
        training: Option<Vec<u8>>,
    ) -> Self {
        let format = if training.is_some() { WITH_AVERAGE } else { FORMAT };
        Self { state: State { format, ..state.clone() }, model, optimizer, training }
    }

    /// Writes it into `folder`, which is made if need be, and returns its path.
    ///
    /// # Errors
    /// When it cannot be written; what was there before is then still there.
    pub fn save(&self, folder: &Path) -> Result<PathBuf> {
        // Not the folders above it: where they are gone, the run is.
        let made = fs::create_dir(folder).and_then(|()| sync_folder(folder));
        if let Err(error) = made.or_else(|error| if folder.is_dir() { Ok(()) } else { Err(error) })
        {
            return Err(cannot_write(folder, &error));
        }
        let path = folder.join(format!("step-{:010}.ckpt", self.state.step));
        // Not built in memory first: a large model has its parameters there once already.
        write_atomically_with(&path, |file| self.write_to(file))?;
        Ok(path)
    }

    /// Reads the checkpoint `path`.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or was written by a later version.
    pub fn load(path: &Path) -> Result<Self> {
        match Self::read(path)? {
            Contents::Whole(checkpoint) => Ok(*checkpoint),
            Contents::Damaged(why) => Err(damaged(path, why).into()),
        }
    }

    /// The checkpoint `path`, or in what it is damaged.
    ///
    /// # Errors
    /// When it cannot be read, or was written by a later version: it may be whole.
    fn read(path: &Path) -> Result<Contents> {
        let bytes = fs::read(path).map_err(|error| cannot_read(path, &error))?;
        // Before anything else is read of it: a later format may have other values and other entries.
        let known = [FORMAT, WITH_AVERAGE];
        if let Some(format) = format_of(&bytes).filter(|format| !known.contains(format)) {
            let what = format!("the checkpoint `{}` is of format {format}", path.display());
            return Err(Failure::new(Exit::Failed, what)
                .why(format!("this program reads the formats {FORMAT} and {WITH_AVERAGE}"))
                .help("use the version of the program that wrote it")
                .into());
        }
        match Self::from_bytes(&bytes) {
            Ok(checkpoint) => Ok(Contents::Whole(Box::new(checkpoint))),
            Err(error) => Ok(Contents::Damaged(format!("{error:#}"))),
        }
    }

    /// As the file has it.
    ///
    /// # Errors
    /// When the state cannot be serialised.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes)?;
        Ok(bytes)
    }

    fn write_to(&self, file: &mut dyn Write) -> io::Result<()> {
        let state = serde_json::to_vec_pretty(&self.state)?;
        let mut archive = tar::Builder::new(file);
        let mut sums = String::new();
        let files = [&state, &self.model, &self.optimizer].into_iter().chain(&self.training);
        for (name, bytes) in ENTRIES.iter().zip(files) {
            append(&mut archive, name, bytes)?;
            sums += &sum_line(name, bytes);
        }
        append(&mut archive, SUMS, sums.as_bytes())?;
        archive.into_inner().map(drop)
    }

    /// From what [`to_bytes`](Self::to_bytes) has made.
    ///
    /// # Errors
    /// When it is damaged.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut archive = tar::Archive::new(bytes);
        let mut files = Vec::new();
        // The reader's own words are of blocks and headers.
        let broken = |_| anyhow!("it is cut off, or something else was written over it");
        let (mut sums, mut lines) = (None, String::new());
        for entry in archive.entries().map_err(broken)? {
            let mut entry = entry.map_err(broken)?;
            let name = *ENTRIES.get(files.len()).unwrap_or(&SUMS);
            let is_last = entry.path_bytes() == SUMS.as_bytes();
            let is_next = entry.path_bytes() == name.as_bytes() || is_last;
            ensure!(is_next && sums.is_none(), "`{name}` is not where it should be");
            ensure!(entry.size() <= bytes.len() as u64, "`{name}` is cut off");
            let mut file = Vec::new();
            entry.read_to_end(&mut file)?;
            ensure!(file.len() as u64 == entry.size(), "`{name}` is cut off");
            match is_last {
                true => sums = Some(file),
                false => {
                    lines += &sum_line(name, &file);
                    files.push(file);
                }
            }
        }
        let mut files = files.into_iter();
        let mut next = || files.next().context("it is cut off");
        let (state, model, optimizer) = (next()?, next()?, next()?);
        let training = files.next();
        let sums = sums.context("it is cut off")?;
        ensure!(lines.as_bytes() == sums, "its checksum is wrong");
        let state: State = serde_json::from_slice(&state)?;
        ensure!(state.step <= MOST_STEPS, "its step is {}", state.step);
        let has_average = state.format == WITH_AVERAGE;
        ensure!(has_average == training.is_some(), "`training.bpk` is not there, or should not be");
        Ok(Self { state, model, optimizer, training })
    }
}

/// The format that the first entry of a checkpoint says; `None` where it says none. An entry that differs from its
/// checksum says nothing: a flipped bit is damage, not a later version.
fn format_of(bytes: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let mut archive = tar::Archive::new(bytes);
    let (mut state, mut sums) = (Vec::new(), String::new());
    for (number, entry) in archive.entries().ok()?.enumerate() {
        let mut entry = entry.ok()?;
        if number == 0 && entry.size() <= MOST_STATE {
            entry.read_to_end(&mut state).ok()?;
        } else if entry.path_bytes() == SUMS.as_bytes() && entry.size() <= MOST_STATE {
            entry.read_to_string(&mut sums).ok()?;
        }
    }
    let is_whole = sums.contains(&sum_line(ENTRIES[0], &state));
    is_whole.then(|| serde_json::from_slice::<Format>(&state).ok()).flatten().map(|it| it.format)
}

/// What a checkpoint's file holds.
enum Contents {
    /// A checkpoint.
    Whole(Box<Checkpoint>),
    /// What once was one, and in what it is damaged.
    Damaged(String),
}

/// Adds a file of `bytes`, with nothing in its header that differs between two writings.
fn append(archive: &mut tar::Builder<impl Write>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, name, bytes)
}

/// A line as `sha256sum` prints it.
fn sum_line(name: &str, bytes: &[u8]) -> String {
    format!("{}  {name}\n", hex(&Sha256::digest(bytes)))
}

/// The newest checkpoint in `folder` that is whole; `None` where there is none at all. One that is
/// damaged is reported on stderr, and the one before it is taken.
///
/// # Errors
/// When there are checkpoints and all are damaged, or when the folder or one of them cannot be read.
pub fn latest(folder: &Path) -> Result<Option<(PathBuf, Checkpoint)>> {
    let mut found: Vec<(PathBuf, String)> = Vec::new();
    for path in list(folder)?.into_iter().rev() {
        match Checkpoint::read(&path)? {
            Contents::Whole(checkpoint) => {
                for (path, why) in found {
                    message(&format!("warning: {}", damaged(&path, why)));
                }
                return Ok(Some((path, *checkpoint)));
            }
            Contents::Damaged(why) => found.push((path, why)),
        }
    }
    let what = match found.len() {
        0 => return Ok(None),
        1 => format!("the checkpoint in `{}` is damaged", folder.display()),
        _ => format!("all checkpoints in `{}` are damaged", folder.display()),
    };
    let lines = found.iter().map(|(path, why)| format!("`{}`: {why}", path.display()));
    Err(Failure::new(Exit::Failed, what)
        .why(lines.collect::<Vec<_>>().join("\n"))
        .help(
            "put back a copy of one; --comment trains a run of its own, and --restart deletes this one and \
             begins it anew",
        )
        .into())
}

/// The checkpoint `path` is damaged; `why` says in what. No advice to delete it: it may be all that is left
/// of the run.
fn damaged(path: &Path, why: String) -> Failure {
    Failure::new(Exit::Failed, format!("the checkpoint `{}` is damaged", path.display()))
        .why(why)
        .help("put back a copy of it, if there is one")
}

/// Deletes all checkpoints in `folder` but the newest `keep`.
///
/// # Errors
/// When one cannot be deleted.
pub(super) fn prune(folder: &Path, keep: usize) -> Result<()> {
    for path in list(folder)?.into_iter().rev().skip(keep) {
        fs::remove_file(&path).with_context(|| format!("cannot delete `{}`", path.display()))?;
    }
    Ok(())
}

/// The checkpoints in `folder`, the oldest first: their names are sorted by step. A folder that is not
/// there has none.
///
/// # Errors
/// When the folder is there and cannot be read: that is no reason to believe that it is empty.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = match fs::read_dir(folder) {
        Ok(files) => files,
        // Not a folder: it is a file or, if it is not there, something above it is.
        Err(error)
            if error.kind() == ErrorKind::NotFound
                || error.kind() == ErrorKind::NotADirectory && !folder.exists() =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(cannot_read(folder, &error)),
    };
    let mut paths = Vec::new();
    for file in files {
        let path = file.map_err(|error| cannot_read(folder, &error))?.path();
        if path.extension().is_some_and(|end| end == "ckpt") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// `path` is there, and cannot be read now.
fn cannot_read(path: &Path, error: &std::io::Error) -> anyhow::Error {
    Failure::new(Exit::Failed, format!("cannot read `{}`", path.display()))
        .why(error.to_string())
        .help("give access to it, or put it back")
        .into()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn to_bytes(checkpoint: &Checkpoint) -> Vec<u8> {
        let mut bytes = Vec::new();
        checkpoint.write_to(&mut bytes).unwrap();
        bytes
    }
    use crate::optim;
    use crate::optim::Arguments;

    /// A checkpoint of a made-up run.
    pub fn checkpoint(step: u64) -> Checkpoint {
        let entry = optim::find("Adam").unwrap();
        let arguments = serde_json::from_str(r#"{"learning_rate": 1e-5}"#).unwrap();
        let config = RunConfig {
            model: "M".into(),
            model_args: Default::default(),
            dataset: "D".into(),
            data: None,
            image_size: None,
            classes: None,
            optimizer: entry.name.into(),
            optimizer_args: Arguments::new(entry, arguments).unwrap(),
            batch_size: 2,
            epochs: 3,
            patience: None,
            min_delta: 0.0,
            lr_schedule: Default::default(),
            l2_penalty: 0.0,
            augment: None,
            mixup: 0.0,
            cutmix: 0.0,
            label_smoothing: 0.0,
            class_weights: Default::default(),
            clip_norm: None,
            ema: None,
            loss: Default::default(),
            noise: None,
            sparsity: None,
            normalize: Default::default(),
            validation_split: None,
            select: None,
            seed: u64::MAX,
            seed_in_name: false,
            comment: None,
            pretrained: None,
            trainable_scopes: None,
        };
        let best = Some(Best::by_score(Score::Error { error: 0.1 + 0.2 }, step, 1));
        let data = DataSummary {
            shape: [1, 2, 3],
            class_names: (0..10).map(|class| class.to_string()).collect(),
            examples: [5, 2],
            sha256: "0123".into(),
            validation_is_test: false,
            normalization: None,
            validation_in_train: 0,
        };
        let state = State { step, best, ..State::new(config, data) };
        Checkpoint::new(&state, vec![1; 700], vec![], None)
    }

    #[test]
    fn the_newest_that_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(latest(folder.path()).unwrap().is_none());
        checkpoint(9).save(folder.path()).unwrap();
        let newest = checkpoint(10).save(folder.path()).unwrap();
        assert_eq!(latest(folder.path()).unwrap().unwrap(), (newest.clone(), checkpoint(10)));

        fs::write(&newest, b"torn").unwrap();
        assert_eq!(latest(folder.path()).unwrap().unwrap().1, checkpoint(9));
        prune(folder.path(), 1).unwrap();
        let error = latest(folder.path()).unwrap_err().to_string();
        assert!(error.contains("damaged") && !error.contains("delete it"), "{error}");
    }

    /// What cannot be read is not taken for what is not there, nor for what is damaged.
    #[test]
    fn a_folder_or_a_checkpoint_that_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("checkpoints");
        assert!(latest(&below).unwrap().is_none());
        fs::write(&below, "a file where the folder should be").unwrap();
        let error = latest(&below).unwrap_err().to_string();
        assert!(error.contains("cannot read `") && error.contains("checkpoints`"), "{error}");
        // A folder where the newest checkpoint should be: the one before it is not the newest.
        checkpoint(9).save(folder.path()).unwrap();
        fs::create_dir(folder.path().join("step-0000000010.ckpt")).unwrap();
        let error = latest(folder.path()).unwrap_err().to_string();
        assert!(error.contains("step-0000000010.ckpt"), "{error}");
    }

    #[test]
    fn a_later_version_is_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let mut later = checkpoint(10);
        checkpoint(9).save(folder.path()).unwrap();
        later.state.format = WITH_AVERAGE + 1;
        later.save(folder.path()).unwrap();
        let error = latest(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is of format 3") && error.contains("formats 1 and 2"), "{error}");
    }

    /// Also where the later format's state has other values, and where there are more entries.
    #[test]
    fn a_later_version_of_which_nothing_is_known_is_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(9).save(folder.path()).unwrap();
        let state = br#"{"format": 7, "everything": "else"}"#;
        let mut archive = tar::Builder::new(Vec::new());
        let mut sums = String::new();
        for (name, bytes) in [(ENTRIES[0], &state[..]), ("weights.bin", b"1234"), ("more", b"5")] {
            append(&mut archive, name, bytes).unwrap();
            sums += &sum_line(name, bytes);
        }
        append(&mut archive, SUMS, sums.as_bytes()).unwrap();
        let path = folder.path().join("step-0000000010.ckpt");
        fs::write(&path, archive.into_inner().unwrap()).unwrap();
        let error = latest(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is of format 7"), "{error}");
        assert!(path.exists());
    }

    /// What is read is what was written, whatever happened to the file meanwhile: padding may
    /// change, the rest is refused.
    #[test]
    fn no_damaged_byte_and_no_cut_goes_unnoticed() {
        let plain = checkpoint(3);
        let Checkpoint { state, model, optimizer, .. } = plain.clone();
        let averaged = Checkpoint::new(&state, model, optimizer, Some(vec![2; 300]));
        for checkpoint in [plain, averaged] {
            damage(&checkpoint);
        }
    }

    fn damage(whole: &Checkpoint) {
        let bytes = to_bytes(whole);
        assert_eq!(bytes, to_bytes(whole));
        let cuts = (0..bytes.len()).step_by(97).map(|length| bytes[..length].to_vec());
        let damages = (0..bytes.len()).step_by(31).map(|at| {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            damaged
        });
        let mut refused = 0;
        for damaged in cuts.chain(damages) {
            match Checkpoint::from_bytes(&damaged) {
                Ok(read) => assert_eq!(read, *whole),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 50, "{refused}");
    }
}
