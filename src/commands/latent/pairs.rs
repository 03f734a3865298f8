//! Which images are interpolated between.

use anyhow::Result;

use crate::error::{Exit, Failure};
use crate::train::Album;
use crate::util::random::epoch_order;

/// Pairs where nothing else is asked for.
const PAIRS: usize = 8;

/// How images are chosen.
pub(super) enum Choice<'a> {
    /// Drawn, each once.
    Seed(u64),
    /// By their numbers in the split, as many of each.
    Numbers { from: &'a [usize], to: &'a [usize] },
}

/// The places in `album` of the two images of each pair.
///
/// # Errors
/// When there is no such image, or there are other numbers of them.
pub(super) fn choose(choice: &Choice, album: &Album) -> Result<Vec<(usize, usize)>> {
    let count = album.numbers.len();
    match choice {
        Choice::Seed(seed) => {
            let pairs = drawn(epoch_order(*seed, 0, count), album);
            Ok(if pairs.is_empty() { vec![(0, 0)] } else { pairs })
        }
        Choice::Numbers { from, to } => {
            if from.len() != to.len() {
                let what = format!("`--from` has {} images, `--to` {}", from.len(), to.len());
                return Err(Failure::new(Exit::Usage, what)
                    .why("each interpolation goes from one of the first to one of the second")
                    .help("give as many of each, as --from 3,14 --to 15,92")
                    .into());
            }
            let pairs = from.iter().zip(*to);
            let place = |flag: &str, number: usize| place(flag, number, album);
            pairs.map(|(from, to)| Ok((place("from", *from)?, place("to", *to)?))).collect()
        }
    }
}

/// The images in this `order`, each with the next one of another class, or else the next one.
fn drawn(mut order: Vec<usize>, album: &Album) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    order.reverse();
    while let Some(from) = order.pop().filter(|_| pairs.len() < PAIRS) {
        let is_other = |to: &usize| album.class(*to) != album.class(from);
        let place = order.iter().rposition(is_other).or(order.len().checked_sub(1));
        let Some(place) = place else { break };
        pairs.push((from, order.remove(place)));
    }
    pairs
}

/// The place of the image with this `number`.
fn place(flag: &str, number: usize, album: &Album) -> Result<usize> {
    let place = album.numbers.iter().position(|own| *own == number);
    place.ok_or_else(|| {
        let last = album.numbers.iter().max().copied().unwrap_or(0);
        let why = match album.numbers.len() == last + 1 {
            true => format!("there are 0 to {last}"),
            false => format!(
                "there are {} up to {last}: only those of the classes that it was trained on",
                album.numbers.len()
            ),
        };
        Failure::new(Exit::Usage, format!("`--{flag} {number}`: there is no such image"))
            .why(why)
            .help("dytb embed RUN --layer NAME --labels FILE.csv lists the images by their numbers")
            .into()
    })
}
