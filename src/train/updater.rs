//! A step of the optimizer.
//!
//! Large layers leave the gradients of their weights to it. Where the optimizer's rule goes number by number, it
//! [updates](RowOptimizer) the rows of such a weight as it computes their gradients. Of several ranks each does so for
//! its rows, and they send each other the new weights; a rank has the slots of its rows alone, and a checkpoint those of
//! all.

use anyhow::Result;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};

use super::any_model::{AnyModel, BatchOutput};
use super::batch_step::BatchStep;
use super::deferred::Layer;
use super::exchange::Exchange;
use super::step::{StepConfig, passes_of_batch};
use crate::data::{Batch, DataLoader};
use crate::nn::{Network, Parameter};
use crate::ops::dense::ROWS;
use crate::optim::{self, Arguments, Entry, RowOptimizer, Rows};

/// An optimizer with its slots.
pub struct Updater {
    optimizer: ModuleOptimizer,
    /// Of the large layers' weights; `None` where the rule has to see a parameter as a whole.
    rows: Option<RowOptimizer>,
    /// The most that the global norm of the gradients may be, where there is a bound.
    clip_norm: Option<f64>,
}

impl Updater {
    /// The optimizer `entry` before its first step.
    pub fn new(entry: &Entry, arguments: &Arguments, clip_norm: Option<f64>) -> Self {
        // The norm is that of all gradients, before the first is used.
        let rows = (entry.rows)(arguments).filter(|_| clip_norm.is_none());
        let optimizer = (entry.build)(arguments);
        Self { optimizer, rows: rows.map(RowOptimizer::new), clip_norm }
    }

    /// One step of the training of `model` by this process alone, down the gradients of the examples of `loader` in
    /// `batch`; what the forward pass gave.
    ///
    /// # Errors
    /// When slots cannot be read back from the device.
    ///
    /// # Panics
    /// When the batch is empty.
    pub fn train(
        &mut self,
        model: &mut AnyModel,
        loader: &DataLoader,
        batch: Batch,
        config: StepConfig,
        learning_rate: f64,
    ) -> Result<BatchOutput> {
        let step = passes_of_batch(model, &[loader], batch, config);
        let (output, device) = (step.output.clone(), loader.device().clone().inner());
        self.step(model.network_mut(), step, learning_rate, (&device, &Exchange::Alone))?;
        Ok(output)
    }

    /// Goes on with the slots in `bytes`, which are those of these `parameters`.
    ///
    /// # Errors
    /// As those of [`optim::restore`].
    pub(crate) fn restore(&mut self, bytes: Vec<u8>, parameters: &[Parameter]) -> Result<()> {
        self.optimizer = optim::restore(&self.optimizer, bytes, parameters)?;
        self.rows = self.rows.take().map(RowOptimizer::without_slots);
        Ok(())
    }

    /// The slots, which those of the ranks of `exchange` are brought together for, as bytes, and the largest absolute
    /// value in them; NaN if one is NaN.
    ///
    /// # Errors
    /// When they cannot be read back from the device.
    pub(crate) fn to_bytes_and_largest(
        &self,
        parameters: &[Parameter],
        exchange: &Exchange,
    ) -> Result<(Vec<u8>, f32)> {
        let whole = |parameter: &Parameter, own: &[f32]| {
            let (rows, columns) = (parameter.shape[0], parameter.shape[1]);
            exchange.all_gather(own.to_vec(), &exchange.row_counts(rows, columns))
        };
        optim::to_bytes_and_largest(&self.optimizer, |pack| {
            if let Some(rows) = &self.rows {
                rows.add_to(pack, parameters, whole);
            }
        })
    }

