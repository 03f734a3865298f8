//! Which runs one command trains: one, or one for each seed and fold.
//!
//! ```text
//! --seeds 3              seeds 1, 2, 3
//! --seeds 1,2,7          these
//! --folds 5              folds 1 to 5 of 5
//! --seeds 3 --folds 5    fifteen runs, fold by fold
//! --each_class --seeds 3 three runs for each class of the data set, trained on it alone
//! ```

use anyhow::Result;
use clap::Args;

use super::values;
use crate::data::ValidationSplit;
use crate::data::resplit::SPLIT_SEED;
use crate::error::{Exit, Failure};
use crate::metrics::AnomalyScore;
use crate::train::config::{Classes, PartialRunConfig};

/// The flags of seeds and of validation examples.
#[derive(Args, Clone, Debug)]
pub(super) struct SeveralArgs {
    /// Random seed of the run [default: drawn, and kept with the run]
    #[arg(long, value_parser = values::whole_number, allow_negative_numbers = true, value_name = "N")]
    seed: Option<u64>,
    /// Train a run for each seed: so many, from 1 on, or those listed, as 1,2,7
    #[arg(long, value_parser = values::seeds, allow_negative_numbers = true, value_name = "N|LIST", conflicts_with = "seed")]
    seeds: Option<values::Seeds>,
    /// Validate on this share of the images that are not for the test, the same in each class [default: the
    /// data set's own validation images]
    #[arg(long = "validation_split", alias = "validation-split", value_parser = values::share, allow_negative_numbers = true, value_name = "SHARE")]
    validation_split: Option<f64>,
    /// Cross-validation: train K runs, each validated on another K-th of the images that are not for the test
    #[arg(long, value_parser = values::folds, allow_negative_numbers = true, value_name = "K", conflicts_with = "validation_split")]
    folds: Option<u64>,
    /// Train only this one of the --folds, from 1 on
    #[arg(long, value_parser = values::steps, allow_negative_numbers = true, value_name = "I", requires = "folds")]
    fold: Option<u64>,
    /// Random seed of --validation_split and --folds [default: 1]
    #[arg(long = "split_seed", alias = "split-seed", value_parser = values::whole_number, allow_negative_numbers = true, value_name = "N")]
    split_seed: Option<u64>,
    /// Train an autoencoder on each class of the data set alone, for each seed, and test how well it tells that class
    /// from the rest
    #[arg(long = "each_class", alias = "each-class", conflicts_with = "classes")]
    each_class: bool,
    /// What an image is scored by with --each_class: mean, max, p99 or ssim [default: mean]
    #[arg(long, value_parser = str::parse::<AnomalyScore>, value_name = "NAME", requires = "each_class")]
    score: Option<AnomalyScore>,
}

/// Which of several runs one is.
#[derive(Clone, Debug)]
pub(super) struct Member {
    seed: Option<u64>,
    seed_in_name: bool,
    /// The seed where neither a flag nor a file gives one.
    default_seed: Option<u64>,
    validation_split: Option<ValidationSplit>,
    /// The seed of the split, of a file's too.
    split_seed: Option<u64>,
    /// The label of the class that it is trained on alone.
    class: Option<u32>,
    /// `seed 3 (2 of 5)`.
    pub label: Option<String>,
}

impl SeveralArgs {
    /// Whether the command trains more than one run, or one of several.
    pub fn are_several(&self) -> bool {
        self.seeds.is_some() || self.folds.is_some() || self.each_class
    }

    /// Whether a run is trained on each class alone.
    pub fn takes_each_class(&self) -> bool {
        self.each_class
    }

    /// What images are scored by, where each class is to be told from the rest.
    pub fn score_of_each_class(&self) -> Option<AnomalyScore> {
        self.each_class.then(|| self.score.unwrap_or_default())
    }

    /// The runs, in the order in which they are trained; `classes` are the names of those that are trained on one
    /// by one, if that is asked for.
    ///
    /// # Errors
    /// [`Exit::Usage`] where the flags contradict each other.
    pub fn members(&self, classes: Option<&[String]>) -> Result<Vec<Member>> {
        let Some(classes) = classes else { return self.members_of_all_classes() };
        let of_all = self.members_of_all_classes()?;
        let count = classes.len() * of_all.len();
        let pairs = (0..classes.len()).flat_map(|class| of_all.iter().map(move |of| (class, of)));
        let members = pairs.enumerate().map(|(number, (class, member))| {
            let parts = [Some(format!("class {}", classes[class])), self.part_of(member)];
            let parts: Vec<_> = parts.into_iter().flatten().collect();
            let label = Some(format!("{} ({} of {count})", parts.join(", "), number + 1));
            // Like folds, the classes of one table have one seed.
            let default_seed = Some(1);
            Member { class: Some(class as u32), label, default_seed, ..member.clone() }
        });
        Ok(members.collect())
    }

