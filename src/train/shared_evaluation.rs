//! An evaluation of several ranks: the same numbers as
//! [`loss_and_predictions`](super::step::loss_and_predictions).
//!
//! The microbatches of all batches are shared out; what each gives goes to all ranks, which then sum
//!
//! ```text
//! loss = Σ_i n_i loss_i / n    over all microbatches i, in their order.
//! ```

use anyhow::{Context, Result, bail};

use super::any_model::AnyModel;
use super::exchange::Exchange;
use super::notes::{self, Noted};
use super::step::{Detail, EvalOutput, ImageOutput, classes};
use crate::data::{Batch, DataLoader};
use crate::metrics::image_quality::ImageError;
use crate::metrics::measure::{Classified, Reconstructed};
use crate::nn::SharedWeights;
use crate::util::parallel::try_map;
use crate::util::tensor::floats;

/// What a rank has evaluated, or several have.
#[derive(Debug, Default, PartialEq)]
struct Part {
    /// Of each microbatch, weighted by its size.
    losses: Vec<f32>,
    predictions: Vec<u32>,
    images: Option<ImageOutput>,
    /// Of each microbatch.
    notes: Vec<Noted>,
}

/// The loss and the predictions of `model` on all examples of `loader`, in batches of `batch_size`, of which this
/// rank computes its share.
///
/// # Errors
/// When another rank has sent what cannot be read, or an image cannot be read or is damaged.
pub(super) fn shared_loss_and_predictions(
    model: &AnyModel,
    loader: &DataLoader,
    batch_size: usize,
    detail: Detail,
    exchange: &Exchange,
) -> Result<EvalOutput> {
    let all: Vec<_> = (0..loader.len()).collect();
    let batches = Batch::plain(&all).chunks(batch_size);
    let microbatches: Vec<_> =
        batches.iter().flat_map(|batch| batch.chunks(model.microbatch(batch.len()))).collect();
    let (share, packed) = (exchange.share(microbatches.len()), SharedWeights::default());
    let own = &microbatches[share];
    let parts = try_map(own.len(), |number| -> Result<_> {
        let microbatch = &own[number];
        let bytes = loader.read(microbatch.indices)?;
        let (output, images, notes) =
            model.evaluate_batch(loader, microbatch.with_bytes(&bytes), (detail, &packed));
        let losses = floats(output.loss * microbatch.len() as f64);
        let predictions = classes(output.predictions.into_iter().collect());
        Ok(Part { losses, predictions, images, notes })
    });
    let parts = exchange.gather(Part::of(parts?).to_bytes());
    let parts: Result<Vec<_>> = parts.iter().map(|bytes| Part::from_bytes(bytes)).collect();
    let Part { losses, predictions, images, notes } = Part::of(parts?);
    let sum: f64 = losses.iter().map(|loss| f64::from(*loss)).sum();
    let notes = notes::of_all(notes, loader.len());
    Ok(EvalOutput { loss: sum / loader.len() as f64, predictions, images, notes })
}