    /// Moves the parameters of `network` down the gradients of `step`, which the ranks of `exchange` have computed. The
    /// global norm of the gradients `[1]`, still on the device, where it has a bound.
    ///
    /// # Errors
    /// When slots cannot be read back from the device.
    pub(crate) fn step(
        &mut self,
        network: &mut dyn Network,
        mut step: BatchStep,
        learning_rate: f64,
        (device, exchange): (&Device, &Exchange),
    ) -> Result<Option<Tensor<1>>> {
        step.gather(device, exchange);
        let by_rows = |layer: &Layer| self.rows.is_some() && step.is_only_one(layer);
        let is_by_rows: Vec<_> = step.layers.iter().map(by_rows).collect();
        let BatchStep { mut gradients, layers, .. } = step;
        let (mut by_rows, mut whole) = (Vec::new(), Vec::new());
        for (layer, is_by_rows) in layers.into_iter().zip(is_by_rows) {
            if is_by_rows { by_rows.push(layer) } else { whole.push(layer) }
        }
        for layer in whole {
            layer.register_weight(network, &mut gradients, (device, exchange));
        }
        self.update_rows(network, by_rows, learning_rate, exchange)?;
        Ok(self.update_whole(network, gradients, learning_rate))
    }

    /// Updates the weights of `layers`.
    fn update_rows(
        &mut self,
        network: &mut dyn Network,
        layers: Vec<Layer>,
        learning_rate: f64,
        exchange: &Exchange,
    ) -> Result<()> {
        let Some(rows) = self.rows.as_mut().filter(|_| !layers.is_empty()) else { return Ok(()) };
        let new: Vec<_> = layers.iter().filter(|layer| !rows.has(layer.weight)).collect();
        if !new.is_empty() {
            // They are where a checkpoint has left them.
            let parameters = network.parameters();
            for layer in new {
                rows.take_from(&mut self.optimizer, layer.weight, &parameters)?;
            }
        }
        let ids: Vec<_> = layers.iter().map(|layer| layer.weight).collect();
        network.change(&ids, &mut |id, weight| {
            let layer = layers.iter().find(|layer| layer.weight == id).expect("one of them");
            let own = Rows {
                id,
                matrix: &mut *weight,
                columns: layer.outputs(),
                own: layer.rows(exchange),
                block: ROWS,
                penalty: layer.penalty(),
            };
            rows.step(own, learning_rate, |first, sums| layer.add_rows(first, sums));
            exchange.all_gather_into(weight, &layer.counts(exchange));
        });
        Ok(())
    }

    /// Updates the parameters that have `gradients`.
    fn update_whole(
        &mut self,
        network: &mut dyn Network,
        mut gradients: GradientsParams,
        learning_rate: f64,
    ) -> Option<Tensor<1>> {
        let norm = self.clip_norm.and_then(|most| network.clip_norm(&mut gradients, most));
        network.update(gradients, &mut self.optimizer, learning_rate);
        norm
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::optim::ModuleOptimizer;
    use serde_json::Map;

    use super::*;
    use crate::data::Examples;
    use crate::nn::layers::{Dense, DenseConfig};
    use crate::nn::{Classifier, ForwardContext, Initializer, Model};
    use crate::optim::{ArgDefault, OPTIMIZERS};
    use crate::train::exchange::tests::on_ranks;
    use crate::train::loss_and_gradients;
    use crate::train::shared_step::{self, passes_of_shared_batch};

    const STEPS: usize = 3;
    const BATCH: usize = 40;

    /// A layer that leaves its gradients to the batch, and one that does not.
    #[derive(Module, Debug)]
    struct Two {
        large: Dense,
        small: Dense,
    }

    impl Classifier for Two {
        fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
            self.small.forward(self.large.forward(images.flatten(1, 3), context), context)
        }
    }

    fn model(device: &Device) -> AnyModel {
        let two = Model::Classifier(|[_, height, width], classes, init| {
            let large = DenseConfig::new([height * width, 170]).init(init);
            Ok(Box::new(Two { large, small: DenseConfig::new([170, classes]).init(init) }))
        });
        AnyModel::new(two, [1, 20, 20], 3, &mut Initializer::new(1, device)).unwrap()
    }

