//! The flags of the learning rate's schedule.

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::values;
use crate::error::{Exit, Failure};
use crate::run::{LearningRateDecay, Schedule, Shape};

/// Dynamic Training Bench's defaults.
const DECAY: LearningRateDecay = LearningRateDecay { epochs: 25, factor: 0.1 };

/// How the learning rate changes.
#[derive(Args, Clone, Debug)]
pub(super) struct ScheduleArgs {
    /// How the learning rate changes: not at all, by a factor every so many epochs, smoothly by the same
    /// factor, or along a cosine to 0 at the run's end [default: constant]
    #[arg(long = "lr_schedule", alias = "lr-schedule", value_enum, value_name = "NAME")]
    lr_schedule: Option<ShapeName>,
    /// Epochs in which the learning rate grows from 0 to its value, before the schedule begins
    /// [default: 0]
    #[arg(long = "warmup_epochs", alias = "warmup-epochs", value_parser = values::whole_number, allow_negative_numbers = true, value_name = "N")]
    warmup_epochs: Option<u64>,
    /// The same as --lr_schedule step
    #[arg(long = "lr_decay", alias = "lr-decay")]
    lr_decay: bool,
    /// Epochs between two decays of the learning rate [default: 25]
    #[arg(long = "lr_decay_epochs", alias = "lr-decay-epochs", value_parser = values::epochs, allow_negative_numbers = true, value_name = "N")]
    lr_decay_epochs: Option<u64>,
    /// What a decay multiplies the learning rate by [default: 0.1]
    #[arg(long = "lr_decay_factor", alias = "lr-decay-factor", value_parser = values::not_negative, value_name = "X", allow_negative_numbers = true)]
    lr_decay_factor: Option<f64>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq)]
enum ShapeName {
    Constant,
    Exponential,
    Cosine,
    Step,
}

impl ScheduleArgs {
    /// The schedule of a run of `epochs` epochs; what no flag says is as in `base`.
    ///
    /// # Errors
    /// [`Exit::Usage`] where `--lr_decay` contradicts `--lr_schedule`, nothing decays by what the flags say,
    /// or nothing follows the warm-up.
    pub fn schedule(&self, epochs: u64, base: Schedule) -> Result<Schedule> {
        let of_base = match base.shape {
            Shape::Constant => ShapeName::Constant,
            Shape::Step(_) => ShapeName::Step,
            Shape::Exponential(_) => ShapeName::Exponential,
            Shape::Cosine => ShapeName::Cosine,
        };
        let decay = base.shape.decay().unwrap_or(DECAY);
        let name = match (self.lr_schedule, self.lr_decay) {
            (Some(ShapeName::Step) | None, true) => ShapeName::Step,
            (Some(other), true) => {
                let other = other.to_possible_value().expect("every name is a value");
                let what = format!("`--lr_decay` contradicts `--lr_schedule {}`", other.get_name());
                return Err(Failure::new(Exit::Usage, what)
                    .why("--lr_decay is --lr_schedule step")
                    .help("give one of them")
                    .into());
            }
            (name, false) => name.unwrap_or(of_base),
        };
        let warmup_epochs = self.warmup_epochs.unwrap_or(base.warmup_epochs);
        if warmup_epochs >= epochs {
            return Err(Failure::new(
                Exit::Usage,
                format!("`--warmup_epochs {warmup_epochs}`: the run has {epochs} epochs"),
            )
            .why("the learning rate would still grow when the run ends")
            .help("give fewer, or more --epochs")
            .into());
        }
        let decay = LearningRateDecay {
            epochs: self.lr_decay_epochs.unwrap_or(decay.epochs),
            factor: self.lr_decay_factor.unwrap_or(decay.factor),
        };
        let is_decayed = matches!(name, ShapeName::Exponential | ShapeName::Step);
        for (flag, is_given) in [
            ("--lr_decay_epochs", self.lr_decay_epochs.is_some()),
            ("--lr_decay_factor", self.lr_decay_factor.is_some()),
        ] {
            if is_given && !is_decayed {
                let name = name.to_possible_value().expect("every name is a value");
                return Err(Failure::new(Exit::Usage, format!("`{flag}`: nothing decays"))
                    .why(format!("the learning rate's schedule is {}", name.get_name()))
                    .help("add --lr_schedule step (or --lr_decay) or --lr_schedule exponential")
                    .into());
            }
        }
        let shape = match name {
            ShapeName::Constant => Shape::Constant,
            ShapeName::Exponential => Shape::Exponential(decay),
            ShapeName::Cosine => Shape::Cosine,
            ShapeName::Step => Shape::Step(decay),
        };
        Ok(Schedule { shape, warmup_epochs })
    }
}
