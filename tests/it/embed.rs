//! `embed`: what a layer makes of images, for every model, as files.

use std::fs;

use crate::common::command::Bench;
use dytb::models::MODELS;
use image::GrayImage;

/// A run of the model on Digits, in one epoch of which little is trained; its folder.
fn trained(bench: &Bench, model: &str) -> String {
    let line = format!(
        "train --model {model} --dataset Digits --epochs 1 --seed 1 --images_every 0 --json"
    );
    bench.dytb(&line).ended(0).json()["folder"].as_str().unwrap().to_owned()
}

/// The shape in the head of an `.npy` file, and its numbers.
fn npy(bench: &Bench, file: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = fs::read(bench.path(file)).unwrap();
    let length = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    let head = String::from_utf8(bytes[10..10 + length].to_vec()).unwrap();
    let dims = head.split('(').nth(1).unwrap().split(')').next().unwrap();
    let dims = dims.split(',').filter_map(|dim| dim.trim().parse().ok()).collect();
    let values = bytes[10 + length..].as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
    (dims, values.collect())
}

/// Of every model that takes images of 8x8: each layer can be named, and has the shape that the list says.
#[test]
fn every_layer_of_every_model() {
    let bench = Bench::new();
    // Few, so that large models take no time.
    for class in 0..2_u8 {
        fs::create_dir_all(bench.path(&format!("in/{class}"))).unwrap();
        for number in 0..40_u8 {
            let pixels = (0..64).map(|at: u8| at.wrapping_mul(number) ^ (class * 128)).collect();
            let picture = GrayImage::from_raw(8, 8, pixels).unwrap();
            picture.save(bench.path(&format!("in/{class}/{number}.png"))).unwrap();
        }
    }
    let mut models = 0;
    for (model, _) in MODELS {
        let line = format!(
            "train --model {model} --dataset ImageFolder --data_dir in --epochs 1 --seed 1 --images_every 0 --json"
        );
        let done = bench.dytb(&line);
        // It wants larger images.
        let Some(0) = done.code else { continue };
        models += 1;
        let run = done.json()["folder"].as_str().unwrap().to_owned();
        let listed = bench.dytb(&format!("embed {run}")).ended(2).stderr;
        let layers: Vec<(&str, &str)> =
            listed.lines().filter_map(|line| line.trim().split_once("  [")).collect();
        assert!(layers.len() > 1, "{listed}");
        for (layer, shape) in [layers[0], layers[layers.len() - 1]] {
            let line = format!(
                "embed {run} --layer {layer} --split train --count 7 --output e.npy --json"
            );
            let result = bench.dytb(&line).ended(0).json();
            let (dims, values) = npy(&bench, "e.npy");
            assert_eq!(format!("{:?}", &dims[1..]), format!("[{shape}"), "{model} {layer}");
            assert_eq!(dims[0], 7);
            assert_eq!(result["shape"], serde_json::json!(dims));
            assert!(values.iter().all(|value| value.is_finite()) && values.len() % 7 == 0);
            assert!(values.iter().any(|value| *value != values[0]), "{model} {layer}");
        }
    }
    assert!(models > 4);
}

/// The last layer of an autoencoder is its reconstruction, whose error is known.
#[test]
fn the_last_layer_is_the_output() {
    let bench = Bench::new();
    let run = trained(&bench, "SingleLayerCAE");
    bench.dytb(&format!("embed {run} --layer decode --output e.csv")).ended(0);
    let before = fs::read(bench.path("e.csv")).unwrap();
    bench.dytb(&format!("embed {run} --layer decode --output e.npy")).ended(0);
    assert!(fs::read(bench.path("e.csv")).unwrap() == before, "the other file of the name stays");
    let (dims, values) = npy(&bench, "e.npy");
    assert_eq!(dims, [250, 1, 8, 8]);
    let line = format!("embed {run} --layer decode --output e.npy --labels l.csv --json");
    let files = bench.dytb(&line).ended(0).json()["files"].clone();
    assert_eq!(files, serde_json::json!(["e.npy", "l.csv"]));
    let text = fs::read_to_string(bench.path("l.csv")).unwrap();
    assert_eq!((text.lines().next(), text.lines().count()), (Some("image,class"), 251));
    bench.dytb(&format!("embed {run} --layer decode --output v.csv")).ended(0);
    let text = fs::read_to_string(bench.path("v.csv")).unwrap();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((lines.len(), lines[0].len(), lines[0][2]), (251, 66, "v0"));
    let parsed = lines[1..].iter().flat_map(|line| &line[2..]).map(|v| v.parse::<f32>().unwrap());
    assert!(parsed.eq(values.iter().copied()));

    let images = {
        let (_, open) = dytb::inputs::INPUTS.iter().find(|(name, _)| *name == "Digits").unwrap();
        open(&Default::default()).unwrap().load(dytb::Split::Validation).unwrap()
    };
    let pixels = (0..250).flat_map(|at| images.image(at).unwrap().into_owned());
    let squares = pixels
        .zip(&values)
        .map(|(byte, made)| (f64::from(*made) - (f64::from(byte) / 255.0 - 0.5) * 2.0).powi(2));
    let error = squares.sum::<f64>() / (2.0 * values.len() as f64);
    let evaluated = bench.evaluate(&format!("{run} --json")).ended(0).json();
    assert!((evaluated["error"].as_f64().unwrap() - error).abs() < 1e-6, "{error}");
}

