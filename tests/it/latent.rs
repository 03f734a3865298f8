//! `dytb latent`, and what a training shows of a code: for every model that has one.

use std::fs;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use dytb::Initializer;
use dytb::models::MODELS;
use dytb::nn::{Kind, Prior};
use dytb::run::latest;
use dytb::train::AnyModel;

use crate::common::command::{Bench, images};

const SIDE: usize = 16;

/// The autoencoders of the table, for grey images of 16x16: of those that take them name and model.
fn autoencoders() -> impl Iterator<Item = (&'static str, AnyModel)> {
    let rows = MODELS.iter().filter(|(_, model)| model.kind() == Kind::Autoencoder);
    rows.filter_map(|(name, model)| {
        let mut init = Initializer::new(1, &Device::flex());
        Some((*name, AnyModel::new(*model, [1, SIDE, SIDE], 10, &mut init).ok()?))
    })
}

fn with_a_code() -> Vec<&'static str> {
    autoencoders().filter(|(_, model)| model.prior().is_some()).map(|(name, _)| name).collect()
}

/// The two halves one after the other are the whole, to the last bit, also of one image alone.
#[test]
fn the_halves_are_the_whole() {
    let pixels = (0..5 * SIDE * SIDE).map(|at| ((at * at) as f32 / 700.0).sin()).collect();
    let data = TensorData::new::<f32, _>(pixels, [5, 1, SIDE, SIDE]);
    let five = Tensor::<4>::from_data(data, &Device::flex());
    for (name, model) in autoencoders().filter(|(_, model)| model.prior().is_some()) {
        for images in [five.clone(), five.clone().narrow(0, 2, 1)] {
            let code = model.encode(images.clone()).unwrap();
            assert_eq!(code.dims()[0], images.dims()[0], "{name}");
            let decoded = model.decode(code, [SIDE, SIDE]).unwrap();
            let whole = model.reconstruct(images).unwrap();
            assert_eq!(decoded.dims(), whole.dims(), "{name}");
            assert_eq!(decoded.into_data(), whole.into_data(), "{name}");
        }
    }
    assert!(with_a_code().len() >= 4, "{:?}", with_a_code());
}

/// A run of the model on Digits, of one epoch; its folder.
fn trained(bench: &Bench, model: &str, more: &str) -> String {
    let line = format!("train --model {model} --dataset Digits --epochs 1 --seed 1 {more} --json");
    bench.dytb(&line).ended(0).json()["folder"].as_str().unwrap().to_owned()
}

fn size(path: &Path) -> (u32, u32) {
    image::image_dimensions(path).unwrap()
}

