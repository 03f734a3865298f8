//! A confusion matrix as a picture: a row for each true class, a column for each class that was told.
//!
//! A cell is the darker blue the larger its share of the row is; up to 30 classes the counts are
//! written into the cells and the numbers of the classes beside them.

use super::Picture;

/// Up to so many classes cells have their counts written in them.
const WITH_NUMBERS: usize = 30;
/// Sides of a cell in pixels, with numbers and without.
const SIDES: [usize; 2] = [34, 8];
/// Digits are drawn that many times as large as their dots.
const SCALE: usize = 2;
/// A digit's dots and the gap after it.
const DIGIT: usize = 4;

/// The digits from 0, five rows of three dots each.
const DIGITS: [u16; 10] = [
    0b111_101_101_101_111,
    0b010_110_010_010_111,
    0b111_001_111_100_111,
    0b111_001_111_001_111,
    0b101_101_111_001_001,
    0b111_100_111_001_111,
    0b111_100_111_101_111,
    0b111_001_010_010_010,
    0b111_101_111_101_111,
    0b111_101_111_001_111,
];

/// White to dark blue.
const LIGHTEST: [f64; 3] = [255.0, 255.0, 255.0];
const DARKEST: [f64; 3] = [8.0, 48.0, 107.0];

/// The picture of `counts` `[true class, told class]` of so many `classes`.
///
/// # Panics
/// When there are not `classes`² counts, or no class.
pub fn confusion(counts: &[u64], classes: usize) -> Picture {
    assert!(classes > 0 && counts.len() == classes * classes, "{} counts", counts.len());
    let numbers = classes <= WITH_NUMBERS;
    let side = SIDES[usize::from(!numbers)];
    let margin = if numbers { side } else { 0 };
    let size = margin + classes * side + 1;
    let mut picture = Picture::black(size, size, true);
    fill(&mut picture, [0, 0], [size, size], [235; 3]);
    for (row, counts) in counts.chunks_exact(classes).enumerate() {
        let all = counts.iter().sum::<u64>().max(1);
        for (column, &count) in counts.iter().enumerate() {
            let corner = [margin + column * side + 1, margin + row * side + 1];
            let share = count as f64 / all as f64;
            fill(&mut picture, corner, [side - 1; 2], shade(share));
            if numbers && count > 0 {
                let ink = if share > 0.4 { [255; 3] } else { [0; 3] };
                write(&mut picture, corner, side, count, ink);
            }
        }
        if numbers {
            write(&mut picture, [0, margin + row * side], side, row as u64, [90; 3]);
            write(&mut picture, [margin + row * side, 0], side, row as u64, [90; 3]);
        }
    }
    picture
}

fn shade(share: f64) -> [u8; 3] {
    std::array::from_fn(|c| (LIGHTEST[c] + share * (DARKEST[c] - LIGHTEST[c])).round() as u8)
}

fn fill(
    picture: &mut Picture,
    [left, top]: [usize; 2],
    [width, height]: [usize; 2],
    colour: [u8; 3],
) {
    for y in top..top + height {
        for x in left..left + width {
            picture.pixel_mut(x, y).copy_from_slice(&colour);
        }
    }
}

/// `number` in the middle of a cell; in smaller digits where it is too long.
fn write(picture: &mut Picture, [left, top]: [usize; 2], side: usize, number: u64, ink: [u8; 3]) {
    let digits = number.to_string();
    let scale = if digits.len() * DIGIT * SCALE <= side { SCALE } else { 1 };
    let (width, height) = ((digits.len() * DIGIT - 1) * scale, 5 * scale);
    if width > side {
        return;
    }
    let (left, top) = (left + (side - width) / 2, top + (side - height) / 2);
    for (place, digit) in digits.bytes().enumerate() {
        let dots = DIGITS[usize::from(digit - b'0')];
        for dot in (0..15).filter(|dot| dots >> (14 - dot) & 1 == 1) {
            let corner = [left + (place * DIGIT + dot % 3) * scale, top + dot / 3 * scale];
            fill(picture, corner, [scale; 2], ink);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_rows_are_shades() {
        let picture = confusion(&[3, 1, 0, 0], 2);
        assert_eq!([picture.width(), picture.height()], [34 + 2 * 34 + 1; 2]);
        // The corners of the cells: three quarters, one quarter, and a class without examples.
        assert_eq!(picture.pixel(35, 35), shade(0.75));
        assert_eq!(picture.pixel(69, 35), shade(0.25));
        assert_eq!(picture.pixel(35, 69), [255; 3]);
    }

    #[test]
    fn every_digit_is_legible() {
        let mut seen = std::collections::HashSet::new();
        for digit in 0..10 {
            let picture = confusion(&[digit * 10 + digit], 1);
            assert!(seen.insert(picture.bytes().to_vec()), "{digit}");
        }
        // Neither the largest count nor many classes are too much.
        confusion(&[u64::MAX], 1);
        assert_eq!(confusion(&[1; 101 * 101], 101).width(), 101 * 8 + 1);
    }
}