#[test]
fn what_the_projector_reads() {
    let bench = Bench::new();
    let run = trained(&bench, "LeNetBN");
    let line = format!("embed {run} --layer conv2 --pool --projector p --json");
    let result = bench.dytb(&line).ended(0).json();
    assert_eq!(result["shape"], serde_json::json!([250, 64]));
    assert!(result["accuracies"]["probe"].as_f64().unwrap() > 0.2, "{result}");
    assert_eq!(result["files"].as_array().unwrap().len(), 4);
    let read = |name: &str| fs::read_to_string(bench.path("p").join(name)).unwrap();
    let vectors = read("vectors.tsv");
    assert_eq!(vectors.lines().count(), 250);
    assert!(vectors.lines().all(|line| line.split('\t').count() == 64));
    let metadata = read("metadata.tsv");
    assert_eq!((metadata.lines().count(), metadata.lines().next()), (251, Some("image\tclass")));
    let config = read("projector_config.pbtxt");
    assert!(config.contains("single_image_dim: 8") && config.contains("sprite.png"), "{config}");
    let sprite = image::image_dimensions(bench.path("p/sprite.png")).unwrap();
    assert_eq!(sprite, (16 * 8, 16 * 8));
    // The bare feature maps are the ones whose means these are.
    bench.dytb(&format!("embed {run} --layer conv2/norm --count 3 --output e.npy")).ended(0);
    let (dims, values) = npy(&bench, "e.npy");
    assert_eq!(dims[..2], [3, 64]);
    let plane = dims[2] * dims[3];
    let mean = values[..plane].iter().map(|v| f64::from(*v)).sum::<f64>() / plane as f64;
    let first: f64 = vectors.split('\t').next().unwrap().parse().unwrap();
    assert!((mean - first).abs() < 1e-5, "{mean} {first}");
}

#[test]
fn pictures_and_what_is_wrong() {
    let bench = Bench::new();
    let run = trained(&bench, "SingleLayerCAE");
    fs::create_dir(bench.path("in")).unwrap();
    for name in ["a", "b"] {
        GrayImage::new(9, 9).save(bench.path(&format!("in/{name}.png"))).unwrap();
    }
    let line = format!("embed {run} --layer encode --images in --output e.csv");
    let done = bench.dytb(&line).ended(0);
    assert!(!done.stdout.contains("probe"), "{}", done.stdout);
    let text = fs::read_to_string(bench.path("e.csv")).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[1].starts_with("in/a.png,,") && lines.len() == 3);
    // Black images both.
    assert_eq!(lines[1].split_once(',').unwrap().1, lines[2].split_once(',').unwrap().1);

    fs::write(bench.path("in/c.png"), "no picture").unwrap();
    for (flags, code, needle) in [
        ("--layer nowhere", 2, "encode  [32, 10, 10]"),
        ("--layer encod", 2, "no such layer"),
        ("--layer encode --output e.txt", 2, ".npy or .csv"),
        ("--layer encode --labels l.npy", 2, "name it .csv"),
        ("--layer encode --output e.csv --labels e.csv", 2, "are one file"),
        ("--layer encode --images in", 1, "in/c.png"),
        ("--layer encode --images in --test", 2, "--test"),
        ("--layer encode --classes x", 2, "no class `x`"),
        ("--layer encode --count 0", 2, "1 or more"),
    ] {
        let done = bench.dytb(&format!("embed {run} {flags}")).ended(code);
        assert!(done.stderr.contains(needle), "{flags}: {}", done.stderr);
    }
}
