//! The command `export`.

use crate::run::find_checkpoint;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use serde_json::json;

use super::output;
use super::run_args::RunArgs;
use crate::error::{Exit, Failure};
use crate::onnx;
use crate::run::{Checkpoint, State};
use crate::train::export::trace_model;
use crate::util::atomic_file::write_atomically;
use crate::weights::Weights;

/// Write a trained model for other programs: its weights as safetensors, or all of it as ONNX.
///
/// A safetensors file has the weights with PyTorch's names and layout. An ONNX file has the network, too: its input
/// `images` `[batch, channels, height, width]` is a batch of any size, its outputs are `logits` and `probabilities`
/// or `reconstructions`.
///
/// The file's metadata tell the model, the data set, the images' shape, the classes, the mean and
/// deviation (of bytes / 255) by which each channel of the images is normalised, the
/// steps taken and, of a best checkpoint, its validation.
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct Export {
    #[command(flatten)]
    run: RunArgs,
    /// What is written [default: onnx where FILE ends with .onnx, else safetensors]
    #[arg(long, value_enum, value_name = "NAME")]
    format: Option<Format>,
    /// The file to write [default: the model's name, as LeNet.safetensors]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Take bytes from 0 to 255 as images: the scaling is in the ONNX file
    #[arg(long)]
    uint8: bool,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

/// What is written.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// The weights
    Safetensors,
    /// The network and its weights
    Onnx,
}

impl Format {
    /// The ending of its files.
    fn ending(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Onnx => "onnx",
        }
    }
}

/// A file, and how many things of which kind are in it.
struct File {
    bytes: Vec<u8>,
    count: usize,
    things: &'static str,
}

impl Export {
    /// Writes the file and prints what is in it.
    ///
    /// # Errors
    /// When the file is named as one of another format, there is no such checkpoint, it is damaged, or
    /// the file is there or cannot be written; when the model cannot be written as ONNX.
    pub fn run(&self) -> Result<()> {
        let format = self.format();
        if self.uint8 && format != Format::Onnx {
            return Err(Failure::new(Exit::Usage, "`--uint8` is for ONNX files")
                .why("a safetensors file has weights, and no scaling of pixels")
                .help("add --format onnx, or leave the flag out")
                .into());
        }
        if let Some(output) = &self.output {
            refuse_other_formats(output, format)?;
            self.refuse_to_replace(output)?;
        }
        let (path, checkpoint) = find_checkpoint(&self.run.path())?;
        let model = checkpoint.state.config.model.clone();
        let by_name = || PathBuf::from(format!("{model}.{}", format.ending()));
        let output = self.output.clone().unwrap_or_else(by_name);
        self.refuse_to_replace(&output)?;
        let File { bytes, count, things } = match format {
            Format::Safetensors => safetensors_file(checkpoint)?,
            Format::Onnx => onnx_file(&checkpoint, &path, self.uint8)?,
        };
        write_atomically(&output, &bytes)?;
        let path = output.display().to_string();
        output::print(&match self.json {
            true => json!({ "model": model, things: count, "file": path }).to_string(),
            false => format!("{model}: {count} {things} in {path}"),
        })
    }

    /// The format that is meant: `--format`, or else what the file is called.
    fn format(&self) -> Format {
        let ending = self.output.as_deref().and_then(Path::extension);
        let is_onnx = ending.is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"));
        let by_name = if is_onnx { Format::Onnx } else { Format::Safetensors };
        self.format.unwrap_or(by_name)
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

/// The weights of `checkpoint`.
fn safetensors_file(checkpoint: Checkpoint) -> Result<File> {
    let weights = Weights::from_pack(checkpoint.model)?;
    let metadata = metadata(&checkpoint.state)?;
    let metadata: Vec<_> = metadata.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let bytes = weights.to_safetensors(&metadata)?;
    Ok(File { bytes, count: weights.len(), things: "tensors" })
}

/// The network of `checkpoint`, which was read from `path`, with bytes as its input if `uint8` says so.
fn onnx_file(checkpoint: &Checkpoint, path: &Path, uint8: bool) -> Result<File> {
    let state = &checkpoint.state;
    let traced = trace_model(checkpoint, path)?;
    let mut metadata = metadata(state)?;
    metadata.push(("run", state.config.name()));
    metadata.push(("model_args", json!(state.config.model_args.as_given()).to_string()));
    metadata.push(("class_names", json!(traced.class_names).to_string()));
    let pixels = if uint8 { "bytes" } else { "(bytes / 255 - mean) / std" };
    metadata.push(("images", pixels.to_owned()));
    let model = onnx::Model {
        name: &state.config.model,
        graph: &traced.graph,
        kind: traced.kind,
        normalization: state.normalization()?,
        uint8,
        metadata,
    };
    let count = traced.graph.nodes.len();
    Ok(File { bytes: model.to_bytes()?, count, things: "operations" })
}

/// Fails where the ending of `path` says that it is something else than a file of this `format`. What begins
/// with a digit is no ending but a number (`lr=0.01`), and so is a version (`v2`).
fn refuse_other_formats(path: &Path, format: Format) -> Result<()> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
    let version = ending.trim_start_matches(['v', 'V']);
    let is_number = version.starts_with(|c: char| c.is_ascii_digit());
    if ending.is_empty() || is_number || ending.eq_ignore_ascii_case(format.ending()) {
        return Ok(());
    }
    let named = path.with_extension(format.ending());
    let (what, read_by) = match format {
        Format::Safetensors => {
            ("a safetensors file", "PyTorch reads it with safetensors.torch.load_file")
        }
        Format::Onnx => ("an ONNX file", "onnxruntime reads it with InferenceSession"),
    };
    Err(Failure::new(Exit::Usage, format!("`--output {}`", path.display()))
        .why(format!("what is written is {what}, no .{ending} file"))
        .help(format!("name it {}; {read_by}\nformats: safetensors, onnx", named.display()))
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
