//! Images in rows, a name before each row and a head above each column, in as many blocks beside each other as make the
//! picture about as wide as high:
//!
//! ```text
//!       original  epoch 1  epoch 2           original  epoch 1  epoch 2
//! cat   [image]   [image]  [image]     dog   [image]   [image]  [image]
//! bird  [image]   [image]  [image]     cat   [image]   [image]  [image]
//! ```
//!
//! A title may stand above all, and a caption below each image. Small images are enlarged by a whole number, large ones
//! reduced to means of squares.

use anyhow::{Context, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::limits::reduce;
use super::text::{all_shortened, font, shortened, width};
use super::{Grid, Picture, Range};

/// Images are enlarged to a side of this many pixels or a little more, and reduced to the other.
const SIDE: usize = 64;
/// See [`SIDE`].
const MOST_SIDE: usize = 256;
/// Pixels of the font, from a line to the next, and of the widest name.
const FONT: u32 = 13;
const LINE: usize = 17;
const NAME: u32 = 130;
/// Pixels between images, between the originals and the others, and around blocks.
const GAP: usize = 3;
const WIDE_GAP: usize = 8;
const MARGIN: usize = 12;

/// What is drawn.
#[derive(Default)]
pub struct ContactSheet<'a> {
    /// What stands above all; empty for nothing.
    pub title: &'a str,
    /// Of each row.
    pub names: &'a [String],
    /// Of each column, the originals' first.
    pub heads: &'a [String],
    /// Of each column its images `[rows, channels, height, width]` in -1..=1.
    pub images: &'a [Vec<f32>],
    /// `[channels, height, width]`.
    pub shape: [usize; 3],
    /// Of each column what stands below its images, row by row; empty where nothing does.
    pub captions: &'a [Vec<String>],
    /// Which columns stand apart from the others.
    pub apart: Apart,
    /// Whether all rows are below one another, however high that is.
    pub is_one_block: bool,
}

/// Columns beside a wider gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Apart {
    /// The first one.
    #[default]
    First,
    /// The first and the last one.
    Both,
    /// None.
    Neither,
}

/// Where everything is.
struct Layout {
    /// Pixels of an image: width, height.
    tile: [usize; 2],
    /// Pixels before the first image of a row.
    before: usize,
    /// Pixels above the first row.
    above: usize,
    /// Pixels below each row.
    below: usize,
    /// Pixels of a block from left to right.
    block: usize,
    /// Rows of a block, and blocks.
    rows: usize,
    blocks: usize,
    /// The columns with a wide gap before them.
    gaps: Vec<usize>,
    /// The title's lines.
    title: Vec<String>,
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
        let (before, head) = (widest as usize + WIDE_GAP, FONT as usize + WIDE_GAP);
        let below = if self.captions.is_empty() { GAP } else { LINE + GAP };
        let (columns, count) = (self.heads.len(), self.names.len());
        let gaps = self.gaps();
        let block = before + columns * (tile[0] + GAP) + gaps.len() * WIDE_GAP + MARGIN;
        let blocks = (count * (tile[1] + below)) as f64 / block as f64;
        let blocks = (blocks.sqrt().ceil() as usize).clamp(1, count.max(1));
        let rows = if self.is_one_block { count } else { count.div_ceil(blocks) };
        let blocks = count.div_ceil(rows.max(1));
        let title = lines(self.title, blocks * block - MARGIN);
        let above = head + title.len() * LINE + if title.is_empty() { 0 } else { WIDE_GAP };
        Layout { tile, before, above, below, block, rows, blocks, gaps, title }
    }

    /// The columns that have a wide gap before them.
    fn gaps(&self) -> Vec<usize> {
        let (second, last) = (1, self.heads.len().saturating_sub(1));
        let mut gaps = match self.apart {
            Apart::First => vec![second],
            Apart::Both => vec![second, last],
            Apart::Neither => Vec::new(),
        };
        gaps.retain(|column| (1..self.heads.len()).contains(column));
        gaps.dedup();
        gaps
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
        for (number, line) in layout.title.iter().enumerate() {
            let style = style(HPos::Left, VPos::Top);
            write(line, &style, [MARGIN, WIDE_GAP + number * LINE]);
        }
        for (column, captions) in self.captions.iter().enumerate() {
            for (row, caption) in captions.iter().enumerate() {
                let [left, top] = layout.corner(row, column);
                let caption = shortened(caption, FONT, (tile_width + GAP) as u32);
                let style = style(HPos::Center, VPos::Top);
                write(&caption, &style, [left + tile_width / 2, top + tile_height + GAP + 1]);
            }
        }
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
        let high = self.above + self.rows * (self.tile[1] + self.below) + MARGIN;
        [MARGIN + self.blocks * self.block, high]
    }

    /// Where an image begins: `[x, y]`.
    fn corner(&self, row: usize, column: usize) -> [usize; 2] {
        let (block, row) = (row / self.rows, row % self.rows);
        let gap = self.gaps.iter().filter(|before| **before <= column).count() * WIDE_GAP;
        let x = MARGIN + block * self.block + self.before + column * (self.tile[0] + GAP) + gap;
        [x, self.above + row * (self.tile[1] + self.below)]
    }
}

