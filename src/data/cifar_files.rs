//! The files of CIFAR-10 and CIFAR-100: in the data folder, or in the folder below it that their
//! archive unpacks to; where they are in neither, the archive is downloaded and unpacked there.
//!
//! **The test images are the validation images too**, as in Dynamic Training Bench: "best by
//! validation" then looks at the test set, and the test error of the best model is no independent
//! one.
//!
//! Files with fewer images than the official ones are read, and reported.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::archive::unpack;
use super::cifar::{RecordLayout, SHAPE};
use super::files::{damaged, not_saved, obtain, unreadable};
use crate::data::download::{RemoteFile, lock, sha256_of};
use crate::data::{Examples, Split};
use crate::util::stderr::message;

/// Images for training and for the test, of either data set.
const OFFICIAL: [usize; 2] = [50_000, 10_000];

/// The files of one of the two data sets.
#[derive(Clone, Copy, Debug)]
pub struct CifarFiles {
    /// The data set.
    pub name: &'static str,
    /// What has all the files.
    pub archive: RemoteFile<'static>,
    /// The archive's folder.
    pub unpacked: &'static str,
    /// Training files.
    pub train: &'static [&'static str],
    /// Test file.
    pub test: &'static [&'static str],
    /// What is in them.
    pub layout: RecordLayout,
    /// Files and folders (with `/` behind the name) of the same data set that are not of its binary
    /// version: name and version.
    pub others: &'static [(&'static str, &'static str)],
}

impl CifarFiles {
    /// The examples of `split`, from `folder`, into which the archive is downloaded if need be.
    ///
    /// # Errors
    /// Those of [`obtain`]; where a file is damaged, a failure that names it.
    pub fn load(&self, split: Split, folder: &Path, offline: bool) -> Result<Examples> {
        let (kind, names, official) = match split {
            Split::Train => ("training", self.train, OFFICIAL[0]),
            Split::Validation | Split::Test => ("test", self.test, OFFICIAL[1]),
        };
        let layout = RecordLayout { max_records: official / names.len(), ..self.layout };
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        let folder = self.folder_with(names, folder, offline)?;
        for name in names {
            let (file_pixels, file_labels) = layout.read(&folder.join(name))?;
            pixels.extend(file_pixels);
            labels.extend(file_labels);
        }
        if labels.len() < official {
            let found = labels.len();
            let name = self.name;
            message(&format!(
                "{name}: {found} of the official {official} {kind} images (a subset)"
            ));
        }
        Examples::new(SHAPE, pixels, labels)
    }

    /// The folder that has the files called `names`, which are unpacked if need be.
    fn folder_with(&self, names: &[&str], folder: &Path, offline: bool) -> Result<PathBuf> {
        let unpacked = folder.join(self.unpacked);
        let lacks = |folder: &Path| -> Vec<_> {
            names.iter().copied().filter(|name| !folder.join(name).is_file()).collect()
        };
        let (here, below) = (lacks(folder), lacks(&unpacked));
        if here.is_empty() {
            return Ok(folder.to_owned());
        }
        if below.is_empty() {
            return Ok(unpacked);
        }
        // Where only some are there, the user wants to know the others.
        let missing = if here.len() < below.len() { here } else { below };
        let mut what = format!("{} without {}", self.name, missing.join(", "));
        if let Some(other) = self.other(folder) {
            message(&format!("note: {other}"));
            what += &format!(" ({other})");
        }
        let archive = obtain(&what, folder, &[self.archive], offline)?.remove(0);
        // Another process may be unpacking the same archive.
        let not_saved = |error| not_saved(self.name, format!("{}: {error}", unpacked.display()));
        let _lock = lock(folder, self.archive.name).map_err(not_saved)?;
        if !lacks(&unpacked).is_empty() {
            self.check(&archive)?;
            let limit = (self.layout.max_records * self.layout.record()) as u64;
            unpack(&archive, &[self.train, self.test].concat(), limit, &unpacked)
                .map_err(not_saved)?;
        }
        Ok(unpacked)
    }

    /// Says that another version of the data set is in `folder`, if one is.
    fn other(&self, folder: &Path) -> Option<String> {
        let is_there = |name: &str| match name.strip_suffix('/') {
            Some(name) => folder.join(name).is_dir(),
            None => folder.join(name).is_file(),
        };
        let (name, version) = self.others.iter().find(|(name, _)| is_there(name))?;
        let path = folder.join(name.trim_end_matches('/'));
        Some(format!(
            "{} is of the {version} version, which is not read; {} has the binary one, which is",
            path.display(),
            self.archive.name
        ))
    }

    /// An archive that was put there by hand has not been checked yet.
    fn check(&self, archive: &Path) -> Result<()> {
        let found = sha256_of(archive).map_err(|error| unreadable(archive, error))?;
        let expected = self.archive.sha256;
        if found != expected {
            let why = format!("its sha256 is {found}, that of {}'s is {expected}", self.name);
            return Err(damaged(archive, why).into());
        }
        Ok(())
    }
}
