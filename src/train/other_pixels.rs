//! Warns where a run begins with weights that were trained on images of another normalisation than its own: the first
//! layer then sees other numbers than it has learnt from.
//!
//! Only a run's checkpoint says how its images were normalised; of other files of weights nothing is known. Two runs
//! with `--normalize standard` are no reason to warn: each has the mean and deviation of its own images, as it was asked
//! to.

use crate::data::{Normalization, Normalize};
use crate::run::{DataSummary, RunConfig, State};
use crate::util::stderr::message;

/// Warns of the weights that the run `config` begins with, on `data`, which are those of a run that stood at `source`.
pub(super) fn warn_of_other_pixels(config: &RunConfig, data: &DataSummary, source: &State) {
    let Some(pretrained) = &config.pretrained else { return };
    let Ok(theirs) = source.normalization() else { return };
    let both_standard = [&config.normalize, &source.config.normalize]
        .iter()
        .all(|normalize| **normalize == Normalize::Standard);
    if both_standard || theirs == data.normalization.as_ref() {
        return;
    }
    let [theirs, ours] = [theirs, data.normalization.as_ref()].map(flag);
    message(&format!(
        "warning: the weights of `{}` were trained with --normalize {theirs}, and this run has --normalize {ours}: its \
         first layer sees other numbers; `--normalize {theirs}`, of classifiers, gives it those",
        pretrained.checkpoint_path.display()
    ));
}

/// The value of `--normalize` that gives these numbers.
fn flag(normalization: Option<&Normalization>) -> Normalize {
    normalization.map_or(Normalize::Range, |numbers| Normalize::By(numbers.clone()))
}
