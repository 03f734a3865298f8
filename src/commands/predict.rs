//! The command `predict`: what a trained model makes of picture files.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use serde_json::{Map, Value, json};

use super::output;
use super::run_args::RunArgs;
use super::values;
use crate::data::loose_pictures::{self, LoosePicture};
use crate::device::DeviceName;
use crate::error::{Exit, Failure};
use crate::metrics::AnomalyScore;
use crate::nn::Kind;
use crate::train::{Prediction, Predictor};
use crate::util::csv::to_csv;
use crate::util::parallel::map_items;
use crate::util::stderr::message;

/// Print what a trained model makes of pictures of your own, a line each, as CSV.
///
/// Of a classifier the likeliest classes and their probabilities; of an autoencoder the error, the PSNR in dB, how odd
/// the image is and, where `dytb evaluate RUN --normal` has found a threshold, whether it is normal (1) or not (0).
/// The pictures are scaled to cover the model's size and cut, as those of a data set. One that cannot be read is a
/// line with the reason, and the exit code is 1 in the end.
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct Predict {
    #[command(flatten)]
    run: RunArgs,
    /// Picture files, or folders or archives with pictures
    #[arg(num_args = 1.., value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
    /// The likeliest N classes, of a classifier [default: 3]
    #[arg(long, alias = "top_k", value_parser = values::at_least_one, allow_negative_numbers = true, value_name = "N")]
    top: Option<usize>,
    /// What an autoencoder's images are scored by: mean, max, p99 or ssim [default: that of the run's threshold, else
    /// mean]
    #[arg(long, value_parser = str::parse::<AnomalyScore>, value_name = "NAME")]
    score: Option<AnomalyScore>,
    /// Device that computes: /gpu:N, /cpu:0, cuda:N, wgpu:N or cpu [default: /gpu:0 where there is one]
    #[arg(long, value_name = "DEVICE")]
    device: Option<DeviceName>,
    /// Print a JSON object for each picture, a line each
    #[arg(long)]
    json: bool,
}

/// Classes that are printed where nothing is said.
const TOP: usize = 3;

impl Predict {
    /// Prints a line for each picture.
    ///
    /// # Errors
    /// When there is no such checkpoint or it takes no pictures, or a flag is for models of the other kind; after all
    /// lines, when a picture could not be read.
    pub fn run(&self) -> Result<()> {
        if self.files.is_empty() {
            return Err(Failure::new(Exit::Usage, "there is no picture to predict")
                .help("name files or folders after the run, as dytb predict RUN a.png b.png")
                .into());
        }
        let device = DeviceName::resolve_or_best(self.device)?;
        let predictor = Predictor::open(&self.run.path(), self.score, &device)?;
        self.refuse_other_kind(predictor.kind())?;
        let pictures = loose_pictures::find(&self.files)?;
        if pictures.is_empty() {
            let named: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
            let what = format!("there is no file in `{}`", named.join("`, `"));
            return Err(Failure::new(Exit::Failed, what).into());
        }
        if let Some(why) = predictor.why_without_threshold() {
            message(&format!("note: it is not said what is normal: {why}"));
        }
        let top = self.top.unwrap_or(TOP).min(predictor.class_names().len());
        if !self.json {
            output::print(to_csv([head(predictor.kind(), top)]).trim_end())?;
        }
        let mut unread = 0;
        for batch in pictures.chunks(predictor.batch_size()) {
            let rows = predict(&predictor, batch)?;
            unread += rows.iter().filter(|(_, made)| made.is_err()).count();
            let lines = rows.iter().map(|(path, made)| match self.json {
                true => as_json(path, made, top),
                false => as_csv(path, made, predictor.kind(), top),
            });
            output::print(&lines.collect::<Vec<_>>().join("\n"))?;
        }
        match unread {
            0 => Ok(()),
            unread => {
                let what = format!("{unread} of {} pictures were not read", pictures.len());
                Err(Failure::new(Exit::Failed, what).why("their lines say why").into())
            }
        }
    }

    /// Fails where a flag is for models of the other kind than `kind`.
    fn refuse_other_kind(&self, kind: Kind) -> Result<()> {
        let (flag, why) = match (kind, self.top, self.score) {
            (Kind::Autoencoder, Some(_), _) => ("--top", "an autoencoder predicts no classes"),
            (Kind::Classifier, _, Some(_)) => ("--score", "a classifier makes no reconstructions"),
            _ => return Ok(()),
        };
        let what = format!("`{flag}`: {why}");
        Err(Failure::new(Exit::Usage, what).help("leave the flag out").into())
    }
}

/// A picture's path, and what a model makes of it or why it could not be read.
type Row = (String, Result<Prediction, String>);

/// A row for each of `pictures`.
fn predict(predictor: &Predictor, pictures: &[LoosePicture]) -> Result<Vec<Row>> {
    let shape = predictor.shape();
    let read = map_items(pictures, |_, picture| picture.read(shape));
    let pixels: Vec<u8> = read.iter().flatten().flatten().copied().collect();
    let mut made = predictor.predict(pixels)?.into_iter();
    let rows = pictures.iter().zip(read).map(|(picture, read)| {
        let made = read.map(|_| made.next().expect("a prediction of each picture that was read"));
        (picture.path.display().to_string(), made)
    });
    Ok(rows.collect())
}

/// The head of the CSV.
fn head(kind: Kind, top: usize) -> Vec<String> {
    let columns: Vec<String> = match kind {
        Kind::Autoencoder => ["error", "psnr", "score", "normal"].map(str::to_owned).to_vec(),
        Kind::Classifier => {
            let of = |place: usize| match place {
                1 => ["class".to_owned(), "probability".to_owned()],
                _ => [format!("class_{place}"), format!("probability_{place}")],
            };
            (1..=top).flat_map(of).collect()
        }
    };
    [vec!["file".to_owned()], columns, vec!["reason".to_owned()]].concat()
}

fn as_csv(path: &str, made: &Result<Prediction, String>, kind: Kind, top: usize) -> String {
    let (cells, reason) = match made {
        Ok(Prediction::Classes(classes)) => {
            let cells = classes.iter().take(top);
            (cells.flat_map(|(class, p)| [class.clone(), p.to_string()]).collect(), "")
        }
        Ok(Prediction::Reconstruction { error, psnr, score, is_normal }) => {
            let normal = is_normal.map_or(String::new(), |is| u8::from(is).to_string());
            (vec![error.to_string(), psnr.to_string(), score.to_string(), normal], "")
        }
        Err(reason) => (vec![String::new(); head(kind, top).len() - 2], reason.as_str()),
    };
    let line = [vec![path.to_owned()], cells, vec![reason.to_owned()]].concat();
    to_csv([line]).trim_end().to_owned()
}

fn as_json(path: &str, made: &Result<Prediction, String>, top: usize) -> String {
    let mut object = Map::from_iter([("file".to_owned(), Value::from(path))]);
    let mut add = |name: &str, value: Value| object.insert(name.to_owned(), value);
    match made {
        Ok(Prediction::Classes(classes)) => {
            let class = |(class, p): &(String, f32)| json!({ "class": class, "probability": p });
            add("classes", classes.iter().take(top).map(class).collect());
        }
        Ok(Prediction::Reconstruction { error, psnr, score, is_normal }) => {
            add("error", json!(error));
            add("psnr", json!(psnr));
            add("score", json!(score));
            add("normal", json!(is_normal));
        }
        Err(reason) => drop(add("reason", Value::from(reason.as_str()))),
    }
    Value::Object(object).to_string()
}
