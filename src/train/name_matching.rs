//! The names in a file, brought to those of a model: the same tensor is `encode.weight` in the model
//! and `state_dict.module.encode.weight` in what a training script has saved.
//!
//! Tried are the names as they are and, again and again, without their first part, where all of them
//! share it (`module.`, `_orig_mod.`) or it is a usual key above a model's tensors (`model.`,
//! `state_dict.`). The names that most of the model's parameters have with the same shape are taken; of
//! two that fit alike those that were changed less, and a moving average of the weights (`ema.`) only
//! where nothing else fits as well. So a file that fits is read as it is.
//!
//! A batch normalisation without scale and offset (PyTorch's `affine=False`) is known by its
//! statistics: `running_mean` and `running_var` are `moving_mean` and `moving_variance` here.

use std::collections::{BTreeMap, BTreeSet};

use crate::nn::Parameter;
use crate::weights::Weights;
use crate::weights::names::statistic;

/// What is usual above a model's tensors, the more likely first.
const KEYS: [&str; 12] = [
    "model_state_dict",
    "state_dict",
    "model",
    "module",
    "_orig_mod",
    "net",
    "network",
    "params",
    "parameters",
    "weights",
    "ema_model",
    "model_ema",
];
/// What begins the key of a moving average of the weights, or ends it.
const AVERAGE: &str = "ema";
/// What PyTorch puts between the parts of a name where it wraps a part of a model.
const WRAPPERS: [&str; 3] = ["module", "_orig_mod", "_fsdp_wrapped_module"];
/// Parts of a name that are taken off, at the most.
const DEEPEST: usize = 8;

/// Weights by the names of a model.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Fitted {
    /// Under the model's names, as far as they fit.
    pub weights: Weights,
    /// What was taken off the names; empty where they are those of the file.
    pub prefix: String,
    /// The wrappers that were taken out of the middle of names.
    pub within: Vec<&'static str>,
    /// What does not begin so, and how many tensors it is.
    pub aside: BTreeMap<String, usize>,
}

/// One way to read the names.
struct Reading<'a> {
    /// What is taken off, with a dot at its end, or nothing.
    prefix: String,
    /// What is taken out of the middle.
    within: Vec<&'static str>,
    /// Our name of each tensor, and the file's.
    names: BTreeMap<String, &'a str>,
}

impl Fitted {
    /// `weights` under the names that fit most of `parameters`.
    pub fn new(weights: Weights, parameters: &[Parameter]) -> Self {
        let mut best: Option<([usize; 5], Reading)> = None;
        for reading in readings(&weights, parameters) {
            let key = reading.key(&weights, parameters);
            if best.as_ref().is_none_or(|(most, _)| key > *most) {
                best = Some((key, reading));
            }
        }
        let Some((_, Reading { prefix, within, names })) = best else {
            return Self { weights, ..Self::default() };
        };
        let names: BTreeMap<String, String> =
            names.into_iter().map(|(ours, theirs)| (theirs.to_owned(), ours)).collect();
        let mut fitted = Self { prefix, within, ..Self::default() };
        for (theirs, values) in weights.tensors {
            match names.get(&theirs) {
                Some(ours) => drop(fitted.weights.tensors.insert(ours.clone(), values)),
                None => *fitted.aside.entry(group(&theirs, &fitted.prefix)).or_default() += 1,
            }
        }
        fitted
    }
}

impl Reading<'_> {
    /// The better the greater: how many parameters have a tensor of their name and shape, how many of
    /// their name, whether it is no moving average, and how little was taken off.
    fn key(&self, weights: &Weights, parameters: &[Parameter]) -> [usize; 5] {
        let of = |own: &Parameter| self.names.get(&own.name).and_then(|theirs| weights.get(theirs));
        let named = parameters.iter().filter(|own| of(own).is_some()).count();
        let shaped = parameters
            .iter()
            .filter(|own| of(own).is_some_and(|values| values.shape() == own.shape));
        let plain = !self.prefix.split('.').any(is_average);
        let whole = self.within.is_empty();
        [shaped.count(), named, plain.into(), whole.into(), usize::MAX - self.prefix.len()]
    }
}

