//! The learning curves of several runs as one picture: the error (or the accuracy) of the validation
//! after each epoch, a line for each run, its name in the legend.

use std::error::Error;
use std::path::Path;
use std::sync::Once;

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use super::{Row, curve};
use crate::pictures::Picture;
use crate::run::write_atomically;
use crate::{Exit, Failure, tell};

const WIDTH: u32 = 1200;
const HEIGHT: u32 = 750;
/// Errors that are further apart than this factor are drawn on a logarithmic scale.
const FAR: f64 = 8.0;
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
/// The font's name for plotters.
const FONT: &str = "sans-serif";

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
                .remedy("name it .png or .svg")
                .into());
        }
    };
    let picture = picture.map_err(|error| anyhow!("cannot draw the curves: {error}"))?;
    write_atomically(path, &picture)
}

/// The curves of the runs that are measured by `metric`.
fn lines(rows: &[Row], metric: &str) -> Result<Vec<Line>> {
    let same_model = rows.iter().all(|row| row.config.model == rows[0].config.model);
    let mut lines = Vec::new();
    for row in rows {
        let points = match row.folder.join("validation").is_dir() {
            true => curve(&row.folder.join("validation"), metric)?,
            false => Vec::new(),
        };
        let points: Vec<_> = points
            .iter()
            .enumerate()
            // A validation is that of an epoch.
            .map(|(epoch, (_, value))| ((epoch + 1) as f64, f64::from(*value)))
            .filter(|(_, value)| value.is_finite())
            .collect();
        let name = match same_model {
            true => row.config.name(),
            false => format!("{} {}", row.config.model, row.config.name()),
        };
        match points.is_empty() {
            true => tell(&format!("note: `{}` has no curve of its {metric}", row.folder.display())),
            false => lines.push(Line { name, points }),
        }
    }
    Ok(lines)
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
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let _ = plotters::style::register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
    });
    let values = || lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
    let least = values().fold(f64::INFINITY, f64::min);
    let most = values().fold(f64::NEG_INFINITY, f64::max);
    if metric == "error" && least > 0.0 && most / least > FAR {
        return draw(area, lines, metric, (least / 1.1..most * 1.1).log_scale());
    }
    let margin = ((most - least) / 20.0).max(most.abs() / 100.0).max(f64::MIN_POSITIVE);
    draw(area, lines, metric, least - margin..most + margin)
}

fn draw<B, Y>(
    area: &DrawingArea<B, Shift>,
    lines: &[Line],
    metric: &str,
    scale: Y,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>>
where
    B: DrawingBackend,
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    area.fill(&WHITE)?;
    let last =
        lines.iter().flat_map(|line| &line.points).map(|(epoch, _)| *epoch).fold(2.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .x_label_area_size(50)
        .y_label_area_size(95)
        .build_cartesian_2d(1.0..last, scale)?;
    chart
        .configure_mesh()
        .light_line_style(BLACK.mix(0.05))
        .x_desc("epoch")
        .x_label_formatter(&|epoch| format!("{epoch:.0}"))
        .y_desc(format!("validation {metric}"))
        .y_label_formatter(&|value| label(*value))
        .label_style((FONT, 17))
        .axis_desc_style((FONT, 19))
        .draw()?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        let series = LineSeries::new(line.points.iter().copied(), style);
        // A single epoch is no line.
        chart
            .draw_series(line.points.iter().map(|point| Circle::new(*point, 2, colour.filled())))?;
        chart
            .draw_series(series)?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
    }
    let place = match metric {
        "error" => SeriesLabelPosition::UpperRight,
        _ => SeriesLabelPosition::LowerRight,
    };
    chart
        .configure_series_labels()
        .position(place)
        .margin(12)
        .legend_area_size(30)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .label_font((FONT, 17))
        .draw()?;
    area.present()
}

/// A value on the axis: small ones as 2e-3.
fn label(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.01 { format!("{value:.1e}") } else { format!("{value:.3}") }
}
