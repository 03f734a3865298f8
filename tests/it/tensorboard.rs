//! What TensorBoard itself reads in our event files: its Python reader, and its server with the
//! fast reader, over HTTP. The last test reads those of real runs.
//!
//! Needs a Python with the package `tensorboard`: the one that the variable `DYTB_PYTHON` names, else
//! `python3`. Where there is none, the tests are skipped, with a line on stderr.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::common::command::Bench;
use crate::common::skip::skipped;
use dytb::tensorboard::EventWriter;
use dytb::viz::{Grid, Picture, Range};
use serde_json::Value;

/// A Python that has TensorBoard.
fn python() -> Option<String> {
    let named = std::env::var("DYTB_PYTHON").ok();
    let found = named.into_iter().chain(["python3".to_owned()]).find(|python| {
        let import = Command::new(python)
            .args(["-c", "import tensorboard.main"])
            .stderr(Stdio::null())
            .status();
        import.is_ok_and(|status| status.success())
    });
    if found.is_none() {
        skipped("TensorBoard: no Python has it; the variable DYTB_PYTHON can name one");
    }
    found
}

fn picture() -> Picture {
    let grid = Grid { columns: 2, padding: 1, enlarge: 2 };
    grid.draw(&[-1.0, 0.0, 1.0, 0.5], [4, 1, 1, 1], Range::SIGNED).unwrap()
}

fn weights(step: i64) -> Vec<f32> {
    (0..100).map(|at| (at - 50) as f32 * step as f32 / 50.0).collect()
}

/// The error that a run of that number writes at `step`.
fn error(run: u32, step: i64) -> f32 {
    1.0 / step as f32 + run as f32
}

/// Writes every kind at the steps of a run of that number, the bulky ones at every tenth.
fn write(mut writer: EventWriter, run: u32, steps: std::ops::RangeInclusive<i64>) {
    for step in steps {
        writer.scalar(step, "error", error(run, step)).unwrap();
        if step % 10 == 0 {
            writer.image(step, "input_output", &picture()).unwrap();
            writer.histogram(step, "conv1/weights", &weights(step)).unwrap();
        }
    }
    writer.flush().unwrap();
}

/// A run that wrote up to step 47 and then half an event, and went on from its checkpoint at 30, to
/// 60; then from one at 50, to 55, so that the pictures of step 60 must be gone. The steps and values
/// of its scalar.
fn resumed_run(dir: &Path) -> Vec<(i64, f32)> {
    let writer = EventWriter::create(dir).unwrap();
    let path = writer.path().to_owned();
    write(writer, 1, 1..=47);
    let size = std::fs::metadata(&path).unwrap().len();
    std::fs::File::options().write(true).open(path).unwrap().set_len(size - 5).unwrap();
    write(EventWriter::resume(dir, 31).unwrap(), 2, 31..=60);
    write(EventWriter::resume(dir, 51).unwrap(), 3, 51..=55);
    let run = |step| if step <= 30 { 1 } else { 2 + u32::from(step > 50) };
    (1..=55).map(|step| (step, error(run(step), step))).collect()
}

/// `[step, value]` of JSON rows, whose columns these are.
fn points(rows: &Value, step: usize, value: usize) -> Vec<(i64, f32)> {
    let rows = rows.as_array().unwrap();
    rows.iter()
        .map(|row| (row[step].as_i64().unwrap(), row[value].as_f64().unwrap() as f32))
        .collect()
}

#[test]
fn python_reader() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let expected = resumed_run(dir.path());
    let output = Command::new(python)
        .arg("tests/tensorboard/accumulate.py")
        .arg(dir.path())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(points(&found["scalars"]["error"], 0, 1), expected);
    let times: Vec<_> = found["scalars"]["error"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row[2].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted() && times[0] > 1.7e9, "{times:?}");

    let steps = |rows: &Value| points(rows, 0, 0).iter().map(|(step, _)| *step).collect::<Vec<_>>();
    let images = &found["images"]["input_output"];
    assert_eq!(steps(images), [10, 20, 30, 40, 50]);
    let png = dytb::util::hex::hex(&picture().png().unwrap());
    assert_eq!(images[4], serde_json::json!([50, 5, 5, png]));

    let histograms = &found["histograms"]["conv1/weights"];
    assert_eq!(steps(histograms), [10, 20, 30, 40, 50]);
    let last = histograms[4].as_array().unwrap();
    let number = |at: usize| last[at].as_f64().unwrap();
    assert_eq!([number(1), number(2), number(3)], [-50.0, f64::from(weights(50)[99]), 100.0]);
    assert_eq!(last[4].as_array().unwrap().len(), last[5].as_array().unwrap().len());
}