    fn members_of_all_classes(&self) -> Result<Vec<Member>> {
        let split_seed = self.split_seed.unwrap_or(SPLIT_SEED);
        let share = self.validation_split;
        let share = share.map(|share| ValidationSplit::Share { share, split_seed });
        let splits: Vec<_> = match self.folds {
            None => vec![share],
            Some(folds) => self
                .fold_numbers(folds)?
                .map(|fold| Some(ValidationSplit::Fold { fold, folds, split_seed }))
                .collect(),
        };
        let seeds: Vec<_> = match &self.seeds {
            Some(values::Seeds(seeds)) => seeds.iter().copied().map(Some).collect(),
            None => vec![self.seed],
        };
        let count = splits.len() * seeds.len();
        let pairs = splits.iter().flat_map(|split| seeds.iter().map(move |seed| (*split, *seed)));
        let members = pairs.map(|(validation_split, seed)| Member {
            seed,
            seed_in_name: self.seeds.is_some(),
            // The folds of one cross-validation have one seed.
            default_seed: self.folds.map(|_| 1),
            validation_split,
            split_seed: self.split_seed,
            class: None,
            label: None,
        });
        let members = members.enumerate().map(|(number, member)| {
            let part = self.part_of(&member).filter(|_| count > 1);
            let label = part.map(|part| format!("{part} ({} of {count})", number + 1));
            Member { label, ..member }
        });
        Ok(members.collect())
    }

    /// The runs of a trial of a sweep. One that is alone has the seed in its name, too, and the seed 1 unless
    /// another was given: trials are compared on one seed.
    ///
    /// # Errors
    /// As [`members`](Self::members).
    pub fn members_of_sweep(&self) -> Result<Vec<Member>> {
        if self.each_class {
            let what = "`--each_class` of a sweep";
            return Err(Failure::new(Exit::Usage, what)
                .why("a sweep compares trials by their validation, and each class has images of its own")
                .help("leave it out, or use it with dytb train")
                .into());
        }
        let mut members = self.members(None)?;
        for member in &mut members {
            member.default_seed = Some(1);
            member.seed_in_name = true;
        }
        Ok(members)
    }

    fn fold_numbers(&self, folds: u64) -> Result<std::ops::RangeInclusive<u64>> {
        match self.fold {
            None => Ok(1..=folds),
            Some(fold) if fold <= folds => Ok(fold..=fold),
            Some(fold) => Err(Failure::new(Exit::Usage, format!("`--fold {fold}`"))
                .why(format!("there are {folds} folds"))
                .help(format!("give 1 to {folds}"))
                .into()),
        }
    }

    /// `fold 2, seed 3`: what tells `member` from others.
    fn part_of(&self, member: &Member) -> Option<String> {
        let fold = match member.validation_split {
            Some(ValidationSplit::Fold { fold, .. }) => Some(format!("fold {fold}")),
            _ => None,
        };
        let seed = member.seed.filter(|_| self.seeds.is_some()).map(|seed| format!("seed {seed}"));
        let parts: Vec<_> = [fold, seed].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl Member {
    /// The run that `flags` describe, as this member.
    pub fn of(&self, flags: PartialRunConfig) -> PartialRunConfig {
        PartialRunConfig {
            seed: self.seed,
            seed_in_name: self.seed_in_name,
            validation_split: self.validation_split,
            classes: self.class.map(|class| Classes::Labels(vec![class])).or(flags.classes),
            ..flags
        }
    }

    /// What flags and file `said`, with what only both together tell.
    ///
    /// # Errors
    /// [`Exit::Usage`] where there is a seed of a split, and no split.
    pub fn complete(&self, said: PartialRunConfig) -> Result<PartialRunConfig> {
        let seed = said.seed.or(self.default_seed);
        let validation_split = match (said.validation_split, self.split_seed) {
            (Some(split), Some(seed)) => Some(split.with_seed(seed)),
            (None, Some(seed)) => {
                let what = format!("`--split_seed {seed}`: nothing is split");
                return Err(Failure::new(Exit::Usage, what)
                    .why("the data set's own validation images are used")
                    .help("add --validation_split or --folds, or leave it out")
                    .into());
            }
            (split, None) => split,
        };
        Ok(PartialRunConfig { seed, validation_split, ..said })
    }
}
