//! `history.csv` as an observer: a row for each epoch, after its validation.

use std::time::Instant;

use anyhow::Result;

use crate::metrics::Score;
use crate::run::history::History;
use crate::train::exchange::{Exchange, Traffic};
use crate::train::observer::{Event, Observer};

/// The history of a run that is being trained.
pub(crate) struct HistoryFile {
    history: History,
    /// When this process began, and the seconds of those before it.
    began: (Instant, f64),
    /// When the epoch's steps began, as far as this process takes them, and after which step.
    steps_from: (Instant, u64),
    /// With which other processes, and what there was to do with them up to the last row.
    exchange: Exchange,
    traffic: Traffic,
    /// Images per second up to the last step.
    rate: Option<f64>,
}

impl HistoryFile {
    /// Of a run of the processes of `exchange`, which goes on after `step` steps and `seconds` seconds.
    pub fn new(exchange: &Exchange, history: History, step: u64, seconds: f64) -> Self {
        let now = Instant::now();
        // Those of a status that is lost were this many at least.
        let seconds = seconds.max(history.seconds());
        let (began, steps_from) = ((now, seconds), (now, step));
        let (exchange, traffic) = (exchange.clone(), exchange.traffic().unwrap_or_default());
        Self { history, began, steps_from, exchange, traffic, rate: None }
    }

    /// The row of an epoch, which ends with `step`.
    fn row(
        &self,
        (step, epoch, learning_rate): (u64, u64, f64),
        train: Option<Score>,
        validation: &[(&str, f64)],
    ) -> Vec<(String, String)> {
        let seconds = self.began.1 + self.began.0.elapsed().as_secs_f64();
        let rate = self.rate.map_or(String::new(), |rate| format!("{rate:.1}"));
        let mut row = vec![
            ("epoch".to_owned(), (epoch + 1).to_string()),
            ("step".to_owned(), step.to_string()),
            ("seconds".to_owned(), format!("{seconds:.3}")),
            ("images_per_second".to_owned(), rate),
            ("learning_rate".to_owned(), learning_rate.to_string()),
        ];
        let train = train.iter().flat_map(Score::scalars);
        row.extend(train.map(|(name, value)| (format!("train_{name}"), value.to_string())));
        let validation = validation.iter();
        row.extend(
            validation.map(|(name, value)| (format!("validation_{name}"), value.to_string())),
        );
        row
    }

    /// What the epoch had to do with other ranks, where there are any.
    fn of_other_ranks(&mut self) -> Vec<(String, String)> {
        let Some(now) = self.exchange.traffic() else { return Vec::new() };
        let before = std::mem::replace(&mut self.traffic, now);
        let waiting = now.waiting_seconds - before.waiting_seconds;
        vec![
            ("bytes_sent".to_owned(), (now.bytes_sent - before.bytes_sent).to_string()),
            ("waiting_seconds".to_owned(), format!("{waiting:.3}")),
        ]
    }
}

impl Observer for HistoryFile {
    fn notify(&mut self, event: &Event) -> Result<()> {
        match *event {
            Event::Step { step, images_per_step, .. } => {
                let (since, from) = self.steps_from;
                let images = (step - from) as f64 * images_per_step;
                self.rate = Some(images / since.elapsed().as_secs_f64().max(1e-9));
            }
            Event::Validation { step, epoch, report, train, learning_rate, .. } => {
                let mut validation = report.score.scalars();
                for (metric, value) in &report.metrics {
                    if validation.iter().all(|(name, _)| *name != metric.name()) {
                        validation.push((metric.name(), *value));
                    }
                }
                let notes = report.notes.iter().map(|(name, value)| (name.as_str(), *value));
                validation.extend(notes);
                let mut row = self.row((step, epoch, learning_rate), train, &validation);
                row.extend(self.of_other_ranks());
                self.history.push(&row)?;
            }
            Event::Checkpoint { step } => {
                self.steps_from = (Instant::now(), step);
                self.rate = None;
            }
            _ => {}
        }
        Ok(())
    }
}
