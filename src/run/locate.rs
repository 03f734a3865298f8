//! The checkpoint that a path means.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Checkpoint, latest};
use crate::error::{Exit, Failure};
use crate::weights::file_kind::{FileKind, kind_of};

/// The checkpoint that `path` means: of a run's folder the best, of a folder of checkpoints the
/// newest.
///
/// # Errors
/// When there is none, or it is damaged.
pub(crate) fn find_checkpoint(path: &Path) -> Result<(PathBuf, Checkpoint)> {
    if path.is_file() {
        if let Ok(kind) = kind_of(path)
            && kind != FileKind::Checkpoint
        {
            let what = format!("`{}` is no checkpoint of this program", path.display());
            return Err(Failure::new(Exit::Failed, what)
                .why(format!("it is {}", kind.describe()))
                .help(
                    "name a run's folder, a folder of checkpoints or a checkpoint; weights of other \
                     programs are what train_... --checkpoint_path begins with",
                )
                .into());
        }
        return Ok((path.to_owned(), Checkpoint::load(path)?));
    }
    for folder in [path.join("best"), path.join("checkpoints"), path.to_owned()] {
        if let Some(found) = latest(&folder)? {
            return Ok(found);
        }
    }
    Err(Failure::new(Exit::Failed, format!("there is no checkpoint in `{}`", path.display()))
        .why("neither in the folder itself nor in its best/ or checkpoints/")
        .help("name a run's folder, as log/SingleLayerCAE/MNIST_Adam_lr=1e-05")
        .into())
}

/// The folder of the run that the checkpoint at `path` is in: it lies in `best/` or `checkpoints/` there. `None` where
/// there is no such file or no folder above it; nothing says that a run lives in that one.
pub(crate) fn run_of(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()?.ancestors().nth(2).map(Path::to_owned)
}
