//! The names of the curves, in columns beside the chart, and how each is drawn: seven colours, and with
//! more curves other dashes too.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::viz::text::{all_shortened, font, width};

/// Okabe and Ito 2008: colours that the colour-blind can tell apart, without the yellow, which is
/// hardly seen on white.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];
/// A dash and a gap in pixels; no gap is a line.
const DASHES: [(i32, i32); 6] = [(1, 0), (9, 5), (3, 4), (18, 6), (9, 12), (3, 9)];
/// Pixels of the font, the largest first.
const FONTS: [u32; 6] = [17, 16, 15, 14, 13, 12];
/// Pixels between two lines of text.
const LEADING: u32 = 5;
/// Pixels of the sample of a line, and beside it.
const SAMPLE: i32 = 40;
const GAP: i32 = 8;
/// The widest name in pixels where there is one column, and where there are two.
const WIDEST: [u32; 2] = [360, 210];
/// Pixels between columns, and around.
const MARGIN: i32 = 16;

/// How the curve of this number is drawn.
pub(super) fn style(number: usize) -> (ShapeStyle, (i32, i32)) {
    let colour = COLOURS[number % COLOURS.len()];
    (colour.stroke_width(2), DASHES[number / COLOURS.len() % DASHES.len()])
}

/// A curve through `points`, in that style.
pub(super) fn curve<P: Clone + 'static>(
    points: Vec<P>,
    (style, (dash, gap)): (ShapeStyle, (i32, i32)),
) -> DashedPathElement<std::vec::IntoIter<P>, i32> {
    // One dash without end is a line.
    let dash = if gap == 0 { i32::MAX } else { dash };
    DashedPathElement::new(points, dash, gap, style)
}

/// Names in columns.
pub(super) struct Legend {
    /// The names that are shown, as far as there is room.
    names: Vec<String>,
    /// How many more there are.
    more: usize,
    font: u32,
    rows: usize,
    column: i32,
}

impl Legend {
    /// For `names` in a column of `height` pixels.
    pub fn new(names: &[&str], height: u32) -> Self {
        let rows = |font: u32| ((height - 2 * MARGIN as u32) / (font + LEADING)) as usize;
        let one = FONTS.into_iter().find(|font| rows(*font) >= names.len());
        let font = one.unwrap_or(FONTS[FONTS.len() - 1]);
        let (rows, columns) = (rows(font), if one.is_some() { 1 } else { 2 });
        let room = rows * columns;
        let shown = if names.len() > room { room - 1 } else { names.len() };
        let widest = WIDEST[columns - 1];
        let more = names.len() - shown;
        let names = all_shortened(&names[..shown], font, widest);
        // What tells of more is text too.
        let widest = names.iter().map(|name| width(name, font)).max().unwrap_or(0);
        let widest = widest.max(if more > 0 { width(&and_more(more), font) } else { 0 });
        Self { names, more, font, rows, column: SAMPLE + GAP + widest as i32 + MARGIN }
    }

    /// Pixels from left to right.
    pub fn width(&self) -> u32 {
        (self.column * self.names.len().div_ceil(self.rows) as i32) as u32
    }

    /// Draws it: the names from above to below, then the next column.
    pub fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let line = (self.font + LEADING) as i32;
        let text = font(self.font).color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
        let place = |number: usize| {
            let left = (number / self.rows) as i32 * self.column;
            (left, MARGIN + (number % self.rows) as i32 * line + line / 2)
        };
        for (number, name) in self.names.iter().enumerate() {
            let (left, middle) = place(number);
            let sample = vec![(left, middle), (left + SAMPLE, middle)];
            area.draw(&curve(sample, style(number)))?;
            area.draw_text(name, &text, (left + SAMPLE + GAP, middle))?;
        }
        if self.more > 0 {
            let (left, middle) = place(self.names.len());
            area.draw_text(&and_more(self.more), &text, (left + SAMPLE + GAP, middle))?;
        }
        Ok(())
    }
}

fn and_more(count: usize) -> String {
    format!("and {count} more")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legend(count: usize, name: &str) -> Legend {
        let names: Vec<_> = (0..count).map(|n| format!("{name}{n}")).collect();
        Legend::new(&names.iter().map(String::as_str).collect::<Vec<_>>(), 750)
    }

    #[test]
    fn as_many_as_there_is_room_for() {
        let long = "Digits_Momentum_lr=0.01_exp_lr_l2=0.001_a comment of the user's own ";
        for name in ["a", long] {
            for count in [1, 4, 14, 40, 60, 84] {
                let legend = legend(count, name);
                assert_eq!(legend.names.len(), count);
                assert!(legend.names.len() <= 2 * legend.rows && legend.width() <= 560);
            }
        }
        let many = legend(300, long);
        assert_eq!((many.names.len(), many.more), (2 * many.rows - 1, 301 - 2 * many.rows));
        assert!(legend(2, "a").width() < legend(2, long).width());
        assert_eq!((legend(2, "a").font, legend(40, "a").font), (17, 12));
    }

    #[test]
    fn forty_curves_differ() {
        let styles: Vec<_> = (0..42)
            .map(|n| {
                let (s, dash) = style(n);
                (s.color, dash)
            })
            .collect();
        for (n, one) in styles.iter().enumerate() {
            assert!(!styles[..n].contains(one), "{n}");
        }
    }
}