/// TensorBoard's server; ends when dropped.
struct Board {
    child: Child,
    url: String,
}

impl Drop for Board {
    fn drop(&mut self) {
        // It has ended where either fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Board {
    /// Starts it on a free port, with the reader that it has by default.
    fn start(python: &str, logdir: &Path) -> Self {
        let mut child = Command::new(python)
            .args(["-m", "tensorboard.main", "--host", "127.0.0.1", "--port", "0"])
            .args(["--reload_interval", "1"])
            .args(["--samples_per_plugin", "images=200,scalars=1000,histograms=200"])
            .arg("--logdir")
            .arg(logdir)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let start = line.find("http://127.0.0.1:")?;
            Some(line[start..].split_whitespace().next()?.trim_end_matches('/').to_owned())
        });
        // What it says later must not fill the pipe.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, url: url.expect("TensorBoard gave no address") }
    }

    fn get(&self, path: &str) -> Option<ureq::Body> {
        let config = ureq::Agent::config_builder().proxy(None).build();
        let answer = ureq::Agent::new_with_config(config).get(format!("{}{path}", self.url)).call();
        Some(answer.ok()?.into_body())
    }

    /// What it answers to a JSON object.
    fn post(&self, path: &str, object: &Value) -> Option<Value> {
        let config = ureq::Agent::config_builder().proxy(None).build();
        let request = ureq::Agent::new_with_config(config).post(format!("{}{path}", self.url));
        let answer = request.header("Content-Type", "application/json").send(object.to_string());
        serde_json::from_str(&answer.ok()?.body_mut().read_to_string().ok()?).ok()
    }

    /// Asks until `ready` says that all is loaded: the server reads the files after it has started.
    fn json(&self, path: &str, ready: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..300 {
            let body = self.get(path).and_then(|mut body| body.read_to_string().ok());
            last = body.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            if ready(&last) {
                return last;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("{path} is not what it should be: {last}");
    }
}

/// Whether the last of the rows `[time, step, ...]` is of that step.
fn ends_at(step: i64) -> impl Fn(&Value) -> bool {
    move |rows| rows.as_array().and_then(|rows| rows.last()).is_some_and(|row| row[1] == step)
}

#[test]
fn server_that_has_seen_what_is_taken_back() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let train = dir.path().join("train");
    write(EventWriter::create(&train).unwrap(), 1, 1..=47);
    let board = Board::start(&python, dir.path());
    let path = "/data/plugin/scalars/scalars?run=train&tag=error";
    board.json(path, ends_at(47));
    write(EventWriter::resume(&train, 31).unwrap(), 2, 31..=40);
    let scalars = board.json(path, ends_at(40));
    let expected: Vec<_> =
        (1..=40).map(|step| (step, error(if step <= 30 { 1 } else { 2 }, step))).collect();
    assert_eq!(points(&scalars, 1, 2), expected);
}

#[test]
fn server() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let expected = resumed_run(&dir.path().join("train"));
    let board = Board::start(&python, dir.path());

    let scalars = board.json("/data/plugin/scalars/scalars?run=train&tag=error", ends_at(55));
    assert_eq!(points(&scalars, 1, 2), expected);

    let path = "/data/plugin/histograms/histograms?run=train&tag=conv1/weights";
    let histograms = board.json(path, ends_at(50));
    let histograms = histograms.as_array().unwrap();
    assert_eq!(histograms.iter().map(|h| &h[1]).collect::<Vec<_>>(), [10, 20, 30, 40, 50]);
    let buckets = histograms[4][2].as_array().unwrap();
    let number = |bucket: usize, at: usize| buckets[bucket][at].as_f64().unwrap();
    let last = buckets.len() - 1;
    assert_eq!((0..=last).map(|bucket| number(bucket, 2)).sum::<f64>(), 100.0);
    assert_eq!((number(0, 0), number(last, 1)), (-50.0, f64::from(weights(50)[99])));
    assert!((0..=last).all(|bucket| number(bucket, 0) <= number(bucket, 1)), "{buckets:?}");

    let ends_at_50 = |rows: &Value| {
        rows.as_array().and_then(|rows| rows.last()).is_some_and(|row| row["step"] == 50)
    };
    let path = "/data/plugin/images/images?run=train&tag=input_output&sample=0";
    let images = board.json(path, ends_at_50);
    let images = images.as_array().unwrap();
    assert_eq!(images.iter().map(|i| &i["step"]).collect::<Vec<_>>(), [10, 20, 30, 40, 50]);
    let query = images[4]["query"].as_str().unwrap();
    let mut body = board.get(&format!("/data/plugin/images/individualImage?{query}")).unwrap();
    assert_eq!(body.read_to_vec().unwrap(), picture().png().unwrap());
}

