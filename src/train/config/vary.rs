//! A run with another value of one flag: what a sweep varies.

use serde_json::{Map, Value};

use super::partial::{GivenArguments, PartialRunConfig};
use crate::error::{Exit, Failure};
use crate::models::MODELS;
use crate::optim::{self, Argument, OPTIMIZERS};
use crate::registry;
use crate::run::Shape;
use crate::util::argument::check;

/// The flags that can be varied beside the arguments of the models and the optimizers.
const FLAGS: [&str; 27] = [
    "model",
    "dataset",
    "optimizer",
    "learning_rate",
    "batch_size",
    "epochs",
    "patience",
    "min_delta",
    "l2_penalty",
    "augment",
    "mixup",
    "cutmix",
    "label_smoothing",
    "class_weights",
    "clip_norm",
    "ema",
    "loss",
    "noise",
    "sparsity",
    "normalize",
    "lr_schedule",
    "warmup_epochs",
    "lr_decay_epochs",
    "lr_decay_factor",
    "lr_patience",
    "min_lr",
    "select",
];

impl PartialRunConfig {
    /// The same, but for the flag `name`. An argument that neither the run's model nor its optimizer has is left out: with
    /// `optimizer=Momentum,Adam` and `momentum=0.9,0.99` Adam has none.
    ///
    /// # Errors
    /// [`Exit::Usage`] where there is no such flag, or it cannot have this value.
    pub fn with(mut self, name: &str, value: &Value) -> Result<Self, Failure> {
        let wrong = |wanted: &str| {
            Failure::new(Exit::Usage, format!("`--vary {name}`: {value} is no {wanted}"))
        };
        let number = || value.as_f64().ok_or_else(|| wrong("number"));
        let whole = || value.as_u64().ok_or_else(|| wrong("whole number"));
        let text = || value.as_str().map(str::to_owned).ok_or_else(|| wrong("name"));
        let unreadable =
            |why: String| Failure::new(Exit::Usage, format!("`--vary {name}`: {value}")).why(why);
        match name {
            "model" => self.model = Some(text()?),
            "dataset" => self.dataset = Some(text()?),
            "optimizer" => {
                let given = text()?;
                let entry = optim::meant(&given);
                let names = OPTIMIZERS.iter().map(|entry| entry.short).collect::<Vec<_>>();
                let unknown = || wrong("optimizer").why(format!("there are: {}", names.join(", ")));
                self.optimizer = Some(entry.ok_or_else(unknown)?.name.to_owned());
            }
            "learning_rate" => {
                number()?;
                if let Some(arguments) = &mut self.optimizer_args {
                    arguments.values.shift_remove(name);
                }
                self.learning_rate = Some(value.clone());
            }
            "batch_size" => self.batch_size = Some(whole()? as usize),
            "epochs" => self.epochs = Some(whole()?),
            "patience" => self.patience = Some(whole()?),
            "min_delta" => self.min_delta = Some(number()?),
            "l2_penalty" => self.l2_penalty = Some(number()?),
            "augment" => self.images.augment = Some(text()?.parse().map_err(unreadable)?),
            "mixup" => self.images.mixup = Some(number()?),
            "cutmix" => self.images.cutmix = Some(number()?),
            "label_smoothing" => self.images.label_smoothing = Some(number()?),
            "class_weights" => {
                self.steps.class_weights = Some(text()?.parse().map_err(unreadable)?);
            }
            "clip_norm" => self.steps.clip_norm = Some(number()?),
            "ema" => self.steps.ema = Some(number()?),
            "loss" => self.steps.loss = Some(text()?.parse().map_err(unreadable)?),
            "noise" => {
                // 0 is a number, and no noise.
                let given = value.as_f64().map_or_else(text, |number| Ok(number.to_string()))?;
                self.steps.noise = Some(given.parse().map_err(unreadable)?);
            }
            "sparsity" => {
                // 0 is a number, and none.
                let given = value.as_f64().map_or_else(text, |number| Ok(number.to_string()))?;
                self.steps.sparsity = Some(given.parse().map_err(unreadable)?);
            }
            "normalize" => self.images.normalize = Some(text()?.parse().map_err(unreadable)?),
            "lr_schedule" => {
                let given = text()?;
                let shape = Shape::NAMES.into_iter().find(|shape| *shape == given);
                let unknown =
                    || wrong("schedule").why(format!("there are: {}", Shape::NAMES.join(", ")));
                self.schedule.lr_schedule = Some(shape.ok_or_else(unknown)?);
            }
            "warmup_epochs" => self.schedule.warmup_epochs = Some(whole()?),
            "lr_decay_epochs" => self.schedule.lr_decay_epochs = Some(whole()?),
            "lr_decay_factor" => self.schedule.lr_decay_factor = Some(number()?),
            "lr_patience" => self.schedule.lr_patience = Some(whole()?),
            "min_lr" => self.schedule.min_lr = Some(number()?),
            "select" => self.select = Some(text()?),
            argument => self.set_argument(argument, value)?,
        }
        Ok(self)
    }

