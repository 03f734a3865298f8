//! The picture of `evaluate --gallery`: the images of which a classifier is wrong most surely, those with the largest
//! cross-entropies, the worst first. Before each stands what it is and what it is taken for, `4 as 9`.

use std::path::Path;

use anyhow::{Context, Result};

use crate::data::{Batch, DataLoader};
use crate::metrics::{EvalReport, Outcomes};
use crate::util::atomic_file::write_atomically;
use crate::viz::ContactSheet;

/// Draws the `count` worst images of `loader`, by the results of each in `report`, to the PNG file `path`.
///
/// # Errors
/// When there are no results of a classifier's images, an image cannot be read, or the file cannot be written.
pub(super) fn write(
    path: &Path,
    count: usize,
    report: &EvalReport,
    loader: &DataLoader,
) -> Result<()> {
    let images = report.images.as_ref().context("the results of each image")?;
    let Outcomes::Predictions { classes, losses } = &images.outcomes else {
        anyhow::bail!("an autoencoder predicts no classes");
    };
    let mut worst: Vec<_> = (0..losses.len()).collect();
    // Stable: of equal ones the first image comes first.
    worst.sort_by(|&one, &other| losses[other].total_cmp(&losses[one]));
    worst.truncate(count);
    let name = |label: u32| &report.class_names[label as usize];
    let caption = |&at: &usize| match images.labels[at] == classes[at] {
        true => name(classes[at]).clone(),
        false => format!("{} as {}", name(images.labels[at]), name(classes[at])),
    };
    let names: Vec<_> = worst.iter().map(caption).collect();
    let bytes = loader.read(&worst)?;
    // The bytes themselves: as people see them, whatever they are normalised by.
    let pixels = loader.bytes(Batch::plain(&worst).with_bytes(&bytes));
    let pixels = pixels.into_iter().map(|byte| f32::from(byte) / 127.5 - 1.0).collect();
    let sheet = ContactSheet {
        names: &names,
        heads: &[String::new()],
        images: &[pixels],
        shape: loader.examples().shape(),
        ..Default::default()
    };
    write_atomically(path, &sheet.draw()?.png()?)
}