/// All ways to read the names of `weights`, the plainest first.
fn readings<'a>(weights: &'a Weights, parameters: &[Parameter]) -> Vec<Reading<'a>> {
    // burn's own batch normalisation has PyTorch's names.
    let is_ours = |name: &str| parameters.iter().any(|own| own.name == name);
    let all: Vec<&str> = weights.iter().map(|(name, _)| name).collect();
    let mut level = vec![String::new()];
    let mut readings = Vec::new();
    for _ in 0..=DEEPEST {
        let mut below = Vec::new();
        for prefix in level {
            let names = all.iter().filter_map(|&name| Some((name.strip_prefix(&prefix)?, name)));
            let names: Vec<_> = names.collect();
            for part in first_parts(&names) {
                below.push(format!("{prefix}{part}."));
            }
            let plain = named(&names, is_ours, str::to_owned);
            let within = WRAPPERS.into_iter().filter(|wrapper| {
                names.iter().any(|(name, _)| name.split('.').skip(1).any(|part| part == *wrapper))
            });
            let within: Vec<_> = within.collect();
            let unwrapped = named(&names, is_ours, |name| {
                let mut parts = name.split('.');
                let first = parts.next().unwrap_or_default().to_owned();
                let parts = parts.filter(|part| !within.contains(part));
                parts.fold(first, |name, part| format!("{name}.{part}"))
            });
            let unwrapped = unwrapped.filter(|_| !within.is_empty());
            for (names, within) in [(plain, Vec::new()), (unwrapped, within)] {
                let prefix = prefix.clone();
                readings.extend(names.map(|names| Reading { prefix, within, names }));
            }
        }
        level = below;
    }
    readings
}

/// The first parts of names that may be taken off.
fn first_parts<'a>(names: &[(&'a str, &str)]) -> Vec<&'a str> {
    let parts: BTreeSet<_> =
        names.iter().map(|(name, _)| name.split_once('.').map(|(part, _)| part)).collect();
    if let [Some(shared)] = parts.iter().copied().collect::<Vec<_>>()[..] {
        return vec![shared];
    }
    let usual = |part: &&str| KEYS.contains(part) || is_average(part);
    let mut usual: Vec<_> = parts.into_iter().flatten().filter(usual).collect();
    usual.sort_by_key(|part| KEYS.iter().position(|key| key == part).unwrap_or(KEYS.len()));
    usual
}

/// Whether `key` is that of a moving average: `ema`, `ema_state_dict`, `model_ema`.
fn is_average(key: &str) -> bool {
    key.split('_').any(|word| word.eq_ignore_ascii_case(AVERAGE))
}

/// Our name of each tensor by `rename`; `None` where two would have the same. A name that `is_ours` is no
/// name of PyTorch's for a statistic.
fn named<'a>(
    names: &[(&str, &'a str)],
    is_ours: impl Fn(&str) -> bool,
    rename: impl Fn(&str) -> String,
) -> Option<BTreeMap<String, &'a str>> {
    let all: BTreeSet<_> = names.iter().map(|(name, _)| *name).collect();
    let ours = names.iter().map(|(name, theirs)| {
        let statistic = statistic(name);
        let statistic = statistic.filter(|ours| !is_ours(name) && !all.contains(ours.as_str()));
        (rename(&statistic.unwrap_or((*name).to_owned())), *theirs)
    });
    let ours: BTreeMap<_, _> = ours.collect();
    (ours.len() == names.len()).then_some(ours)
}