/// Each has its pictures, large enough to be read; the same again, bit for bit.
#[test]
fn pictures_of_every_code() {
    let bench = Bench::new();
    for name in with_a_code() {
        let run = trained(&bench, name, "--images_every 0");
        let result = bench.dytb(&format!("latent {run} --json")).ended(0).json();
        let files: Vec<_> = result["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file.as_str().unwrap().to_owned())
            .collect();
        assert!(files.iter().all(|file| file.starts_with(&format!("{run}/latent/"))), "{files:?}");
        let (_, model) = autoencoders().find(|(row, _)| *row == name).unwrap();
        let prior = model.prior().unwrap();
        let has_traversal = files.iter().any(|file| file.ends_with("traversal.png"));
        assert_eq!(has_traversal, !matches!(prior, Prior::Codebook { .. }), "{name}");
        let expected = match prior {
            Prior::StandardNormal => "prior",
            Prior::Unknown => "gaussian",
            Prior::Codebook { .. } => "frequencies",
        };
        assert_eq!(result["samples"], expected, "{name}");
        for file in files.iter().filter(|file| file.ends_with(".png")) {
            let (width, height) = size(&bench.path(file));
            assert!(width >= 500 && height >= 500, "{file}: {width}x{height}");
        }
        assert_eq!(result["pairs"].as_array().unwrap().len(), 8);
        for pair in result["pairs"].as_array().unwrap() {
            assert_ne!(pair["from"]["class"], pair["to"]["class"], "{pair}");
        }
        let before: Vec<_> = files.iter().map(|file| fs::read(bench.path(file)).unwrap()).collect();
        let again = bench.dytb(&format!("latent {run} --output again --json")).ended(0).json();
        let again = again["files"].as_array().unwrap().iter();
        let again: Vec<_> =
            again.map(|file| fs::read(bench.path(file.as_str().unwrap())).unwrap()).collect();
        assert!(before == again, "{name}");
        // Another seed draws others.
        bench.dytb(&format!("latent {run} --output other --seed 2")).ended(0);
        let samples = |folder: &str| fs::read(bench.path(folder).join("samples.png")).unwrap();
        assert_ne!(samples("again"), samples("other"), "{name}");
    }
}

/// The distances are those of the vectors that `embed` writes, of the images that are named.
#[test]
fn neighbours_are_the_nearest_vectors() {
    let bench = Bench::new();
    let run = trained(&bench, "ConvAE", "--images_every 0 --model_args '{\"code\": 5}'");
    bench.dytb(&format!("embed {run} --layer code --output validation.csv")).ended(0);
    bench.dytb(&format!("embed {run} --layer code --split train --output train.csv")).ended(0);
    let vectors = |file: &str| -> Vec<Vec<f64>> {
        let text = fs::read_to_string(bench.path(file)).unwrap();
        let numbers = |line: &str| line.split(',').skip(2).map(|v| v.parse().unwrap()).collect();
        text.lines().skip(1).map(numbers).collect()
    };
    let (validation, train) = (vectors("validation.csv"), vectors("train.csv"));
    for (flags, searched, own) in [("", &validation, true), ("--among train", &train, false)] {
        let line = format!("latent {run} --from 3,14 --to 15,92 {flags} --json");
        let result = bench.dytb(&line).ended(0).json();
        let nearest = result["nearest"].as_array().unwrap();
        let queries: Vec<_> = nearest.iter().map(|of| of["image"].as_u64().unwrap()).collect();
        assert_eq!(queries, [3, 14, 15, 92]);
        for of in nearest {
            let image = of["image"].as_u64().unwrap() as usize;
            let distance = |other: &[f64]| -> f64 {
                let squares = validation[image].iter().zip(other).map(|(a, b)| (a - b).powi(2));
                squares.sum::<f64>().sqrt()
            };
            let mut expected: Vec<_> = searched.iter().map(|other| distance(other)).collect();
            if own {
                expected.remove(image);
            }
            expected.sort_by(f64::total_cmp);
            let found = of["neighbours"].as_array().unwrap();
            assert_eq!(found.len(), 8);
            for (found, expected) in found.iter().zip(expected) {
                let told = found["distance"].as_f64().unwrap();
                assert!((told - expected).abs() < 1e-5, "{told} {expected}");
                let place = found["image"].as_u64().unwrap() as usize;
                assert!((distance(&searched[place]) - told).abs() < 1e-5);
            }
        }
        let csv = fs::read_to_string(bench.path(&run).join("latent/neighbours.csv")).unwrap();
        assert_eq!(csv.lines().count(), 1 + 4 * 8);
    }
    // What is printed for people names them too.
    let text = bench.dytb(&format!("latent {run} --from 3 --to 15")).ended(0).stdout;
    assert!(text.contains("from 3 (") && text.contains("nearest to 15 ("), "{text}");
    assert!(text.contains("no prior was trained"), "{text}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let bench = Bench::new();
    let run = trained(&bench, "ConvAE", "--images_every 0");
    for (flags, needle) in [
        ("--from 250 --to 1", "`--from 250`: there is no such image"),
        ("--from 1 --to 999", "0 to 249"),
        ("--from 1", "--to"),
        ("--from 1,2 --to 3", "`--from` has 2 images, `--to` 1"),
        ("--from x --to 1", "--from"),
        ("--steps 1", "--steps"),
        ("--test --split train", "--test"),
    ] {
        let done = bench.dytb(&format!("latent {run} {flags}")).ended(2);
        assert!(done.stderr.contains(needle), "{flags}: {}", done.stderr);
    }
    assert!(!bench.path(&run).join("latent").exists());
    // What has no code is named, and so are all that have one.
    for (model, why) in [("SingleLayerCAE", "implements `Latent`"), ("MLP", "tells classes apart")]
    {
        let run = trained(&bench, model, "--images_every 0");
        let done = bench.dytb(&format!("latent {run}")).ended(2);
        for needle in with_a_code().into_iter().chain([model, why]) {
            assert!(done.stderr.contains(needle), "{needle}: {}", done.stderr);
        }
    }
}

/// Pictures of codes are in the event files, and no bit of the training depends on them.
#[test]
fn a_training_shows_them_and_stays_the_same() {
    let bench = Bench::new();
    for name in with_a_code() {
        let parameters =
            |run: &str| latest(&bench.path(run).join("checkpoints")).unwrap().unwrap().1.model;
        let shown = trained(&bench, name, "--images_every 1 --comment shown");
        let hidden = trained(&bench, name, "--images_every 0 --comment hidden");
        assert_eq!(parameters(&shown), parameters(&hidden), "{name}");
        let tags = |run: &str| -> Vec<String> {
            let found = images(&bench.path(run).join("train")).into_iter();
            found.map(|image| image.tag).filter(|tag| tag.starts_with("latent/")).collect()
        };
        let prior = autoencoders().find(|(row, _)| *row == name).unwrap().1.prior();
        let expected: &[&str] = match prior {
            Some(Prior::Codebook { .. }) => &["latent/interpolation", "latent/samples"],
            _ => &["latent/interpolation", "latent/traversal", "latent/samples"],
        };
        assert_eq!(tags(&shown), expected, "{name}");
        assert!(tags(&hidden).is_empty());
    }
}

/// However large the images are.
#[test]
fn pictures_of_a_training_are_bounded() {
    let bench = Bench::new();
    for (number, split) in ["train", "train", "validation", "test"].iter().enumerate() {
        let file = bench.path(&format!("pictures/{split}/a/{number}.png"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let picture = image::GrayImage::from_fn(300, 300, |x, y| image::Luma([(x * y) as u8]));
        picture.save(file).unwrap();
    }
    let run = bench.train(
        "--model ConvAE --model_args '{\"code\": 2}' --dataset ImageFolder --data_dir pictures --epochs 1 \
         --seed 1 --images_every 1 --json",
    );
    let run = run.ended(0).json()["folder"].as_str().unwrap().to_owned();
    let images = images(&bench.path(&run).join("train"));
    let of_code: Vec<_> = images.iter().filter(|image| image.tag.starts_with("latent/")).collect();
    assert_eq!(of_code.len(), 3);
    for image in of_code {
        // Gaps are added.
        assert!(image.pixels < dytb::viz::IMAGES * 21 / 20, "{}: {}", image.tag, image.pixels);
    }
}
