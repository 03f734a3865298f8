//! A checkpoint: one file that holds all that a run needs to go on, or nothing.
//!
//! `step-0000000430.ckpt` is a tar archive of `state.json` ([`State`]), `model.bpk` (the parameters,
//! burn's pack format), `optimizer.bpk` (the optimizer's slots) and, last, `SHA256SUMS` over the
//! three: `tar xf` and `sha256sum -c SHA256SUMS` read and check it without this program. It is
//! written to a temporary name, brought to the disk and renamed, and an older one is deleted only
//! after that.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::RunConfig;
use super::folder::{cannot_write, sync_folder, write_atomically};
use crate::optimizers::MOST_STEPS;
use crate::weights::Weights;
use crate::{Exit, Failure, Score, tell};

/// The version of the format below.
const FORMAT: u32 = 1;
/// The longest state that is read without the rest, in bytes.
const MOST_STATE: u64 = 1 << 20;
/// The files in the archive, in their order.
const ENTRIES: [&str; 4] = ["state.json", "model.bpk", "optimizer.bpk", "SHA256SUMS"];

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
    /// Steps taken.
    pub step: u64,
    /// The best validation so far.
    pub best: Option<Best>,
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
}

/// A run at one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Where the run stands.
    pub state: State,
    /// The parameters, as [`Network::to_bytes`](crate::Network::to_bytes) gives them.
    pub model: Vec<u8>,
    /// The optimizer's slots, in burn's pack format.
    pub optimizer: Vec<u8>,
}

impl State {
    /// The beginning of a run of `config` on images of `shape` `[channels, height, width]` in so
    /// many `classes`.
    pub fn new(config: RunConfig, shape: [usize; 3], classes: usize) -> Self {
        Self { format: FORMAT, config, shape, classes, step: 0, best: None }
    }

    /// Where the run that lives at `path` stood at its last checkpoint, without the parameters; `None`
    /// where it has none. The checksum is not looked at.
    ///
    /// # Errors
    /// When the checkpoint is damaged.
    pub fn latest(path: &Path) -> Result<Option<Self>> {
        let checkpoints = list(&path.join("checkpoints"));
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
        write_atomically(&path, &self.to_bytes()?)?;
        Ok(path)
    }

    /// Reads the checkpoint `path`.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or was written by a later version.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Self::from_bytes(&bytes).map_err(|error| {
            Failure::new(Exit::Failed, format!("the checkpoint `{}` is damaged", path.display()))
                .why(format!("{error:#}"))
                .remedy("delete it: the one before it is used then")
                .into()
        })
    }

    /// The parameter that is farthest from 0; NaN if one is NaN.
    ///
    /// # Errors
    /// When the parameters are damaged.
    pub fn largest_parameter(&self) -> Result<f64> {
        let weights = Weights::from_pack(self.model.clone())?;
        let values = weights.iter().flat_map(|(_, values)| values.values());
        // f32::max would pass over NaN.
        let larger = |most: f32, value: &f32| {
            if most.is_nan() || value.abs() <= most { most } else { value.abs() }
        };
        Ok(values.fold(0.0, larger).into())
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let state = serde_json::to_vec_pretty(&self.state)?;
        let mut archive = tar::Builder::new(Vec::new());
        let mut sums = String::new();
        for (name, bytes) in ENTRIES.iter().zip([&state, &self.model, &self.optimizer]) {
            append(&mut archive, name, bytes)?;
            sums += &sum_line(name, bytes);
        }
        append(&mut archive, ENTRIES[3], sums.as_bytes())?;
        Ok(archive.into_inner()?)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut archive = tar::Archive::new(bytes);
        let mut files = Vec::new();
        for (entry, name) in archive.entries()?.zip(ENTRIES) {
            let mut entry = entry?;
            ensure!(entry.path_bytes() == name.as_bytes(), "`{name}` is not where it should be");
            ensure!(entry.size() <= bytes.len() as u64, "`{name}` is cut off");
            let mut file = Vec::new();
            entry.read_to_end(&mut file)?;
            ensure!(file.len() as u64 == entry.size(), "`{name}` is cut off");
            files.push(file);
        }
        let files: [Vec<u8>; 4] = files.try_into().ok().context("it is cut off")?;
        let [state, model, optimizer, sums] = files;
        let lines = [&state, &model, &optimizer]
            .into_iter()
            .zip(ENTRIES)
            .map(|(b, name)| sum_line(name, b));
        ensure!(lines.collect::<String>().as_bytes() == sums, "its checksum is wrong");
        let state: State = serde_json::from_slice(&state)?;
        ensure!(
            state.format == FORMAT,
            "its format is {}, this program reads {FORMAT}",
            state.format
        );
        ensure!(state.step <= MOST_STEPS, "its step is {}", state.step);
        Ok(Self { state, model, optimizer })
    }
}

