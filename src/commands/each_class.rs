//! The table of `train --each_class`: how well an autoencoder of one class tells it from the rest, on the test images,
//! class by class, as papers on one-class classification have it (Ruff et al. 2018, "Deep One-Class Classification",
//! table 1).
//!
//! ```text
//! normal  auroc                                           average precision
//! 0       0.9912 ± 0.0008 (n = 3, 0.9904 to 0.9920)       0.9990 ± ...
//! mean    the mean over the classes, seed by seed
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::output::spread;
use crate::data::{Source, Split};
use crate::error::{Exit, Failure};
use crate::metrics::{AnomalyScore, fixed};
use crate::nn::Kind;
use crate::registry;
use crate::run::RunConfig;
use crate::stats::Summary;
use crate::train::{AnomalyReport, AnomalyRequest, TrainOptions, tell_apart};
use crate::util::stderr::message;
use crate::util::table::columns;

/// The names of the classes of the data set `dataset` with its files at `source`, on each of which `model` is trained
/// alone.
///
/// # Errors
/// [`Exit::Usage`] where the model is a classifier, or there is one class alone; when the data set cannot be opened.
pub(super) fn classes(model: &str, dataset: &str, source: &Source) -> Result<Vec<String>> {
    if registry::kind(model)? == Kind::Classifier {
        return Err(Failure::new(Exit::Usage, format!("`--each_class` with `--model {model}`"))
            .why("a classifier needs two classes or more; an autoencoder of one class tells the rest by its error")
            .help("name an autoencoder, or leave the flag out")
            .into());
    }
    let classes = registry::dataset(dataset, source)?.class_names();
    if classes.len() < 2 {
        return Err(Failure::new(
            Exit::Usage,
            format!("`--each_class` with `--dataset {dataset}`"),
        )
        .why("it has one class: there is no rest to tell it from")
        .help("leave the flag out")
        .into());
    }
    Ok(classes)
}

/// What runs of one class each reach.
pub(super) struct ClassTable {
    score: AnomalyScore,
    /// How many there are to be: a mean over fewer is none.
    number_of_classes: usize,
    results: Vec<ClassResult>,
}

/// What one run reaches.
struct ClassResult {
    class: String,
    seed: u64,
    /// Which images it was validated on: the fold.
    part: String,
    auroc: f64,
    average_precision: f64,
}

impl ClassTable {
    /// Without a run, of this score, for so many `classes`.
    pub fn new(score: AnomalyScore, classes: usize) -> Self {
        Self { score, number_of_classes: classes, results: Vec::new() }
    }

