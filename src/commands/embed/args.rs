//! The command line of `embed`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use serde_json::json;

use super::{files, projector};
use crate::commands::run_args::{RunArgs, SplitArgs};
use crate::commands::{SourceArgs, output, values};
use crate::device::DeviceName;
use crate::error::{Exit, Failure};
use crate::inputs::INPUTS;
use crate::metrics::representation::{ClassInformation, NEIGHBOURS, class_information};
use crate::train::{Album, Embedder, Embedding};

/// Write what a layer of a trained model makes of images: its activations, or the codes of an autoencoder.
///
/// Without --layer the layers are listed. What the vectors tell of the classes is printed: the accuracy of the nearest
/// neighbours and of a linear probe, from every other image to the rest. `--projector DIR` writes what TensorBoard's
/// Projector reads: `tensorboard --logdir DIR`.
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct Embed {
    #[command(flatten)]
    run: RunArgs,
    /// The layer, by its name: encode, conv1, conv2.norm
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// File of the vectors: .npy, of numbers [images, ...], or .csv, with the images' names and classes before the numbers
    #[arg(long, value_parser = vectors_file, value_name = "FILE")]
    output: Option<PathBuf>,
    /// CSV file of the images' names and classes, a line for each vector of an .npy file
    #[arg(long, value_parser = csv_file, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Write vectors.tsv, metadata.tsv, sprite.png and projector_config.pbtxt to this folder
    #[arg(long, value_name = "DIR")]
    projector: Option<PathBuf>,
    /// Of feature maps the mean of each
    #[arg(long)]
    pool: bool,
    /// Data set of the images: a file of inputs/ [default: the one that it was trained on]
    #[arg(long, value_parser = values::names(INPUTS), value_name = "NAME")]
    dataset: Option<String>,
    #[command(flatten)]
    split: SplitArgs,
    /// Only images of these classes, by name or number, separated by commas [default: those that the model was trained
    /// on]
    #[arg(long, value_delimiter = ',', value_name = "CLASS,...")]
    classes: Option<Vec<String>>,
    /// Your own pictures instead of a data set's: files, folders or archives
    #[arg(long, num_args = 1.., value_name = "FILE|DIR", conflicts_with_all = ["dataset", "split", "test", "classes"])]
    images: Option<Vec<PathBuf>>,
    /// The first N images [default: all]
    #[arg(long, value_parser = values::at_least_one, allow_negative_numbers = true, value_name = "N")]
    count: Option<usize>,
    /// Device that computes: /gpu:N, /cpu:0, cuda:N, wgpu:N or cpu [default: /gpu:0 where there is one]
    #[arg(long, value_name = "DEVICE")]
    device: Option<DeviceName>,
    #[command(flatten)]
    source: SourceArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// The path of a file of vectors.
fn vectors_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match files::Format::of(&path) {
        Some(_) => Ok(path),
        None => Err("its ending says what it is: name it .npy or .csv".into()),
    }
}

/// The path of a CSV file.
fn csv_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match files::Format::of(&path) {
        Some(files::Format::Csv) => Ok(path),
        _ => Err("it is a CSV file: name it .csv".into()),
    }
}

impl Embed {
    fn refuse_one_file_for_both(&self) -> Result<()> {
        match (&self.output, &self.labels) {
            (Some(output), Some(labels)) if output == labels => {
                let what =
                    format!("`--output` and `--labels` are one file: `{}`", labels.display());
                Err(Failure::new(Exit::Usage, what)
                    .why("the labels would take the place of the vectors")
                    .help("name two files, as --output e.csv --labels labels.csv")
                    .into())
            }
            _ => Ok(()),
        }
    }

    /// Writes the files and prints what the vectors tell of the classes.
    ///
    /// # Errors
    /// When there is no such checkpoint or layer, the images cannot be had, or a file cannot be written.
    pub fn run(&self) -> Result<()> {
        self.refuse_one_file_for_both()?;
        let device = DeviceName::resolve_or_best(self.device)?;
        let embedder = Embedder::open(&self.run.path(), &device)?;
        let layer = embedder.layer(self.layer.as_deref())?;
        let album = self.album(&embedder)?;
        let embedding = embedder.embed(&layer, &album.examples, self.pool)?;
        let mut written = Vec::new();
        if let Some(path) = &self.output {
            files::write(path, &embedding, &album)?;
            written.push(path.clone());
        }
        if let Some(path) = &self.labels {
            files::write_labels(path, &album)?;
            written.push(path.clone());
        }
        if let Some(folder) = &self.projector {
            written.extend(projector::write(folder, &embedding, &album)?);
        }
        let values = embedding.shape[1..].iter().product();
        let labels = album.examples.labels();
        let told = album.classes.is_some();
        let told = told.then(|| class_information(&embedding.vectors, values, labels)).flatten();
        output::print(&match self.json {
            true => as_json(&embedding, told, &written),
            false => as_text(&embedding, told, &written),
        })
    }

    fn album(&self, embedder: &Embedder) -> Result<Album> {
        if let Some(files) = &self.images {
            return embedder.pictures(files, self.count);
        }
        let split = self.split.split();
        let choice = (self.classes.as_deref(), self.count);
        embedder.split(self.dataset.as_deref(), split, choice, &self.source.source())
    }
}

fn as_text(embedding: &Embedding, told: Option<ClassInformation>, files: &[PathBuf]) -> String {
    let Embedding { layer, shape, .. } = embedding;
    let mut lines = vec![format!("{layer}: {} vectors of {:?}", shape[0], &shape[1..])];
    lines.extend(told.map(|ClassInformation { known, predicted, neighbours, probe }| {
        format!(
            "accuracy of {NEIGHBOURS} nearest neighbours = {neighbours:.4}, of a linear probe = {probe:.4} (from \
             {known} images to {predicted} others)"
        )
    }));
    lines.extend(files.iter().map(|file| format!("written: {}", file.display())));
    lines.join("\n")
}

fn as_json(embedding: &Embedding, told: Option<ClassInformation>, files: &[PathBuf]) -> String {
    let told = told.map(|ClassInformation { known, predicted, neighbours, probe }| {
        json!({ "known": known, "predicted": predicted, "neighbours": neighbours, "probe": probe })
    });
    let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    json!({
        "layer": embedding.layer,
        "shape": embedding.shape,
        "accuracies": told,
        "files": files,
    })
    .to_string()
}
