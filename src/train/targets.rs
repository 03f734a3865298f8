//! The loss of logits for labels that are mixed, smoothed or weighted.
//!
//! ```text
//! L(y) = mean_i(v_{y_i} loss(z_i, y_i))       v the classes' weights, 1 on average over the batch
//! λ L(y) + (1 - λ) L(y')                      of images that are λ and 1 - λ of two with the labels y and y'
//! (1 - ε) that + ε mean_ic(-v_c ln softmax(z_i)_c)    with the label smoothing ε
//! ```
//!
//! z `[batch, classes]`, y and y' `[batch]`, result `[1]`, where loss is the model's own. For cross-entropy this is
//! PyTorch's `CrossEntropyLoss(weight, label_smoothing=ε)` of y, λ times, and of y', 1 - λ times; without weights that
//! of the targets λ onehot(y) + (1 - λ) onehot(y'). Smoothing: Szegedy et al. 2015, "Rethinking the Inception
//! Architecture for Computer Vision"; mixing: [`crate::data::mix`]; weights: [`ClassWeights`](crate::data::ClassWeights).

use burn::tensor::activation::log_softmax;
use burn::tensor::{Tensor, TensorData};

use crate::data::{Batch, DataLoader};
use crate::nn::Classifier;
use crate::ops::ordered_sum::ordered_mean;

/// The loss `[1]` of `model` for its `logits` of the examples of `loader` in `batch`.
pub(super) fn classification_loss(
    model: &dyn Classifier,
    logits: Tensor<2>,
    loader: &DataLoader,
    batch: Batch,
) -> Tensor<1> {
    let [own, of_partners] = match batch.weights {
        Some(weights) => [weights.own, weights.partners],
        None => [1.0; 2],
    };
    let loss = |part: Batch, factor: f64| {
        let losses = model.losses(logits.clone(), loader.labels(part));
        match batch.weights {
            Some(weights) => {
                let weight = |&index: &usize| {
                    let label = loader.examples().labels()[index];
                    (f64::from(weights.of_classes[label as usize]) * factor) as f32
                };
                ordered_mean(losses * row(part.indices.iter().map(weight).collect(), &logits))
            }
            None => ordered_mean(losses),
        }
    };
    let (mixed, factor) = match batch.partners() {
        None => (loss(batch, own), own),
        Some((partners, mix)) => {
            let (one, other) = (mix.lambda, 1.0 - mix.lambda);
            let sum = loss(batch, own) * one + loss(partners, of_partners) * other;
            (sum, own * one + of_partners * other)
        }
    };
    let smoothing = batch.label_smoothing;
    if smoothing == 0.0 {
        return mixed;
    }
    let logarithms = log_softmax(logits.clone(), 1);
    let of_all = match batch.weights {
        Some(weights) => {
            let of_classes = weights.of_classes.iter().map(|w| (f64::from(*w) * factor) as f32);
            logarithms * row(of_classes.collect(), &logits).unsqueeze_dim(0)
        }
        None => logarithms,
    };
    mixed * (1.0 - smoothing) - ordered_mean(of_all) * smoothing
}

/// These `values` where `like` is.
fn row(values: Vec<f32>, like: &Tensor<2>) -> Tensor<1> {
    let shape = [values.len()];
    Tensor::from_data(TensorData::new(values, shape), &like.device())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::{Module, Param};
    use burn::tensor::Device;
    use serde_json::Value;

    use crate::data::augment::tests::{golden, unpacked};
    use crate::data::{BatchWeights, ClassWeights, Examples, Mix, Mixed, mix};
    use crate::nn::ForwardContext;

    /// A model that is asked for its loss alone.
    #[derive(Module, Debug)]
    struct Nothing {
        unused: Param<Tensor<1>>,
    }

    impl Classifier for Nothing {
        fn forward(&self, images: Tensor<4>, _: &mut ForwardContext) -> Tensor<2> {
            images.flatten::<2>(1, 3)
        }
    }

    /// The loss of the logits of `golden` for its labels, mixed with those of their partners as a row of `found` says,
    /// where the classes have these `weights`.
    fn loss(golden: &Value, found: &Value, weights: Option<&[f32]>, is_mixed: bool) -> f32 {
        let device = Device::flex();
        let rows: Vec<Vec<f32>> = serde_json::from_value(golden["logits"].clone()).unwrap();
        let labels: Vec<u32> = serde_json::from_value(golden["labels"].clone()).unwrap();
        let indices: Vec<usize> = (0..labels.len()).collect();
        let partners = mix::partners(&indices);
        let of_partners: Vec<_> = partners.iter().map(|&index| labels[index]).collect();
        let weights = weights.map(|weights| BatchWeights::new(weights, &labels, &of_partners));
        let shape = [rows.len(), rows[0].len()];
        let examples = Examples::new([1, 1, 1], vec![0; labels.len()], labels).unwrap();
        let loader = DataLoader::new(examples, &device);
        let model = Nothing { unused: Param::from_data([0.0], &device) };
        let number = |name: &str| found[name].as_f64().unwrap();
        let mix = Mix { lambda: number("lambda"), rectangle: None };
        let mixed = is_mixed.then_some(Mixed { partners: &partners, mix });
        let label_smoothing = number("smoothing");
        let batch = Batch { mixed, label_smoothing, weights, ..Batch::plain(&indices) };
        let logits = Tensor::from_data(TensorData::new(rows.concat(), shape), &device);
        let whole = classification_loss(&model, logits.clone(), &loader, batch);
        // In parts, each with its share, it is the same.
        let parts = batch.chunks(3).into_iter().scan(0, |from, part| {
            let logits = logits.clone().narrow(0, *from, part.len());
            *from += part.len();
            let loss = classification_loss(&model, logits, &loader, part).into_scalar::<f32>();
            Some(loss * part.len() as f32 / batch.len() as f32)
        });
        let (whole, parts) = (whole.into_scalar::<f32>(), parts.sum::<f32>());
        assert!((whole - parts).abs() < 1e-5, "{whole} and {parts}");
        whole
    }

    fn compare(golden: &Value, weights: Option<&[f32]>) {
        for found in golden["found"].as_array().unwrap() {
            // Of λ = 1 also without partners.
            for is_mixed in
                [true, false].into_iter().filter(|mixed| *mixed || found["lambda"] == 1.0)
            {
                let loss = f64::from(loss(golden, found, weights, is_mixed));
                let torch = found["loss"].as_f64().unwrap();
                assert!((loss - torch).abs() < 1e-5, "{loss}: {found}");
            }
        }
    }

    /// PyTorch's `CrossEntropyLoss(label_smoothing)` (`tests/golden/augment.py`).
    #[test]
    fn losses_are_pytorchs() {
        compare(&golden()["losses"], None);
    }

    /// PyTorch's `CrossEntropyLoss(weight, label_smoothing)`, twice where it is mixed (`tests/golden/training.py`).
    #[test]
    fn weighted_losses_are_pytorchs() {
        let golden = &unpacked(include_bytes!("../../tests/golden/training.json.gz"))["weights"];
        let list = |name: &str| golden[name].as_array().unwrap();
        let labels: Vec<_> =
            list("training").iter().map(|label| label.as_u64().unwrap() as u32).collect();
        let balanced: Vec<_> =
            list("balanced").iter().map(|weight| weight.as_f64().unwrap() as f32).collect();
        let weights = ClassWeights::Balanced.of(&labels, balanced.len()).unwrap();
        assert_eq!((&weights, ClassWeights::None.of(&labels, 5)), (&balanced, None));
        compare(golden, Some(&weights));
    }
}
