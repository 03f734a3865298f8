//! Charts of scores that tell the odd from the normal: the ROC curve, and the shares of both kinds in bins of the
//! score.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Picture;
use super::text::font;

/// Pixels of a chart.
const WIDTH: u32 = 900;
const HEIGHT: u32 = 700;
/// Bins of the histogram.
const BINS: usize = 60;
/// The share of all scores that are below the last bin, which has the rest.
const SHOWN: f64 = 0.995;
/// Okabe and Ito 2008: colours that the colour-blind can tell apart.
const NORMAL: RGBColor = RGBColor(0, 114, 178);
const ODD: RGBColor = RGBColor(213, 94, 0);

type Drawn<'a> = Result<(), DrawingAreaErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>>;
type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// The picture of a ROC curve through `points`, (false positive rate, true positive rate) from (0, 0) to (1, 1), the
/// area under which is `auroc`.
pub fn roc(points: &[(f64, f64)], auroc: f64) -> Picture {
    picture(|area| draw_roc(area, points, auroc))
}

/// The picture of how the scores of `normal` images and of `odd` ones are distributed, and of the `threshold` between
/// them: of each kind the share in each of 60 bins. The last bin has what is further to the right, half a percent of
/// all scores at the most.
///
/// # Panics
/// Where one of the two has no score, or one is not finite.
pub fn populations(normal: &[f64], odd: &[f64], threshold: f64) -> Picture {
    let bins = Bins::of(normal, odd, threshold);
    picture(|area| draw_populations(area, &bins, normal, odd, threshold))
}

/// What `draw` draws on white.
fn picture(draw: impl FnOnce(&Area) -> Drawn<'static>) -> Picture {
    let mut bytes = vec![255; (WIDTH * HEIGHT * 3) as usize];
    let area = BitMapBackend::with_buffer(&mut bytes, (WIDTH, HEIGHT)).into_drawing_area();
    draw(&area).expect("pixels in memory can be written");
    drop(area);
    Picture::from_rgb(WIDTH as usize, HEIGHT as usize, bytes).expect("as many bytes")
}

fn draw_roc(area: &Area, points: &[(f64, f64)], auroc: f64) -> Drawn<'static> {
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .caption(format!("AUROC = {auroc:.4}"), font(22))
        .x_label_area_size(50)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    chart
        .configure_mesh()
        .light_line_style(BLACK.mix(0.05))
        .x_desc("normal images that are called odd")
        .y_desc("odd images that are found")
        .label_style(font(17))
        .axis_desc_style(font(19))
        .draw()?;
    chart.draw_series([PathElement::new(vec![(0.0, 0.0), (1.0, 1.0)], BLACK.mix(0.3))])?;
    chart.draw_series([PathElement::new(points.to_vec(), NORMAL.stroke_width(2))])?;
    area.present()
}

/// Bins of equal width.
struct Bins {
    first: f64,
    width: f64,
}

impl Bins {
    fn of(normal: &[f64], odd: &[f64], threshold: f64) -> Self {
        let mut all = [normal, odd].concat();
        all.sort_unstable_by(f64::total_cmp);
        let first = all[0].min(threshold);
        let last = all[((all.len() - 1) as f64 * SHOWN) as usize].max(threshold);
        // Constant scores have one bin, in the middle of the picture.
        let width = (last - first) / (BINS - 1) as f64;
        match width > 0.0 && width.is_finite() {
            true => Self { first, width },
            false => Self { first: first - 0.5, width: 1.0 / BINS as f64 },
        }
    }

    /// The share of `scores` in each bin.
    fn shares(&self, scores: &[f64]) -> Vec<f64> {
        let mut shares = vec![0.0; BINS];
        for score in scores {
            let bin = ((score - self.first) / self.width) as usize;
            shares[bin.min(BINS - 1)] += 1.0 / scores.len() as f64;
        }
        shares
    }

    fn left(&self, bin: usize) -> f64 {
        self.first + bin as f64 * self.width
    }
}

fn draw_populations(
    area: &Area,
    bins: &Bins,
    normal: &[f64],
    odd: &[f64],
    threshold: f64,
) -> Drawn<'static> {
    let kinds = [(NORMAL, bins.shares(normal)), (ODD, bins.shares(odd))];
    let shares = kinds.iter().flat_map(|(_, shares)| shares);
    let top = shares.copied().fold(0.0, f64::max) * 1.15;
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .x_label_area_size(50)
        .y_label_area_size(70)
        .build_cartesian_2d(bins.first..bins.left(BINS), 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(BLACK.mix(0.05))
        .x_desc("score (the last bin: and more)")
        .y_desc("share of the images")
        .x_label_formatter(&|score| format!("{score:.3e}"))
        .x_labels(6)
        .label_style(font(17))
        .axis_desc_style(font(19))
        .draw()?;
    for (colour, shares) in &kinds {
        let bar = |(bin, share): (usize, &f64)| {
            let corners = [(bins.left(bin), 0.0), (bins.left(bin + 1), *share)];
            Rectangle::new(corners, colour.mix(0.45).filled())
        };
        chart.draw_series(shares.iter().enumerate().map(bar))?;
    }
    let line = vec![(threshold, 0.0), (threshold, top)];
    chart.draw_series([PathElement::new(line, BLACK.stroke_width(2))])?;
    let threshold = format!("threshold {threshold:.4e}");
    let legend = [("normal", NORMAL), ("not normal", ODD), (threshold.as_str(), BLACK)];
    for (row, (text, colour)) in legend.into_iter().enumerate() {
        let style = font(19).color(&colour).pos(Pos::new(HPos::Right, VPos::Top));
        area.draw_text(text, &style, (WIDTH as i32 - 30, 30 + 26 * row as i32))?;
    }
    area.present()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_scores_are_in_a_bin() {
        for (normal, odd) in [
            (vec![0.1, 0.2, 0.3], vec![0.2, 5.0]),
            (vec![1.0; 4], vec![1.0]),
            (vec![-1e300, 0.0], vec![1e300]),
            (vec![0.0], vec![f64::MIN_POSITIVE]),
        ] {
            let bins = Bins::of(&normal, &odd, normal[0]);
            for scores in [&normal, &odd] {
                assert!((bins.shares(scores).iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
    }

    /// The curve and both kinds are on their pictures, in their colours.
    #[test]
    fn what_is_drawn() {
        let has = |picture: &Picture, colour: RGBColor| {
            let (r, g, b) = (colour.0, colour.1, colour.2);
            picture.bytes().chunks_exact(3).any(|pixel| pixel == [r, g, b])
        };
        let curve = roc(&[(0.0, 0.0), (0.1, 0.9), (1.0, 1.0)], 0.9);
        assert!(has(&curve, NORMAL) && !has(&curve, ODD));
        let both = populations(&[0.1, 0.2], &[0.3, 0.9], 0.2);
        assert!(has(&both, NORMAL) && has(&both, ODD) && has(&both, BLACK));
        assert_ne!(both, populations(&[0.1, 0.2], &[0.3, 0.9], 0.8));
    }
}
