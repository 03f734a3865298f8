//! Progress on stderr: a bar on a terminal, else a line from time to time.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use anyhow::Result;

use crate::metrics::{EvalReport, Score};
use crate::train::observer::{Event, Observer};
use crate::util::stderr::message;

/// At least that long between two lines where there is no terminal, but for the ends of epochs.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Shows how far the training is.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    /// Which run of how many it is, if there are several.
    label: Option<String>,
    epochs: u64,
    last_step: u64,
    last_line: Option<Instant>,
    /// When, and at which step, the rate was last taken.
    rate_from: (Instant, u64),
    started: (Instant, u64),
}

impl Observer for Progress {
    fn notify(&mut self, event: &Event) -> Result<()> {
        match *event {
            Event::Step { step, epoch, score, images_per_step, .. } => {
                self.step(step, epoch, score, images_per_step);
            }
            Event::Validation { step, epoch, report, is_best, .. } => {
                self.epoch(step, epoch, report, is_best);
            }
            // The clock of the rate starts anew after what was written.
            Event::Checkpoint { step } => self.rate_from = (Instant::now(), step),
            Event::BeforeTest { .. } | Event::Stopped { .. } => self.finish(),
            _ => {}
        }
        Ok(())
    }
}

impl Progress {
    /// From `step` to `last_step`, which ends the last of `epochs`.
    pub fn new(step: u64, last_step: u64, epochs: u64, label: Option<String>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let template =
                "{prefix} {bar:24} {pos}/{len} steps  {msg}  {elapsed} elapsed, {eta} left";
            let style = ProgressStyle::with_template(template).expect("the template is constant");
            let bar = ProgressBar::with_draw_target(Some(last_step), ProgressDrawTarget::stderr());
            bar.set_style(style);
            bar.set_position(step);
            bar.reset_eta();
            bar
        });
        let now = Instant::now();
        let progress = Self {
            bar,
            label,
            epochs,
            last_step,
            last_line: None,
            rate_from: (now, step),
            started: (now, step),
        };
        if step > 0 {
            progress.say(&format!("going on after step {step} of {last_step}"));
        }
        progress
    }

    /// Shows a step and its `score`; `images` a step since the last call make the rate.
    fn step(&mut self, step: u64, epoch: u64, score: &Score, images_per_step: f64) {
        let (since, from) = self.rate_from;
        let rate = (step - from) as f64 * images_per_step / since.elapsed().as_secs_f64().max(1e-9);
        self.rate_from = (Instant::now(), step);
        let shown = format!("{score}  {rate:.0} images/s");
        let place = self.place(epoch);
        if let Some(bar) = &self.bar {
            bar.set_prefix(place);
            bar.set_message(shown);
            bar.set_position(step);
        } else if self.last_line.is_none_or(|last| last.elapsed() >= BETWEEN_LINES) {
            self.last_line = Some(Instant::now());
            let left = self.left(step);
            let last = self.last_step;
            message(&format!("{place}  step {step}/{last}  {shown}  {left} left"));
        }
    }

    /// Shows the end of an epoch.
    fn epoch(&self, step: u64, epoch: u64, report: &EvalReport, best: bool) {
        let mark = if best { "  (best so far)" } else { "" };
        let metrics = report.metrics.iter().map(|(name, value)| format!("  {name} {value:.4}"));
        let validation = format!("{}{}", report.score, metrics.collect::<String>());
        let place = self.place(epoch);
        self.say(&format!("{place}  step {step}  validation {validation}{mark}"));
    }

    /// Which run of how many, and which epoch.
    fn place(&self, epoch: u64) -> String {
        let label = self.label.as_ref().map_or(String::new(), |label| format!("{label}  "));
        format!("{label}epoch {}/{}", epoch + 1, self.epochs)
    }

    /// Prints a line of its own, above the bar if there is one.
    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| message(line)),
            None => message(line),
        }
    }

    /// Takes the bar away.
    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// The time left at the pace since the beginning.
    fn left(&self, step: u64) -> HumanDuration {
        let (start, from) = self.started;
        let pace = start.elapsed().as_secs_f64() / (step - from).max(1) as f64;
        HumanDuration(Duration::from_secs_f64(pace * (self.last_step - step) as f64))
    }
}
