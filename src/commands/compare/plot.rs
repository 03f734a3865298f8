//! The learning curves of several runs as one picture: the error (or the accuracy) of the validation
//! after each epoch, a line for each run, its name in the legend at the right.

use std::error::Error;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use super::Row;
use super::legend::{self, Legend};
use crate::error::{Exit, Failure};
use crate::tensorboard::curve;
use crate::util::atomic_file::write_atomically;
use crate::util::stderr::message;
use crate::viz::Picture;
use crate::viz::text::font;

const WIDTH: u32 = 1200;
const HEIGHT: u32 = 750;
/// Errors that are further apart than this factor are drawn on a logarithmic scale.
const LOG_SCALE_RATIO: f64 = 8.0;
/// Epochs on the axis, at the most.
const TICKS: f64 = 12.0;
/// Of each epoch, on the axis.
const PARTS: i64 = 1000;
/// Lines with more points than this have no markers.
const MARKED: usize = 50;

/// A line and its name.
struct Line {
    name: String,
    /// Epoch and value.
    points: Vec<(f64, f64)>,
}

/// Draws the learning curves of `rows` to the file `path`, PNG or SVG by its ending. Runs are
/// comparable if they are measured alike: those that are measured otherwise than the first are left
/// out, and told of on stderr, as are those without a curve.
///
/// # Errors
/// When the ending is another, there is no curve at all, or the file cannot be written.
pub fn plot(rows: &[Row], path: &Path) -> Result<()> {
    let metric =
        rows.iter().find_map(|row| row.best).map_or("error", |best| best.score.headline().0);
    let lines = lines(rows, metric)?;
    if lines.is_empty() {
        return Err(Failure::new(Exit::Failed, "there is no learning curve to draw")
            .why("no run has finished an epoch")
            .into());
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let picture = match ending.to_lowercase().as_str() {
        "svg" => svg(&lines, metric),
        "png" => png(&lines, metric),
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

/// The curves of the runs that are measured by `metric`.
fn lines(rows: &[Row], metric: &str) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for row in rows {
        let points = match row.folder.join("validation").is_dir() {
            true => curve(&row.folder.join("validation"), metric)?,
            false => Vec::new(),
        };
        let epoch = steps_per_epoch(row, &points);
        let points: Vec<_> = points
            .iter()
            .map(|(step, value)| (*step as f64 / epoch, f64::from(*value)))
            .filter(|(epoch, value)| *epoch > 0.0 && value.is_finite())
            .collect();
        match points.is_empty() {
            true => {
                message(&format!("note: `{}` has no curve of its {metric}", row.folder.display()))
            }
            false => lines.push(Line { name: name(row, rows), points }),
        }
    }
    Ok(lines)
}

/// The steps of an epoch: those until the best validation by its epoch. Where that is not known they are
/// the greatest common divisor of the steps after which there were validations.
fn steps_per_epoch(row: &Row, points: &[(i64, f32)]) -> f64 {
    let divisor = |mut a: u64, mut b: u64| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    match row.best {
        Some(best) if best.epoch > 0 && best.step > 0 => best.step as f64 / best.epoch as f64,
        _ => {
            let steps = points.iter().map(|(step, _)| step.unsigned_abs());
            steps.fold(0, divisor).max(1) as f64
        }
    }
}

/// What tells `row` from the other `rows`: its name, with the model's where there are several, or its
/// folder where two have the same.
fn name(row: &Row, rows: &[Row]) -> String {
    let name = row.name();
    let alike = rows.iter().filter(|other| other.model == row.model && other.name() == name);
    if alike.count() > 1 {
        return row.folder.display().to_string();
    }
    match rows.iter().all(|other| other.model == row.model) {
        true => name,
        false => format!("{} {name}", row.model),
    }
}

fn svg(lines: &[Line], metric: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut text = String::new();
    chart(&SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area(), lines, metric)?;
    Ok(text.into_bytes())
}

fn png(lines: &[Line], metric: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = vec![0; (WIDTH * HEIGHT * 3) as usize];
    let backend = BitMapBackend::with_buffer(&mut bytes, (WIDTH, HEIGHT));
    chart(&backend.into_drawing_area(), lines, metric)?;
    Ok(Picture::from_rgb(WIDTH as usize, HEIGHT as usize, bytes).context("as many bytes")?.png()?)
}

/// Draws everything, on a scale that suits the values.
fn chart<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    lines: &[Line],
    metric: &str,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let values = || lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
    let least = values().fold(f64::INFINITY, f64::min);
    let most = values().fold(f64::NEG_INFINITY, f64::max);
    if metric == "error" && least > 0.0 && most / least > LOG_SCALE_RATIO {
        let scale = (least / 1.1..most * 1.1).log_scale();
        return draw(area, lines, metric, scale, |value| label(value, value / 10.0));
    }
    let margin = ((most - least) / 20.0).max(most.abs() / 100.0).max(f64::MIN_POSITIVE);
    let (bottom, top) = (least - margin, most + margin);
    draw(area, lines, metric, bottom..top, |value| label(value, (top - bottom) / 10.0))
}

fn draw<B, Y>(
    area: &DrawingArea<B, Shift>,
    lines: &[Line],
    metric: &str,
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
    let last = points.map(|(epoch, _)| *epoch).fold(1.0, f64::max);
    // A single epoch stands in the middle.
    let epochs = if last > 1.0 { at(1.0)..at(last) } else { at(0.5)..at(1.5) };
    let ticks = ticks(last).into_iter().map(at).collect();
    let mut chart = ChartBuilder::on(&left)
        .margin(20)
        .x_label_area_size(50)
        .y_label_area_size(95)
        .build_cartesian_2d(epochs.with_key_points(ticks), scale)?;
    chart
        .configure_mesh()
        .light_line_style(BLACK.mix(0.05))
        .x_desc("epoch")
        .x_label_formatter(&|epoch| (epoch / PARTS).to_string())
        .y_desc(format!("validation {metric}"))
        .y_label_formatter(&|value| label(*value))
        .label_style(font(17))
        .axis_desc_style(font(19))
        .draw()?;
    for (number, line) in lines.iter().enumerate() {
        let (style, dash) = legend::style(number);
        let points: Vec<_> =
            line.points.iter().map(|(epoch, value)| (at(*epoch), *value)).collect();
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

/// An epoch's place on the axis, which is one of whole numbers: plotters labels no other at given
/// places.
fn at(epoch: f64) -> i64 {
    (epoch * PARTS as f64).round() as i64
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
