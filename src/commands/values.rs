//! How the values of flags are read.

use crate::train::config::{
    MAX_EPOCHS, check_clip_norm, check_comment, check_ema, check_mixing, check_smoothing,
    metrics_of,
};
use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::data::image_file::LONGEST;
use crate::device::DeviceName;
use crate::error::{Exit, Failure};
use crate::metrics::{METRICS, Metric};
use crate::models::MODELS;
use crate::nn::{Kind, ModelArguments};
use crate::optim::{self, OPTIMIZERS};

/// A name of a table, in upper or lower case: `mnist` is `MNIST`, where no other name is written so.
#[derive(Clone)]
pub(super) struct Names {
    listed: PossibleValuesParser,
    /// What else is understood, in lower case, and the name that is meant.
    understood: Vec<(String, &'static str)>,
    /// Names that are another program's, and what to do about it.
    elsewhere: Vec<(&'static str, &'static str)>,
}

impl Names {
    fn new(names: impl Iterator<Item = &'static str> + Clone) -> Self {
        Self {
            listed: PossibleValuesParser::new(names.clone()),
            understood: names.map(|name| (name.to_lowercase(), name)).collect(),
            elsewhere: Vec::new(),
        }
    }

    /// The only name that `text` can mean, if there is one.
    fn meant(&self, text: &str) -> Option<&'static str> {
        let lower = text.to_lowercase();
        let mut meant = self.understood.iter().filter(|(other, _)| *other == lower);
        let (_, name) = meant.next()?;
        meant.all(|(_, other)| other == name).then_some(*name)
    }
}

impl TypedValueParser for Names {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, Error> {
        let text = value.to_str().unwrap_or_default();
        let lower = text.to_lowercase();
        if let Some((name, why)) =
            self.elsewhere.iter().find(|(name, _)| name.to_lowercase() == lower)
        {
            let flag = arg.map_or(String::new(), |arg| format!("--{} {name}: ", arg.get_id()));
            let listed = self.listed.possible_values().into_iter().flatten();
            let listed: Vec<_> = listed.map(|value| value.get_name().to_owned()).collect();
            let listed = format!("  [possible values: {}]", listed.join(", "));
            let error = Error::raw(ErrorKind::InvalidValue, format!("{flag}{why}\n{listed}\n"));
            return Err(error.with_cmd(command));
        }
        self.listed.parse_ref(command, arg, self.meant(text).map_or(value, OsStr::new))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.listed.possible_values()
    }
}

/// Accepts the names of `table` and lists them in `--help`.
pub(super) fn names<T>(table: &'static [(&'static str, T)]) -> Names {
    Names::new(table.iter().map(|(name, _)| *name))
}

/// Accepts the names of the models of this kind; of the others it says which program takes them.
pub(super) fn models(kind: Kind) -> Names {
    let of = |wanted: bool| {
        MODELS
            .iter()
            .filter(move |(_, model)| (model.kind() == kind) == wanted)
            .map(|(name, _)| *name)
    };
    let other = match kind {
        Kind::Autoencoder => "it is a classifier: train_classifier and evaluate_classifier take it",
        Kind::Classifier => {
            "it is an autoencoder: train_autoencoder and evaluate_autoencoder take it"
        }
    };
    let mut names = Names::new(of(true));
    names.elsewhere = of(false).map(|name| (name, other)).collect();
    names
}

/// Accepts the names of the optimizers, and PyTorch's name of gradient descent.
pub(super) fn optimizers() -> Names {
    let mut names = Names::new(OPTIMIZERS.iter().map(|entry| entry.name));
    let listed = OPTIMIZERS.iter().map(|entry| PossibleValue::new(entry.name).alias(entry.short));
    names.listed = PossibleValuesParser::new(listed);
    let short = OPTIMIZERS.iter().map(|entry| (entry.short.to_lowercase(), entry.name));
    names.understood.extend(short);
    names
        .understood
        .extend(optim::meant(optim::SGD).map(|entry| (optim::SGD.to_owned(), entry.name)));
    names
}

/// Accepts nothing: a flag of other tools, and what to use for it here.
#[derive(Clone)]
pub(super) struct Instead(pub &'static str);

impl TypedValueParser for Instead {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, _: &OsStr) -> Result<String, Error> {
        let flag = arg.and_then(Arg::get_long).unwrap_or_default();
        let error =
            Error::raw(ErrorKind::UnknownArgument, format!("there is no --{flag}: {}\n", self.0));
        Err(error.with_cmd(command))
    }
}

/// The arguments of an optimizer: a JSON object, no name in it twice.
pub(super) fn optimizer_args(text: &str) -> Result<Map<String, Value>, String> {
    json_object(text, EXAMPLE)
}

