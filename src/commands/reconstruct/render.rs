//! The files that `reconstruct` writes: `reconstructions.png`, `filters_<layer>.png`,
//! `maps_<layer>.png` and a ranking of the errors, `errors.csv` or `worst.csv`.

use crate::data::Batch;
use crate::run::find_checkpoint;
use crate::train::evaluate;
use crate::train::predict::refuse_shape;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::tensor::Device;
use serde::Serialize;

use crate::commands::reconstruct::reconstructions::{Reconstructions, worst};
use crate::data::DataLoader;
use crate::data::Subset;
use crate::data::loose_pictures;
use crate::data::subset;
use crate::data::{Examples, Source, Split};
use crate::error::{Exit, Failure};
use crate::nn::Summary;
use crate::run::Checkpoint;
use crate::train::AnyModel;
use crate::util::atomic_file::write_atomically;
use crate::util::csv::to_csv;
use crate::viz::{Grid, Picture, Range};

/// Images are enlarged to at least this many pixels.
const SIDE: usize = 112;
/// Where there are many feature maps they are enlarged to this many pixels.
const MAP_SIDE: usize = 64;
/// Fewer feature maps than this are drawn as large as images.
const FEW_MAPS: usize = 9;
/// An autoencoder has no classes; a classifier is built only to be refused.
const MOST_CLASSES: usize = 1000;
/// Images that are shown where nothing else is asked for.
const DEFAULT_IMAGES: usize = 16;

/// What to show, of which model.
pub struct Request {
    /// A run's folder, a folder of checkpoints, or a checkpoint.
    pub checkpoint: PathBuf,
    /// A file of `inputs/`; `None` for the one that the model was trained on.
    pub dataset: Option<String>,
    /// The part of the data set.
    pub split: Split,
    /// Classes by name or number; `None` for all.
    pub classes: Option<Vec<String>>,
    /// Which images.
    pub choice: Choice,
    /// Whether to show the error of each pixel.
    pub error_map: bool,
    /// The folder to write to.
    pub output: PathBuf,
    /// What computes it.
    pub device: Device,
    /// Where the data set's files are.
    pub source: Source,
}

/// Which images are shown.
pub enum Choice {
    /// The first ones.
    First,
    /// Those with these numbers.
    Indices(Vec<usize>),
    /// N random ones.
    Random(usize),
    /// The N with the largest errors.
    Worst(usize),
    /// The user's own.
    Files(Vec<PathBuf>),
}

/// What was shown.
pub struct Shown {
    /// The images, in their order.
    pub images: Vec<ShownImage>,
    /// The files that were written.
    pub files: Vec<PathBuf>,
}

/// An image and how well it was reconstructed.
#[derive(Serialize)]
pub struct ShownImage {
    /// Its number in the data set, or its file.
    pub image: String,
    /// What it is called in the data set, if it has a name there: its file in the folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its class, of a data set's.
    pub class: Option<String>,
    /// Half the mean squared error.
    pub error: f64,
}

/// The images that can be shown, and what they are called.
struct Album {
    examples: Examples,
    names: Vec<String>,
    classes: Option<Vec<String>>,
}

/// Writes the files that `request` asks for.
///
/// # Errors
/// When there is no such checkpoint, its model makes no reconstructions, the images cannot be had, or a
/// file cannot be written.
pub fn write(request: &Request) -> Result<Shown> {
    let (path, checkpoint) = find_checkpoint(&request.checkpoint)?;
    let album = album(request, &checkpoint, &path)?;
    let count = album.names.len();
    let size = (album.examples.shape(), checkpoint.state.classes.min(MOST_CLASSES));
    let model = evaluate::restore(&checkpoint, &path, size, &request.device)?;
    let loader = DataLoader::new(album.examples, &request.device);
    let none = || no_reconstructions(&path, &checkpoint);
    let indices = choose(&request.choice, count, &model, &loader)?.ok_or_else(none)?;
    let pairs = Reconstructions::of(&model, &loader, &indices)?.ok_or_else(none)?;

    let images: Vec<_> = indices
        .iter()
        .zip(pairs.errors())
        .map(|(&index, error)| {
            let label = loader.examples().labels()[index] as usize;
            let class = album.classes.as_ref().map(|classes| classes[label].clone());
            let name = loader.examples().name(index).map(str::to_owned);
            ShownImage { image: album.names[index].clone(), name, class, error }
        })
        .collect();
    fs::create_dir_all(&request.output)
        .with_context(|| format!("cannot make the folder `{}`", request.output.display()))?;
    let mut files = OutputFiles { folder: &request.output, written: Vec::new() };
    files.png("reconstructions", &side_by_side(&pairs, request.error_map)?)?;
    let ranking = if matches!(request.choice, Choice::Worst(_)) { "worst" } else { "errors" };
    files.write(&format!("{ranking}.csv"), csv(&images).as_bytes())?;
    let bytes = loader.read(&indices[..1])?;
    let first = loader.images(Batch::plain(&indices[..1]).with_bytes(&bytes));
    for summary in model.record(first).into_summaries() {
        files.summary(&summary)?;
    }
    Ok(Shown { images, files: files.written })
}

