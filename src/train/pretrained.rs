//! Training that begins with weights from elsewhere: which of them fit the model, and which of its
//! parameters stay as they are.

use crate::run::find_checkpoint;
use std::fmt;
use std::path::Path;

use anyhow::Result;

use crate::error::{Exit, Failure};
use crate::nn::Scopes;
use crate::nn::{Network, Parameter};
use crate::run::{Checkpoint, Pretrained, State};
use crate::train::name_matching::Fitted;
use crate::weights::{Found, Weights};

/// Names in one line of a report, at the most: a file may have any number.
const MAX_LISTED: usize = 40;

/// Endings of files of weights: one that is not there is said to be missing, not to be no folder of
/// checkpoints.
const ENDINGS: [&str; 4] = ["safetensors", "pt", "pth", "bin"];

/// The weights that `path` means: a safetensors file or one of PyTorch, known by its content, or what
/// [`find_checkpoint`] finds.
///
/// # Errors
/// When it cannot be read, or is something else.
pub(crate) fn read(path: &Path) -> Result<Found> {
    Ok(read_with_state(path)?.0)
}

/// The same, and where the run stood whose checkpoint it is, if it is one.
fn read_with_state(path: &Path) -> Result<(Found, Option<State>)> {
    let ending = path.extension().and_then(|end| end.to_str()).unwrap_or("");
    let found = match path.is_file() || (!path.exists() && ENDINGS.contains(&ending)) {
        true => Found::read(path).transpose(),
        false => None,
    };
    let found = found.map(|found| found.map(|found| (found, None))).unwrap_or_else(|| {
        let Checkpoint { state, model, .. } = find_checkpoint(path)?.1;
        let found = Found { weights: Weights::from_pack(model)?, ..Found::default() };
        Ok((found, Some(state)))
    });
    found.map_err(|error| match error.is::<Failure>() {
        true => error,
        false => Failure::new(
            Exit::Failed,
            format!("cannot read the weights in `{}`", path.display()),
        )
        .why(format!("{error:#}"))
        .help(
            "--checkpoint_path takes a run's folder, a checkpoint, a folder of checkpoints, a \
                     safetensors file, or a file of PyTorch with tensors by name",
        )
        .into(),
    })
}

/// Freezes the parameters of `network` outside of `scopes`.
///
/// # Errors
/// When one of the scopes has nothing to train.
pub(crate) fn freeze(network: &mut dyn Network, scopes: &Scopes) -> Result<()> {
    let parameters = network.parameters();
    let trained = parameters.iter().filter(|parameter| parameter.trained);
    let names = trained.map(|parameter| parameter.name.as_str());
    refuse_empty("--trainable_scopes", scopes, names)?;
    network.train_only(scopes);
    Ok(())
}

/// Puts the weights of `pretrained` into `network` and returns what became of each, and where the run stood that they
/// are from, if they are a run's.
///
/// # Errors
/// When they cannot be read or are others than the configuration says, when an excluded scope has
/// none of the parameters, and when no tensor fits.
pub(crate) fn load(
    network: &mut dyn Network,
    pretrained: &Pretrained,
) -> Result<(Transfer, Option<State>)> {
    let path = pretrained.checkpoint_path.display();
    let parameters = network.parameters();
    if let Some(scopes) = &pretrained.exclude_scopes {
        let names = parameters.iter().map(|parameter| parameter.name.as_str());
        refuse_empty("--exclude_scopes", scopes, names)?;
    }
    let (found, state) = read_with_state(&pretrained.checkpoint_path)?;
    let Found { weights, below, mut aside, skipped } = found;
    if weights.sha256() != pretrained.sha256 {
        return Err(Failure::new(Exit::Failed, format!("`{path}` has changed"))
            .why("its weights are not those that this run was to begin with")
            .help("put it back, or name others with --checkpoint_path")
            .into());
    }
    let Fitted { mut weights, prefix, within, aside: others } = Fitted::new(weights, &parameters);
    aside.extend(others);
    let mut transfer = Transfer::new(&parameters, &weights, pretrained.exclude_scopes.as_ref());
    transfer.prefix.extend(Some(below + &prefix).filter(|prefix| !prefix.is_empty()));
    transfer.prefix.extend(within.iter().map(|wrapper| format!("{wrapper}. within them")));
    transfer.aside = aside.into_iter().map(|(key, count)| format!("{key} ({count})")).collect();
    transfer.skipped = skipped;
    if transfer.loaded.is_empty() {
        let theirs = weights.iter().map(|(name, values)| format!("{name} {:?}", values.shape()));
        let ours = parameters.iter().map(|own| format!("{} {:?}", own.name, own.shape));
        return Err(Failure::new(Exit::Failed, format!("nothing in `{path}` can be loaded"))
            .why(format!(
                "it has: {}\nthe model has: {}{}",
                list(theirs.collect()),
                list(ours.collect()),
                transfer.of_the_file().map(|row| format!("\n{row}")).collect::<String>()
            ))
            .help("the names and shapes have to be the same; look at --exclude_scopes too")
            .into());
    }
    weights.keep(&transfer.loaded);
    network.set(&weights);
    Ok((transfer, state))
}