/// Adds a file of `bytes`, with nothing in its header that differs between two writings.
fn append(archive: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    Ok(archive.append_data(&mut header, name, bytes)?)
}

/// A line as `sha256sum` prints it.
fn sum_line(name: &str, bytes: &[u8]) -> String {
    let sum = Sha256::digest(bytes);
    let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}  {name}\n")
}

/// The newest checkpoint in `folder` that can be read; `None` where there is none at all. One that
/// is damaged is reported on stderr, and the one before it is taken.
///
/// # Errors
/// When there are checkpoints and all are damaged.
pub fn latest(folder: &Path) -> Result<Option<(PathBuf, Checkpoint)>> {
    let mut last_error = None;
    for path in list(folder).into_iter().rev() {
        match Checkpoint::load(&path) {
            Ok(checkpoint) => return Ok(Some((path, checkpoint))),
            Err(error) => {
                tell(&format!("warning: {error}"));
                last_error = Some(error);
            }
        }
    }
    last_error.map_or(Ok(None), Err)
}

/// Deletes all checkpoints in `folder` but the newest `keep`.
///
/// # Errors
/// When one cannot be deleted.
pub(super) fn prune(folder: &Path, keep: usize) -> Result<()> {
    for path in list(folder).into_iter().rev().skip(keep) {
        fs::remove_file(&path).with_context(|| format!("cannot delete `{}`", path.display()))?;
    }
    Ok(())
}

/// The checkpoints in `folder`, the oldest first: their names are sorted by step.
pub(super) fn list(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let mut paths: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|end| end == "ckpt")).collect();
    paths.sort();
    paths
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::optimizers::{self, Arguments};

    /// A checkpoint of a made-up run.
    pub fn checkpoint(step: u64) -> Checkpoint {
        let entry = optimizers::find("Adam").unwrap();
        let arguments = serde_json::from_str(r#"{"learning_rate": 1e-5}"#).unwrap();
        let config = RunConfig {
            model: "M".into(),
            dataset: "D".into(),
            data: None,
            image_size: None,
            classes: None,
            optimizer: entry.name.into(),
            optimizer_args: Arguments::new(entry, arguments).unwrap(),
            batch_size: 2,
            epochs: 3,
            patience: None,
            lr_schedule: Default::default(),
            l2_penalty: 0.0,
            seed: u64::MAX,
            comment: None,
            pretrained: None,
            trainable_scopes: None,
        };
        let best = Some(Best { score: Score::Error { error: 0.1 + 0.2 }, step, epoch: 1 });
        let state = State { step, best, ..State::new(config, [1, 2, 3], 10) };
        Checkpoint { state, model: vec![1; 700], optimizer: vec![] }
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
        assert!(latest(folder.path()).unwrap_err().to_string().contains("damaged"));
    }

    /// What is read is what was written, whatever happened to the file meanwhile: padding may
    /// change, the rest is refused.
    #[test]
    fn no_damaged_byte_and_no_cut_goes_unnoticed() {
        let bytes = checkpoint(3).to_bytes().unwrap();
        assert_eq!(bytes, checkpoint(3).to_bytes().unwrap());
        let cuts = (0..bytes.len()).step_by(97).map(|length| bytes[..length].to_vec());
        let damages = (0..bytes.len()).step_by(31).map(|at| {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            damaged
        });
        let mut refused = 0;
        for damaged in cuts.chain(damages) {
            match Checkpoint::from_bytes(&damaged) {
                Ok(read) => assert_eq!(read, checkpoint(3)),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 50, "{refused}");
    }
}
