//! The loss of logits for labels that are mixed or smoothed.
//!
//! ```text
//! λ loss(z, y) + (1 - λ) loss(z, y')          of images that are λ and 1 - λ of two with the labels y and y'
//! (1 - ε) that + ε mean_c(-ln softmax(z)_c)   with the label smoothing ε
//! ```
//!
//! z `[batch, classes]`, y and y' `[batch]`, result `[1]`, where loss is the model's own. For cross-entropy this is
//! PyTorch's `CrossEntropyLoss(label_smoothing=ε)` of the targets λ onehot(y) + (1 - λ) onehot(y'). Smoothing: Szegedy
//! et al. 2015, "Rethinking the Inception Architecture for Computer Vision"; mixing: [`crate::data::mix`].

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;

use crate::data::{Batch, DataLoader};
use crate::nn::Classifier;

/// The mean loss `[1]` of `model` for its `logits` of the examples of `loader` in `batch`.
pub(super) fn classification_loss(
    model: &dyn Classifier,
    logits: Tensor<2>,
    loader: &DataLoader,
    batch: Batch,
) -> Tensor<1> {
    let loss = |batch| model.loss(logits.clone(), loader.labels(batch));
    let mixed = match batch.partners() {
        None => loss(batch),
        Some((partners, mix)) => loss(batch) * mix.lambda + loss(partners) * (1.0 - mix.lambda),
    };
    let smoothing = batch.label_smoothing;
    if smoothing == 0.0 {
        return mixed;
    }
    mixed * (1.0 - smoothing) - log_softmax(logits, 1).mean() * smoothing
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::{Module, Param};
    use burn::tensor::{Device, TensorData};

    use crate::data::augment::tests::golden;
    use crate::data::{Examples, Mix, Mixed, mix};
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

    /// PyTorch's `CrossEntropyLoss(label_smoothing)` (`tests/golden/augment.py`).
    #[test]
    fn losses_are_pytorchs() {
        let golden = &golden()["losses"];
        let device = Device::flex();
        let rows: Vec<Vec<f32>> = serde_json::from_value(golden["logits"].clone()).unwrap();
        let labels: Vec<u32> = serde_json::from_value(golden["labels"].clone()).unwrap();
        let indices: Vec<usize> = (0..labels.len()).collect();
        let shape = [rows.len(), rows[0].len()];
        let examples = Examples::new([1, 1, 1], vec![0; labels.len()], labels).unwrap();
        let loader = DataLoader::new(examples, &device);
        let model = Nothing { unused: Param::from_data([0.0], &device) };
        let partners = mix::partners(&indices);
        for found in golden["found"].as_array().unwrap() {
            let number = |name: &str| found[name].as_f64().unwrap();
            let mix = Mix { lambda: number("lambda"), rectangle: None };
            // Of λ = 1 also without partners.
            for is_mixed in [true, false].into_iter().filter(|mixed| *mixed || mix.lambda == 1.0) {
                let mixed = is_mixed.then_some(Mixed { partners: &partners, mix });
                let label_smoothing = number("smoothing");
                let batch = Batch { mixed, label_smoothing, ..Batch::plain(&indices) };
                let logits = Tensor::from_data(TensorData::new(rows.concat(), shape), &device);
                let loss = classification_loss(&model, logits, &loader, batch).into_scalar::<f32>();
                assert!((f64::from(loss) - number("loss")).abs() < 1e-5, "{loss}: {found}");
            }
        }
    }
}
