//! `dytb data --preview`: training images, each beside what a training makes of it.
//!
//! The images are the first of the order in which a run of this seed goes through its first epoch; the column `epoch e`
//! is what the data loader hands to the model in the run's epoch e, brought back to -1..=1. Mixed images are mixed as a
//! batch of these is, whose step is the e-th of the run.

use std::path::Path;

use anyhow::Result;
use burn::tensor::Device;
use serde_json::json;

use crate::data::{
    Augmentation, Batch, BatchBytes, DataLoader, Dataset, Mix, Mixed, Normalization, Normalize,
    Split, mix,
};
use crate::error::{Exit, Failure};
use crate::util::atomic_file::write_atomically;
use crate::util::random::{epoch_order, step_seed};
use crate::viz::ContactSheet;

/// Images in a picture.
const IMAGES: usize = 16;
/// Epochs beside each.
const EPOCHS: u64 = 5;

/// What is drawn.
pub(super) struct Preview {
    pub augmentation: Augmentation,
    /// A of mixup; 0 for none.
    pub mixup: f64,
    /// A of CutMix; 0 for none.
    pub cutmix: f64,
    pub normalize: Normalize,
    pub seed: u64,
}

/// What was drawn.
pub(super) struct Drawn {
    /// Index and class of each image.
    images: Vec<(usize, String)>,
    /// Columns beside the original.
    epochs: u64,
    /// Pixels of the picture: width, height.
    size: [usize; 2],
    /// The least and the greatest pixel of the originals as the model is given them.
    range: [f32; 2],
}

/// Fails where no PNG can be written to `path`: its name says another format, or its folder is not there.
pub(super) fn refuse_path(path: &Path) -> Result<(), Failure> {
    let what = || format!("`--preview {}`", path.display());
    if !path.extension().is_some_and(|end| end.eq_ignore_ascii_case("png")) {
        return Err(Failure::new(Exit::Usage, what())
            .why("the picture is a PNG")
            .help("give a name that ends in .png"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.filter(|folder| !folder.is_dir()) {
        Some(folder) => Err(Failure::new(Exit::Failed, what())
            .why(format!("there is no folder `{}`", folder.display()))
            .help("make it, or name another one")),
        None => Ok(()),
    }
}

impl Preview {
    /// Writes the picture of images of `dataset` to `path`.
    ///
    /// # Errors
    /// When the images cannot be had or normalised so, or the file cannot be written.
    pub fn write(&self, dataset: &dyn Dataset, path: &Path) -> Result<Drawn> {
        self.normalize.refuse_channels(dataset.shape()[0])?;
        let train = dataset.load(Split::Train)?;
        let normalization = self.normalize.resolve(&train)?;
        let loader = DataLoader::normalized(train, &Device::flex(), normalization.as_ref());
        let mut indices = epoch_order(self.seed, 0, loader.len());
        indices.truncate(IMAGES);
        let bytes = loader.read(&indices)?;
        let epochs = if self.changes_nothing() { 0 } else { EPOCHS };
        let originals = pixels(&loader, Batch::plain(&indices).with_bytes(&bytes))?;
        let mut images = vec![shown(originals.clone(), &loader, normalization.as_ref())];
        for epoch in 0..epochs {
            let pixels = self.epoch(&loader, &indices, &bytes, epoch)?;
            images.push(shown(pixels, &loader, normalization.as_ref()));
        }
        let class_names = dataset.class_names();
        let labels = indices.iter().map(|&index| loader.examples().labels()[index] as usize);
        let names: Vec<_> = labels.map(|label| class_names[label].clone()).collect();
        let heads = (1..=epochs).map(|epoch| format!("epoch {epoch}"));
        let heads: Vec<_> = ["original".to_owned()].into_iter().chain(heads).collect();
        let shape = loader.examples().shape();
        let sheet = ContactSheet {
            names: &names,
            heads: &heads,
            images: &images,
            shape,
            ..Default::default()
        };
        let picture = sheet.draw()?;
        write_atomically(path, &picture.png()?)?;
        let least = originals.iter().copied().fold(f32::INFINITY, f32::min);
        let most = originals.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Ok(Drawn {
            images: indices.into_iter().zip(names).collect(),
            epochs,
            size: [picture.width(), picture.height()],
            range: [least, most],
        })
    }

    fn changes_nothing(&self) -> bool {
        self.augmentation.is_none() && self.mixup == 0.0 && self.cutmix == 0.0
    }

    /// The pixels of the examples at `indices`, for which these `bytes` were read, in an epoch.
    fn epoch(
        &self,
        loader: &DataLoader,
        indices: &[usize],
        bytes: &BatchBytes,
        epoch: u64,
    ) -> Result<Vec<f32>> {
        let augmented = self.augmentation.of_epoch(self.seed, epoch);
        let partners = mix::partners(indices);
        let shape = loader.examples().shape();
        let mix = Mix::draw(self.mixup, self.cutmix, shape, step_seed(self.seed, epoch));
        let mixed = mix.map(|mix| Mixed { partners: &partners, mix });
        pixels(loader, Batch { mixed, ..Batch::augmented(indices, augmented) }.with_bytes(bytes))
    }
}

/// The pixels that a model is given for `batch`.
fn pixels(loader: &DataLoader, batch: Batch) -> Result<Vec<f32>> {
    Ok(loader.images(batch).into_data().try_to_vec()?)
}

/// The same in -1..=1.
fn shown(mut pixels: Vec<f32>, loader: &DataLoader, by: Option<&Normalization>) -> Vec<f32> {
    let [_, height, width] = loader.examples().shape();
    if let Some(normalization) = by {
        normalization.to_range(&mut pixels, height * width);
    }
    pixels
}

impl Drawn {
    /// The file, and what is in it.
    pub fn as_text(&self, path: &Path) -> String {
        let Self { images, epochs, range: [least, most], .. } = self;
        let beside = match epochs {
            0 => "as they are: nothing changes them".to_owned(),
            epochs => format!("beside what becomes of them in {epochs} epochs"),
        };
        format!(
            "{} training images, {beside}\npixels as the model is given them: {least:.3} to {most:.3}\nwritten: {}",
            images.len(),
            path.display()
        )
    }

    pub fn as_json(&self, path: &Path) -> String {
        let Self { images, epochs, size: [width, height], range } = self;
        let images = images.iter().map(|(index, class)| json!({ "index": index, "class": class }));
        json!({
            "file": path.display().to_string(), "width": width, "height": height, "epochs": epochs,
            "pixels": range, "images": images.collect::<Vec<_>>(),
        })
        .to_string()
    }
}
