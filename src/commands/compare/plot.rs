//! The learning curves of several runs as one picture: the error (or the accuracy) of the validation
//! after each epoch, a line for each run, its name in the legend at the right. Of several seeds it is the mean, and
//! behind it the range from the least to the most.

use std::error::Error;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use super::Group;
use super::legend::{self, Legend};
use super::lines::{Axis, Line, lines};
use crate::error::{Exit, Failure};
use crate::util::atomic_file::write_atomically;
use crate::viz::Picture;
use crate::viz::text::font;

const WIDTH: u32 = 1200;
const HEIGHT: u32 = 750;
/// Errors that are further apart than this factor are drawn on a logarithmic scale.
const LOG_SCALE_RATIO: f64 = 8.0;
/// Epochs on the axis, at the most.
const TICKS: f64 = 12.0;
/// Of each unit, on the axis.
const PARTS: i64 = 1000;
/// How opaque the range of several runs is.
const BAND: f64 = 0.2;
/// Lines with more points than this have no markers.
const MARKED: usize = 50;

/// What is drawn.
struct Chart<'a> {
    lines: &'a [Line],
    metric: &'a str,
    axis: Axis,
}

/// Draws the learning curves of `groups` to the file `path`, PNG or SVG by its ending. Runs are
/// comparable if they are measured alike: those that are measured otherwise than the first are left
/// out, and told of on stderr, as are those without a curve.
///
/// # Errors
/// When the ending is another, there is no curve at all, or the file cannot be written.
pub fn plot(groups: &[Group], axis: Axis, path: &Path) -> Result<()> {
    let best = groups.iter().find_map(|group| group.first().best);
    let metric = best.map_or("error", |best| best.score.headline().0);
    let lines = lines(groups, metric, axis)?;
    if lines.is_empty() {
        let why = match axis {
            Axis::Time => {
                "no run has finished an epoch, or kept the time of its epochs in history.csv"
            }
            _ => "no run has finished an epoch",
        };
        let what = "there is no learning curve to draw";
        return Err(Failure::new(Exit::Failed, what).why(why).into());
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let chart = Chart { lines: &lines, metric, axis };
    let picture = match ending.to_lowercase().as_str() {
        "svg" => svg(&chart),
        "png" => png(&chart),
        _ => {
            return Err(Failure::new(Exit::Usage, format!("`--plot {}`", path.display()))
                .why("the file's ending says what it is")
                .help("name it .png or .svg")
                .into());
        }
    };
    let picture = picture.map_err(|error| anyhow!("cannot draw the curves: {error}"))?;
    write_atomically(path, &picture)
}

fn svg(chart: &Chart) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut text = String::new();
    draw_to(&SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area(), chart)?;
    Ok(text.into_bytes())
}

fn png(chart: &Chart) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = vec![0; (WIDTH * HEIGHT * 3) as usize];
    let backend = BitMapBackend::with_buffer(&mut bytes, (WIDTH, HEIGHT));
    draw_to(&backend.into_drawing_area(), chart)?;
    Ok(Picture::from_rgb(WIDTH as usize, HEIGHT as usize, bytes).context("as many bytes")?.png()?)
}

/// Draws everything, on a scale that suits the values.
fn draw_to<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    chart: &Chart,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let points = || chart.lines.iter().flat_map(|line| &line.points);
    let least = points().map(|point| point.least).fold(f64::INFINITY, f64::min);
    let most = points().map(|point| point.most).fold(f64::NEG_INFINITY, f64::max);
    if chart.metric == "error" && least > 0.0 && most / least > LOG_SCALE_RATIO {
        let (bottom, top) = (least / 1.1, most * 1.1);
        let scale = (bottom..top).log_scale().with_key_points(decades(bottom, top));
        return draw(area, chart, scale, |value| label(value, value));
    }
    let margin = ((most - least) / 20.0).max(most.abs() / 100.0).max(f64::MIN_POSITIVE);
    let (bottom, top) = (least - margin, most + margin);
    draw(area, chart, bottom..top, |value| label(value, (top - bottom) / 10.0))
}

fn draw<B, Y>(
    area: &DrawingArea<B, Shift>,
    &Chart { lines, metric, axis }: &Chart,
    scale: Y,
    label: impl Fn(f64) -> String,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>>
where
    B: DrawingBackend,
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    area.fill(&WHITE)?;
    let names: Vec<_> = lines.iter().map(|line| line.name.as_str()).collect();
    let legend = Legend::new(&names, HEIGHT);
    let (left, right) = area.split_horizontally(WIDTH - legend.width());
    let points = lines.iter().flat_map(|line| &line.points);
    let Horizontal { title, unit, first, last, ticks } =
        Horizontal::new(axis, points.map(|point| point.x).fold(f64::MIN_POSITIVE, f64::max));
    let at = |x: f64| at(x / unit);
    let ticks = ticks.into_iter().map(|tick| (tick * PARTS as f64).round() as i64).collect();
    let mut chart = ChartBuilder::on(&left)
        .margin(20)
        .x_label_area_size(50)
        .y_label_area_size(95)
        .build_cartesian_2d((at(first * unit)..at(last * unit)).with_key_points(ticks), scale)?;
    chart
        .configure_mesh()
        .light_line_style(BLACK.mix(0.05))
        .x_desc(title)
        .x_label_formatter(&|x| tick_label(*x as f64 / PARTS as f64))
        .y_desc(format!("validation {metric}"))
        .y_label_formatter(&|value| label(*value))
        .label_style(font(17))
        .axis_desc_style(font(19))
        .draw()?;
    // All ranges first: no line is below one.
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.is_mean) {
        let (style, _) = legend::style(number);
        let above = line.points.iter().map(|point| (at(point.x), point.most));
        let below = line.points.iter().rev().map(|point| (at(point.x), point.least));
        let outline: Vec<_> = above.chain(below).collect();
        chart.draw_series([Polygon::new(outline, style.color.mix(BAND).filled())])?;
    }
    for (number, line) in lines.iter().enumerate() {
        let (style, dash) = legend::style(number);
        let points: Vec<_> = line.points.iter().map(|point| (at(point.x), point.y)).collect();
        // A single epoch is no line.
        if points.len() <= MARKED {
            let size = if points.len() == 1 { 4 } else { 2 };
            let dot = |point: &(i64, f64)| Circle::new(*point, size, style.filled());
            chart.draw_series(points.iter().map(dot))?;
        }
        chart.draw_series([legend::curve(points, (style, dash))])?;
    }
    legend.draw(&right)?;
    area.present()
}