/// The seeds of one configuration are one row of HParams, which averages them, and a chart with a margin.
#[test]
fn seeds_are_one_row() {
    let Some(python) = python() else { return };
    let bench = Bench::new();
    let line = "train --model SingleLayerCAE --dataset Digits --epochs 2 --batch_size 512 --images_every 0";
    let done = bench.dytb(&format!("{line} --seeds 3 --json")).ended(0).json();
    let board = Board::start(&python, &bench.path("log/SingleLayerCAE"));
    let has_all = |runs: &Value| runs.as_array().is_some_and(|runs| runs.len() == 7);
    let runs = board.json("/data/runs", has_all);
    let runs = runs.as_array().unwrap().iter().map(|run| run.as_str().unwrap());
    let mean = runs.into_iter().find(|run| run.contains("_mean_")).unwrap().to_owned();
    let request = serde_json::json!({
        "experimentName": "", "allowedStatuses": ["STATUS_SUCCESS"], "startIndex": 0, "sliceSize": 10,
        "colParams": [{"metric": {"group": "", "tag": "error_test"}}], "aggregationType": "AGGREGATION_AVG",
    });
    let groups = board.post("/data/plugin/hparams/session_groups", &request).unwrap();
    let groups = groups["sessionGroups"].as_array().unwrap();
    assert_eq!(groups.len(), 1, "{groups:?}");
    assert_eq!(groups[0]["sessions"].as_array().unwrap().len(), 3);
    let metrics = groups[0]["metricValues"].as_array().unwrap();
    let test = metrics.iter().find(|value| value["name"]["tag"] == "error_test").unwrap();
    let difference = test["value"].as_f64().unwrap() - done["test_error"]["mean"].as_f64().unwrap();
    assert!(difference.abs() < 1e-7, "{test} {done}");

    let layout = board.json("/data/plugin/custom_scalars/layout", |layout| layout.is_object());
    let categories = layout["category"].as_array().unwrap();
    let margins =
        categories.iter().find(|category| category["title"] == "mean over seeds").unwrap();
    let series = &margins["chart"][0]["margin"]["series"][0];
    assert_eq!((&series["value"], &series["lower"]), (&"error/mean".into(), &"error/least".into()));
    let curves = format!("/data/plugin/custom_scalars/scalars?run={mean}&tag=error/most");
    let curves = board.json(&curves, |curves| curves["regex_valid"] == true);
    assert_eq!(curves["tag_to_events"]["error/most"].as_array().unwrap().len(), 2, "{curves}");
}

