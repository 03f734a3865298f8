//! The images whose codes are the nearest to those of some, by their Euclidean distance.

use anyhow::Result;

use super::pictures::{Sight, name, png};
use crate::data::Split;
use crate::train::{Album, Codes};
use crate::util::csv::to_csv;
use crate::viz::ContactSheet;

/// Neighbours of an image, and images that have some shown.
const NEIGHBOURS: usize = 8;
const IMAGES: usize = 8;

/// The images that are searched.
pub(super) struct Among {
    pub album: Album,
    pub codes: Codes,
    pub split: Split,
    /// Whether they are those that are looked at: no image is its own neighbour.
    pub is_own: bool,
}

/// An image, by its place, and its neighbours, by theirs, each with its distance.
pub(super) struct Found {
    pub image: usize,
    pub neighbours: Vec<(usize, f64)>,
}

/// The neighbours of the images of `pairs`, the first ones of all pairs first.
pub(super) fn find(sight: &Sight, among: &Among, pairs: &[(usize, usize)]) -> Vec<Found> {
    let (first, second) = (pairs.iter().map(|pair| pair.0), pairs.iter().map(|pair| pair.1));
    let of = |image: usize| {
        let without = among.is_own.then_some(image);
        let neighbours = among.codes.nearest(sight.codes.of(image), without, NEIGHBOURS);
        Found { image, neighbours }
    };
    first.chain(second).take(IMAGES).map(of).collect()
}

/// A PNG file: each image, and beside it its neighbours, with the distance below each.
///
/// # Errors
/// When an image cannot be read.
pub(super) fn draw(sight: &Sight, among: &Among, found: &[Found]) -> Result<Vec<u8>> {
    let Sight { explorer, album, .. } = sight;
    let places: Vec<_> = found.iter().map(|found| found.image).collect();
    let columns = found.iter().map(|found| found.neighbours.len()).min().unwrap_or(0);
    let mut images = vec![explorer.images(&album.examples, &places)?];
    let mut captions = vec![vec![String::new(); found.len()]];
    for column in 0..columns {
        let neighbours = || found.iter().map(|found| found.neighbours[column]);
        let places: Vec<_> = neighbours().map(|(place, _)| place).collect();
        images.push(explorer.images(&among.album.examples, &places)?);
        let caption = |(place, distance): (usize, f64)| {
            format!("{}: {}", among.album.numbers[place], digits(distance))
        };
        captions.push(neighbours().map(caption).collect());
    }
    let names: Vec<_> = places.iter().map(|&place| sight.name(place)).collect();
    let heads = ["image".to_owned()].into_iter().chain((1..=columns).map(|rank| rank.to_string()));
    let title = format!(
        "{}: the nearest of the codes of {} {} images; below each its number and its distance",
        explorer.model(),
        among.codes.count(),
        among.split.name()
    );
    png(&ContactSheet {
        title: &title,
        names: &names,
        heads: &heads.collect::<Vec<_>>(),
        images: &images,
        shape: explorer.shape(),
        captions: &captions,
        is_one_block: true,
        ..Default::default()
    })
}

/// A line for each neighbour.
pub(super) fn csv(sight: &Sight, among: &Among, found: &[Found]) -> String {
    let head =
        ["image", "class", "rank", "neighbour", "neighbour_class", "distance"].map(str::to_owned);
    let lines = found.iter().flat_map(|Found { image, neighbours }| {
        neighbours.iter().enumerate().map(|(rank, (place, distance))| {
            [
                sight.album.numbers[*image].to_string(),
                sight.album.class_cell(*image),
                (rank + 1).to_string(),
                among.album.numbers[*place].to_string(),
                among.album.class_cell(*place),
                distance.to_string(),
            ]
        })
    });
    to_csv([head].into_iter().chain(lines))
}

/// A distance in three significant digits or so.
pub(super) fn digits(distance: f64) -> String {
    let before = if distance >= 1.0 { distance.log10() as usize } else { 0 };
    format!("{distance:.*}", 2_usize.saturating_sub(before))
}

/// `33 (seven) at 1.23`.
pub(super) fn told(among: &Among, (place, distance): (usize, f64)) -> String {
    format!("{} at {}", name(&among.album, place), digits(distance))
}
