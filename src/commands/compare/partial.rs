//! What can still be read of a run with a damaged file. A number that was not finite is `null` in
//! JSON: that alone makes a `results.json` unreadable, and the other numbers are as good as ever.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::metrics::Score;
use crate::run::Best;

/// What a run leaves beside its configuration.
const TRACES: [&str; 4] = ["status.json", "results.json", "checkpoints", "train"];

/// Whether a run was in `folder`: other programs have a `config.json` too.
pub(super) fn is_run(folder: &Path) -> bool {
    TRACES.iter().any(|name| folder.join(name).exists())
}

/// The best validation and the test in the `results.json` in `folder`, as far as they are there.
pub(super) fn scores(folder: &Path) -> (Option<Best>, Option<Score>) {
    let bytes = fs::read(folder.join("results.json")).unwrap_or_default();
    let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let best = || {
        let best = &json["best"];
        let number = |name: &str| best[name].as_u64();
        Some(Best::by_score(score(best)?, number("step")?, number("epoch")?))
    };
    (best(), score(&json["test"]))
}

/// The score in the object `json`; a loss that is not there is NaN.
fn score(json: &Value) -> Option<Score> {
    if let Some(error) = json["error"].as_f64() {
        return Some(Score::Error { error });
    }
    let loss = json["loss"].as_f64().unwrap_or(f64::NAN);
    json["accuracy"].as_f64().map(|accuracy| Score::Accuracy { accuracy, loss })
}

/// The model of the run in `folder`: runs are in their models' folders.
pub(super) fn model(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or(folder.to_owned());
    let model = whole.parent().and_then(Path::file_name).unwrap_or_default();
    model.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beside_null() {
        let folder = tempfile::tempdir().unwrap();
        let write = |json: &str| fs::write(folder.path().join("results.json"), json).unwrap();
        write(
            r#"{"best": {"accuracy": 0.5, "loss": 1.0, "step": 20, "epoch": 2},
                "test": {"accuracy": 0.25, "loss": null}}"#,
        );
        let (best, test) = scores(folder.path());
        assert_eq!(best.map(|best| (best.epoch, best.score.headline().1)), Some((2, 0.5)));
        assert_eq!(test.map(|test| test.headline()), Some(("accuracy", 0.25)));
        for json in
            ["", "[]", r#"{"best": {"error": null}, "test": 3}"#, r#"{"best": {"error": 1}}"#]
        {
            write(json);
            assert_eq!(scores(folder.path()), (None, None), "{json}");
        }
    }
}