    /// Gives the model and the optimizer this argument, if they have it.
    fn set_argument(&mut self, name: &str, value: &Value) -> Result<(), Failure> {
        let of_optimizers = || OPTIMIZERS.iter().flat_map(|entry| entry.arguments);
        let of_models = || MODELS.iter().flat_map(|(_, model)| model.arguments());
        if !of_models().chain(of_optimizers()).any(|argument| argument.name == name) {
            let what = format!("`--vary {name}`: there is no such flag that a sweep can vary");
            return Err(Failure::new(Exit::Usage, what)
                .why(format!(
                    "there are: {}\nand the optimizers' arguments: {}\nand the models': {}",
                    FLAGS.join(", "),
                    names(of_optimizers()),
                    names(of_models())
                ))
                .help("name one of these; other flags of dytb train are the same for all trials"));
        }
        let flag = format!("--vary {name}");
        let find = |arguments: &'static [Argument]| arguments.iter().find(|own| own.name == name);
        let model = self.model.as_deref().and_then(|name| registry::model(name).ok());
        if let Some(argument) = model.and_then(|model| find(model.arguments())) {
            let of = self.model.as_deref().unwrap_or_default();
            check(&flag, of, argument, Some(value))?;
            self.model_args.get_or_insert_default().insert(name.to_owned(), value.clone());
        }
        let entry = self.optimizer.as_deref().unwrap_or(super::validate::MOMENTUM);
        let entry = optim::find(entry);
        if let Some((entry, argument)) =
            entry.and_then(|entry| Some((entry, find(entry.arguments)?)))
        {
            check(&flag, entry.name, argument, Some(value))?;
            let given = self
                .optimizer_args
                .get_or_insert_with(|| GivenArguments { values: Map::new(), is_complete: false });
            given.values.insert(name.to_owned(), value.clone());
        }
        Ok(())
    }
}

/// The names of `arguments` that are no flags, each once.
fn names(arguments: impl Iterator<Item = &'static Argument>) -> String {
    let mut names: Vec<_> = arguments.map(|argument| argument.name).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| !FLAGS.contains(name));
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_argument_is_for_those_that_have_it() {
        let run = |optimizer: &str| {
            let base = PartialRunConfig::default().with("optimizer", &json!(optimizer)).unwrap();
            base.with("momentum", &json!(0.5)).unwrap().optimizer_args
        };
        assert!(run("adam").is_none());
        assert_eq!(run("Momentum").unwrap().values["momentum"], 0.5);
        for (name, value, needle) in [
            ("seeds", json!(1), "learning_rate"),
            ("batch_size", json!(1.5), "whole number"),
            ("optimizer", json!("Eve"), "Adam"),
            ("lr_schedule", json!("triangle"), "cosine"),
        ] {
            let error = PartialRunConfig::default().with(name, &value).unwrap_err().to_string();
            assert!(error.contains(needle) && error.contains(name), "{error}");
        }
    }

    /// Each is a column of a table and a name of `--vary`: no argument of a model is called like a flag, or like an
    /// argument of an optimizer.
    #[test]
    fn names_of_arguments_are_unambiguous() {
        for (model, entry) in MODELS {
            for argument in entry.arguments() {
                let of_optimizers = OPTIMIZERS.iter().flat_map(|entry| entry.arguments);
                let mut others = of_optimizers.map(|other| other.name).chain(FLAGS);
                assert!(others.all(|other| other != argument.name), "{model}: {}", argument.name);
            }
        }
    }
}
