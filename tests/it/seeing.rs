//! What a user sees of runs: `compare`, `reconstruct`, and the flags that decide what is trained and
//! shown.

use std::fs;

use crate::common::command::{Bench, scalars};
use serde_json::Value;

/// A short run on the data set that is in the program.
const AUTOENCODER: &str =
    "--model SingleLayerCAE --dataset Digits --seed 1 --json --images_every 0";
const CLASSIFIER: &str = "--model SingleLayerCAEClassifier --dataset Digits --seed 1 --json";
/// The folder of the autoencoders.
const LOG: &str = "log/SingleLayerCAE";

/// The size of the PNG file `file`.
fn size(bench: &Bench, file: &str) -> (u32, u32) {
    image::image_dimensions(bench.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The errors of the images that `reconstruct` has shown.
fn errors_of(shown: &Value) -> Vec<f64> {
    let images = shown["images"].as_array().unwrap();
    images.iter().map(|image| image["error"].as_f64().unwrap()).collect()
}

#[test]
fn runs_side_by_side() {
    let bench = Bench::new();
    let better = bench.train(&format!("{AUTOENCODER} --epochs 2")).ended(0).json();
    bench.train(&format!("{AUTOENCODER} --epochs 1 --batch_size 512 --comment large")).ended(0);
    let diverging = "--optimizer GradientDescent --optimizer_args '{\"learning_rate\": 1e30}'";
    bench.train(&format!("{AUTOENCODER} --epochs 1 {diverging}")).ended(3);
    bench.train_classifier(&format!("{CLASSIFIER} --epochs 1")).ended(0);

    // Errors and accuracies are not ranked with each other.
    let table = bench.compare("").ended(0).stdout;
    let sections: Vec<Vec<_>> = table.split("\n\n").map(|part| part.lines().collect()).collect();
    assert_eq!(sections.iter().map(Vec::len).collect::<Vec<_>>(), [5, 3], "{table}");
    let lines = &sections[0];
    assert!(lines[0].contains("Digits, error") && sections[1][0].contains("Digits, accuracy"));
    for name in ["batch_size", "comment", "learning_rate", "best validation", "test", "status"] {
        assert!(lines[1].contains(name), "{name}: {table}");
    }
    assert!(!lines[1].contains("l2_penalty"), "{table}");
    let best = format!("{:.6}", better["validation_error"].as_f64().unwrap());
    assert!(lines[2].contains(&best) && lines[2].contains("finished"), "{table}");
    assert!(lines[3].contains("_large") && sections[1][2].contains("Classifier"), "{table}");
    assert!(lines[4].contains("diverged 0/1"), "{table}");

    let json: Value = bench.compare("--json").ended(0).json();
    assert_eq!(json[0]["validation_error"], better["validation_error"]);
    assert_eq!(json[0]["test_error"], better["test_error"]);
    assert_eq!((&json[0]["status"], &json[3]["status"]), (&"finished".into(), &"diverged".into()));
    assert_eq!(json[1]["flags"]["batch_size"], 512);
    assert_eq!(json[2]["test_classes"].as_array().unwrap().len(), 10);
    let csv = bench.compare("--csv log/SingleLayerCAE").ended(0).stdout;
    assert_eq!(csv.lines().count(), 4, "{csv}");
    let fields = |line: &str| line.split(',').count();
    assert!(csv.lines().all(|line| fields(line) == fields(csv.lines().next().unwrap())), "{csv}");

    let classes = bench.compare("--per_class --model SingleLayerCAEClassifier").ended(0).stdout;
    assert_eq!(classes.lines().count(), 2 + 1 + 11 + 1, "{classes}");

    for file in ["curves.png", "curves.svg"] {
        let done = bench.compare(&format!("{LOG} --plot {file}")).ended(0);
        assert!(done.stderr.contains("has no curve"), "{}", done.stderr);
    }
    assert_eq!(size(&bench, "curves.png"), (1200, 750));
    let svg = fs::read_to_string(bench.path("curves.svg")).unwrap();
    assert!(svg.contains("Digits_Momentum_lr=0.01_large") && svg.contains("validation error"));
    let wrong = bench.compare("--plot curves.pdf").ended(2).stderr;
    assert!(wrong.contains(".png or .svg"), "{wrong}");
    let nowhere = bench.compare("elsewhere").ended(1).stderr;
    assert!(nowhere.contains("no folder `elsewhere`"), "{nowhere}");
}

#[test]
fn a_run_without_progress_ends() {
    let bench = Bench::new();
    // Steps so small that no float changes: the first validation stays the best.
    let still = "--optimizer GradientDescent --optimizer_args '{\"learning_rate\": 1e-30}'";
    let line = format!("{AUTOENCODER} --epochs 40 {still}");
    let first = bench.train(&format!("{line} --patience 3")).ended(0);
    assert!(first.stderr.contains("3 epochs without a better validation"), "{}", first.stderr);
    assert_eq!((&first.json()["epochs"], &first.json()["best_epoch"]), (&4.into(), &1.into()));
    let again = bench.train(&format!("{line} --patience 3")).ended(0);
    assert!(again.stderr.contains("this run is finished"), "{}", again.stderr);
    // More patience goes on.
    assert_eq!(bench.train(&format!("{line} --patience 5")).ended(0).json()["epochs"], 6);
}

/// The article's closing experiment: an autoencoder that has seen two classes only reconstructs the
/// others worse.
#[test]
fn what_it_never_saw() {
    let bench = Bench::new();
    let run = format!("{LOG}/Digits_classes=1,7_Momentum_lr=0.01");
    let seen = bench.train(&format!("{AUTOENCODER} --epochs 8 --classes 7,1")).ended(0).json();
    assert_eq!(seen["folder"], run);
    let evaluate = |classes: &str| {
        let line = format!("--model SingleLayerCAE --dataset Digits --checkpoint_dir {run} --test");
        bench.evaluate(&format!("{line} --json {classes}")).ended(0).json()["error"]
            .as_f64()
            .unwrap()
    };
    assert_eq!(evaluate(""), seen["test_error"].as_f64().unwrap());
    assert!(evaluate("--classes 0,2,3,4,5,6,8,9") > evaluate("--classes 1,7"));
    let wrong = bench.train(&format!("{AUTOENCODER} --classes 1,ten")).ended(2).stderr;
    assert!(wrong.contains("no class `ten`") && wrong.contains("0, 1, 2"), "{wrong}");
}

#[test]
fn pictures_of_reconstructions() {
    let bench = Bench::new();
    bench.train(&format!("{AUTOENCODER} --epochs 2")).ended(0);
    let run = format!("--checkpoint_path {LOG}/Digits_Momentum_lr=0.01");

    let text = bench.reconstruct(&format!("{run} --index 0,5,2")).ended(0).stdout;
    // 8x8 pixels are drawn 14 times as large: three images, in two groups of two and one.
    let (width, height) = (4 * 112 + 3 * 2, 2 * 112 + 2);
    assert_eq!(size(&bench, "reconstructions/reconstructions.png"), (width, height), "{text}");
    let csv = fs::read_to_string(bench.path("reconstructions/errors.csv")).unwrap();
    let images: Vec<_> = csv.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(images, ["image", "0", "5", "2"]);
    for file in ["filters_encode.png", "maps_encode.png", "maps_decode.png"] {
        assert!(text.contains(file), "{text}");
        size(&bench, &format!("reconstructions/{file}"));
    }

    let worst = bench
        .reconstruct(&format!("{run} --worst 4 --error_map --output w --json"))
        .ended(0)
        .json();
    let errors = errors_of(&worst);
    assert!(errors.len() == 4 && errors.is_sorted_by(|one, next| one >= next), "{errors:?}");
    assert_eq!(size(&bench, "w/reconstructions.png"), (6 * 112 + 5 * 2, 2 * 112 + 2));
    let all =
        bench.reconstruct(&format!("{run} --random 1000 --output all --json")).ended(0).json();
    let all = errors_of(&all);
    assert_eq!(all.len(), 250);
    assert_eq!(all.iter().copied().fold(0.0, f64::max), errors[0]);
    let mean = all.iter().sum::<f64>() / 250.0;
    let line = "--model SingleLayerCAE --dataset Digits --checkpoint_dir log/SingleLayerCAE/Digits_Momentum_lr=0.01";
    let whole =
        bench.evaluate(&format!("{line} --test --json")).ended(0).json()["error"].as_f64().unwrap();
    assert!((mean / whole - 1.0).abs() < 1e-6, "{mean} and {whole}");

    // The user's own picture, of another size.
    fs::copy(bench.path("w/reconstructions.png"), bench.path("own.png")).unwrap();
    let own = bench.reconstruct(&format!("{run} --images own.png --output own")).ended(0).stdout;
    assert!(own.contains("own.png  -"), "{own}");

    let wrong = bench.reconstruct(&format!("{run} --index 250")).ended(2).stderr;
    assert!(wrong.contains("there are 250: 0 to 249"), "{wrong}");
    bench.train_classifier(&format!("{CLASSIFIER} --epochs 1")).ended(0);
    let classifier = "log/SingleLayerCAEClassifier/Digits_Momentum_lr=0.01";
    let wrong = bench.reconstruct(&format!("--checkpoint_path {classifier}")).ended(1).stderr;
    assert!(wrong.contains("makes no reconstructions"), "{wrong}");
}

/// Whoever closes the pipe has what was wanted, as in `compare | head -1`: no program ends with an
/// error.
#[test]
fn nobody_reads_the_results() {
    let bench = Bench::new();
    bench.train(&format!("{AUTOENCODER} --epochs 1")).ended(0);
    bench.train_classifier(&format!("{CLASSIFIER} --epochs 1")).ended(0);
    let encoder = format!("{LOG}/Digits_Momentum_lr=0.01");
    let classifier = encoder.replace("SingleLayerCAE", "SingleLayerCAEClassifier");
    let evaluated = |model: &str, run: &str| {
        format!("--model {model} --dataset Digits --checkpoint_dir {run} --test")
    };
    for (program, line) in [
        (env!("CARGO_BIN_EXE_dytb"), "compare".into()),
        (env!("CARGO_BIN_EXE_dytb"), "compare --json".into()),
        (env!("CARGO_BIN_EXE_train_autoencoder"), format!("{AUTOENCODER} --epochs 1")),
        (env!("CARGO_BIN_EXE_train_classifier"), format!("{CLASSIFIER} --epochs 1")),
        (env!("CARGO_BIN_EXE_evaluate_autoencoder"), evaluated("SingleLayerCAE", &encoder)),
        (
            env!("CARGO_BIN_EXE_evaluate_classifier"),
            evaluated("SingleLayerCAEClassifier", &classifier) + " --per_class",
        ),
        (env!("CARGO_BIN_EXE_dytb"), format!("export {encoder} --output a")),
        (env!("CARGO_BIN_EXE_dytb"), format!("reconstruct --checkpoint_path {encoder}")),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let done = std::process::Command::new(program)
            .args(line.split_whitespace())
            .current_dir(bench.path(""))
            .stdout(writer)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{program} {line}: {stderr}");
        assert!(!stderr.contains("error:") && !stderr.contains("panicked"), "{program}: {stderr}");
    }
}

/// `--model` and `--dataset` that no run has: what there is, and no bare table.
#[test]
fn runs_that_are_not_there() {
    let bench = Bench::new();
    bench.train(&format!("{AUTOENCODER} --epochs 1")).ended(0);
    bench.train_classifier(&format!("{CLASSIFIER} --epochs 1")).ended(0);
    for flags in [
        "--model SingleLayerCEA",
        "--dataset MNIST",
        "--model SingleLayerCAE --dataset MNIST",
        "--dataset '' --plot curves.png",
    ] {
        for format in ["", "--json", "--csv", "--per_class"] {
            let done = bench.compare(&format!("{flags} {format}")).ended(1);
            let there = "SingleLayerCAE on Digits, SingleLayerCAEClassifier on Digits";
            assert!(done.stderr.contains(there), "{flags}: {}", done.stderr);
            assert!(done.stdout.is_empty(), "{flags}: {}", done.stdout);
        }
    }
    assert!(!bench.path("curves.png").exists());
    let done = bench.compare(&format!("{LOG} --per_class")).ended(0);
    assert_eq!(done.stdout.lines().count(), 2, "{}", done.stdout);
    assert!(done.stderr.contains("none of these runs has an accuracy"), "{}", done.stderr);
}

/// Whatever file of a run is damaged: it is in the table with what the others tell, and a warning names
/// the file.
#[test]
fn damaged_runs_are_shown() {
    let bench = Bench::new();
    bench.train(&format!("{AUTOENCODER} --epochs 1")).ended(0);
    bench.train_classifier(&format!("{CLASSIFIER} --epochs 1")).ended(0);
    let (run, classifier) =
        ("Digits_Momentum_lr=0.01", "log/SingleLayerCAEClassifier/Digits_Momentum_lr=0.01");
    let whole = bench.compare("--json").ended(0).json();
    let read = |file: &str| fs::read_to_string(bench.path(file)).unwrap();
    let results = read(&format!("{classifier}/results.json"));
    let at = results.rfind("\"loss\": ").unwrap() + 8;
    let end = at + results[at..].find(['\n', ',']).unwrap();
    let infinite = format!("{}null{}", &results[..at], &results[end..]);
    for (file, content) in [
        (format!("{classifier}/results.json"), infinite.as_str()),
        (format!("{classifier}/results.json"), "{"),
        (format!("{classifier}/status.json"), "[]"),
        (format!("{classifier}/config.json"), ""),
        (format!("{LOG}/{run}/results.json"), "null and void"),
        (format!("{LOG}/{run}/status.json"), "{\"state\": \"asleep\"}"),
        (format!("{LOG}/{run}/config.json"), "{}"),
        (format!("{LOG}/{run}/config.json"), "gone"),
    ] {
        let before = fs::read(bench.path(&file)).unwrap();
        match content {
            "gone" => fs::remove_file(bench.path(&file)).unwrap(),
            _ => fs::write(bench.path(&file), content).unwrap(),
        }
        let done = bench.compare("").ended(0);
        let damaged = done.stdout.lines().filter(|line| line.contains(" damaged "));
        assert_eq!(damaged.count(), 1, "{file}: {}", done.stdout);
        assert!(
            done.stderr.contains("warning: `") && done.stderr.contains(&file),
            "{}",
            done.stderr
        );
        let rows = bench.compare("--json").ended(0).json();
        for row in rows.as_array().unwrap() {
            let is_same = |other: &&Value| other["folder"] == row["folder"];
            let other = whole.as_array().unwrap().iter().find(is_same).unwrap();
            for name in ["model", "dataset", "validation_error", "validation_accuracy", "flags"] {
                assert_eq!(row[name], other[name], "{file}: {name}");
            }
            assert_eq!(row["status"] == "damaged", file.contains(row["folder"].as_str().unwrap()));
        }
        bench.compare("--csv").ended(0);
        fs::write(bench.path(&file), before).unwrap();
    }
    // What is in it counts, but for the loss.
    fs::write(bench.path(&format!("{classifier}/results.json")), infinite).unwrap();
    let row = bench.compare("--json log/SingleLayerCAEClassifier").ended(0).json()[0].clone();
    assert_eq!(row["test_accuracy"], whole[1]["test_accuracy"], "{row}");
    assert!(row["test_accuracy"].is_number() && row["test_loss"].is_null(), "{row}");

    // Another program's file is no run.
    fs::create_dir(bench.path("log/theirs")).unwrap();
    fs::write(bench.path("log/theirs/config.json"), "{}").unwrap();
    let done = bench.compare("--csv").ended(0);
    assert_eq!(done.stdout.lines().count(), 3, "{}", done.stdout);
}

/// Each data set has a table of its own, its best run first.
#[test]
fn data_sets_are_not_ranked_with_each_other() {
    let bench = Bench::new();
    bench.train(&format!("{AUTOENCODER} --epochs 2")).ended(0);
    bench.train(&format!("{AUTOENCODER} --epochs 1 --comment one")).ended(0);
    bench.train(&format!("{AUTOENCODER} --epochs 1 --classes 1,7")).ended(0);
    // As if it had been trained on other images.
    let from = bench.path(&format!("{LOG}/Digits_Momentum_lr=0.01_one/config.json"));
    let config = fs::read_to_string(&from).unwrap();
    fs::write(&from, config.replace("\"Digits\"", "\"Cifar10\"")).unwrap();
    let table = bench.compare("").ended(0).stdout;
    let titles: Vec<_> = table.split("\n\n").map(|part| part.lines().next().unwrap()).collect();
    assert_eq!(titles.len(), 3, "{table}");
    assert!(titles[0].starts_with("Cifar10, error"), "{table}");
    assert!(titles[1].starts_with("Digits, error"), "{table}");
    assert!(titles[2].starts_with("Digits, classes 1,7, error"), "{table}");
    // One data set needs no title.
    let one = bench.compare("--dataset Cifar10").ended(0).stdout;
    // Its validation images are its test images: that is marked.
    assert!(one.starts_with("model ") && one.lines().count() == 3, "{one}");
    assert!(one.contains("*  ") && one.contains("* chosen on the test images"), "{one}");
    assert!(!table.lines().any(|line| line.contains(" Digits ") && line.contains('*')), "{table}");
    assert_eq!(bench.compare("--json").ended(0).json().as_array().unwrap().len(), 3);
    assert_eq!(bench.compare("--csv").ended(0).stdout.lines().count(), 4);
}

/// Behind links, once each.
#[test]
#[cfg(unix)]
fn runs_behind_links() {
    use std::os::unix::fs::symlink;
    let bench = Bench::new();
    bench.train(&format!("{AUTOENCODER} --epochs 1 --log_dir far/away")).ended(0);
    fs::create_dir(bench.path("log")).unwrap();
    symlink(bench.path("far/away"), bench.path("log/linked")).unwrap();
    symlink(bench.path("log"), bench.path("far/away/back")).unwrap();
    let rows = bench.compare("--csv").ended(0).stdout;
    assert_eq!(rows.lines().count(), 2, "{rows}");
    assert!(rows.contains("log/linked/SingleLayerCAE/Digits_Momentum_lr=0.01"), "{rows}");
    let twice = bench.compare("log far far/away/SingleLayerCAE --csv").ended(0).stdout;
    assert_eq!(twice, rows);
}

/// An SVG file has the labels as texts: whole epochs, each once, and of a run whose first validations
/// are gone the right ones.
#[test]
fn epochs_on_the_axis() {
    let bench = Bench::new();
    let labels = |bench: &Bench| {
        bench.compare("--plot curves.svg").ended(0);
        let svg = fs::read_to_string(bench.path("curves.svg")).unwrap();
        let texts = svg.split("</text>").filter_map(|part| part.rsplit('>').next());
        let numbers: Vec<u64> = texts.filter_map(|text| text.trim().parse().ok()).collect();
        numbers
    };
    for epochs in [1, 6, 14] {
        bench.train(&format!("{AUTOENCODER} --epochs {epochs} --comment e{epochs}")).ended(0);
        let labels = labels(&bench);
        let expected: Vec<u64> = match epochs {
            14 => [1].into_iter().chain((2..=14).step_by(2)).collect(),
            epochs => (1..=epochs).collect(),
        };
        assert_eq!(labels, expected, "{epochs} epochs");
    }
    let run = bench.path(&format!("{LOG}/Digits_Momentum_lr=0.01_e14"));
    let steps: Vec<i64> = scalars(&run.join("validation")).iter().map(|(step, ..)| *step).collect();
    fs::remove_dir_all(run.join("validation")).unwrap();
    let mut writer = dytb::tensorboard::EventWriter::create(&run.join("validation")).unwrap();
    steps[9..].iter().for_each(|step| writer.scalar(*step, "error", 0.04).unwrap());
    writer.flush().unwrap();
    fs::remove_dir_all(bench.path(&format!("{LOG}/Digits_Momentum_lr=0.01_e6"))).unwrap();
    let last = labels(&bench).into_iter().max();
    assert_eq!(last, Some(14));
}

/// What concerns the whole run is beside its validations: once, also after going on. The run's folder
/// has no events of its own: it would be a third entry for each run.
#[test]
fn cards_of_a_run() {
    let bench = Bench::new();
    let line = AUTOENCODER.replace("--images_every 0", "--images_every 1");
    let run = bench.path(&format!("{LOG}/Digits_Momentum_lr=0.01"));
    let files = |folder: &str| dytb::tensorboard::event_files(&run.join(folder)).unwrap();
    for epochs in 1..=3 {
        let results = bench.train(&format!("{line} --epochs {epochs}")).ended(0).json();
        // The files of cards are event files for TensorBoard alone: read by another name.
        let apart = tempfile::tempdir().unwrap();
        let there = fs::read_dir(run.join("validation")).unwrap().map(|file| file.unwrap().path());
        let cards: Vec<_> = there.filter(|path| path.extension().unwrap() == "cards").collect();
        // What it says at its beginning and at its end.
        assert_eq!(cards.len(), 2);
        for path in &cards {
            fs::copy(path, apart.path().join(path.file_stem().unwrap())).unwrap();
        }
        let rows = scalars(apart.path());
        let of = |tag: &str| -> Vec<(i64, f32)> {
            let rows = rows.iter().filter(|(_, found, _)| found == tag);
            rows.map(|(step, _, value)| (*step, *value)).collect()
        };
        let number = |name: &str| results[name].as_f64().unwrap() as f32;
        // A level line of the last test; the best of the validations until then.
        let last = 11 * epochs;
        assert_eq!(of("error_test"), [0, last].map(|step| (step, number("test_error"))));
        let validations = scalars(&run.join("validation"));
        assert!(validations.iter().all(|(_, tag, _)| tag == "error"), "{validations:?}");
        assert_eq!(validations.len(), epochs as usize);
        let mut best = f32::INFINITY;
        let expected = validations.into_iter().map(|(step, _, error)| {
            best = best.min(error);
            (step, best)
        });
        assert_eq!(of("error_best"), expected.collect::<Vec<_>>());
        assert_eq!(of("error_best").last().unwrap().1, number("validation_error"));
        assert!(files("").is_empty());
        // A run of before there were two entries only.
        let old = run.join("events.out.tfevents.1700000000.host.1.0");
        fs::copy(&files("train")[0], old).unwrap();
    }
}

/// The pictures of a run are bounded, however large its images are.
#[test]
fn pictures_of_large_images() {
    let bench = Bench::new();
    for (number, split) in ["train", "train", "validation", "test"].iter().enumerate() {
        let file = bench.path(&format!("pictures/{split}/a/{number}.png"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        image::RgbImage::from_fn(800, 800, |x, y| image::Rgb([x as u8, (x * y) as u8, y as u8]))
            .save(file)
            .unwrap();
    }
    bench.train(
        "--model SingleLayerCAE --dataset ImageFolder --data_dir pictures --epochs 1 --batch_size 2 \
         --seed 1 --images_every 1 --comment large",
    )
    .ended(0);
    let run = bench.path(&format!("{LOG}/ImageFolder_pictures_Momentum_lr=0.01_large/train"));
    let mut pictures = 0;
    for file in dytb::tensorboard::event_files(&run).unwrap() {
        for record in dytb::tensorboard::read_records(&file).unwrap() {
            let event = dytb::tensorboard::parse(&record.unwrap().data).unwrap();
            for value in event.get_summary().get_value().iter().filter(|value| value.has_image()) {
                let (image, tag) = (value.get_image(), value.get_tag());
                let pixels = (image.get_width() * image.get_height()) as usize;
                let most = match tag.ends_with("pre_post_activation") {
                    true => dytb::viz::MAPS,
                    false => dytb::viz::IMAGES,
                };
                // Gaps are added.
                assert!(pixels < most + most / 20, "{tag}: {pixels}");
                pictures += 1;
            }
        }
    }
    assert_eq!(pictures, 1 + 2 + 1);
}

/// Pictures in folders are listed by their names, also those of some classes.
#[test]
fn names_of_pictures() {
    let bench = Bench::new();
    let mut pictures = Vec::new();
    for class in ["cats", "dogs, large"] {
        for split in ["train", "validation", "test"] {
            for number in 0..4 {
                let name = format!("{split}/{class}/{number}.png");
                let file = bench.path("pets").join(&name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                let shade = |x: u32, y: u32| (x * 31 + y * 17 + number * 60) as u8;
                image::GrayImage::from_fn(8, 8, |x, y| image::Luma([shade(x, y)]))
                    .save(file)
                    .unwrap();
                pictures.push(name);
            }
        }
    }
    let data = "--dataset ImageFolder --data_dir pets";
    bench.train(&format!("--model SingleLayerCAE {data} --epochs 1 --seed 1")).ended(0);
    let run =
        "--checkpoint_path log/SingleLayerCAE/ImageFolder_pets_Momentum_lr=0.01 --data_dir pets";
    for (flags, count) in
        [("--worst 8", 8), ("--worst 8 --classes 'dogs, large'", 4), ("--index 5", 1)]
    {
        let flags = flags.replace("'dogs, large'", "1");
        let done = bench.reconstruct(&format!("{run} {flags} --json")).ended(0).json();
        let names: Vec<_> = done["images"]
            .as_array()
            .unwrap()
            .iter()
            .map(|image| {
                let name = image["name"].as_str().unwrap().to_owned();
                assert!(pictures.contains(&name) && name.starts_with("test/"), "{name}");
                assert!(name.contains(image["class"].as_str().unwrap()), "{image}");
                name
            })
            .collect();
        assert_eq!(names.len(), count, "{names:?}");
        let text = bench.reconstruct(&format!("{run} {flags}")).ended(0).stdout;
        let csv = if flags.contains("worst") { "worst" } else { "errors" };
        let csv = fs::read_to_string(bench.path(&format!("reconstructions/{csv}.csv"))).unwrap();
        assert!(csv.starts_with("image,name,class,error\n"), "{csv}");
        for name in &names {
            assert!(text.contains(name) && csv.contains(name), "{name}: {text}{csv}");
        }
    }
}

/// Folders of pictures are brought to the channels of the model, whichever they have; a data set of its
/// own channels is not.
#[test]
fn grey_and_coloured_folders() {
    let bench = Bench::new();
    for (folder, coloured) in [("grey", false), ("coloured", true)] {
        for split in ["train", "validation", "test"] {
            for class in ["a", "b"] {
                let file = bench.path(&format!("{folder}/{split}/{class}/0.png"));
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                let shade = |x: u32, y: u32| (x * 30 + y) as u8;
                let picture = image::GrayImage::from_fn(8, 8, |x, y| image::Luma([shade(x, y)]));
                let picture = image::DynamicImage::from(picture);
                match coloured {
                    // The same pictures, in three equal channels.
                    true => picture.to_rgb8().save(file).unwrap(),
                    false => picture.save(file).unwrap(),
                }
            }
        }
        let line = format!("--dataset ImageFolder --data_dir {folder} --seed 1 --epochs 1 --json");
        bench.train(&format!("--model SingleLayerCAE {line}")).ended(0);
        bench.train_classifier(&format!("--model SingleLayerCAEClassifier {line}")).ended(0);
    }
    for trained in ["grey", "coloured"] {
        let name = format!("ImageFolder_{trained}_Momentum_lr=0.01");
        let both = ["grey", "coloured"].map(|folder| {
            let data = format!("--dataset ImageFolder --data_dir {folder} --test --json");
            let of =
                |model: &str| format!("--model {model} --checkpoint_dir log/{model}/{name} {data}");
            let error = bench.evaluate(&of("SingleLayerCAE")).ended(0).json();
            let accuracy =
                bench.evaluate_classifier(&of("SingleLayerCAEClassifier")).ended(0).json();
            let line =
                format!("--checkpoint_path log/SingleLayerCAE/{name} --data_dir {folder} --json");
            let shown = bench.reconstruct(&line).ended(0).json();
            (error, accuracy, errors_of(&shown))
        });
        assert_eq!(both[0], both[1], "{trained}");
    }
    let line = "--model SingleLayerCAE --dataset Digits --checkpoint_dir \
                log/SingleLayerCAE/ImageFolder_coloured_Momentum_lr=0.01";
    let refused = bench.evaluate(line).ended(1).stderr;
    assert!(refused.contains("cannot take Digits"), "{refused}");
}
