//! The flags of the learning rate's schedule.

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::values;
use crate::error::{Exit, Failure};
use crate::train::config::PartialSchedule;

/// How the learning rate changes.
#[derive(Args, Clone, Debug)]
pub(super) struct ScheduleArgs {
    /// Learning rate schedule: constant; step (multiplied by a factor every N epochs); exponential (the same,
    /// smoothly); cosine (annealed to 0 or --min_lr at the end of the run); plateau (multiplied by a factor when the
    /// validation has not become better for more than --lr_patience epochs); one_cycle (from 1/25 of it up to it in
    /// three tenths of the run or --warmup_epochs, and down to nearly 0) [default: constant]
    #[arg(long = "lr_schedule", alias = "lr-schedule", value_enum, value_name = "NAME")]
    lr_schedule: Option<ShapeName>,
    /// Epochs of linear warm-up before the schedule begins [default: 0]
    #[arg(long = "warmup_epochs", alias = "warmup-epochs", value_parser = values::whole_number, allow_negative_numbers = true, value_name = "N")]
    warmup_epochs: Option<u64>,
    /// The same as --lr_schedule step
    #[arg(long = "lr_decay", alias = "lr-decay")]
    lr_decay: bool,
    /// Epochs between decays [default: 25]
    #[arg(long = "lr_decay_epochs", alias = "lr-decay-epochs", value_parser = values::epochs, allow_negative_numbers = true, value_name = "N")]
    lr_decay_epochs: Option<u64>,
    /// With --lr_schedule plateau: epochs without improvement that are waited for, the next one brings the learning
    /// rate down [default: 10]
    #[arg(long = "lr_patience", aliases = ["lr-patience", "plateau_patience", "plateau-patience"], value_parser = values::whole_number, allow_negative_numbers = true, value_name = "N")]
    lr_patience: Option<u64>,
    /// Least learning rate that the schedule falls to [default: 0]
    #[arg(long = "min_lr", aliases = ["min-lr", "lr_min", "eta_min"], value_parser = values::not_negative, value_name = "X", allow_negative_numbers = true)]
    min_lr: Option<f64>,
    /// Factor of each decay, also of a plateau [default: 0.1]
    #[arg(long = "lr_decay_factor", alias = "lr-decay-factor", value_parser = values::not_negative, value_name = "X", allow_negative_numbers = true)]
    lr_decay_factor: Option<f64>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq)]
enum ShapeName {
    Constant,
    Exponential,
    Cosine,
    Step,
    Plateau,
    #[value(name = "one_cycle", aliases = ["one-cycle", "onecycle"])]
    OneCycle,
}

impl ScheduleArgs {
    /// What the flags say.
    ///
    /// # Errors
    /// [`Exit::Usage`] where `--lr_decay` contradicts `--lr_schedule`.
    pub fn partial(&self) -> Result<PartialSchedule> {
        let name = match (self.lr_schedule, self.lr_decay) {
            (Some(ShapeName::Step) | None, true) => Some("step"),
            (Some(other), true) => {
                let what = format!("`--lr_decay` contradicts `--lr_schedule {}`", other.text());
                return Err(Failure::new(Exit::Usage, what)
                    .why("--lr_decay is --lr_schedule step")
                    .help("give one of them")
                    .into());
            }
            (name, false) => name.map(ShapeName::text),
        };
        Ok(PartialSchedule {
            lr_schedule: name,
            warmup_epochs: self.warmup_epochs,
            lr_decay_epochs: self.lr_decay_epochs,
            lr_decay_factor: self.lr_decay_factor,
            lr_patience: self.lr_patience,
            min_lr: self.min_lr,
        })
    }
}

impl ShapeName {
    fn text(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Exponential => "exponential",
            Self::Cosine => "cosine",
            Self::Step => "step",
            Self::Plateau => "plateau",
            Self::OneCycle => "one_cycle",
        }
    }
}