/// The images that `request` chooses from, in the shape that the model of `checkpoint` takes.
fn album(request: &Request, checkpoint: &Checkpoint, path: &Path) -> Result<Album> {
    let state = &checkpoint.state;
    if let Choice::Files(files) = &request.choice {
        refuse_shape(checkpoint, path)?;
        let (mut pixels, mut names) = (Vec::new(), Vec::new());
        for picture in loose_pictures::find(files)? {
            let name = picture.path.display().to_string();
            let bytes = picture.read(state.shape).map_err(|why| {
                Failure::new(Exit::Failed, format!("cannot show `{name}`")).why(why)
            })?;
            pixels.extend(bytes);
            names.push(name);
        }
        if names.is_empty() {
            return Err(Failure::new(Exit::Failed, "`--images`: there is no file").into());
        }
        let examples = Examples::new(state.shape, pixels, vec![0; names.len()])?;
        return Ok(Album { examples, names, classes: None });
    }
    let name = request.dataset.as_ref().unwrap_or(&state.config.dataset);
    let source = evaluate::source_of(path, name, state, &request.source)?;
    let dataset = evaluate::dataset_for(checkpoint, path, name, &source)?;
    let classes = subset::labels_of(request.classes.as_deref(), &*dataset)?;
    let dataset = Subset::of(dataset, classes.as_deref())?;
    let examples = dataset.load(request.split)?;
    let names = (0..examples.len()).map(|index| index.to_string()).collect();
    Ok(Album { examples, names, classes: Some(dataset.class_names()) })
}

/// The numbers of the images to be shown, of `count`. `None` if `model` makes no reconstructions.
fn choose(
    choice: &Choice,
    count: usize,
    model: &AnyModel,
    loader: &DataLoader,
) -> Result<Option<Vec<usize>>> {
    Ok(Some(match choice {
        Choice::First => (0..count.min(DEFAULT_IMAGES)).collect(),
        Choice::Files(_) => (0..count).collect(),
        Choice::Random(wanted) => {
            rand::seq::index::sample(&mut rand::rng(), count, count.min(*wanted)).into_vec()
        }
        Choice::Worst(wanted) => {
            let Some(ranking) = worst(model, loader, *wanted)? else { return Ok(None) };
            ranking.into_iter().map(|(at, _)| at).collect()
        }
        Choice::Indices(indices) => {
            if let Some(index) = indices.iter().find(|&&index| index >= count) {
                let what = format!("`--index {index}`: there is no such image");
                let why = format!("there are {count}: 0 to {}", count - 1);
                return Err(Failure::new(Exit::Usage, what).why(why).into());
            }
            indices.clone()
        }
    }))
}

/// Each image, its reconstruction and, if wanted, its error map, beside each other, in about as many
/// rows as columns.
fn side_by_side(pairs: &Reconstructions, error_map: bool) -> Result<Picture> {
    let [count, channels, height, width] = pairs.shape;
    let n = channels * height * width;
    let maps = if error_map { brightened(pairs.error_maps()) } else { Vec::new() };
    let each = if error_map { 3 } else { 2 };
    let mut values = Vec::with_capacity(count * each * n);
    for i in 0..count {
        values.extend_from_slice(&pairs.images[i * n..][..n]);
        values.extend_from_slice(&pairs.reconstructions[i * n..][..n]);
        values.extend(maps.iter().skip(i * n).take(n));
    }
    let groups = (count as f64 / each as f64).sqrt().ceil() as usize;
    let grid =
        Grid { columns: groups * each, padding: 2, enlarge: enlargement(height, width, SIDE) };
    grid.draw(&values, [count * each, channels, height, width], Range::SIGNED)
}

/// Brings `maps` to -1 (no error) to 1, the largest error of all.
fn brightened(maps: Vec<f32>) -> Vec<f32> {
    let most = maps.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    maps.into_iter().map(|error| error / most * 2.0 - 1.0).collect()
}

/// By how many pixels one is drawn, so that an image has a side of `side` or a little more.
fn enlargement(height: usize, width: usize, side: usize) -> usize {
    side.div_ceil(height.max(width))
}

/// A line for each image; with names, where they have some.
fn csv(images: &[ShownImage]) -> String {
    let named = images.iter().any(|image| image.name.is_some());
    let head = ["image", "name", "class", "error"].map(|head| Some(head.to_owned()));
    let lines = images.iter().map(|ShownImage { image, name, class, error }| {
        let of = |text: &Option<String>| Some(text.clone().unwrap_or_default());
        [Some(image.clone()), of(name), of(class), Some(error.to_string())]
    });
    to_csv([head].into_iter().chain(lines).map(|mut line| {
        if !named {
            line[1] = None;
        }
        line.into_iter().flatten()
    }))
}

/// OutputFiles of one folder.
struct OutputFiles<'a> {
    folder: &'a Path,
    written: Vec<PathBuf>,
}

impl OutputFiles<'_> {
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        write_atomically(&path, bytes)?;
        self.written.push(path);
        Ok(())
    }

    fn png(&mut self, name: &str, picture: &Picture) -> Result<()> {
        self.write(&format!("{name}.png"), &picture.png()?)
    }

    /// Writes what a layer shows, if that is a picture.
    fn summary(&mut self, summary: &Summary) -> Result<()> {
        let name = |tag: &str, what: &str| {
            let layer = tag.rsplit_once('/').map_or(tag, |(layer, _)| layer);
            format!("{what}_{}", layer.replace('/', "."))
        };
        // All feature maps, as large as they are: it is one picture, not one of each epoch.
        let Some(picture) = summary.picture(usize::MAX)? else { return Ok(()) };
        let (what, by) = match summary {
            Summary::Activations { shape, .. } => {
                let side = if shape[0] < FEW_MAPS { SIDE } else { MAP_SIDE };
                ("maps", enlargement(shape[1], shape[2], side))
            }
            _ => ("filters", 3),
        };
        self.png(&name(summary.tag(), what), &picture.enlarged(by))
    }
}

fn no_reconstructions(path: &Path, checkpoint: &Checkpoint) -> anyhow::Error {
    let model = &checkpoint.state.config.model;
    Failure::new(Exit::Failed, format!("`{}` makes no reconstructions", path.display()))
        .why(format!("{model} tells classes apart"))
        .help("name a run of an autoencoder; evaluate_classifier evaluates classifiers")
        .into()
}
