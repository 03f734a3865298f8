//! `dytb data --dataset`: what is in a data set, what is there twice, and how it looks to a training.

use std::collections::HashMap;
use std::fs;

use burn::tensor::Device;
use dytb::data::{Augmentation, Batch, DataLoader};
use dytb::inputs::INPUTS;
use dytb::run::latest;
use dytb::{Examples, Source};
use image::RgbImage;
use serde_json::{Value, json};

use crate::common::command::Bench;
use crate::common::skip::skipped;
use crate::inputs::{Folder, SPLITS, needs_no_files};

/// Mean and deviation of bytes / 255 of each channel, pixel by pixel.
fn pixels(examples: &Examples) -> Vec<[f64; 2]> {
    let [channels, height, width] = examples.shape();
    let plane = height * width;
    let of = |channel: usize| {
        let mut counts = [0_u64; 256];
        for index in 0..examples.len() {
            let image = examples.image(index).unwrap();
            image[channel * plane..][..plane].iter().for_each(|&x| counts[usize::from(x)] += 1);
        }
        let n = (examples.len() * plane) as f64;
        let sum = |of: &dyn Fn(f64) -> f64| -> f64 {
            let terms = counts.iter().enumerate();
            terms.map(|(x, &count)| count as f64 * of(x as f64 / 255.0)).sum()
        };
        let mean = sum(&|x| x) / n;
        [mean, (sum(&|x| (x - mean).powi(2)) / n).sqrt()]
    };
    (0..channels).map(of).collect()
}

/// `(index, index of the first equal one)` of the images of `of` that are in `among`, or there before.
fn copies(of: &Examples, among: &Examples, is_same: bool) -> Vec<(usize, usize)> {
    let mut first = HashMap::new();
    for index in 0..among.len() {
        first.entry(among.image(index).unwrap()).or_insert(index);
    }
    let found = (0..of.len()).map(|index| (index, first.get(&of.image(index).unwrap())));
    let found = found.filter_map(|(index, first)| Some((index, *first?)));
    found.filter(|(index, first)| !is_same || index != first).collect()
}

/// Every file of `inputs/` that has its images here: in memory and in a file.
#[test]
fn every_data_set_is_counted() {
    let bench = Bench::new();
    for (name, input) in INPUTS {
        let folder = Folder::of(name);
        if folder.is_none() && !needs_no_files(input) {
            skipped(&format!("{name}: its files are not here"));
            continue;
        }
        let data_dir = folder.as_ref().map(|folder| folder.path().to_owned());
        let flag =
            data_dir.as_ref().map_or(String::new(), |d| format!("--data_dir '{}'", d.display()));
        let [told, from_file] = ["", "--memory 0"].map(|memory| {
            let line = format!("data --dataset {name} {flag} --offline --json {memory}");
            bench.dytb(&line).ended(0).json()
        });
        assert_eq!(told, from_file, "{name}");
        let source = Source { data_dir, offline: true, ..Source::default() };
        let dataset = input(&source).unwrap();
        assert_eq!(told["classes"], json!(dataset.class_names()), "{name}");
        assert_eq!(told["shape"], json!(dataset.shape()), "{name}");
        let loaded = SPLITS.map(|split| dataset.load(split).unwrap());
        for (split, examples) in SPLITS.iter().zip(&loaded) {
            let told = &told["splits"][split.name()];
            assert_eq!(told["examples"], json!(examples.len()), "{name}");
            let count = |class| examples.labels().iter().filter(|&&l| l == class).count();
            let counts: Vec<_> = (0..dataset.num_classes() as u32).map(count).collect();
            assert_eq!(told["per_class"], json!(counts), "{name}");
            for (channel, [mean, std]) in pixels(examples).into_iter().enumerate() {
                let differs = |key: &str, wanted: f64| {
                    (told[key][channel].as_f64().unwrap() - wanted).abs() > 1e-12
                };
                assert!(!differs("mean", mean) && !differs("std", std), "{name} {split:?}");
            }
        }
        for found in told["duplicates"].as_array().unwrap() {
            let examples = |key: &str| {
                let place = SPLITS.iter().position(|split| found[key] == split.name());
                &loaded[place.unwrap()]
            };
            let is_same = found["of"] == found["among"];
            let wanted = copies(examples("of"), examples("among"), is_same);
            assert_eq!(found["images"], json!(wanted.len()), "{name}: {found}");
        }
        let pairs = if dataset.validation_is_test() { 3 } else { 6 };
        assert_eq!(told["duplicates"].as_array().unwrap().len(), pairs, "{name}");
    }
}

