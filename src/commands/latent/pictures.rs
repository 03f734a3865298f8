//! The pictures of `latent`: each with a title that says what it shows, and from where its codes are.

use anyhow::Result;

use crate::data::Split;
use crate::nn::Prior;
use crate::train::{Album, Codes, Explorer};
use crate::viz::{Apart, ContactSheet};

/// Numbers of a code that are taken along, at the most.
const NUMBERS: usize = 64;
/// Samples, and how many stand in a row.
const SAMPLES: usize = 64;
const IN_A_ROW: usize = 8;

/// A model, and the images that it is looked at with.
pub(super) struct Sight<'a> {
    pub explorer: &'a Explorer,
    pub album: &'a Album,
    /// Of the images of the album.
    pub codes: &'a Codes,
    /// The part of the data set that these are.
    pub split: Split,
}

impl Sight<'_> {
    /// `12 (seven)`: the number of the image `at` and, where it is known, its class.
    pub fn name(&self, at: usize) -> String {
        name(self.album, at)
    }

    /// `250 validation images`.
    fn images(&self) -> String {
        format!("{} {} images", self.codes.count(), self.split.name())
    }

    /// One image's values.
    fn size(&self) -> usize {
        self.explorer.shape().iter().product()
    }

    /// The columns of a table of `rows` rows, whose `images` are row by row.
    fn columns(&self, images: &[f32], rows: usize) -> Vec<Vec<f32>> {
        let size = self.size();
        let columns = images.len() / size / rows.max(1);
        let column = |column: usize| -> Vec<f32> {
            let each = images.chunks_exact(size).skip(column).step_by(columns);
            each.flatten().copied().collect()
        };
        (0..columns).map(column).collect()
    }
}

/// The number of the image `at` of `album` and, where it is known, its class.
pub(super) fn name(album: &Album, at: usize) -> String {
    let class = album.class(at).map_or(String::new(), |class| format!(" ({class})"));
    format!("{}{class}", album.numbers[at])
}

/// `number` in three digits after the point or fewer.
fn short(number: f64) -> String {
    format!("{number:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A PNG file of `steps` images from one to the other of each pair.
///
/// # Errors
/// When an image cannot be read.
pub(super) fn interpolation(
    sight: &Sight,
    pairs: &[(usize, usize)],
    steps: usize,
) -> Result<Vec<u8>> {
    let Sight { explorer, album, codes, .. } = sight;
    let made = explorer.space(codes).interpolation(pairs, steps);
    let [from, to] = [0, 1].map(|end| -> Result<Vec<f32>> {
        let ends: Vec<_> = pairs.iter().map(|pair| [pair.0, pair.1][end]).collect();
        explorer.images(&album.examples, &ends)
    });
    let images = [vec![from?], sight.columns(&made, pairs.len()), vec![to?]].concat();
    let shares = (0..steps).map(|step| short(step as f64 / (steps - 1) as f64));
    let heads: Vec<_> =
        ["from".to_owned()].into_iter().chain(shares).chain(["to".to_owned()]).collect();
    let names: Vec<_> = pairs
        .iter()
        .map(|(from, to)| format!("{} → {}", sight.name(*from), sight.name(*to)))
        .collect();
    let split = sight.split.name();
    let title = format!(
        "{}: between {split} images, decoded from (1 - t) of the first code and t of the second",
        explorer.model()
    );
    png(&ContactSheet {
        title: &title,
        names: &names,
        heads: &heads,
        images: &images,
        shape: explorer.shape(),
        apart: Apart::Both,
        is_one_block: true,
        ..Default::default()
    })
}

/// A PNG file of what becomes of the image `at` along each number of its code; `None` where a code is no numbers.
///
/// # Errors
/// When it cannot be drawn.
pub(super) fn traversal(sight: &Sight, at: usize, steps: usize) -> Result<Option<Vec<u8>>> {
    let Sight { explorer, codes, .. } = sight;
    let Some(found) = explorer.space(codes).traversal(at, steps, NUMBERS) else { return Ok(None) };
    let deviations = codes.deviations();
    let names: Vec<_> = found
        .numbers
        .iter()
        .map(|&number| format!("{number}: σ {:.2}", deviations[number]))
        .collect();
    let sign = if explorer.prior() == Prior::StandardNormal { "" } else { "σ" };
    let heads: Vec<_> =
        found.offsets.iter().map(|offset| format!("{}{sign}", short(*offset))).collect();
    let images = sight.columns(&found.images, found.numbers.len());
    let which = match (found.numbers.len(), codes.numbers()) {
        (shown, all) if shown < all => {
            format!("each of the {shown} of {all} numbers that vary most")
        }
        (_, all) => format!("each of the {all} numbers"),
    };
    let range = match explorer.prior() {
        Prior::StandardNormal => {
            "from -3 to 3, in standard deviations of the prior N(0, 1); σ: the deviation of the codes' means of"
        }
        _ => {
            "from three standard deviations σ below the mean to three above it, both of the codes of"
        }
    };
    let title = format!(
        "{}: {which} in the code of image {} taken {range} {}",
        explorer.model(),
        sight.name(at),
        sight.images()
    );
    png(&ContactSheet {
        title: &title,
        names: &names,
        heads: &heads,
        images: &images,
        shape: explorer.shape(),
        apart: Apart::Neither,
        ..Default::default()
    })
    .map(Some)
}

/// Why there is no traversal of the model of `explorer`.
pub(super) fn why_no_traversal(explorer: &Explorer) -> String {
    format!("a code of {} is words of a codebook: there is nothing between two", explorer.model())
}

/// Where the codes of samples are drawn from.
pub(super) fn origin(sight: &Sight) -> String {
    let images = sight.images();
    match sight.explorer.prior() {
        Prior::StandardNormal => "the prior N(0, 1) that it was trained for".to_owned(),
        Prior::Unknown => {
            format!("a Gaussian fitted to the codes of {images}: no prior was trained")
        }
        Prior::Codebook { .. } => format!(
            "the words of {images}, by how often each stands at its place and whatever stands beside it: no prior was \
             trained"
        ),
    }
}

/// A PNG file of samples.
///
/// # Errors
/// When it cannot be drawn.
pub(super) fn samples(sight: &Sight, seed: u64) -> Result<Vec<u8>> {
    let Sight { explorer, codes, .. } = sight;
    let made = explorer.space(codes).samples(SAMPLES, seed);
    let rows = SAMPLES / IN_A_ROW;
    let title = format!("{}: codes drawn from {}", explorer.model(), origin(sight));
    png(&ContactSheet {
        title: &title,
        names: &vec![String::new(); rows],
        heads: &vec![String::new(); IN_A_ROW],
        images: &sight.columns(&made, rows),
        shape: explorer.shape(),
        apart: Apart::Neither,
        is_one_block: true,
        ..Default::default()
    })
}

/// The file of `sheet`.
pub(super) fn png(sheet: &ContactSheet) -> Result<Vec<u8>> {
    Ok(sheet.draw()?.png()?)
}