/// The horizontal axis.
struct Horizontal {
    title: &'static str,
    /// What one of its units is in epochs, steps or seconds.
    unit: f64,
    /// In units.
    first: f64,
    last: f64,
    ticks: Vec<f64>,
}

impl Horizontal {
    /// For curves that end at `last`.
    fn new(axis: Axis, last: f64) -> Self {
        let (title, unit) = match axis {
            Axis::Epoch => ("epoch", 1.0),
            Axis::Step => ("step", 1.0),
            Axis::Time if last < 180.0 => ("seconds", 1.0),
            Axis::Time if last < 3.0 * 3600.0 => ("minutes", 60.0),
            Axis::Time => ("hours", 3600.0),
        };
        let last = last / unit;
        if axis == Axis::Time {
            return Self { title, unit, first: 0.0, last, ticks: parts(last) };
        }
        let last = last.max(1.0);
        // A single epoch stands in the middle.
        let (first, end) = if last > 1.0 { (1.0, last) } else { (0.5, 1.5) };
        Self { title, unit, first, last: end, ticks: ticks(last) }
    }
}

/// A place on the axis, which is one of whole numbers: plotters labels no other at given places.
fn at(units: f64) -> i64 {
    (units * PARTS as f64).round() as i64
}

/// Multiples of 1, 2 or 5 times a power of ten from 0 to `last`, a dozen at the most.
fn parts(last: f64) -> Vec<f64> {
    let powers = (-2..).map(|exponent| 10f64.powi(exponent));
    let mut steps = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * power));
    let step = steps.find(|step| last / step <= TICKS).unwrap_or(last);
    (0..).map(|n| f64::from(n) * step).take_while(|part| *part <= last).collect()
}

/// 1, 2 and 5 times the powers of ten between `bottom` and `top`; the powers alone where that would be many.
fn decades(bottom: f64, top: f64) -> Vec<f64> {
    let powers = (bottom.log10().floor() as i32)..=(top.log10().ceil() as i32);
    let of = |factors: &[f64]| -> Vec<f64> {
        let values =
            powers.clone().flat_map(|power| factors.iter().map(move |f| f * 10f64.powi(power)));
        values.filter(|value| (bottom..=top).contains(value)).collect()
    };
    let all = of(&[1.0, 2.0, 5.0]);
    if all.len() as f64 > TICKS { of(&[1.0]) } else { all }
}

/// A number without what binary fractions leave behind.
fn tick_label(value: f64) -> String {
    ((value * 100.0).round() / 100.0).to_string()
}

/// Whole epochs for the axis up to `last`: the first, and multiples of 1, 2 or 5 times a power of ten.
fn ticks(last: f64) -> Vec<f64> {
    let powers = std::iter::successors(Some(1.0), |power| Some(power * 10.0));
    let mut steps = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * power));
    let step = steps.find(|step| last / step <= TICKS).unwrap_or(last);
    let multiples = (1..).map(|n| f64::from(n) * step).take_while(|epoch| *epoch <= last);
    [1.0].into_iter().chain(multiples.filter(|epoch| *epoch > 1.0)).collect()
}

/// A value on an axis whose values are about `distance` apart: so many digits that two of them differ,
/// small ones as 2.5e-3.
fn label(value: f64, distance: f64) -> String {
    let places = |number: f64| (-number.abs().log10()).ceil().clamp(0.0, 300.0) as usize;
    // Axes are divided at 1, 2, 2.5 or 5 times a power of ten.
    let digits = places(distance) + 1;
    if value == 0.0 || value.abs() >= 0.01 {
        return format!("{value:.0$}", digits.min(12));
    }
    let first = places(value);
    format!("{value:.0$e}", digits.saturating_sub(first).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_epochs() {
        assert_eq!(ticks(1.0), [1.0]);
        assert_eq!(ticks(6.0), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(ticks(20.0), [1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0]);
        for last in 1..2000 {
            let ticks = ticks(f64::from(last));
            assert!(ticks.len() <= 13 && ticks.iter().all(|tick| tick.fract() == 0.0), "{last}");
            assert!(ticks.is_sorted_by(|one, next| one < next), "{last}");
            assert!(last == 1 || ticks.len() > 1, "{last}");
        }
    }

    #[test]
    fn neighbours_on_an_axis_differ() {
        for (from, distance) in
            [(0.97, 0.0005), (0.1, 0.02), (0.001, 0.0002), (2e-5, 1e-6), (0.0, 0.25), (12.0, 5.0)]
        {
            let labels: Vec<_> =
                (0..10).map(|n| label(from + f64::from(n) * distance, distance)).collect();
            for (n, one) in labels.iter().enumerate() {
                assert!(!labels[..n].contains(one), "{labels:?}");
            }
        }
        assert_eq!(label(0.002, 0.0002), "2.00e-3");
    }
}
