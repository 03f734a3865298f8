//! The command `export`.

use crate::run::find_checkpoint;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Parser;
use serde_json::json;

use super::output;
use super::run_args::RunArgs;
use crate::error::{Exit, Failure};
use crate::run::State;
use crate::util::atomic_file::write_atomically;
use crate::weights::Weights;

/// Write a trained model to a safetensors file, with PyTorch's names and layout.
///
/// The file's metadata tell the model, the data set, the images' shape, the number of classes, the mean and
/// deviation (of bytes / 255) by which each channel of the images is normalised, the
/// steps taken and, of a best checkpoint, its validation.
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct Export {
    #[command(flatten)]
    run: RunArgs,
    /// The safetensors file to write [default: the model's name, as LeNet.safetensors]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

impl Export {
    /// Writes the file and prints what is in it.
    ///
    /// # Errors
    /// When the file is named as one of another format, there is no such checkpoint, it is damaged, or
    /// the file is there or cannot be written.
    pub fn run(&self) -> Result<()> {
        if let Some(output) = &self.output {
            refuse_other_formats(output)?;
            self.refuse_to_replace(output)?;
        }
        let (_, checkpoint) = find_checkpoint(&self.run.path())?;
        let model = checkpoint.state.config.model.clone();
        let by_name = || PathBuf::from(format!("{model}.safetensors"));
        let output = self.output.clone().unwrap_or_else(by_name);
        self.refuse_to_replace(&output)?;
        let weights = Weights::from_pack(checkpoint.model)?;
        let metadata = metadata(&checkpoint.state)?;
        let metadata: Vec<_> = metadata.iter().map(|(name, text)| (*name, text.as_str())).collect();
        write_atomically(&output, &weights.to_safetensors(&metadata)?)?;
        let (tensors, path) = (weights.len(), output.display().to_string());
        output::print(&match self.json {
            true => json!({ "model": model, "tensors": tensors, "file": path }).to_string(),
            false => format!("{model}: {tensors} tensors in {path}"),
        })
    }

    fn refuse_to_replace(&self, output: &Path) -> Result<()> {
        if !output.exists() || self.force {
            return Ok(());
        }
        let what = format!("`{}` is there already", output.display());
        Err(Failure::new(Exit::Failed, what)
            .help("--force replaces it; --output names another")
            .into())
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
fn metadata(state: &State) -> Result<Vec<(&'static str, String)>> {
    let normalization = state.normalization()?;
    let mut rows = vec![
        ("model", state.config.model.clone()),
        ("dataset", state.config.dataset.clone()),
        ("shape", format!("{:?}", state.shape)),
        ("classes", state.classes.to_string()),
        ("step", state.step.to_string()),
    ];
    // What the weights were trained on: (bytes / 255 - mean) / std for each channel. A checkpoint may say anything
    // of its shape; images have four channels at the most.
    let each = |numbers: Option<&[f64]>| {
        format!("{:?}", numbers.map_or_else(|| vec![0.5; state.shape[0].min(4)], <[f64]>::to_vec))
    };
    rows.push(("mean", each(normalization.map(|numbers| &*numbers.mean))));
    rows.push(("std", each(normalization.map(|numbers| &*numbers.std))));
    // The last checkpoint knows the best validation, which is not its own.
    if let Some(best) = state.best.filter(|best| best.step == state.step) {
        let (name, value) = best.score.headline();
        let name = if name == "error" { "validation_error" } else { "validation_accuracy" };
        rows.push((name, value.to_string()));
    }
    Ok(rows)
}
