//! One operation of the list: its name, its numbers, and what they may be.

use std::fmt;

use super::draws::Draws;
use super::image::Image;
use super::{affine, crop, cutout, erase, flip, jitter, rand_augment};

/// An augmentation of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operation {
    /// Rows and columns of padding.
    Crop(usize),
    Flip,
    /// Degrees, at the most.
    Rotate(f64),
    /// Pixels, at the most.
    Shift(f64),
    /// The least and the greatest factor.
    Scale([f64; 2]),
    /// The side of the square.
    Cutout(usize),
    /// The greatest distance of a factor from 1.
    Jitter(f64),
    /// A probability.
    Erase(f64),
    /// Operations and their magnitude.
    Rand(u32, u32),
}

/// Each with an example.
pub(super) const EXAMPLES: [(&str, &str); 9] = [
    ("crop", "crop:4"),
    ("flip", "flip"),
    ("rotate", "rotate:15"),
    ("shift", "shift:2"),
    ("scale", "scale:0.9..1.1"),
    ("cutout", "cutout:8"),
    ("jitter", "jitter:0.2"),
    ("erase", "erase:0.25"),
    ("rand", "rand:2,9"),
];

/// The most pixels that a side of an image can have, and more than those of any that is trained on.
const SIDES: usize = 65_536;
/// More make nothing but noise.
const MOST_OPERATIONS: u32 = 14;

impl Operation {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crop(_) => "crop",
            Self::Flip => "flip",
            Self::Rotate(_) => "rotate",
            Self::Shift(_) => "shift",
            Self::Scale(_) => "scale",
            Self::Cutout(_) => "cutout",
            Self::Jitter(_) => "jitter",
            Self::Erase(_) => "erase",
            Self::Rand(..) => "rand",
        }
    }

    /// The operation `name` with the numbers `value`.
    ///
    /// # Errors
    /// What it has to be; `None` where there is no operation of this name.
    pub fn parse(name: &str, value: Option<&str>) -> Result<Self, Option<String>> {
        let (_, example) = EXAMPLES.into_iter().find(|(known, _)| *known == name).ok_or(None)?;
        if name == "flip" {
            let what = "flip takes no number: it is by a fair coin".to_owned();
            return if value.is_some() { Err(Some(what)) } else { Ok(Self::Flip) };
        }
        let value = value.ok_or_else(|| Some(format!("{name} takes a number, as {example}")))?;
        let wrong = |what: &str| Some(format!("{name}:{value}: it has to be {what}, as {example}"));
        let whole = |least: u32, most: usize, what: &str| {
            let number = value.parse::<usize>().ok();
            number
                .filter(|number| (least as usize..=most).contains(number))
                .ok_or_else(|| wrong(what))
        };
        let number = |most: f64, what: &str| {
            let number = value.parse::<f64>().ok();
            number.filter(|number| *number > 0.0 && *number <= most).ok_or_else(|| wrong(what))
        };
        let sides = SIDES as f64;
        Ok(match name {
            "crop" => Self::Crop(whole(1, SIDES, "a whole number of pixels from 1")?),
            "rotate" => Self::Rotate(number(180.0, "degrees, more than 0 and 180 at the most")?),
            "shift" => Self::Shift(number(sides, "pixels, more than 0")?),
            "scale" => Self::Scale(factors(value).ok_or_else(|| {
                wrong("LOW..HIGH, two factors of 0.1 to 10, the first not the greater one")
            })?),
            "cutout" => Self::Cutout(whole(1, SIDES, "a whole number of pixels from 1")?),
            "jitter" => Self::Jitter(number(1.0, "more than 0 and 1 at the most")?),
            "erase" => Self::Erase(number(1.0, "a probability, more than 0 and 1 at the most")?),
            _ => {
                let what = "N,M: 1 to 14 operations of the magnitude 0 to 30";
                let numbers = value.split_once(',').ok_or_else(|| wrong(what))?;
                let [n, m] = [numbers.0, numbers.1].map(|text| text.trim().parse::<u32>().ok());
                let n = n.filter(|n| (1..=MOST_OPERATIONS).contains(n));
                let m = m.filter(|m| *m <= rand_augment::MOST);
                let (n, m) = n.zip(m).ok_or_else(|| wrong(what))?;
                Self::Rand(n, m)
            }
        })
    }

    /// Changes `image` by what the example's `seed` draws for the operation at this `place` in the list.
    pub fn apply(self, image: &mut Image, seed: u64, place: u64) {
        let draws = &mut Draws::new(crate::util::random::split_mix64(seed, place));
        match self {
            Self::Crop(padding) => crop::random(image, padding, draws),
            Self::Flip if flip::is_flipped(seed) => flip::flip(image),
            Self::Flip => {}
            Self::Rotate(most) => affine::random_rotation(image, most, draws),
            Self::Shift(most) => affine::random_shift(image, most, draws),
            Self::Scale(factors) => affine::random_scale(image, factors, draws),
            Self::Cutout(side) => cutout::random(image, side, draws),
            Self::Jitter(strength) => jitter::random(image, strength, draws),
            Self::Erase(probability) => erase::random(image, probability, draws),
            Self::Rand(operations, magnitude) => {
                rand_augment::random(image, operations, magnitude, draws);
            }
        }
    }

    /// What of it does not fit into images of this `height` and `width`, if something does not.
    pub fn too_large(self, height: usize, width: usize) -> Option<String> {
        let side = height.min(width);
        match self {
            Self::Crop(padding) if padding >= side => Some(format!(
                "a crop could leave nothing of an image: less than {side} is possible"
            )),
            Self::Shift(pixels) if pixels >= side as f64 => Some(format!(
                "a shift could leave nothing of an image: less than {side} is possible"
            )),
            Self::Cutout(square) if square > side => {
                Some(format!("the square is larger than an image: {side} or less is possible"))
            }
            _ => None,
        }
    }
}

fn factors(text: &str) -> Option<[f64; 2]> {
    let (low, high) = text.split_once("..")?;
    let factor = |text: &str| {
        let factor = text.trim().parse::<f64>().ok();
        factor.filter(|factor| (0.1..=10.0).contains(factor))
    };
    let (low, high) = (factor(low)?, factor(high)?);
    (low <= high).then_some([low, high])
}

impl fmt::Display for Operation {
    /// As it is parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Flip => Ok(()),
            Self::Crop(number) | Self::Cutout(number) => write!(f, ":{number}"),
            Self::Rotate(number)
            | Self::Shift(number)
            | Self::Jitter(number)
            | Self::Erase(number) => write!(f, ":{number}"),
            Self::Scale([low, high]) => write!(f, ":{low}..{high}"),
            Self::Rand(operations, magnitude) => write!(f, ":{operations},{magnitude}"),
        }
    }
}
