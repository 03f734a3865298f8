//! What a model notes of itself in an evaluation beside its output, as a KL divergence: of each microbatch, and of all.
//!
//! ```text
//! Σ_i n_i v_i / n    over the microbatches i of n_i images, in their order; of shares p then exp(-Σ p ln p), of mean
//!                    activities the penalty of `--sparsity`
//! ```

use crate::nn::{ForwardContext, Note, NoteKind};
use crate::util::tensor::floats;

/// What was noted of a microbatch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Noted {
    pub name: String,
    /// What is told of the means.
    pub kind: NoteKind,
    /// Weighted by the images of the microbatch.
    pub values: Vec<f32>,
}

/// What was noted in the pass of `context` through a microbatch of so many `images`.
pub(super) fn of_microbatch(context: &mut ForwardContext, images: usize) -> Vec<Noted> {
    let notes = context.take_notes().into_iter();
    let noted = notes.map(|Note { name, values, kind }| {
        let values = floats(values * images as f64);
        Noted { name: name.to_owned(), kind, values }
    });
    noted.collect()
}

/// What was noted of all `images`, by name, from the microbatches in their order.
pub(super) fn of_all(microbatches: Vec<Noted>, images: usize) -> Vec<(String, f64)> {
    let mut sums: Vec<(Noted, Vec<f64>)> = Vec::new();
    for noted in microbatches {
        let values = noted.values.iter().map(|value| f64::from(*value));
        match sums.iter_mut().find(|(other, _)| other.name == noted.name) {
            Some((_, sum)) => sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value),
            None => {
                let values = values.collect();
                sums.push((noted, values));
            }
        }
    }
    let mean = |sum: f64| sum / images as f64;
    let told = sums.into_iter().map(|(noted, sums)| {
        let value = match noted.kind {
            NoteKind::Shares => perplexity(sums.into_iter().map(mean)),
            NoteKind::Mean => mean(sums.iter().sum()),
            NoteKind::Activities(sparsity, values) => {
                let means: Vec<_> = sums.into_iter().map(mean).collect();
                sparsity.of_activities(&means, values)
            }
        };
        (noted.name, value)
    });
    told.collect()
}

/// exp(-Σ p ln p), where 0 ln 0 is 0.
fn perplexity(shares: impl Iterator<Item = f64>) -> f64 {
    let entropy: f64 = shares.filter(|share| *share > 0.0).map(|share| -share * share.ln()).sum();
    entropy.exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_perplexities() {
        let noted = |name: &str, kind, values: &[f32]| Noted {
            name: name.to_owned(),
            kind,
            values: values.to_vec(),
        };
        // Three images, then one: by hand.
        let parts = vec![
            noted("kl", NoteKind::Mean, &[3.0 * 2.0]),
            noted("use", NoteKind::Shares, &[3.0, 0.0, 0.0, 0.0]),
            noted("kl", NoteKind::Mean, &[6.0]),
            noted("use", NoteKind::Shares, &[0.0, 1.0, 0.0, 0.0]),
        ];
        let told = of_all(parts, 4);
        assert_eq!(told[0], ("kl".to_owned(), 3.0));
        let expected = (-(0.75f64.ln() * 0.75 + 0.25f64.ln() * 0.25)).exp();
        assert_eq!(told[1], ("use".to_owned(), expected));
        let even = vec![noted("use", NoteKind::Shares, &[1.0, 1.0])];
        assert!((of_all(even, 2)[0].1 - 2.0).abs() < 1e-12);
        let sparsity = "kl:0.25,1".parse().unwrap();
        let kind = NoteKind::Activities(sparsity, 4);
        let parts = vec![noted("a", kind, &[1.5, 0.5]), noted("a", kind, &[0.5, 0.5])];
        assert_eq!(of_all(parts, 4)[0].1, sparsity.of_activities(&[0.5, 0.25], 4));
    }
}
