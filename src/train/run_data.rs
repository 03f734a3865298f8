//! The data set of a run.

use anyhow::Result;

use super::{TrainOptions, copies};
use crate::data::resplit::{Resplit, refuse_untrained};
use crate::data::{Augmentation, BatchWeights, DataLoader, Dataset, Source, Split, Subset};
use crate::registry;
use crate::run::{DataSummary, RunConfig};

/// What a run is trained and validated on, and the data set whose test split is read at its end.
pub(super) struct RunData {
    pub dataset: Box<dyn Dataset>,
    pub train: DataLoader,
    /// The same examples as `train`, for the other devices that train.
    elsewhere: Vec<DataLoader>,
    pub validation: DataLoader,
    pub summary: DataSummary,
    /// What is done to the images that are trained on.
    pub augmentation: Augmentation,
    /// What an example of each class weighs in the loss, if not all the same.
    class_weights: Option<Vec<f32>>,
}

impl RunData {
    /// The same on all ranks, the first one's first: it brings to the others what has to be downloaded.
    pub fn load_in_turns(config: &RunConfig, options: &TrainOptions) -> Result<Self> {
        let exchange = &options.exchange;
        let load = || Self::load(config, options);
        let first = exchange.agree(exchange.is_first().then(load).transpose())?;
        exchange.agree(first.map_or_else(load, Ok))
    }

    /// What the training examples at `indices`, mixed with those at `partners`, weigh in the loss of their batch.
    pub fn weights(&self, indices: &[usize], partners: &[usize]) -> Option<BatchWeights<'_>> {
        let labels = |indices: &[usize]| -> Vec<u32> {
            indices.iter().map(|&index| self.train.examples().labels()[index]).collect()
        };
        let of_classes = self.class_weights.as_ref()?;
        Some(BatchWeights::new(of_classes, &labels(indices), &labels(partners)))
    }

    /// The training examples on each of the devices that train.
    pub fn loaders(&self) -> Vec<&DataLoader> {
        std::iter::once(&self.train).chain(&self.elsewhere).collect()
    }

    /// Reads the examples for training and for validation, and verifies the files of the test split.
    pub fn load(config: &RunConfig, options: &TrainOptions) -> Result<Self> {
        let source = Source { image_size: config.image_size, ..options.source.clone() };
        let whole = registry::dataset(&config.dataset, &source)?;
        let whole = Resplit::of(whole, config.validation_split);
        let dataset = Subset::of(whole, config.classes.as_deref())?;
        let (train, validation) = (dataset.load(Split::Train)?, dataset.load(Split::Validation)?);
        if let Some(split) = config.validation_split {
            refuse_untrained(split, [&train, &validation], &dataset.class_names())?;
        }
        dataset.verify_test()?;
        let normalization = config.normalize.resolve(&train)?;
        // The SHA-256 is the work of one thread; the search for copies, on the others, takes less time.
        let (validation_in_train, summary) = rayon::join(
            || copies::warn(config, options, (&train, &validation), Split::Validation),
            || DataSummary::new(&train, &validation, dataset.class_names()),
        );
        let summary = DataSummary {
            validation_is_test: dataset.validation_is_test(),
            normalization,
            validation_in_train: validation_in_train?,
            ..summary?
        };
        let numbers = summary.normalization.as_ref();
        let class_weights = config.class_weights.of(train.labels(), dataset.num_classes());
        let [first, others @ ..] = &options.train_devices[..] else { panic!("a device trains") };
        let train = DataLoader::normalized(train, &first.clone().autodiff(), numbers);
        let elsewhere = others.iter().map(|device| train.on(&device.clone().autodiff())).collect();
        let validation = DataLoader::normalized(validation, &options.eval_device, numbers);
        let augmentation = Augmentation::of_run(config.augment.as_ref(), &*dataset);
        Ok(Self { dataset, train, elsewhere, validation, summary, augmentation, class_weights })
    }
}

/// Brings the files of the run `config` to where `source` says, so that several processes find them there.
///
/// # Errors
/// When they cannot be had, or are damaged.
pub fn fetch_data(config: &RunConfig, source: &Source) -> Result<()> {
    let source = Source { image_size: config.image_size, ..source.clone() };
    let dataset = registry::dataset(&config.dataset, &source)?;
    dataset.load(Split::Train)?;
    dataset.load(Split::Validation)?;
    dataset.verify_test()
}
