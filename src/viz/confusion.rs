//! A confusion matrix as a picture: a row for each true class, a column for each predicted class, the
//! names of the classes beside and below, the accuracy above.
//!
//! A cell is the darker blue the larger its share of the row is, and has its count written in it where
//! there is room. The matrix is 600 to 900 pixels wide and high, whatever the number of classes, and the
//! picture 1200 or fewer. Of more than 900 classes neighbours share a cell.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Picture;
use super::text::{all_shortened, font, width};

/// Pixels of the matrix that its cells are to fill, and of a cell at the least and the most.
const MATRIX: usize = 720;
const CELL: [usize; 2] = [9, 300];
/// The most pixels of the matrix.
const MAX_SIDE: usize = 900;
/// Pixels of the widest name, of the font of names, at the least and the most, and of that of axes.
const NAME: u32 = 170;
const NAME_FONT: [u32; 2] = [9, 21];
const AXIS_FONT: u32 = 21;
/// Pixels of the font of counts at the least and the most.
const COUNT_FONT: [u32; 2] = [7, 28];
/// Pixels above the matrix, between parts, and around.
const TOP: i32 = 48;
const GAP: i32 = 8;
const MARGIN: i32 = 16;

/// White to dark blue.
const LIGHTEST: [f64; 3] = [255.0, 255.0, 255.0];
const DARKEST: [f64; 3] = [8.0, 48.0, 107.0];
/// Lines between cells, and around a matrix.
const LINE: RGBColor = RGBColor(225, 225, 225);
const FRAME: RGBColor = RGBColor(120, 120, 120);

/// The picture of `counts` `[true class, predicted class]` of the classes called `names`.
///
/// # Panics
/// When there are not as many counts as classes², or no class.
pub fn confusion(counts: &[u64], names: &[String]) -> Picture {
    let classes = names.len();
    assert!(classes > 0 && counts.len() == classes * classes, "{} counts", counts.len());
    let matrix = Matrix::new(counts, names);
    let (width, height) = matrix.size();
    let mut bytes = vec![0; (width * height * 3) as usize];
    let area = BitMapBackend::with_buffer(&mut bytes, (width, height)).into_drawing_area();
    matrix.draw(&area).expect("pixels in memory can be written");
    drop(area);
    Picture::from_rgb(width as usize, height as usize, bytes).expect("as many bytes")
}

/// Where everything is.
struct Matrix<'a> {
    counts: &'a [u64],
    classes: usize,
    /// Cells in a row, and pixels of one.
    cells: usize,
    cell: usize,
    /// Cells from one name to the next, the names of these, and their font.
    every: usize,
    names: Vec<String>,
    font: u32,
    /// Pixels of the widest name.
    widest: i32,
}

impl<'a> Matrix<'a> {
    fn new(counts: &'a [u64], names: &[String]) -> Self {
        let classes = names.len();
        let cell = (MATRIX / classes).clamp(CELL[0], CELL[1]).min(MAX_SIDE / classes).max(1);
        let cells = classes.min(MAX_SIDE);
        let font = (cell as u32 * 4 / 5).clamp(NAME_FONT[0], NAME_FONT[1]);
        let every = (font as usize).div_ceil(cell + 1);
        let shown = (0..cells).step_by(every).map(|at| &names[at * classes / cells]);
        let shown: Vec<_> = shown.map(String::as_str).collect();
        let names = all_shortened(&shown, font, NAME);
        let widest = names.iter().map(|name| width(name, font)).max().unwrap_or(0) as i32;
        Self { counts, classes, cells, cell, every, names, font, widest }
    }

    /// Pixels of the matrix from left to right.
    fn side(&self) -> i32 {
        (self.cells * self.cell) as i32
    }

    /// Whether the names below are written upwards: one is wider than a cell.
    fn upwards(&self) -> bool {
        self.widest > self.cell as i32 - 4
    }

    /// Its upper left corner.
    fn corner(&self) -> (i32, i32) {
        (MARGIN + AXIS_FONT as i32 + GAP + self.widest + GAP, TOP)
    }

    /// Width and height of the picture.
    fn size(&self) -> (u32, u32) {
        let (left, top) = self.corner();
        let names = if self.upwards() { self.widest } else { self.font as i32 };
        let below = GAP + names + GAP + AXIS_FONT as i32 + MARGIN;
        let size = [left + self.side() + MARGIN, top + self.side() + below];
        let title = width(&self.title(), AXIS_FONT) as i32 + 2 * MARGIN;
        (size[0].max(title) as u32, size[1] as u32)
    }

    fn title(&self) -> String {
        let all: u128 = self.counts.iter().map(|&count| u128::from(count)).sum();
        let diagonal = self.counts.iter().step_by(self.classes + 1);
        let right: u128 = diagonal.map(|&count| u128::from(count)).sum();
        match all {
            0 => "no examples".to_owned(),
            _ => format!("accuracy {:.4} ({right} of {all})", right as f64 / all as f64),
        }
    }

    /// The classes that the cell of this number is for.
    fn classes_of(&self, cell: usize) -> std::ops::Range<usize> {
        cell * self.classes / self.cells..(cell + 1) * self.classes / self.cells
    }

