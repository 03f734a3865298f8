//! What `evaluate --normal` prints.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::metrics::{fixed, significant};
use crate::train::AnomalyReport;
use crate::util::table::columns;

pub(super) fn as_text(report: &AnomalyReport) -> String {
    let (ranking, threshold) = (&report.ranking, &report.threshold);
    let split = report.split.name();
    let normal = report.images.iter().filter(|image| image.is_normal).count();
    let others = report.images.len() - normal;
    let classes = threshold.normal.join(", ");
    let (f1, at) = ranking.best_f1();
    let share = threshold.share * 100.0;
    let mut lines = vec![
        format!(
            "{split}: {normal} normal images ({classes}), {others} others; score: {}",
            report.score
        ),
        format!("auroc = {}", fixed(ranking.auroc(), 6)),
        format!("average precision = {}", fixed(ranking.average_precision(), 6)),
        format!("best f1 = {} (score {} and more)", fixed(f1, 6), significant(at)),
        format!(
            "threshold = {} ({share} % of the {} normal images for validation are not above it)",
            significant(threshold.threshold),
            threshold.images
        ),
        format!("false alarms = {} (normal images above it)", fixed(report.false_alarms(), 6)),
        format!("missed = {} (others not above it)", fixed(report.missed(), 6)),
    ];
    if report.validation_is_test {
        lines.push(
            "note: the threshold was found on test images: this data set has no other validation images"
                .to_owned(),
        );
    }
    match &report.kept_in {
        Some(run) => lines
            .push(format!("the threshold is kept with the run: {}/anomalies.json", run.display())),
        None => lines.push("the threshold is not kept".into()),
    }
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
    let rows = report.others.iter().map(|other| {
        let class = other.class.clone();
        vec![class, other.examples.to_string(), number(other.auroc), number(other.missed)]
    });
    let head = ["class", "examples", "auroc", "missed"];
    lines.push(columns(&head, &rows.collect::<Vec<_>>(), &["class"]));
    lines.join("\n")
}

pub(super) fn as_json(report: &AnomalyReport, files: &[PathBuf]) -> String {
    let (ranking, threshold) = (&report.ranking, &report.threshold);
    let (f1, at) = ranking.best_f1();
    let [normal, others] = [true, false].map(|is_normal| report.scores(is_normal).len());
    let classes = report.others.iter().map(|other| {
        json!({
            "class": other.class,
            "examples": other.examples,
            "auroc": other.auroc,
            "missed": other.missed,
        })
    });
    let mut object = json!({
        "split": report.split.name(),
        "score": report.score,
        "normal": threshold.normal,
        "normal_images": normal,
        "other_images": others,
        "auroc": ranking.auroc(),
        "average_precision": ranking.average_precision(),
        "best_f1": f1,
        "best_f1_at": at,
        "threshold": threshold.threshold,
        "threshold_share": threshold.share,
        "threshold_images": threshold.images,
        "threshold_of_test": report.validation_is_test,
        "threshold_kept_in": report.kept_in.as_ref().map(|run| run.display().to_string()),
        "false_alarms": report.false_alarms(),
        "missed": report.missed(),
        "classes": classes.collect::<Vec<_>>(),
    });
    if !files.is_empty() {
        let files = files.iter().map(|file| file.display().to_string());
        object["files"] = Value::from(files.collect::<Vec<_>>());
    }
    object.to_string()
}
