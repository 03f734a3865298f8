//! The command lines of the four programs: which models each knows, and what it does with them.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use super::evaluate::EvaluateArgs;
use super::train::TrainArgs;
use super::{confusion_matrix, output, values};
use crate::nn::Kind;

/// Train an autoencoder of models/ on a data set of inputs/.
///
/// The same command run again continues from the run's last checkpoint. The error is half the mean squared
/// error over all pixels, which are in [-1, 1].
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct TrainAutoencoder {
    /// What to train: a file of models/
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
    /// What to train: a file of models/
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
    /// The model that it has to be: a file of models/ [default: any of them]
    #[arg(long, value_parser = values::models(Kind::Autoencoder), value_name = "NAME")]
    model: Option<String>,
    #[command(flatten)]
    args: EvaluateArgs,
}

/// Print the accuracy of a trained classifier on a data set's validation or test images
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct EvaluateClassifier {
    /// The model that it has to be: a file of models/ [default: any of them]
    #[arg(long, value_parser = values::models(Kind::Classifier), value_name = "NAME")]
    model: Option<String>,
    #[command(flatten)]
    args: EvaluateArgs,
    /// Print the accuracy of each class too (with --json it is always there)
    #[arg(long = "per_class", alias = "per-class")]
    per_class: bool,
    /// Write the confusion matrix to PATH.csv and, as a picture, to PATH.png; an ending .csv or .png of
    /// PATH is not doubled
    #[arg(long = "confusion_matrix", alias = "confusion-matrix", value_name = "PATH")]
    confusion_matrix: Option<PathBuf>,
}

impl TrainAutoencoder {
    /// Trains it and prints what it reached.
    ///
    /// # Errors
    /// As [`train`](crate::train::train).
    pub fn run(&self) -> Result<()> {
        self.args.train(Kind::Autoencoder, self.model.as_deref())
    }
}

impl TrainClassifier {
    /// Trains it and prints what it reached.
    ///
    /// # Errors
    /// As [`train`](crate::train::train).
    pub fn run(&self) -> Result<()> {
        self.args.train(Kind::Classifier, self.model.as_deref())
    }
}

impl EvaluateAutoencoder {
    /// Evaluates it and prints its error.
    ///
    /// # Errors
    /// As [`evaluate`](crate::train::evaluate::evaluate).
    pub fn run(&self) -> Result<()> {
        self.args.print(&self.args.evaluate(Kind::Autoencoder, self.model.as_deref())?, &[])
    }
}

impl EvaluateClassifier {
    /// Evaluates it and prints its accuracy.
    ///
    /// # Errors
    /// As [`evaluate`](crate::train::evaluate::evaluate), and when the confusion matrix cannot be written.
    pub fn run(&self) -> Result<()> {
        let assessment = self.args.evaluate(Kind::Classifier, self.model.as_deref())?;
        let files = match (&self.confusion_matrix, &assessment.confusion) {
            (Some(path), Some(confusion)) => {
                confusion_matrix::write(path, confusion, &assessment.class_names)?
            }
            _ => Vec::new(),
        };
        self.args.print(&assessment, &files)?;
        if self.per_class && !self.args.json() {
            output::print(&output::classes_as_text(&assessment.class_scores()))?;
        }
        Ok(())
    }
}