    /// The count in a cell, and its share of the row.
    fn count(&self, row: usize, column: usize) -> (u64, f64) {
        let sum = |columns: std::ops::Range<usize>| -> u64 {
            let rows = self.classes_of(row).map(|row| row * self.classes);
            let counts = rows.flat_map(|row| columns.clone().map(move |column| row + column));
            counts.map(|at| self.counts[at]).fold(0, u64::saturating_add)
        };
        let count = sum(self.classes_of(column));
        (count, count as f64 / sum(0..self.classes).max(1) as f64)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        area.fill(&WHITE)?;
        for row in 0..self.cells {
            for column in 0..self.cells {
                self.draw_cell(area, row, column)?;
            }
        }
        let (left, top) = self.corner();
        let side = self.side();
        area.draw(&Rectangle::new([(left, top), (left + side, top + side)], FRAME))?;
        self.draw_names(area)?;
        let style = font(AXIS_FONT).color(&BLACK).pos(Pos::new(HPos::Center, VPos::Center));
        let half = AXIS_FONT as i32 / 2;
        let (width, height) = self.size();
        area.draw_text(&self.title(), &style, (width as i32 / 2, TOP / 2))?;
        let below = (left + side / 2, height as i32 - MARGIN - half);
        area.draw_text("predicted class", &style, below)?;
        let upwards = style.transform(FontTransform::Rotate270);
        area.draw_text("true class", &upwards, (MARGIN + half, top + side / 2))
    }

    fn draw_cell<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        row: usize,
        column: usize,
    ) -> Drawn<B> {
        let (count, share) = self.count(row, column);
        let (left, top) = self.corner();
        let place = |cell: usize| (cell * self.cell) as i32;
        let (left, top) = (left + place(column), top + place(row));
        let side = self.cell as i32;
        let [red, green, blue] = shade(share);
        let colour = RGBColor(red, green, blue);
        let corners = [(left, top), (left + side, top + side)];
        area.draw(&Rectangle::new(corners, colour.filled()))?;
        if self.cell >= CELL[0] {
            area.draw(&Rectangle::new(corners, LINE))?;
        }
        let text = count.to_string();
        let fits = |size: &u32| count > 0 && width(&text, *size) as usize + 2 <= self.cell;
        let largest = (self.cell as u32 * 2 / 5).min(COUNT_FONT[1]);
        let Some(size) = (COUNT_FONT[0]..=largest).rev().find(fits) else { return Ok(()) };
        let ink = if share > 0.4 { WHITE } else { BLACK };
        let style = font(size).color(&ink).pos(Pos::new(HPos::Center, VPos::Center));
        area.draw_text(&text, &style, (left + side / 2, top + side / 2))
    }

    /// The names of the classes: beside the rows, and below the columns where they are written upwards
    /// if one is wider than a cell.
    fn draw_names<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        let style = |h: HPos, v: VPos| font(self.font).color(&BLACK).pos(Pos::new(h, v));
        let (left, top) = self.corner();
        let bottom = top + self.side() + GAP;
        for (name, cell) in self.names.iter().zip((0..self.cells).step_by(self.every)) {
            let middle = (cell * self.cell + self.cell / 2) as i32;
            let beside = (left - GAP, top + middle);
            area.draw_text(name, &style(HPos::Right, VPos::Center), beside)?;
            let below = match self.upwards() {
                true => style(HPos::Right, VPos::Center).transform(FontTransform::Rotate270),
                false => style(HPos::Center, VPos::Top),
            };
            area.draw_text(name, &below, (left + middle, bottom))?;
        }
        Ok(())
    }
}

type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

fn shade(share: f64) -> [u8; 3] {
    std::array::from_fn(|c| (LIGHTEST[c] + share * (DARKEST[c] - LIGHTEST[c])).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(classes: usize, name: &str) -> Vec<String> {
        (0..classes).map(|class| format!("{name}{class}")).collect()
    }

    #[test]
    fn shares_of_rows_are_shades() {
        let names = names(2, "");
        let picture = confusion(&[3, 1, 0, 0], &names);
        let matrix = Matrix::new(&[3, 1, 0, 0], &names);
        let (left, top) = matrix.corner();
        // Near the corners of the cells: three quarters, one quarter, a class without examples.
        let pixel = |column: usize, row: usize| {
            let place = |cell: usize| cell * matrix.cell + 5;
            picture.pixel(left as usize + place(column), top as usize + place(row)).to_vec()
        };
        assert_eq!(pixel(0, 0), shade(0.75));
        assert_eq!(pixel(1, 0), shade(0.25));
        assert_eq!(pixel(0, 1), [255; 3]);
        assert_eq!(matrix.title(), "accuracy 0.7500 (3 of 4)");
        assert_eq!(Matrix::new(&[0], &names[..1]).title(), "no examples");
    }

    /// Large enough to be read and bounded, and different counts and names are different pictures.
    #[test]
    fn sizes() {
        for classes in [1, 2, 10, 40, 100, 101, 300, 901, 1000] {
            for name in ["", "a class with quite a long name, number "] {
                let names = names(classes, name);
                let mut counts = vec![0; classes * classes];
                counts.iter_mut().step_by(classes + 1).for_each(|count| *count = 7);
                let picture = confusion(&counts, &names);
                let size = [picture.width(), picture.height()];
                assert!(size.iter().all(|side| (300..=1200).contains(side)), "{classes}: {size:?}");
                if classes <= 100 {
                    assert_eq!(Matrix::new(&counts, &names).names.len(), classes);
                }
            }
        }
    }

    #[test]
    fn counts_and_names_are_written() {
        let picture = |count: u64, name: &str| confusion(&[count], &[name.to_owned()]);
        let pictures = [(3, "a"), (4, "a"), (34, "a"), (3, "b"), (3, "")];
        let pictures = pictures.map(|(count, name)| picture(count, name));
        for (n, one) in pictures.iter().enumerate() {
            assert!(!pictures[..n].contains(one), "{n}");
        }
        // The largest count is not too much.
        confusion(&[u64::MAX; 4], &names(2, ""));
    }
}