/// The beginning of `name`, up to the first part that is not in `prefix`.
fn group(name: &str, prefix: &str) -> String {
    let alike = name.split('.').zip(prefix.split('.')).take_while(|(one, other)| one == other);
    let parts = alike.count() + 1;
    name.split('.').take(parts).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use burn::module::ParamId;

    use super::*;
    use crate::weights::Values;

    fn weights(names: &[&str]) -> Weights {
        let mut weights = Weights::default();
        for name in names {
            weights.insert(*name, Values::new(vec![1], vec![0.5])).unwrap();
        }
        weights
    }

    /// The prefix that is taken off a file with these `names` for a model of `a.weight` and `a.bias`.
    #[track_caller]
    fn assert_fits(names: &[&str], prefix: &str, ours: &[&str]) {
        let parameters = ["a.weight", "a.bias", "n.moving_mean"].map(|name| Parameter {
            id: ParamId::from(1),
            name: name.into(),
            module: String::new(),
            shape: vec![1],
            trained: true,
        });
        let fitted = Fitted::new(weights(names), &parameters);
        assert_eq!(fitted.prefix, prefix, "{names:?}");
        let found: Vec<_> = fitted.weights.iter().map(|(name, _)| name).collect();
        assert_eq!(found, ours, "{names:?}");
        let wrapped = names.iter().any(|name| name.contains("a._orig_mod."));
        assert_eq!(!fitted.within.is_empty(), wrapped, "{names:?}");
        let aside: usize = fitted.aside.values().sum();
        assert_eq!(found.len() + aside, names.len());
    }

    /// burn's own batch normalisation has PyTorch's names for its statistics, ours has others.
    #[test]
    fn statistics_by_the_names_that_the_model_has() {
        for (ours, expected) in
            [("running_mean", "n.running_mean"), ("moving_mean", "n.moving_mean")]
        {
            let parameters = ["n.gamma", &format!("n.{ours}")].map(|name| Parameter {
                id: ParamId::from(1),
                name: name.into(),
                module: "BatchNorm".into(),
                shape: vec![1],
                trained: true,
            });
            let fitted = Fitted::new(weights(&["n.gamma", "n.running_mean"]), &parameters);
            let found: Vec<_> = fitted.weights.iter().map(|(name, _)| name).collect();
            assert_eq!(found, ["n.gamma", expected]);
        }
    }

    #[test]
    fn prefixes() {
        let both = &["a.bias", "a.weight"][..];
        for prefix in [
            "module.",
            "_orig_mod.",
            "module._orig_mod.",
            "model.",
            "model.module.",
            "state_dict.model.net.",
            "anything.",
            "net.",
            "ema.",
        ] {
            let names = [format!("{prefix}a.weight"), format!("{prefix}a.bias")];
            assert_fits(&[&names[0], &names[1]], prefix, both);
        }
        // As it is: it fits.
        assert_fits(both, "", both);
        assert_fits(&["a.weight", "model.a.weight"], "", &["a.weight", "model.a.weight"]);
        // Nothing fits.
        assert_fits(&["model.b", "model.c"], "", &["model.b", "model.c"]);
        assert_fits(&["a.weight"], "", &["a.weight"]);
        assert_fits(&[], "", &[]);
    }

    #[test]
    fn what_is_beside() {
        let fits =
            |names: &[&str], prefix: &str| assert_fits(names, prefix, &["a.bias", "a.weight"]);
        fits(&["ema.a.weight", "ema.a.bias", "model.a.weight", "model.a.bias"], "model.");
        fits(
            &["model_ema.a.weight", "model_ema.a.bias", "net.module.a.weight", "net.module.a.bias"],
            "net.module.",
        );
        fits(&["optimizer.state.0.avg", "params.a.weight", "params.a.bias"], "params.");
        // The average is all that fits.
        fits(
            &["ema_state_dict.a.weight", "ema_state_dict.a.bias", "model.x.weight"],
            "ema_state_dict.",
        );
        let fitted = Fitted::new(weights(&["model.a", "ema.a", "ema.b", "model.sub.b"]), &[]);
        assert_eq!((fitted.prefix, fitted.aside.len()), (String::new(), 0));
        assert_eq!(group("ema.a", "model.module."), "ema");
        assert_eq!(group("model.a.b", "model.module."), "model.a");
    }

    #[test]
    fn wrappers_within_names_and_statistics_alone() {
        let wrapped = ["module.a._orig_mod.weight", "module.a._orig_mod.bias"];
        assert_fits(&wrapped, "module.", &["a.bias", "a.weight"]);
        assert_fits(
            &["n.running_mean", "n.running_var"],
            "",
            &["n.moving_mean", "n.moving_variance"],
        );
        assert_fits(&["module.n.running_mean"], "module.", &["n.moving_mean"]);
    }
}
