//! Images in rows, a name before each row and a head above each column, in as many blocks beside each other as make the
//! picture about as wide as high:
//!
//! ```text
//!       original  epoch 1  epoch 2           original  epoch 1  epoch 2
//! cat   [image]   [image]  [image]     dog   [image]   [image]  [image]
//! bird  [image]   [image]  [image]     cat   [image]   [image]  [image]
//! ```
//!
//! Small images are enlarged by a whole number, large ones reduced to means of squares.

use anyhow::{Context, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::limits::reduce;
use super::text::{all_shortened, font, width};
use super::{Grid, Picture, Range};

/// Images are enlarged to a side of this many pixels or a little more, and reduced to the other.
const SIDE: usize = 64;
/// See [`SIDE`].
const MOST_SIDE: usize = 256;
/// Pixels of the font, and of the widest name.
const FONT: u32 = 13;
const NAME: u32 = 130;
/// Pixels between images, between the originals and the others, and around blocks.
const GAP: usize = 3;
const WIDE_GAP: usize = 8;
const MARGIN: usize = 12;

/// What is drawn.
pub struct ContactSheet<'a> {
    /// Of each row.
    pub names: &'a [String],
    /// Of each column, the originals' first.
    pub heads: &'a [String],
    /// Of each column its images `[rows, channels, height, width]` in -1..=1.
    pub images: &'a [Vec<f32>],
    /// `[channels, height, width]`.
    pub shape: [usize; 3],
}

/// Where everything is.
struct Layout {
    /// Pixels of an image: width, height.
    tile: [usize; 2],
    /// Pixels before the first image of a row.
    before: usize,
    /// Pixels above the first row.
    above: usize,
    /// Pixels of a block from left to right.
    block: usize,
    /// Rows of a block, and blocks.
    rows: usize,
    blocks: usize,
}

impl ContactSheet<'_> {
    /// Draws it.
    ///
    /// # Errors
    /// When there are not as many images as rows and columns, or they cannot be drawn.
    pub fn draw(&self) -> Result<Picture> {
        let [_, height, width] = self.shape;
        let by = height.max(width).div_ceil(MOST_SIDE);
        let enlarge = SIDE.div_ceil(height.max(width).div_ceil(by));
        let tile = [width, height].map(|side| side.div_ceil(by) * enlarge);
        let layout = self.layout(tile);
        let [wide, high] = layout.size();
        let sheet = Picture::from_rgb(wide, high, self.texts(&layout));
        let mut sheet = sheet.context("a byte for each channel of each pixel")?;
        for (column, images) in self.images.iter().enumerate() {
            let shape = [self.names.len(), self.shape[0], height, width];
            super::grid::check(images, shape)?;
            let (images, shape) = reduce(images, shape, by);
            let size = images.len() / shape[0];
            for (row, image) in images.chunks_exact(size).enumerate() {
                let grid = Grid { columns: 1, padding: 0, enlarge };
                let drawn = grid.draw(image, [1, shape[1], shape[2], shape[3]], Range::SIGNED)?;
                let [left, top] = layout.corner(row, column);
                for (y, x) in (0..tile[1]).flat_map(|y| (0..tile[0]).map(move |x| (y, x))) {
                    let pixel = drawn.pixel(x, y);
                    let place = sheet.pixel_mut(left + x, top + y);
                    place.iter_mut().zip(pixel.iter().cycle()).for_each(|(to, from)| *to = *from);
                }
            }
        }
        Ok(sheet)
    }

    fn layout(&self, tile: [usize; 2]) -> Layout {
        let widest = self.short_names().iter().map(|name| width(name, FONT)).max().unwrap_or(0);
        let (before, above) = (widest as usize + WIDE_GAP, FONT as usize + WIDE_GAP);
        let (columns, count) = (self.heads.len(), self.names.len());
        let gap = if columns > 1 { WIDE_GAP } else { 0 };
        let block = before + columns * (tile[0] + GAP) + gap + MARGIN;
        let blocks = (count * (tile[1] + GAP)) as f64 / block as f64;
        let blocks = (blocks.sqrt().ceil() as usize).clamp(1, count.max(1));
        let rows = count.div_ceil(blocks);
        Layout { tile, before, above, block, rows, blocks: count.div_ceil(rows.max(1)) }
    }

    fn short_names(&self) -> Vec<String> {
        let names: Vec<_> = self.names.iter().map(String::as_str).collect();
        all_shortened(&names, FONT, NAME)
    }

    /// The bytes `[height, width, 3]` of the sheet without its images.
    fn texts(&self, layout: &Layout) -> Vec<u8> {
        let [wide, high] = layout.size();
        let mut bytes = vec![255; wide * high * 3];
        let size = (wide as u32, high as u32);
        let area = BitMapBackend::with_buffer(&mut bytes, size).into_drawing_area();
        let style = |h, v| font(FONT).color(&BLACK).pos(Pos::new(h, v));
        let write = |text: &str, style: &TextStyle, [x, y]: [usize; 2]| {
            let drawn = area.draw_text(text, style, (x as i32, y as i32));
            drawn.expect("pixels in memory can be written");
        };
        let [tile_width, tile_height] = layout.tile;
        for (row, name) in self.short_names().iter().enumerate() {
            let [left, top] = layout.corner(row, 0);
            let style = style(HPos::Right, VPos::Center);
            write(name, &style, [left - WIDE_GAP / 2, top + tile_height / 2]);
        }
        // No head without room for all of them.
        let fits = |head: &String| width(head, FONT) as usize <= tile_width + GAP;
        let heads = if self.heads.iter().all(fits) { self.heads } else { &[] };
        for block in 0..layout.blocks {
            for (column, head) in heads.iter().enumerate() {
                let [left, top] = layout.corner(block * layout.rows, column);
                let style = style(HPos::Center, VPos::Bottom);
                write(head, &style, [left + tile_width / 2, top - GAP]);
            }
        }
        drop(area);
        bytes
    }
}

