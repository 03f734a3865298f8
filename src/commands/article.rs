//! The four programs of Dynamic Training Bench's article, each for models of one kind: thin ones beside
//! [`Dytb`](super::Dytb).

use anyhow::Result;
use clap::Parser;

use super::anomalies::AnomalyArgs;
use super::evaluate::{ClassArgs, EvaluateArgs};
use super::train::TrainArgs;
use super::values;
use crate::nn::Kind;

/// Train an autoencoder of models/ on a data set of inputs/.
///
/// The same command run again continues from the run's last checkpoint. The error is half the mean squared
/// error over all pixels, which are in [-1, 1].
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct TrainAutoencoder {
    /// Model to train, one of models/
    #[arg(long, alias = "arch", value_parser = values::models(Kind::Autoencoder), value_name = "NAME", required_unless_present = "config")]
    model: Option<String>,
    #[command(flatten)]
    args: TrainArgs,
}

/// Train a classifier of models/ on a data set of inputs/.
///
/// The same command run again continues from the run's last checkpoint.
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct TrainClassifier {
    /// Model to train, one of models/
    #[arg(long, alias = "arch", value_parser = values::models(Kind::Classifier), value_name = "NAME", required_unless_present = "config")]
    model: Option<String>,
    #[command(flatten)]
    args: TrainArgs,
}

/// Print the error of a trained autoencoder on a data set's validation or test images: half the mean squared
/// error over all pixels, which are in [-1, 1]
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct EvaluateAutoencoder {
    /// Fail unless it is this model, one of models/
    #[arg(long, value_parser = values::models(Kind::Autoencoder), value_name = "NAME")]
    model: Option<String>,
    #[command(flatten)]
    args: EvaluateArgs,
    #[command(flatten)]
    anomalies: AnomalyArgs,
}

/// Print the accuracy of a trained classifier on a data set's validation or test images
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct EvaluateClassifier {
    /// Fail unless it is this model, one of models/
    #[arg(long, value_parser = values::models(Kind::Classifier), value_name = "NAME")]
    model: Option<String>,
    #[command(flatten)]
    args: EvaluateArgs,
    #[command(flatten)]
    classes: ClassArgs,
}

impl TrainAutoencoder {
    /// Trains it and prints what it reached.
    ///
    /// # Errors
    /// As [`train`](crate::train::train).
    pub fn run(&self) -> Result<()> {
        self.args.train(Some(Kind::Autoencoder), self.model.as_deref())
    }
}

impl TrainClassifier {
    /// Trains it and prints what it reached.
    ///
    /// # Errors
    /// As [`train`](crate::train::train).
    pub fn run(&self) -> Result<()> {
        self.args.train(Some(Kind::Classifier), self.model.as_deref())
    }
}

impl EvaluateAutoencoder {
    /// Evaluates it and prints its error.
    ///
    /// # Errors
    /// As [`evaluate`](crate::train::evaluate()) or [`tell_apart`](crate::train::tell_apart).
    pub fn run(&self) -> Result<()> {
        let (kind, model) = (Some(Kind::Autoencoder), self.model.as_deref());
        match self.anomalies.are_given() {
            true => self.args.tell_apart(model, &self.anomalies),
            false => self.args.run(kind, model, &ClassArgs::default()),
        }
    }
}

impl EvaluateClassifier {
    /// Evaluates it and prints its accuracy.
    ///
    /// # Errors
    /// As [`evaluate`](crate::train::evaluate()), and when the confusion matrix cannot be written.
    pub fn run(&self) -> Result<()> {
        self.args.run(Some(Kind::Classifier), self.model.as_deref(), &self.classes)
    }
}
