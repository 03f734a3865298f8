//! PyTorch's names and layout, and ours:
//!
//! | layer | PyTorch | here |
//! |---|---|---|
//! | convolution | `weight` `[out, in, height, width]`, `bias` `[out]` | the same |
//! | fully connected | `weight` `[out, in]`, `bias` `[out]` | `weight` `[in, out]`, `bias` `[out]` |
//! | batch normalisation | `weight`, `bias`, `running_mean`, `running_var` `[channels]` | `gamma`, `beta`, `moving_mean`, `moving_variance` |
//!
//! PyTorch's `num_batches_tracked` has no counterpart and is not read: its momentum is a constant
//! here. A layer is a batch normalisation if its `weight` has one dimension; one without a weight is
//! known by its statistics (see `train/name_matching.rs`).
//!
//! Source: the `state_dict` of `torch.nn.Conv2d`, `Linear` and `BatchNorm2d`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::{Values, Weights};

/// What a batch normalisation of PyTorch counts, an integer.
pub(super) const NUM_BATCHES: &str = "num_batches_tracked";

/// The names of a batch normalisation, PyTorch's first.
const NORM: [(&str, &str); 4] = [
    ("weight", "gamma"),
    ("bias", "beta"),
    ("running_mean", "moving_mean"),
    ("running_var", "moving_variance"),
];

/// PyTorch's tensors, as ours.
///
/// # Errors
/// When two would have the same name.
pub(super) fn from_pytorch(theirs: BTreeMap<String, Values>) -> Result<Weights> {
    let norms: BTreeSet<String> = theirs
        .iter()
        .filter(|(_, values)| values.shape.len() == 1)
        .filter_map(|(name, _)| layer_of(name, "weight"))
        .map(str::to_owned)
        .collect();
    let mut ours = Weights::default();
    for (name, values) in theirs {
        let (layer, leaf) = split(&name);
        match NORM.iter().find(|(theirs, _)| *theirs == leaf) {
            Some((_, leaf)) if norms.contains(layer) => ours.insert(join(layer, leaf), values)?,
            _ if leaf == "weight" => ours.insert(name, values.transposed())?,
            _ => ours.insert(name, values)?,
        }
    }
    Ok(ours)
}

/// Ours, as PyTorch's.
pub(super) fn to_pytorch(ours: &Weights) -> BTreeMap<String, Values> {
    let theirs = ours.iter().map(|(name, values)| {
        let (layer, leaf) = split(name);
        match NORM.iter().find(|(_, ours)| *ours == leaf) {
            Some((leaf, _)) => (join(layer, leaf), values.clone()),
            None if leaf == "weight" => (name.to_owned(), values.clone().transposed()),
            None => (name.to_owned(), values.clone()),
        }
    });
    theirs.collect()
}

/// Our name of a statistic that PyTorch calls `name`: no other layer has such.
pub(crate) fn statistic(name: &str) -> Option<String> {
    let (layer, leaf) = split(name);
    let (_, ours) = NORM[2..].iter().find(|(theirs, _)| *theirs == leaf)?;
    Some(join(layer, ours))
}

/// The layer and the last part of a name.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

fn join(layer: &str, leaf: &str) -> String {
    if layer.is_empty() { leaf.to_owned() } else { format!("{layer}.{leaf}") }
}

/// The layer that the tensor `name` belongs to, if its last part is `leaf`.
fn layer_of<'a>(name: &'a str, leaf: &str) -> Option<&'a str> {
    let (layer, last) = split(name);
    (last == leaf).then_some(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(shape: &[usize]) -> Values {
        let values = (0..shape.iter().product()).map(|n: usize| n as f32).collect();
        Values::new(shape.to_vec(), values)
    }

    /// The `state_dict` of a convolution, a batch normalisation and a fully connected layer, as
    /// torch.nn names them.
    #[test]
    fn state_dict() {
        let theirs: BTreeMap<_, _> = [
            ("conv.0.weight", numbered(&[2, 1, 3, 3])),
            ("conv.0.bias", numbered(&[2])),
            ("conv.1.weight", numbered(&[2])),
            ("conv.1.bias", numbered(&[2])),
            ("conv.1.running_mean", numbered(&[2])),
            ("conv.1.running_var", numbered(&[2])),
            ("fc.weight", numbered(&[2, 3])),
            ("fc.bias", numbered(&[2])),
        ]
        .map(|(name, values)| (name.to_owned(), values))
        .into();
        let ours = from_pytorch(theirs.clone()).unwrap();
        let names: Vec<_> = ours.iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "conv.0.bias",
                "conv.0.weight",
                "conv.1.beta",
                "conv.1.gamma",
                "conv.1.moving_mean",
                "conv.1.moving_variance",
                "fc.bias",
                "fc.weight"
            ]
        );
        let transposed = Values::new(vec![3, 2], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(ours.get("fc.weight"), Some(&transposed));
        assert_eq!(to_pytorch(&ours), theirs);
    }

    #[test]
    fn a_layer_without_a_name() {
        let theirs = BTreeMap::from([("weight".to_owned(), numbered(&[2, 1]))]);
        let ours = from_pytorch(theirs.clone()).unwrap();
        assert_eq!(ours.get("weight").unwrap().shape(), [1, 2]);
        assert_eq!(to_pytorch(&ours), theirs);
    }

    #[test]
    fn two_for_one() {
        let theirs = [("n.weight", [2]), ("n.gamma", [2])];
        let theirs = theirs.map(|(name, shape)| (name.to_owned(), numbered(&shape)));
        assert!(from_pytorch(theirs.into()).unwrap_err().to_string().contains("two tensors"));
    }
}