/// `text` in lines of so many `pixels`, broken between words.
fn lines(text: &str, pixels: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match (lines.last_mut(), longer) {
            (Some(line), Some(longer)) if width(&longer, FONT) as usize <= pixels => *line = longer,
            _ => lines.push(word.to_owned()),
        }
    }
    lines
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
            let sheet = ContactSheet {
                names: &names,
                heads: &heads,
                images: &images,
                shape,
                ..Default::default()
            };
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

    /// A title and captions are above and below the images, which stay whole.
    #[test]
    fn texts_leave_the_images_alone() {
        let names = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let heads = vec![String::new(); 3];
        let images = vec![vec![-1.0; 3 * 64 * 64]; 3];
        let captions = vec![vec!["1.25".to_owned(); 3]; 3];
        let plain = ContactSheet {
            names: &names,
            heads: &heads,
            images: &images,
            shape: [1, 64, 64],
            is_one_block: true,
            ..Default::default()
        };
        let full = ContactSheet {
            title: "so many words that they do not fit into a single line of such a picture at all",
            captions: &captions,
            apart: Apart::Both,
            ..plain
        };
        let (layout, of_plain) = (full.layout([64, 64]), plain.layout([64, 64]));
        assert!(layout.title.len() > 1 && of_plain.title.is_empty());
        assert_eq!(layout.title.join(" "), full.title);
        let [wide, high] = of_plain.size();
        let more = layout.title.len() * LINE + WIDE_GAP + 3 * LINE;
        assert_eq!(layout.size(), [wide + WIDE_GAP, high + more]);
        let (picture, plain) = (full.draw().unwrap(), plain.draw().unwrap());
        for (row, column) in (0..3).flat_map(|row| (0..3).map(move |column| (row, column))) {
            let [left, top] = layout.corner(row, column);
            for (x, y) in [(0, 0), (63, 63), (63, 0), (0, 63)] {
                assert_eq!(picture.pixel(left + x, top + y), [0; 3], "{row} {column}");
            }
        }
        // There is text where there was none.
        let dark = |picture: &Picture| picture.bytes().iter().filter(|byte| **byte < 100).count();
        assert!(dark(&picture) > dark(&plain) + 300);
    }

    #[test]
    fn images_of_another_number_are_refused() {
        let (names, heads) = (vec!["a".to_owned(); 2], vec!["b".to_owned()]);
        let images = [vec![0.0; 3]];
        let shape = [1, 1, 1];
        let sheet = ContactSheet {
            names: &names,
            heads: &heads,
            images: &images,
            shape,
            ..Default::default()
        };
        assert!(sheet.draw().is_err());
    }
}