/// The tabs that a run fills once: Text, Custom Scalars, Graphs and HParams, of a run that went on and of
/// another one.
#[test]
fn tabs_of_runs() {
    let Some(python) = python() else { return };
    let bench = Bench::new();
    let line = "--model SingleLayerCAE --dataset Digits --seed 1 --json --images_every 0";
    bench.train(&format!("{line} --epochs 1 --batch_size 512")).ended(0);
    let results = bench.train(&format!("{line} --epochs 2 --batch_size 512")).ended(0).json();
    let adam = "--optimizer Adam --optimizer_args '{\"learning_rate\": 1e-3}'";
    bench.train(&format!("{line} --epochs 1 --batch_size 512 {adam}")).ended(0);
    let board = Board::start(&python, &bench.path("log/SingleLayerCAE"));
    let [run, other] = ["Digits_Momentum_lr=0.01/validation", "Digits_Adam_lr=0.001/validation"];
    // Two entries for each run: TensorBoard selects none where there are more than forty.
    let entries =
        board.json("/data/runs", |runs| runs.as_array().is_some_and(|runs| runs.len() >= 4));
    let mut entries: Vec<_> =
        entries.as_array().unwrap().iter().map(|run| run.as_str().unwrap()).collect();
    entries.sort_unstable();
    let [train, other_train] = [run, other].map(|run| run.replace("validation", "train"));
    assert_eq!(entries, [other_train.as_str(), other, &train, run]);
    // The first chart is a curve, and no curve is one point.
    let tags = board.json("/data/plugin/scalars/tags", |tags| tags[run].is_object());
    let tags: Vec<_> = tags[run].as_object().unwrap().keys().cloned().collect();
    assert_eq!(tags.iter().min().unwrap(), "error");
    for tag in tags {
        let path = format!("/data/plugin/scalars/scalars?run={run}&tag={tag}");
        let points = board.json(&path, |points| points.is_array());
        assert_eq!(points.as_array().unwrap().len(), 2, "{tag}: {points}");
    }

    let is_there = |rows: &Value| rows.as_array().is_some_and(|rows| !rows.is_empty());
    let cards = board.json(&format!("/data/plugin/text/text?run={run}&tag=run"), is_there);
    assert_eq!(cards.as_array().unwrap().len(), 1);
    let card = cards[0]["text"].as_str().unwrap();
    assert!(card.contains("<table>") && card.contains("batch_size"), "{card}");
    assert!(card.contains("train_autoencoder --model SingleLayerCAE"), "{card}");

    let layout = board.json("/data/plugin/custom_scalars/layout", |layout| layout.is_object());
    let charts: Vec<_> = layout["category"][0]["chart"]
        .as_array()
        .unwrap()
        .iter()
        .map(|chart| &chart["title"])
        .collect();
    assert_eq!(charts, ["error", "learning rate"]);
    let curves = format!("/data/plugin/custom_scalars/scalars?run={run}&tag=^error$");
    let curves = board.json(&curves, |curves| curves["regex_valid"] == true);
    assert_eq!(curves["tag_to_events"]["error"].as_array().unwrap().len(), 2);

    let graph = format!("/data/plugin/graphs/graph?run={run}&conceptual=false");
    let graph = board.get(&graph).unwrap().read_to_string().unwrap();
    for node in ["images", "encode/weight", "encode/Conv2D", "decode/Tanh", "error/Mean", "train"] {
        assert!(graph.contains(&format!("name: \"{node}\"")), "{node}: {graph}");
    }

    let status = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"];
    let metrics = [("", "error_best"), ("", "error_test"), ("", "error")];
    let columns: Vec<Value> = metrics
        .iter()
        .map(|(group, tag)| serde_json::json!({"metric": {"group": group, "tag": tag}}))
        .collect();
    let request = serde_json::json!({
        "experimentName": "", "allowedStatuses": status, "colParams": columns,
        "startIndex": 0, "sliceSize": 10,
    });
    let groups = board.post("/data/plugin/hparams/session_groups", &request).unwrap();
    let groups = groups["sessionGroups"].as_array().unwrap();
    let names: Vec<_> = groups.iter().map(|group| &group["name"]).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let of = |name: &str| {
        groups.iter().find(|group| group["name"].as_str().unwrap().contains(name)).unwrap()
    };
    // A row is called by its configuration, of which the seed is no part.
    let [run, other] =
        ["SingleLayerCAE Digits_Momentum_lr=0.01", "SingleLayerCAE Digits_Adam_lr=0.001"];
    assert_eq!(of(run)["hparams"]["batch_size"], 512.0);
    assert_eq!(of(run)["hparams"]["optimizer"], "MomentumOptimizer");
    assert!(of(run)["hparams"].get("seed").is_none());
    assert_eq!(of(other)["hparams"]["beta1"], 0.9);
    let session = &of(run)["sessions"][0];
    assert_eq!(session["status"], "STATUS_SUCCESS");
    for (group, tag) in metrics {
        let name = serde_json::json!({"group": group, "tag": tag});
        let values = session["metricValues"].as_array().unwrap();
        let value = values.iter().find(|value| value["name"] == name);
        let value =
            value.unwrap_or_else(|| panic!("{name} in {values:?}"))["value"].as_f64().unwrap();
        let expected = if tag == "error_test" { "test_error" } else { "validation_error" };
        assert_eq!(value as f32, results[expected].as_f64().unwrap() as f32, "{name}");
    }
}