/// The arguments of a model: a JSON object, no name in it twice.
pub(super) fn model_args(text: &str) -> Result<Map<String, Value>, String> {
    json_object(text, r#"'{"code": 32}'"#)
}

/// What `--help` says of `--model_args`: the arguments of each model that has some, with their defaults.
pub(super) fn model_args_help() -> String {
    let with_some = MODELS.iter().filter(|(_, model)| !model.arguments().is_empty());
    let lines = with_some.map(|(name, model)| {
        let defaults = ModelArguments::of(name, model.arguments(), &Map::new());
        let defaults = defaults.map_or(Map::new(), |arguments| arguments.as_given());
        format!("{name} {}", Value::from(defaults))
    });
    let lines = lines.collect::<Vec<_>>().join(", ");
    format!("Arguments of the model, as a JSON object [defaults: {lines}]")
}

/// A JSON object, no name in it twice.
fn json_object(text: &str, example: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(_)) => {}
        Ok(_) => return Err(format!("this is no JSON object; for instance: {example}")),
        Err(error) => return Err(format!("this is no JSON: {error}; for instance: {example}")),
    }
    let Unique(object) = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(object)
}

/// A JSON object; serde_json's own takes the last of two values of one name.
struct Unique(Map<String, Value>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Unique, A::Error> {
                let mut object = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if object.contains_key(&name) {
                        return Err(serde::de::Error::custom(format!("`{name}` is there twice")));
                    }
                    object.insert(name, value);
                }
                Ok(Unique(object))
            }
        }
        deserializer.deserialize_map(Names)
    }
}

const EXAMPLE: &str = r#"'{"learning_rate": 1e-2, "momentum": 0.9}'"#;

/// A whole number from 1.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    whole(text, 1, usize::MAX as u64).map(|number| number as usize)
}

/// A whole number from 1 of 64 bits.
pub(super) fn steps(text: &str) -> Result<u64, String> {
    whole(text, 1, u64::MAX)
}

/// A whole number from 0.
pub(super) fn whole_number(text: &str) -> Result<u64, String> {
    whole(text, 0, u64::MAX)
}

/// A number of an image, from 0.
pub(super) fn index(text: &str) -> Result<usize, String> {
    whole(text.trim(), 0, usize::MAX as u64).map(|number| number as usize)
}

fn whole(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let range = match most {
        u64::MAX => format!("{least} or more"),
        most => format!("{least} to {most}"),
    };
    let number = text.parse::<u64>().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("it has to be a whole number, {range}"))
}

/// Seeds, none of them twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seeds(pub Vec<u64>);

/// The most seeds that a number stands for: more are typed by mistake.
const MOST_SEEDS: u64 = 10_000;

/// `N`, which are the seeds 1 to N, or a list of seeds; one seed with a comma is a list too.
pub(super) fn seeds(text: &str) -> Result<Seeds, String> {
    if !text.contains(',') {
        let count = whole(text.trim(), 1, MOST_SEEDS)
            .map_err(|error| format!("{error}: so many seeds; or a list of seeds, as 1,2,7"))?;
        return Ok(Seeds((1..=count).collect()));
    }
    let listed = text.strip_suffix(',').unwrap_or(text).split(',');
    let seeds: Result<Vec<_>, _> = listed.map(|seed| whole_number(seed.trim())).collect();
    let seeds = seeds.map_err(|error| format!("{error}; between two seeds is a comma"))?;
    let twice = (1..seeds.len()).find(|&at| seeds[..at].contains(&seeds[at]));
    match twice {
        Some(at) => Err(format!("the seed {} is listed twice", seeds[at])),
        None => Ok(Seeds(seeds)),
    }
}

/// A number of folds.
pub(super) fn folds(text: &str) -> Result<u64, String> {
    whole(text, 2, MOST_SEEDS)
}

/// A share: more than 0, less than 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("it has to be a number between 0 and 1, as 0.1".into()),
    }
}

/// Metrics by name, with a comma between two, or `all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MetricNames(pub Option<Vec<Metric>>);

/// Names of metrics, or `all` of those of the model's kind.
pub(super) fn metrics(text: &str) -> Result<MetricNames, String> {
    if text == "all" {
        return Ok(MetricNames(None));
    }
    let mut found = Vec::new();
    for name in text.split(',').map(str::trim) {
        let metric = Metric::find(&name.to_lowercase()).ok_or_else(|| {
            let names: Vec<_> = METRICS.iter().map(|metric| metric.name()).collect();
            format!(
                "there is no metric `{name}`; there are: all, {}; a run comes before the flag",
                names.join(", ")
            )
        })?;
        if !found.contains(&metric) {
            found.push(metric);
        }
    }
    Ok(MetricNames(Some(found)))
}

impl MetricNames {
    /// As they are written.
    pub fn text(&self) -> String {
        let names = self.0.as_ref().map(|metrics| metrics.iter().map(|metric| metric.name()));
        names.map_or("all".to_owned(), |names| names.collect::<Vec<_>>().join(","))
    }

    /// Those that are asked for of a model of this `kind`.
    ///
    /// # Errors
    /// [`Exit::Usage`] where one is of the other kind.
    pub fn of(&self, kind: Kind) -> Result<Vec<Metric>, Failure> {
        let of_kind = metrics_of(kind);
        let Some(wanted) = &self.0 else { return Ok(of_kind) };
        match wanted.iter().find(|metric| !of_kind.contains(metric)) {
            None => Ok(wanted.clone()),
            Some(metric) => {
                let (is, names) = match kind {
                    Kind::Autoencoder => ("an autoencoder", of_kind),
                    Kind::Classifier => ("a classifier", of_kind),
                };
                let names: Vec<_> = names.iter().map(|metric| metric.name()).collect();
                Err(Failure::new(Exit::Usage, format!("`--metrics {metric}`: the model is {is}"))
                    .why(format!("its metrics are: {}", names.join(", ")))
                    .help("name one of these, or all"))
            }
        }
    }
}