impl Layout {
    /// Width and height of the sheet.
    fn size(&self) -> [usize; 2] {
        let high = self.above + self.rows * (self.tile[1] + GAP) + MARGIN;
        [MARGIN + self.blocks * self.block, high]
    }

    /// Where an image begins: `[x, y]`.
    fn corner(&self, row: usize, column: usize) -> [usize; 2] {
        let (block, row) = (row / self.rows, row % self.rows);
        let gap = if column > 0 { WIDE_GAP } else { 0 };
        let x = MARGIN + block * self.block + self.before + column * (self.tile[0] + GAP) + gap;
        [x, self.above + row * (self.tile[1] + GAP)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every image is a square of its grey, whole, where the layout says.
    #[test]
    fn each_image_is_at_its_place() {
        for (count, columns, side) in [(1, 1, 1), (16, 6, 28), (16, 1, 8), (5, 3, 64), (2, 2, 600)]
        {
            let names: Vec<_> = (0..count).map(|row| format!("class {row}")).collect();
            let heads: Vec<_> = (0..columns).map(|column| format!("epoch {column}")).collect();
            let grey = |row: usize, column: usize| (row * columns + column) as f32 / 100.0 - 0.9;
            let column = |column: usize| -> Vec<f32> {
                (0..count).flat_map(|row| vec![grey(row, column); side * side]).collect()
            };
            let images: Vec<_> = (0..columns).map(column).collect();
            let shape = [1, side, side];
            let sheet = ContactSheet { names: &names, heads: &heads, images: &images, shape };
            let picture = sheet.draw().unwrap();
            let tile = if side < SIDE { SIDE.div_ceil(side) * side } else { side.min(200) };
            let layout = sheet.layout([tile, tile]);
            assert_eq!([picture.width(), picture.height()], layout.size());
            for (row, column) in (0..count).flat_map(|row| (0..columns).map(move |c| (row, c))) {
                let [left, top] = layout.corner(row, column);
                let byte = Range::SIGNED.byte(grey(row, column));
                for (x, y) in [(0, 0), (tile - 1, tile - 1), (tile / 2, 0)] {
                    assert_eq!(picture.pixel(left + x, top + y), [byte; 3], "{row} {column}");
                }
                assert_ne!(picture.pixel(left + tile, top), [byte; 3]);
            }
        }
    }

    #[test]
    fn images_of_another_number_are_refused() {
        let (names, heads) = (vec!["a".to_owned(); 2], vec!["b".to_owned()]);
        let images = [vec![0.0; 3]];
        let shape = [1, 1, 1];
        assert!(
            ContactSheet { names: &names, heads: &heads, images: &images, shape }.draw().is_err()
        );
    }
}