    /// Whether no run has been tested.
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
    }

    /// Tests the run `config` in `folder`, which was trained with these `options` on one class.
    ///
    /// # Errors
    /// As [`tell_apart`].
    pub fn test(
        &mut self,
        folder: &Path,
        config: &RunConfig,
        options: &TrainOptions,
    ) -> Result<()> {
        message(&format!("test of {}", folder.display()));
        let AnomalyReport { ranking, threshold, .. } = tell_apart(&AnomalyRequest {
            model: None,
            dataset: None,
            checkpoint: folder.to_owned(),
            split: Split::Test,
            normal: None,
            others: None,
            score: self.score,
            source: options.source.clone(),
            device: options.eval_device.clone(),
        })?;
        self.results.push(ClassResult {
            class: threshold.normal.join(", "),
            seed: config.seed,
            part: format!("{:?}", config.validation_split),
            auroc: ranking.auroc(),
            average_precision: ranking.average_precision(),
        });
        Ok(())
    }

    /// A line for each class, and one for their mean.
    pub fn as_text(&self) -> String {
        let line = |name: String, values: [Vec<f64>; 2]| {
            [name].into_iter().chain(values.iter().map(|values| cell(values))).collect()
        };
        let mut lines: Vec<Vec<String>> = self
            .classes()
            .into_iter()
            .map(|class| line(class.to_owned(), [0, 1].map(|which| self.of_class(class, which))))
            .collect();
        lines.push(line("mean".to_owned(), [0, 1].map(|which| self.means(which))));
        let head = ["normal", "auroc", "average precision"];
        format!(
            "test, each class against the rest; score: {}\n{}",
            self.score,
            columns(&head, &lines, &["normal"])
        )
    }

    /// The same: numbers of each run, and their spread.
    pub fn as_json(&self) -> Value {
        let class = |class: &str| {
            let of_class = self.results.iter().filter(|result| result.class == class);
            let seeds: Vec<_> = of_class.map(|result| result.seed.to_string()).collect();
            let [auroc, precision] = [0, 1].map(|which| self.of_class(class, which));
            json!({
                "normal": class,
                "seeds": seeds,
                "aurocs": auroc,
                "average_precisions": precision,
                "auroc": Summary::of(&auroc),
                "average_precision": Summary::of(&precision),
            })
        };
        let classes: Vec<_> = self.classes().into_iter().map(class).collect();
        let [auroc, precision] = [0, 1].map(|which| Summary::of(&self.means(which)));
        json!({
            "score": self.score,
            "classes": classes,
            "mean": { "auroc": auroc, "average_precision": precision },
        })
    }

    /// The classes, in the order in which they were trained on.
    fn classes(&self) -> Vec<&str> {
        let mut classes: Vec<&str> = Vec::new();
        for result in &self.results {
            if !classes.contains(&result.class.as_str()) {
                classes.push(&result.class);
            }
        }
        classes
    }

    /// The areas (0) or the precisions (1) of the runs of `class`.
    fn of_class(&self, class: &str, which: usize) -> Vec<f64> {
        let of_class = self.results.iter().filter(|result| result.class == class);
        of_class.map(|result| result.values()[which]).collect()
    }

    /// The means over the classes, of each seed and fold of which no run failed.
    fn means(&self, which: usize) -> Vec<f64> {
        let mut by_seed: BTreeMap<(u64, &str), Vec<f64>> = BTreeMap::new();
        for result in &self.results {
            let of = (result.seed, &*result.part);
            by_seed.entry(of).or_default().push(result.values()[which]);
        }
        let all = self.number_of_classes;
        let whole = by_seed.into_values().filter(|values| values.len() == all);
        whole.map(|values| values.iter().sum::<f64>() / values.len() as f64).collect()
    }
}

impl ClassResult {
    fn values(&self) -> [f64; 2] {
        [self.auroc, self.average_precision]
    }
}

/// One number, or the spread of several.
fn cell(values: &[f64]) -> String {
    match (values, Summary::of(values)) {
        ([value], _) => fixed(*value, 4),
        (_, Some(summary)) => spread(&summary, 4),
        (_, None) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(results: &[(&str, u64, f64)]) -> ClassTable {
        let result = |&(class, seed, auroc): &(&str, u64, f64)| ClassResult {
            class: class.to_owned(),
            seed,
            part: String::new(),
            auroc,
            average_precision: auroc / 2.0,
        };
        let results = results.iter().map(result).collect();
        ClassTable { score: AnomalyScore::Max, number_of_classes: 2, results }
    }

    #[test]
    fn seeds_are_grouped() {
        let table = table(&[("b", 1, 0.5), ("b", 2, 0.7), ("a", 1, 0.9), ("a", 2, 0.9)]);
        assert_eq!(table.classes(), ["b", "a"]);
        assert_eq!(table.means(0), [0.7, 0.8]);
        let text = table.as_text();
        assert!(text.contains("b       0.6000 ± 0.1414 (n = 2, 0.5000 to 0.7000)"), "{text}");
        assert!(text.contains("mean    0.7500"), "{text}");
        assert_eq!(table.as_json()["classes"][0]["aurocs"][1], 0.7);
    }

    /// The mean over fewer classes is no mean of that seed.
    #[test]
    fn a_run_that_failed() {
        let table = table(&[("a", 1, 0.5), ("a", 2, 0.7), ("b", 1, 0.9)]);
        assert_eq!(table.means(0), [0.7]);
        assert!(table.as_text().contains("mean    0.7000"));
        // Also where it has failed for every seed.
        let table = self::table(&[("a", 1, 0.5)]);
        let text = table.as_text();
        let mean: Vec<_> = text.lines().last().unwrap().split_whitespace().collect();
        assert!(table.means(0).is_empty() && mean == ["mean", "-", "-"], "{text}");
    }
}