    fn loader(device: &Device) -> DataLoader {
        let pixels = (0..BATCH * 400).map(|i| (i * i % 251) as u8).collect();
        let labels = (0..BATCH).map(|i| i as u32 % 3).collect();
        DataLoader::new(Examples::new([1, 20, 20], pixels, labels).unwrap(), device)
    }

    fn arguments(entry: &Entry) -> Arguments {
        let own = entry.arguments.iter().filter(|own| own.default == ArgDefault::Required);
        let mut given = Map::from_iter(own.map(|own| (own.name.to_owned(), 0.9.into())));
        given.insert("learning_rate".into(), 0.01.into());
        Arguments::new(entry, given).unwrap()
    }

    /// Parameters and slots after all steps, of burn's optimizer with all gradients.
    fn of_burn(entry: &Entry, l2_penalty: f64) -> [Vec<u8>; 2] {
        let device = Device::flex().autodiff();
        let (mut model, loader) = (model(&device), loader(&device));
        let all: Vec<_> = (0..BATCH).collect();
        let mut optimizer: ModuleOptimizer = (entry.build)(&arguments(entry));
        for _ in 0..STEPS {
            let config = StepConfig { l2_penalty, seed: 1 };
            let step = loss_and_gradients(&model, &loader, Batch::plain(&all), config);
            model.network_mut().update(step.gradients, &mut optimizer, 0.01);
        }
        [model.network().to_bytes().unwrap(), optim::to_bytes(&optimizer).unwrap()]
    }

    /// The same of a rank of `exchange`, which begins anew from its slots after each step if it `resumes`.
    fn of_rank(entry: &Entry, l2_penalty: f64, exchange: &Exchange, resumes: bool) -> [Vec<u8>; 2] {
        let device = Device::flex().autodiff();
        let (mut model, loader) = (model(&device), loader(&device));
        let all: Vec<_> = (0..BATCH).collect();
        let begin = || Updater::new(entry, &arguments(entry), None);
        let mut updater = begin();
        let slots = |model: &AnyModel, updater: &Updater| {
            let parameters = model.network().parameters();
            (updater.to_bytes_and_largest(&parameters, exchange).unwrap().0, parameters)
        };
        for _ in 0..STEPS {
            let (batch, config) = (Batch::plain(&all), StepConfig { l2_penalty, seed: 1 });
            let rows = shared_step::SpareRows::default();
            let by = (exchange, &rows);
            let step = match exchange.is_alone() {
                true => passes_of_batch(&model, &[&loader], batch, config),
                false => passes_of_shared_batch(&model, &loader, batch, config, by, None).0,
            };
            assert_eq!(step.left().len(), 2);
            let on = (&Device::flex(), exchange);
            updater.step(model.network_mut(), step, 0.01, on).unwrap();
            if resumes {
                let (bytes, parameters) = slots(&model, &updater);
                updater = begin();
                updater.restore(bytes, &parameters).unwrap();
            }
        }
        [model.network().to_bytes().unwrap(), slots(&model, &updater).0]
    }

    /// Row by row, on however many ranks, resumed or not: the bytes of burn's optimizer.
    #[test]
    fn rows_end_as_the_whole_does() {
        for entry in OPTIMIZERS {
            for l2_penalty in [0.0, 0.1] {
                let burns = of_burn(entry, l2_penalty);
                let alone = |resumes| of_rank(entry, l2_penalty, &Exchange::Alone, resumes);
                assert!(alone(false) == burns && alone(true) == burns, "{}", entry.name);
                for size in [2, 4] {
                    let work = |exchange: &Exchange| of_rank(entry, l2_penalty, exchange, true);
                    let same = on_ranks(size, work).into_iter().all(|own| own == burns);
                    assert!(same, "{} on {size} ranks", entry.name);
                }
            }
        }
    }
}
