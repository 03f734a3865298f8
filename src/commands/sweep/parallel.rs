//! Parallel coordinates: a vertical axis for each flag that was varied and one for the result, a line for each trial,
//! the better ones darker and on top.

use std::error::Error;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::report::plain;
use crate::sweep::{Domain, Tried, Vary};
use crate::util::atomic_file::write_atomically;
use crate::viz::Picture;
use crate::viz::text::{all_shortened, font};

/// Pixels.
const WIDTH_OF_AN_AXIS: u32 = 200;
const HEIGHT: u32 = 600;
const MARGIN: i32 = 110;
const TOP: i32 = 70;
const BOTTOM: i32 = HEIGHT as i32 - 50;
/// The best and the worst line (the ends of Matplotlib's viridis).
const BEST: (f64, f64, f64) = (68.0, 1.0, 84.0);
const WORST: (f64, f64, f64) = (253.0, 231.0, 37.0);
/// Labels on an axis of a range.
const LABELS: usize = 5;
/// Values of a list that are named.
const MOST_NAMES: usize = 12;
/// The font, and the widest label.
const FONT: u32 = 15;
const WIDEST: u32 = WIDTH_OF_AN_AXIS - 30;

/// An axis: its name, and labels at places from 0, below, to 1.
struct Axis {
    name: String,
    labels: Vec<(f64, String)>,
}

/// Draws the trials `tried`, whose values are those of `vary`, to the file `path`; false where there are too few.
///
/// # Errors
/// When it cannot be drawn or written.
pub(super) fn draw(vary: &[Vary], tried: &[Tried], path: &Path) -> Result<bool> {
    let finite: Vec<_> = tried.iter().filter(|(_, objective)| objective.is_finite()).collect();
    if finite.len() < 2 {
        return Ok(false);
    }
    let picture = png(vary, &finite).map_err(|error| anyhow!("cannot draw the trials: {error}"))?;
    write_atomically(path, &picture)?;
    Ok(true)
}

fn png(vary: &[Vary], tried: &[&Tried]) -> Result<Vec<u8>, Box<dyn Error>> {
    let width = WIDTH_OF_AN_AXIS * vary.len() as u32 + 2 * MARGIN as u32;
    let mut bytes = vec![0; (width * HEIGHT * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut bytes, (width, HEIGHT)).into_drawing_area();
        area.fill(&WHITE)?;
        let axes: Vec<_> = vary.iter().map(axis).chain([axis_of_results(tried)]).collect();
        // The worst first: the best are seen.
        let mut order: Vec<_> = tried.iter().map(|tried| (tried, lines(vary, tried))).collect();
        order.sort_by(|(one, _), (other, _)| other.1.total_cmp(&one.1));
        let (best, worst) = (order[order.len() - 1].0.1, order[0].0.1);
        for (number, (tried, places)) in order.iter().enumerate() {
            let result = if worst > best { (tried.1 - best) / (worst - best) } else { 0.0 };
            // By rank: a few bad trials do not make all others look alike.
            let rank = 1.0 - number as f64 / (order.len() - 1) as f64;
            let places = places.iter().copied().chain([Some(1.0 - result)]);
            let points: Option<Vec<_>> =
                places.enumerate().map(|(axis, place)| Some(point(axis, place?))).collect();
            let Some(points) = points else { continue };
            area.draw(&PathElement::new(points, colour(rank).stroke_width(2)))?;
        }
        let name = font(FONT + 2).color(&BLACK);
        for (number, axis) in axes.iter().enumerate() {
            let line = vec![point(number, 0.0), point(number, 1.0)];
            area.draw(&PathElement::new(line, BLACK.stroke_width(1)))?;
            let (x, _) = point(number, 1.0);
            let names = all_shortened(&[axis.name.as_str()], FONT + 2, WIDEST);
            let middle = name.clone().pos(Pos::new(HPos::Center, VPos::Center));
            area.draw_text(&names[0], &middle, (x, TOP - 30))?;
            let right = font(FONT).color(&BLACK.mix(0.75)).pos(Pos::new(HPos::Right, VPos::Center));
            let texts: Vec<_> = axis.labels.iter().map(|(_, text)| text.as_str()).collect();
            let texts = all_shortened(&texts, FONT, MARGIN as u32 - 15);
            for ((place, _), text) in axis.labels.iter().zip(texts) {
                let (x, y) = point(number, *place);
                area.draw(&PathElement::new(vec![(x - 4, y), (x, y)], BLACK.stroke_width(1)))?;
                area.draw_text(&text, &right, (x - 8, y))?;
            }
        }
        area.present()?;
    }
    let picture = Picture::from_rgb(width as usize, HEIGHT as usize, bytes);
    Ok(picture.context("as many bytes")?.png()?)
}

/// A place on an axis in pixels.
fn point(axis: usize, place: f64) -> (i32, i32) {
    let y = f64::from(BOTTOM) + place * f64::from(TOP - BOTTOM);
    (MARGIN + axis as i32 * WIDTH_OF_AN_AXIS as i32, y.round() as i32)
}

/// The places of a trial on the axes of the flags.
fn lines(vary: &[Vary], (values, _): &Tried) -> Vec<Option<f64>> {
    vary.iter().zip(values).map(|(vary, value)| vary.domain.place(value)).collect()
}

fn axis(vary: &Vary) -> Axis {
    let labels = match &vary.domain {
        Domain::List(values) => {
            let step = values.len().div_ceil(MOST_NAMES);
            let named = values.iter().step_by(step);
            named.filter_map(|value| Some((vary.domain.place(value)?, plain(value)))).collect()
        }
        domain => (0..LABELS)
            .filter_map(|label| {
                let value = domain.at(label as f64 / (LABELS - 1) as f64);
                Some((domain.place(&value)?, short(&value)))
            })
            .collect(),
    };
    Axis { name: vary.name.clone(), labels }
}

/// A number in few digits.
fn short(value: &serde_json::Value) -> String {
    match value.as_f64() {
        Some(number) if !value.is_u64() && number != 0.0 => {
            let text = format!("{number:.2e}");
            let plain = format!("{number:.3}");
            if (0.01..1000.0).contains(&number.abs()) { plain } else { text }
        }
        _ => plain(value),
    }
}

fn axis_of_results(tried: &[&Tried]) -> Axis {
    let objectives = || tried.iter().map(|(_, objective)| *objective);
    let (best, worst) = (
        objectives().fold(f64::INFINITY, f64::min),
        objectives().fold(f64::NEG_INFINITY, f64::max),
    );
    let label = |label: usize| {
        let place = label as f64 / (LABELS - 1) as f64;
        // What is higher when it is better is there with its sign turned round.
        let objective = worst + place * (best - worst);
        (place, format!("{:.4}", objective.abs()))
    };
    Axis { name: "result (the best above)".to_owned(), labels: (0..LABELS).map(label).collect() }
}

/// From the best, 0, to the worst, 1.
fn colour(rank: f64) -> RGBAColor {
    let mix = |best: f64, worst: f64| (best + rank * (worst - best)).round() as u8;
    let rgb = RGBColor(mix(BEST.0, WORST.0), mix(BEST.1, WORST.1), mix(BEST.2, WORST.2));
    rgb.mix(1.0 - 0.6 * rank)
}