/// A learning rate.
pub(super) fn learning_rate(text: &str) -> Result<Value, String> {
    let number = not_negative(text)?;
    // As it was written: a run's name tells 1 from 1.0.
    Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::from(number)))
}

/// A number of a GPU.
pub(super) fn gpu(text: &str) -> Result<DeviceName, String> {
    whole(text, 0, 1 << 16).map(|number| DeviceName::Gpu(number as usize))
}

/// The path of a picture that is written.
pub(super) fn png(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let is_png = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    if is_png { Ok(path) } else { Err("a PNG file is written: name it .png".into()) }
}

/// `N` or `HxW`: height and width.
pub(super) fn image_size(text: &str) -> Result<[usize; 2], String> {
    let (height, width) = text.split_once('x').unwrap_or((text, text));
    match [height, width].map(str::parse) {
        [Ok(height @ 1..=LONGEST), Ok(width @ 1..=LONGEST)] => Ok([height, width]),
        _ => Err(format!("it has to be N or HxW, each 1 to {LONGEST}, as 64 or 48x64")),
    }
}

/// A number of epochs from 1.
pub(super) fn epochs(text: &str) -> Result<u64, String> {
    whole(text, 1, MAX_EPOCHS)
}

/// A number from 0.
pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err("it has to be a number, 0 or more".into()),
    }
}

/// The A of mixup or CutMix.
pub(super) fn mixing(text: &str) -> Result<f64, String> {
    check_mixing(text.parse().unwrap_or(f64::NAN))
}

/// A share of labels.
pub(super) fn smoothing(text: &str) -> Result<f64, String> {
    check_smoothing(text.parse().unwrap_or(f64::NAN))
}

/// The most that a norm may be.
pub(super) fn clip_norm(text: &str) -> Result<f64, String> {
    check_clip_norm(text.parse().unwrap_or(f64::NAN))
}

/// The decay of an average.
pub(super) fn ema(text: &str) -> Result<f64, String> {
    check_ema(text.parse().unwrap_or(f64::NAN))
}

/// What may stand in the name of a folder.
pub(super) fn comment(text: &str) -> Result<String, String> {
    check_comment(text)?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_values_say_what_is_wanted() {
        assert!(optimizer_args("{learning_rate: 1}").unwrap_err().contains("no JSON"));
        assert!(model_args("[1]").unwrap_err().contains("no JSON object"));
        assert!(at_least_one("0").unwrap_err().contains("1 or more"));
        for wrong in ["-3", "x", "1.5", "", "99999999999999999999"] {
            assert!(
                at_least_one(wrong).unwrap_err().contains("whole number, 1 or more"),
                "{wrong}"
            );
            assert!(epochs(wrong).unwrap_err().contains("1 to 4294967295"), "{wrong}");
        }
        let twice = optimizer_args(r#"{"learning_rate": 1, "momentum": 0, "learning_rate": 2}"#);
        assert!(twice.unwrap_err().contains("`learning_rate` is there twice"));
        assert_eq!((learning_rate("1"), learning_rate("1e-3")), (Ok(1.into()), Ok(1e-3.into())));
        assert_eq!(seeds("3"), Ok(Seeds(vec![1, 2, 3])));
        assert_eq!(seeds("7, 1"), Ok(Seeds(vec![7, 1])));
        assert_eq!(seeds("7,"), Ok(Seeds(vec![7])));
        for wrong in ["0", "-1", "x", "", ",", "1,,2", "1-3", "10001"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
        assert!(seeds("1,2,1").unwrap_err().contains("1 is listed twice"));
        assert!(folds("1").is_err() && share("0").is_err() && share("1").is_err());
        assert!(metrics("psnr,x").unwrap_err().contains("ssim"));
        assert!(metrics("psnr").unwrap().of(Kind::Classifier).is_err());
        assert_eq!((image_size("64"), image_size("48x64")), (Ok([64, 64]), Ok([48, 64])));
        assert!(png("a.PNG").is_ok() && png("a").is_err() && png("a.svg").is_err());
        for wrong in ["", "x", "64x", "-1", "0", "1x0", "4097", "1x2x3", "1X2"] {
            assert!(image_size(wrong).unwrap_err().contains("HxW"), "{wrong}");
        }
        assert!(not_negative("nan").is_err());
        assert!(not_negative("-1e-9").is_err());
        assert_eq!(not_negative("1e-9"), Ok(1e-9));
        assert!(comment("../../etc").is_err());
        assert_eq!(comment("second try").as_deref(), Ok("second try"));
        // Characters, not bytes.
        assert!(comment(&"ä".repeat(100)).is_ok() && comment(&"a".repeat(101)).is_err());
    }
}