/// A coloured picture of noise that is told by `seed`, below `pets`.
fn picture(bench: &Bench, path: &str, seed: u32, [height, width]: [u32; 2]) {
    let pixel = |x: u32, y: u32| {
        let noise = (x * 31 + y * 17 + seed * 101).wrapping_mul(2_654_435_761).to_be_bytes();
        image::Rgb([noise[0], noise[1], noise[2]])
    };
    let path = bench.path(&format!("pets/{path}.png"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_fn(width, height, pixel).save(path).unwrap();
}

/// Copies within a split, in two, with and without the same label; a torn file and a text.
fn pets(bench: &Bench) {
    for (path, seed) in [
        ("train/cat/1", 1),
        ("train/cat/2", 2),
        ("train/cat/copy", 1),
        ("train/dog/1", 3),
        ("train/dog/is cat", 2),
        ("validation/cat/1", 4),
        ("validation/dog/as train", 3),
        ("validation/dog/was cat", 1),
        ("test/cat/as validation", 4),
        ("test/dog/1", 5),
        ("test/dog/as train", 3),
    ] {
        picture(bench, path, seed, [12, 12]);
    }
    picture(bench, "train/dog/wide", 6, [12, 20]);
    let whole = fs::read(bench.path("pets/train/cat/1.png")).unwrap();
    fs::write(bench.path("pets/train/cat/torn.png"), &whole[..whole.len() - 30]).unwrap();
    fs::write(bench.path("pets/train/cat/notes.txt"), "no picture").unwrap();
}

#[test]
fn copies_sizes_and_what_is_left_out() {
    let bench = Bench::new();
    pets(&bench);
    let line = "data --dataset ImageFolder --data_dir pets --image_size 12";
    let told = bench.dytb(&format!("{line} --json")).ended(0).json();
    let found = |of: &str, among: &str| -> Value {
        let all = told["duplicates"].as_array().unwrap();
        let found = all.iter().find(|found| found["of"] == of && found["among"] == among);
        let found = found.unwrap();
        let names = found["first"].as_array().unwrap().iter();
        let names: Vec<_> = names.map(|pair| [&pair[0]["name"], &pair[1]["name"]]).collect();
        json!([found["images"], found["other_label"], names])
    };
    let same = json!([
        2,
        1,
        [["train/cat/copy.png", "train/cat/1.png"], ["train/dog/is cat.png", "train/cat/2.png"]]
    ]);
    assert_eq!(found("train", "train"), same);
    let shared = json!([
        2,
        1,
        [
            ["validation/dog/as train.png", "train/dog/1.png"],
            ["validation/dog/was cat.png", "train/cat/1.png"]
        ]
    ]);
    assert_eq!(found("validation", "train"), shared);
    assert_eq!(found("validation", "validation"), json!([0, 0, []]));
    assert_eq!(found("test", "train")[0], json!(1));
    assert_eq!(found("test", "validation")[0], json!(2));
    let sizes = &told["splits"]["train"]["pictures"];
    assert_eq!((&sizes["smallest"], &sizes["largest"]), (&json!([12, 12]), &json!([12, 20])));
    assert_eq!((&sizes["most_common_count"], &sizes["sizes"]), (&json!(5), &json!(2)));
    let left_out = told["left_out"].as_array().unwrap();
    let paths: Vec<_> = left_out.iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert!(paths.len() == 2 && paths.iter().any(|path| path.ends_with("torn.png")), "{paths:?}");
    // The same for a person.
    let text = bench.dytb(line).ended(0).stdout;
    for needle in [
        "cat        3           1     1",
        "all        6",
        "train                     12x12     12x20    12x12 (5)",
        "left out: 2",
        "it ends too early",
        "validation: 2 images equal one of train, 1 with another label",
        "validation/dog/was cat.png (dog) = train 0 train/cat/1.png (cat)  <- other labels",
    ] {
        assert!(text.contains(needle), "{needle}\n{text}");
    }
    // Of some classes alone.
    let cats = bench.dytb(&format!("{line} --json --classes cat")).ended(0).json();
    assert_eq!(cats["splits"]["train"]["per_class"], json!([3]));
}

/// One warning before the training, one when the test images are read, and nothing else.
#[test]
fn a_training_warns_of_copies() {
    let bench = Bench::new();
    pets(&bench);
    let data = "--dataset ImageFolder --data_dir pets --image_size 12 --seed 1";
    let run = format!("train --model SingleLayerCAE {data} --epochs 2 --json");
    let warnings = |stderr: &str| -> Vec<String> {
        let lines = stderr.lines().filter(|line| line.starts_with("warning:"));
        lines.map(str::to_owned).collect()
    };
    for memory in ["", "--memory 0 --comment file"] {
        let paused = bench.dytb(&format!("{run} {memory} --stop_after 1")).ended(0);
        let told = warnings(&paused.stderr);
        assert_eq!(told.len(), 1, "{}", paused.stderr);
        for needle in [
            "2 validation images are",
            "validation/dog/as train.png = train train/dog/1.png",
            "`dytb data --dataset ImageFolder --data_dir pets --image_size 12x12`",
        ] {
            assert!(told[0].contains(needle), "{needle}: {}", told[0]);
        }
        let done = bench.dytb(&format!("{run} {memory}")).ended(0);
        let told = warnings(&done.stderr);
        assert!(told.len() == 2 && told[1].contains("1 test image is"), "{}", done.stderr);
        let best = bench.path(done.json()["folder"].as_str().unwrap()).join("best");
        let (_, checkpoint) = latest(&best).unwrap().unwrap();
        assert_eq!(checkpoint.state.data.unwrap().validation_in_train, 2);
    }
    // A split's copies in one class are on one side of the cut.
    let split =
        bench.dytb("train --model SingleLayerCAE --dataset Digits --epochs 1 --seed 1").ended(0);
    assert!(warnings(&split.stderr).is_empty(), "{}", split.stderr);
}

/// The `[height, width, 3]` pixels of an image `[channels, height, width]`, each drawn `by` pixels wide and high.
fn tile(image: &[u8], [channels, height, width]: [usize; 3], by: usize) -> RgbImage {
    let byte = |channel: usize, x: u32, y: u32| {
        let at = y as usize / by * width + x as usize / by;
        image[channel % channels * height * width + at]
    };
    RgbImage::from_fn((width * by) as u32, (height * by) as u32, |x, y| {
        image::Rgb([0, 1, 2].map(|channel| byte(channel, x, y)))
    })
}

/// Whether `tile` is somewhere in `picture`, from its first row to its last.
fn has(picture: &RgbImage, tile: &RgbImage) -> bool {
    let corners = (0..=picture.height() - tile.height())
        .flat_map(|top| (0..=picture.width() - tile.width()).map(move |left| (left, top)));
    corners.into_iter().any(|(left, top)| {
        tile.enumerate_pixels().all(|(x, y, pixel)| picture.get_pixel(left + x, top + y) == pixel)
    })
}

/// What is seen is what is trained on: the bytes of the data loader.
#[test]
fn a_preview_shows_what_is_trained_on() {
    let bench = Bench::new();
    pets(&bench);
    for (name, data_dir, list, more, by) in [
        ("Digits", None, "crop:2,rotate:30", "", 8),
        ("Digits", None, "erase:1", "--normalize standard", 8),
        ("ImageFolder", Some("pets"), "flip,jitter:0.5", "--normalize 0.4,0.5,0.6/0.2", 6),
    ] {
        let flag =
            data_dir.map_or(String::new(), |dir| format!("--data_dir {dir} --image_size 12"));
        let line = format!("data --dataset {name} {flag} --augment {list} {more} --seed 5 --json");
        let [told, from_file] = ["", "--memory 0"].map(|memory| {
            let told = bench.dytb(&format!("{line} --preview shown.png {memory}")).ended(0).json();
            let png = fs::read(bench.path("shown.png")).unwrap();
            (told, png)
        });
        assert!(told == from_file, "{name} {list}");
        let (told, png) = told;
        let picture = image::load_from_memory(&png).unwrap().to_rgb8();
        let size = [picture.width(), picture.height()];
        assert_eq!(
            [&told["width"], &told["height"]].map(|side| side.as_u64()),
            size.map(|side| Some(side.into()))
        );
        let source = Source {
            data_dir: data_dir.map(|dir| bench.path(dir)),
            image_size: data_dir.map(|_| [12, 12]),
            ..Source::default()
        };
        let train = dytb::registry::dataset(name, &source).unwrap();
        let train = train.load(dytb::Split::Train).unwrap();
        let shape = train.shape();
        let loader = DataLoader::new(train, &Device::flex());
        let list: Augmentation = list.parse().unwrap();
        let images = told["images"].as_array().unwrap();
        assert_eq!(images.len(), 16.min(loader.len()));
        for (index, epoch) in [(0, 0), (1, 4), (3, 2)] {
            let index = [images[index]["index"].as_u64().unwrap() as usize];
            let plain = tile(&loader.bytes(Batch::plain(&index)), shape, by);
            let batch = Batch::augmented(&index, list.of_epoch(5, epoch));
            let changed = tile(&loader.bytes(batch), shape, by);
            assert!(has(&picture, &plain) && has(&picture, &changed), "{name} {list} {epoch}");
        }
    }
    // Mixed ones are others; without a change there are the originals alone.
    let line = "data --dataset Digits --json --preview";
    let plain = bench.dytb(&format!("{line} plain.PNG")).ended(0).json();
    let mixed = bench.dytb(&format!("{line} mixed.png --mixup 0.5 --cutmix 1")).ended(0).json();
    assert_eq!((&plain["epochs"], &mixed["epochs"]), (&json!(0), &json!(5)));
    assert!(plain["width"].as_u64() < mixed["width"].as_u64() && bench.path("plain.PNG").is_file());
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    let bench = Bench::new();
    for (flags, code, needle) in [
        ("--dataset Digits --prune", 2, "`--prune` with `--dataset`"),
        ("--dataset Digits --older_than 3", 2, "`--older_than` with `--dataset`"),
        ("--older_than 3", 2, "`--older_than` without `--prune`"),
        ("--preview a.png", 2, "`--preview` without `--dataset`"),
        ("--memory 0", 2, "`--memory` without `--dataset`"),
        ("--augment flip", 2, "`--augment` without `--dataset`"),
        ("--dataset Digits --augment flip", 2, "`--augment` without `--preview`"),
        ("--dataset Digits --seed 1", 2, "`--seed` without `--preview`"),
        ("--dataset Digits --split_seed 1", 2, "--validation_split"),
        ("--dataset Digits --image_size 9", 2, "its images are 8x8"),
        ("--dataset Digits --classes 1,x", 2, "no class `x`"),
        ("--dataset Digits --preview a.jpg", 2, "ends in .png"),
        ("--dataset Digits --preview png", 2, "ends in .png"),
        ("--dataset Digits --preview none/a.png", 1, "there is no folder `none`"),
        ("--dataset Digits --preview a.png --augment crop:8", 2, "the images are 8x8"),
        ("--dataset Digits --preview a.png --normalize 0.1,0.2/0.3", 2, "one channel"),
        ("--dataset Digits --preview a.png --mixup -1", 2, "Beta"),
        ("--dataset Nothing", 2, "possible values"),
        ("--dataset MNIST --offline", 4, "--data_dir"),
        ("--dataset ImageFolder --data_dir nowhere", 4, "nowhere"),
    ] {
        let refused = bench.dytb(&format!("data {flags}")).ended(code);
        assert!(refused.stderr.contains(needle), "{flags}: {}", refused.stderr);
        assert!(refused.stdout.is_empty() && !bench.path("a.png").exists(), "{flags}");
    }
}