impl Part {
    /// All of `parts`, one after the other.
    fn of(parts: Vec<Self>) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.losses.extend(part.losses);
            all.predictions.extend(part.predictions);
            all.notes.extend(part.notes);
            match (&mut all.images, part.images) {
                (Some(images), Some(next)) => images.extend(next),
                (_, None) => {}
                (images, next) => *images = next,
            }
        }
        all
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, &self.losses, |x| x.to_le_bytes());
        put(&mut bytes, &self.predictions, |x| x.to_le_bytes());
        put(&mut bytes, &[self.notes.len() as u64], |x| x.to_le_bytes());
        for Noted { name, kind, values } in &self.notes {
            put(&mut bytes, name.as_bytes(), |x| x.to_le_bytes());
            let kind = serde_json::to_vec(kind).expect("a kind is JSON");
            put(&mut bytes, &kind, |x| x.to_le_bytes());
            put(&mut bytes, values, |x| x.to_le_bytes());
        }
        match &self.images {
            None => {}
            Some(ImageOutput::Reconstructed(Reconstructed { errors, ssims })) => {
                bytes.push(1);
                put(&mut bytes, errors, |error| error.mse.to_le_bytes());
                put(&mut bytes, errors, |error| error.mae.to_le_bytes());
                put(&mut bytes, ssims, |x| x.to_le_bytes());
            }
            Some(ImageOutput::Classified(Classified { logits, classes })) => {
                bytes.push(2);
                put(&mut bytes, logits, |x| x.to_le_bytes());
                put(&mut bytes, &[*classes as u64], |x| x.to_le_bytes());
            }
        }
        bytes
    }

    fn from_bytes(mut bytes: &[u8]) -> Result<Self> {
        let bytes = &mut bytes;
        let losses = take(bytes, f32::from_le_bytes)?;
        let predictions = take(bytes, u32::from_le_bytes)?;
        let count = *take(bytes, u64::from_le_bytes)?.first().context("no number of notes")?;
        let mut notes = Vec::new();
        for _ in 0..count {
            let name = take(bytes, u8::from_le_bytes)?;
            let name = String::from_utf8(name).context("a note's name is no text")?;
            let kind = serde_json::from_slice(&take(bytes, u8::from_le_bytes)?)?;
            notes.push(Noted { name, kind, values: take(bytes, f32::from_le_bytes)? });
        }
        let images = match bytes.split_off_first() {
            None => None,
            Some(1) => {
                let (mse, mae) =
                    (take(bytes, f64::from_le_bytes)?, take(bytes, f64::from_le_bytes)?);
                let errors = mse.into_iter().zip(mae).map(|(mse, mae)| ImageError { mse, mae });
                let errors = errors.collect();
                let ssims = take(bytes, f64::from_le_bytes)?;
                Some(ImageOutput::Reconstructed(Reconstructed { errors, ssims }))
            }
            Some(2) => {
                let logits = take(bytes, f32::from_le_bytes)?;
                let classes = take(bytes, u64::from_le_bytes)?;
                let classes = *classes.first().context("no number of classes")? as usize;
                Some(ImageOutput::Classified(Classified { logits, classes }))
            }
            Some(kind) => bail!("results of the unknown kind {kind}"),
        };
        Ok(Self { losses, predictions, images, notes })
    }
}

/// Appends the number of `values`, and these.
fn put<T, const N: usize>(bytes: &mut Vec<u8>, values: &[T], to_bytes: impl Fn(&T) -> [u8; N]) {
    bytes.extend((values.len() as u64).to_le_bytes());
    bytes.extend(values.iter().flat_map(to_bytes));
}

/// Takes from the front of `bytes` what [`put`] has appended.
fn take<T, const N: usize>(bytes: &mut &[u8], from_bytes: fn([u8; N]) -> T) -> Result<Vec<T>> {
    let (length, rest) = bytes.split_first_chunk::<8>().context("a part is cut off")?;
    let length = u64::from_le_bytes(*length).checked_mul(N as u64).context("a part is too long")?;
    let (values, rest) = rest.split_at_checked(length as usize).context("a part is cut off")?;
    *bytes = rest;
    Ok(values.as_chunks::<N>().0.iter().map(|value| from_bytes(*value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::NoteKind;

    #[test]
    fn parts_come_back() {
        let errors = vec![ImageError { mse: 0.5, mae: -0.0 }, ImageError { mse: 1e-300, mae: 2.0 }];
        for images in [
            None,
            Some(ImageOutput::Reconstructed(Reconstructed { errors, ssims: vec![0.25] })),
            Some(ImageOutput::Classified(Classified { logits: vec![1.0, 2.0], classes: 2 })),
        ] {
            let sparsity = "kl:0.05,0.1".parse().unwrap();
            let kinds = [NoteKind::Mean, NoteKind::Shares, NoteKind::Activities(sparsity, 64)];
            let noted = |kind| Noted { name: "kl".into(), kind, values: vec![0.5, 0.25] };
            let notes = kinds.map(noted).to_vec();
            let losses = vec![1.0, -0.0, 3e-40];
            let part = Part { losses, predictions: vec![7, 0], images, notes };
            let bytes = part.to_bytes();
            assert_eq!(Part::from_bytes(&bytes).unwrap(), part);
            // The kind of its images may be what is missing.
            for end in 0..bytes.len() {
                let cut = Part::from_bytes(&bytes[..end]);
                assert!(cut.is_err() || part.images.is_some() && cut.unwrap().images.is_none());
            }
        }
    }
}
