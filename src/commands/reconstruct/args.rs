//! The command line of `reconstruct`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser};

use super::render::{self, Choice, Request};
use crate::commands::run_args::{RunArgs, SplitName};
use crate::commands::{SourceArgs, output, values};
use crate::device::DeviceName;
use crate::inputs::INPUTS;

/// Write pictures of what a trained autoencoder makes of images.
///
/// PNG files of the images beside their reconstructions, of its filters, and of its feature maps of the first
/// image before and after each activation. The images are those of a data set, or your own (--images). All
/// pictures are enlarged by whole pixels.
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct Reconstruct {
    #[command(flatten)]
    run: RunArgs,
    /// Data set of the images: a file of inputs/ [default: the one that it was trained on]
    #[arg(long, value_parser = values::names(INPUTS), value_name = "NAME")]
    dataset: Option<String>,
    /// Part of the data set
    #[arg(long, value_enum, default_value = "test", value_name = "NAME")]
    split: SplitName,
    /// Only images of these classes, by name or number, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "CLASS,...")]
    classes: Option<Vec<String>>,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// Show the error of each pixel too, |reconstruction - image|: the largest is white
    #[arg(long = "error_map", alias = "error-map")]
    error_map: bool,
    /// Folder that the files are written to
    #[arg(long, default_value = "reconstructions", value_name = "DIR")]
    output: PathBuf,
    /// Device that computes: /gpu:N, /cpu:0, cuda:N, wgpu:N or cpu [default: /gpu:0 where there is one]
    #[arg(long, value_name = "DEVICE")]
    device: Option<DeviceName>,
    #[command(flatten)]
    source: SourceArgs,
    /// Print the errors as JSON
    #[arg(long)]
    json: bool,
}

/// Which images are shown; the first sixteen, if nothing is said.
#[derive(Args, Clone, Debug)]
#[group(multiple = false)]
struct ChoiceArgs {
    /// Your own images, instead of a data set's: scaled to cover the model's size, and cut
    #[arg(long, num_args = 1.., value_name = "FILE", conflicts_with_all = ["dataset", "split", "classes"])]
    images: Option<Vec<PathBuf>>,
    /// The images with these numbers (0 is the first), separated by commas
    #[arg(long, value_delimiter = ',', value_parser = values::index, allow_negative_numbers = true, value_name = "N,...")]
    index: Option<Vec<usize>>,
    /// N random images (unseeded)
    #[arg(long, value_parser = values::at_least_one, allow_negative_numbers = true, value_name = "N")]
    random: Option<usize>,
    /// The images with the largest errors of all, the worst first; worst.csv ranks them
    #[arg(long, value_parser = values::at_least_one, allow_negative_numbers = true, value_name = "N")]
    worst: Option<usize>,
}

impl Reconstruct {
    /// Writes the pictures and prints the errors.
    ///
    /// # Errors
    /// When there is no such checkpoint, it makes no reconstructions, the images cannot be had, or a
    /// file cannot be written.
    pub fn run(&self) -> Result<()> {
        let shown = render::write(&Request {
            checkpoint: self.run.path(),
            dataset: self.dataset.clone(),
            split: self.split.into(),
            classes: self.classes.clone(),
            choice: self.choice.choice(),
            error_map: self.error_map,
            output: self.output.clone(),
            device: DeviceName::resolve_or_best(self.device)?,
            source: self.source.source(),
        })?;
        output::print(&match self.json {
            true => output::shown_as_json(&shown),
            false => output::shown_as_text(&shown),
        })
    }
}

impl ChoiceArgs {
    fn choice(&self) -> Choice {
        match (&self.images, &self.index, self.random, self.worst) {
            (Some(files), ..) => Choice::Files(files.clone()),
            (_, Some(indices), ..) => Choice::Indices(indices.clone()),
            (_, _, Some(count), _) => Choice::Random(count),
            (_, _, _, Some(count)) => Choice::Worst(count),
            _ => Choice::First,
        }
    }
}