/// Fails when one of `scopes`, which `flag` gave, has none of the parameters called `names`.
fn refuse_empty<'a>(
    flag: &str,
    scopes: &Scopes,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<()> {
    let Some(scope) = scopes.first_without(names.clone()) else { return Ok(()) };
    let names: Vec<_> = names.map(str::to_owned).collect();
    Err(Failure::new(Exit::Usage, format!("`{flag} {scopes}`"))
        .why(format!("no parameter of the model is in the scope `{scope}`"))
        .help(format!("there are: {}", names.join(", ")))
        .into())
}

/// What becomes of each tensor of the model and of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Transfer {
    /// Taken from the file.
    loaded: Vec<String>,
    /// In the model, not to be loaded.
    excluded: Vec<String>,
    /// In the model, not in the file.
    missing: Vec<String>,
    /// In both, with other dimensions.
    reshaped: Vec<String>,
    /// In the file, not in the model.
    unused: Vec<String>,
    /// What all names that were looked at begin with in the file, if anything was taken off them.
    prefix: Vec<String>,
    /// The keys in the file that were not looked at, and how many tensors are below each.
    aside: Vec<String>,
    /// In the file, but no floating-point numbers.
    skipped: Vec<String>,
}

impl Transfer {
    fn new(parameters: &[Parameter], weights: &Weights, exclude: Option<&Scopes>) -> Self {
        let mut transfer = Self::default();
        for Parameter { name, shape, .. } in parameters {
            let excluded = exclude.is_some_and(|scopes| scopes.contains(name));
            match weights.get(name) {
                _ if excluded => transfer.excluded.push(name.clone()),
                None => transfer.missing.push(name.clone()),
                Some(values) if values.shape() == shape => transfer.loaded.push(name.clone()),
                Some(values) => {
                    let row = format!("{name} ({:?} there, {shape:?} here)", values.shape());
                    transfer.reshaped.push(row);
                }
            }
        }
        let unused = |name: &str| !parameters.iter().any(|parameter| parameter.name == name);
        let names = weights.iter().map(|(name, _)| name);
        transfer.unused = names.filter(|name| unused(name)).map(str::to_owned).collect();
        transfer
    }
}

impl Transfer {
    /// What there is to say of the file.
    fn of_the_file(&self) -> impl Iterator<Item = String> {
        let rows = [
            ("taken off the names in the file", &self.prefix),
            ("left aside in the file (tensors)", &self.aside),
            ("not read, as only F32, F64, F16 and BF16 are", &self.skipped),
        ];
        rows.into_iter().filter_map(|(what, names)| row(what, names))
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("loaded", &self.loaded),
            ("excluded", &self.excluded),
            ("missing in the file", &self.missing),
            ("of another shape", &self.reshaped),
            ("not in the model", &self.unused),
        ];
        let rows = rows.into_iter().filter_map(|(what, names)| row(what, names));
        f.write_str(&rows.chain(self.of_the_file()).collect::<Vec<_>>().join("\n"))
    }
}

/// What became of `names`, if there are any.
fn row(what: &str, names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| format!("{what}: {}", list(names.to_vec())))
}

/// Some of `names`, and how many more there are.
fn list(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(MAX_LISTED);
    names.truncate(MAX_LISTED);
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    if more > 0 { format!("{names} and {more} more") } else { names }
}

#[cfg(test)]
mod tests {
    use burn::module::ParamId;

    use super::*;
    use crate::weights::Values;

    fn parameter(name: &str, shape: &[usize]) -> Parameter {
        let (id, shape) = (ParamId::from(1), shape.to_vec());
        Parameter { id, name: name.into(), module: "Conv".into(), shape, trained: true }
    }

    #[test]
    fn every_tensor_is_reported_once() {
        let ours = [
            parameter("encode.bias", &[1]),
            parameter("encode.weight", &[2]),
            parameter("fc.bias", &[1]),
            parameter("fc.weight", &[1, 2]),
        ];
        let mut weights = Weights::default();
        for (name, shape) in
            [("encode.bias", vec![1]), ("encode.weight", vec![3]), ("fc.bias", vec![1])]
        {
            let values = vec![0.0; shape.iter().product()];
            weights.insert(name, Values::new(shape, values)).unwrap();
        }
        weights.insert("decode.bias", Values::new(vec![1], vec![0.0])).unwrap();
        assert_eq!(
            Transfer::new(&ours, &weights, None).to_string(),
            "loaded: encode.bias, fc.bias\n\
             missing in the file: fc.weight\n\
             of another shape: encode.weight ([3] there, [2] here)\n\
             not in the model: decode.bias"
        );
        let exclude = "fc,encode.weight".parse().unwrap();
        assert_eq!(
            Transfer::new(&ours, &weights, Some(&exclude)).to_string(),
            "loaded: encode.bias\n\
             excluded: encode.weight, fc.bias, fc.weight\n\
             not in the model: decode.bias"
        );
    }

    #[test]
    fn long_lists_are_cut() {
        let names = (0..MAX_LISTED + 7).map(|n| n.to_string()).collect();
        assert!(list(names).ends_with("39 and 7 more"));
    }
}
