//! The command line of `export_model`: shells have a command `export` of their own.

use crate::run::find_checkpoint;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Parser;

use super::output;
use crate::error::{Exit, Failure};
use crate::run::State;
use crate::util::atomic_file::write_atomically;
use crate::weights::Weights;

/// Write a trained model to a safetensors file, with PyTorch's names and layout.
///
/// The file's metadata tell the model, the data set, the images' shape, the number of classes, the
/// steps taken and, of a best checkpoint, its validation.
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct Export {
    /// A run's folder (its best checkpoint), a folder of checkpoints (the newest) or a checkpoint
    #[arg(long = "checkpoint_path", alias = "checkpoint-path", value_name = "PATH")]
    checkpoint_path: PathBuf,
    /// The file to write, as model.safetensors: no other format is written
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Write it even if it is there
    #[arg(long)]
    force: bool,
}

impl Export {
    /// Writes the file and prints what is in it.
    ///
    /// # Errors
    /// When the file is named as one of another format, there is no such checkpoint, it is damaged, or
    /// the file is there or cannot be written.
    pub fn run(&self) -> Result<()> {
        refuse_other_formats(&self.output)?;
        let path = self.output.display();
        if self.output.exists() && !self.force {
            return Err(Failure::new(Exit::Failed, format!("`{path}` is there already"))
                .help("--force replaces it; --output names another")
                .into());
        }
        let (_, checkpoint) = find_checkpoint(&self.checkpoint_path)?;
        let weights = Weights::from_pack(checkpoint.model)?;
        let metadata = metadata(&checkpoint.state);
        let metadata: Vec<_> = metadata.iter().map(|(name, text)| (*name, text.as_str())).collect();
        write_atomically(&self.output, &weights.to_safetensors(&metadata)?)?;
        let model = &checkpoint.state.config.model;
        output::print(&format!("{model}: {} tensors in {path}", weights.len()))
    }
}

/// Fails where the ending of `path` says that it is something else than a safetensors file. What begins
/// with a digit is no ending but a number (`lr=0.01`), and so is a version (`v2`).
fn refuse_other_formats(path: &Path) -> Result<()> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
    let version = ending.trim_start_matches(['v', 'V']);
    let is_number = version.starts_with(|c: char| c.is_ascii_digit());
    if ending.is_empty() || is_number || ending.eq_ignore_ascii_case("safetensors") {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, format!("`--output {}`", path.display()))
        .why(format!("what is written is a safetensors file, no .{ending} file"))
        .help(format!(
            "name it {}; PyTorch reads it with safetensors.torch.load_file",
            path.with_extension("safetensors").display()
        ))
        .into())
}

/// What the file tells of a checkpoint.
fn metadata(state: &State) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("model", state.config.model.clone()),
        ("dataset", state.config.dataset.clone()),
        ("shape", format!("{:?}", state.shape)),
        ("classes", state.classes.to_string()),
        ("step", state.step.to_string()),
    ];
    // The last checkpoint knows the best validation, which is not its own.
    if let Some(best) = state.best.filter(|best| best.step == state.step) {
        let (name, value) = best.score.headline();
        let name = if name == "error" { "validation_error" } else { "validation_accuracy" };
        rows.push((name, value.to_string()));
    }
    rows
}
