//! The kinds of bytes that are read: right ones, how changed ones become a file, and what reads it.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use dytb::commands::TrainAutoencoder;
use dytb::data::pictures::Tree;
use dytb::data::zip::Zip;
use dytb::data::{archive, cifar, class_folders, idx, image_file};
use dytb::models::MODELS;
use dytb::optim;
use dytb::optim::Arguments;
use dytb::run::history::{History, Table};
use dytb::run::{Checkpoint, RunConfig, RunFolder, RunResult, Status, image_results, latest};
use dytb::train::EvalRequest;
use dytb::train::TrainOptions;
use dytb::train::{Exchange, Interrupt};
use dytb::weights::Weights;
use dytb::{Source, Split, tensorboard};
use image::{DynamicImage, ImageFormat};

use crate::common::forged::{
    archive_of, gz, safetensors, tar_of, unzip, with_png_checksums, with_tar_checksums, zip_of,
};

/// A kind of bytes.
pub struct Kind {
    pub name: &'static str,
    /// How often it is read where nobody says how long.
    pub times: u32,
    /// Right ones.
    pub seeds: fn(&Seeds) -> Vec<Vec<u8>>,
    /// Makes the file of changed bytes: packs them, or makes checksums right.
    pub file: fn(&Seeds, &[u8]) -> Vec<u8>,
    /// Reads the file, and says whether it was right.
    pub read: fn(&Seeds, &Path) -> bool,
}

/// A trained run, from which the seeds are made.
pub struct Seeds {
    pub folder: PathBuf,
    run: PathBuf,
    checkpoint: Checkpoint,
    classifier: Checkpoint,
}

pub fn as_it_is(_: &Seeds, bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

pub const KINDS: &[Kind] = &[
    Kind {
        name: "checkpoint",
        times: 1500,
        seeds: |seeds| vec![fs::read(latest(&seeds.run.join("best")).unwrap().unwrap().0).unwrap()],
        file: as_it_is,
        read: |_, path| Checkpoint::load(path).is_ok(),
    },
    Kind {
        name: "state",
        times: 1500,
        seeds: |seeds| vec![serde_json::to_vec(&seeds.checkpoint.state).unwrap()],
        file: |seeds, state| {
            archive_of(state, &seeds.checkpoint.model, &seeds.checkpoint.optimizer)
        },
        read: |_, path| evaluate("SingleLayerCAE", path),
    },
    Kind {
        name: "classifier",
        times: 500,
        seeds: |seeds| vec![serde_json::to_vec(&seeds.classifier.state).unwrap()],
        file: |seeds, state| {
            archive_of(state, &seeds.classifier.model, &seeds.classifier.optimizer)
        },
        read: |_, path| evaluate("SingleLayerCAEClassifier", path),
    },
    Kind {
        name: "model",
        times: 1500,
        seeds: |seeds| vec![seeds.checkpoint.model.clone()],
        file: |seeds, model| {
            let state = serde_json::to_vec(&seeds.checkpoint.state).unwrap();
            archive_of(&state, model, &seeds.checkpoint.optimizer)
        },
        read: |_, path| {
            let weights = Weights::from_pack(Checkpoint::load(path).unwrap().model);
            evaluate("SingleLayerCAE", path) && weights.is_ok()
        },
    },
    Kind {
        name: "slots",
        times: 300,
        seeds: |seeds| vec![seeds.checkpoint.optimizer.clone()],
        file: |seeds, slots| {
            let state = serde_json::to_vec(&seeds.checkpoint.state).unwrap();
            archive_of(&state, &seeds.checkpoint.model, slots)
        },
        read: go_on,
    },
    Kind {
        name: "config",
        times: 2000,
        seeds: |seeds| vec![fs::read(seeds.run.join("config.json")).unwrap()],
        file: as_it_is,
        read: |seeds, path| {
            let run = seeds.folder.join("run");
            fs::copy(path, run.join("config.json")).unwrap();
            let config = RunFolder::config_at(&run);
            let named = config.is_ok_and(|config| config.is_some_and(|config| config.name() != ""));
            // What `--config` says of it; the run itself is in use, and refused.
            train(&["--config", path.to_str().unwrap()]);
            named
        },
    },
    Kind {
        name: "results",
        times: 2000,
        seeds: |seeds| vec![fs::read(seeds.run.join("results.json")).unwrap()],
        file: as_it_is,
        read: |seeds, path| {
            let run = seeds.folder.join("run");
            fs::copy(path, run.join("results.json")).unwrap();
            RunResult::of(&RunFolder::open(&run).unwrap()).is_ok()
        },
    },
    Kind {
        name: "status",
        times: 2000,
        seeds: |seeds| vec![fs::read(seeds.run.join("status.json")).unwrap()],
        file: as_it_is,
        read: |seeds, path| {
            let run = seeds.folder.join("run");
            fs::copy(path, run.join("status.json")).unwrap();
            Status::now(&run).is_ok()
        },
    },
    Kind {
        name: "arguments",
        times: 3000,
        seeds: |_| {
            vec![
                br#"{"learning_rate": 1e-2, "momentum": 0.9, "use_nesterov": true}"#.to_vec(),
                br#"{"learning_rate": 1e-3, "adjust_lr_fn": "original"}"#.to_vec(),
            ]
        },
        file: as_it_is,
        read: |_, path| {
            let Ok(text) = fs::read_to_string(path) else { return false };
            let Ok(given) = serde_json::from_str::<serde_json::Map<_, _>>(&text) else {
                return false;
            };
            let entries = ["Momentum", "Muon"].map(|name| optim::find(name).unwrap());
            entries.into_iter().any(|entry| {
                let arguments = Arguments::new(entry, given.clone());
                arguments.is_ok_and(|arguments| {
                    let _ = (entry.build)(&arguments);
                    true
                })
            })
        },
    },
    Kind {
        name: "history",
        times: 500,
        seeds: |seeds| vec![fs::read(seeds.run.join("history.csv")).unwrap()],
        file: as_it_is,
        read: |seeds, path| {
            let folder = put(seeds, path, "history.csv");
            let run = RunFolder::open(&folder).unwrap();
            let mut history = History::open(&run, 1).unwrap();
            history.push(&[("epoch".into(), "2".into()), ("new".into(), String::new())]).unwrap();
            Table::of(&folder)
                .is_some_and(|table| table.numbers("epoch").last() == Some(&Some(2.0)))
        },
    },
    Kind {
        name: "test_images",
        times: 500,
        seeds: |seeds| vec![fs::read(seeds.run.join("test_images.csv")).unwrap()],
        file: as_it_is,
        read: |seeds, path| {
            let folder = put(seeds, path, "test_images.csv");
            image_results::read(&folder).is_ok_and(|results| results.is_some())
        },
    },
    Kind {
        name: "events",
        times: 1500,
        seeds: |seeds| {
            ["train", "validation"]
                .map(|folder| {
                    let files = tensorboard::event_files(&seeds.run.join(folder)).unwrap();
                    fs::read(&files[0]).unwrap()
                })
                .to_vec()
        },
        file: as_it_is,
        read: read_events,
    },
    Kind {
        name: "event",
        times: 3000,
        seeds: |seeds| {
            let files = tensorboard::event_files(&seeds.run.join("train")).unwrap();
            let records = tensorboard::read_records(&files[0]).unwrap();
            records.map(|record| record.unwrap().data).collect()
        },
        file: |_, event| {
            let mut file = Vec::new();
            tensorboard_rs::record_writer::RecordWriter::new(&mut file).write(event).unwrap();
            file
        },
        read: read_events,
    },
    Kind {
        name: "safetensors",
        times: 3000,
        seeds: |_| vec![safetensors()],
        file: as_it_is,
        read: |_, path| Weights::from_safetensors(&fs::read(path).unwrap()).is_ok(),
    },
    Kind {
        name: "pytorch",
        times: 1000,
        seeds: |_| {
            ["SingleLayerCAEClassifier", "bfloat16", "expanded", "integers", "command"]
                .map(|name| fs::read(format!("tests/interchange/{name}.pt")).unwrap())
                .to_vec()
        },
        file: as_it_is,
        read: |seeds, path| read_pytorch(seeds, path),
    },
    Kind {
        name: "pickle",
        times: 1500,
        seeds: |_| {
            ["bfloat16", "expanded", "command"]
                .map(|name| {
                    let bytes = fs::read(format!("tests/interchange/{name}.pt")).unwrap();
                    unzip(&bytes)
                        .into_iter()
                        .find(|(name, _)| name.ends_with("data.pkl"))
                        .unwrap()
                        .1
                })
                .to_vec()
        },
        file: |_, pickle| {
            let mut files = unzip(&fs::read("tests/interchange/bfloat16.pt").unwrap());
            let place = files.iter().position(|(name, _)| name.ends_with("data.pkl")).unwrap();
            files[place].1 = pickle.to_vec();
            zip_of(&files)
        },
        read: |seeds, path| read_pytorch(seeds, path),
    },
    Kind {
        name: "idx",
        times: 3000,
        seeds: |_| vec![[&[0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0, 4][..], &[7; 80]].concat()],
        file: |_, bytes| gz(bytes),
        read: |_, path| idx::read_file(path, 1 << 20).is_ok(),
    },
    Kind {
        name: "gzip",
        times: 3000,
        seeds: |_| vec![gz(&[&[0, 0, 8, 1, 0, 0, 0, 200][..], &[9; 200]].concat())],
        file: as_it_is,
        read: |_, path| idx::read_file(path, 1 << 20).is_ok(),
    },
    Kind {
        name: "cifar",
        times: 1000,
        seeds: |_| vec![vec![3; 4 * cifar::CIFAR_10.record()]],
        file: as_it_is,
        read: |_, path| cifar::CIFAR_10.read(path).is_ok(),
    },
    Kind {
        name: "tar",
        times: 1500,
        seeds: |_| {
            vec![tar_of(&[("a/one.bin", &[1; 700]), ("../../two.bin", &[2; 9]), ("x", b"")])]
        },
        file: |_, tar| gz(&with_tar_checksums(tar)),
        read: |seeds, path| {
            let folder = seeds.folder.join("unpacked");
            let done = archive::unpack(path, &["one.bin", "two.bin"], 1000, &folder).is_ok();
            let allowed = ["one.bin", "two.bin", "one.bin.part", "two.bin.part"];
            for file in fs::read_dir(&folder).unwrap().map(|file| file.unwrap()) {
                assert!(allowed.iter().any(|name| file.file_name() == *name), "{file:?}");
                assert!(file.metadata().unwrap().len() <= 1000, "{file:?}");
            }
            done
        },
    },
    Kind {
        name: "zip",
        times: 3000,
        seeds: |_| {
            vec![zip_of(&[("s1/1".into(), vec![5; 500]), ("../s2/2".into(), b"two".to_vec())])]
        },
        file: as_it_is,
        read: |_, path| {
            let number = |path: &str| path.rsplit('/').next()?.parse::<u32>().ok();
            let Ok(mut zip) = Zip::open(path, number) else { return false };
            let keys: Vec<_> = (0..3).filter(|key| zip.has(key)).collect();
            keys.iter().all(|key| zip.read(key, 1000).is_ok())
        },
    },
    Kind {
        name: "pictures",
        times: 1500,
        seeds: |_| {
            let png = encoded(&colours(), ImageFormat::Png);
            let files = ["cats/1.png", "dogs/2.png", "../3.png"].map(|name| (name, &png[..]));
            let owned = files.map(|(name, bytes)| (name.to_owned(), bytes.to_vec()));
            vec![zip_of(&owned), tar_of(&files)]
        },
        file: |_, archive| match archive.starts_with(b"PK") {
            true => archive.to_vec(),
            false => with_tar_checksums(archive),
        },
        read: |_, path| {
            let Ok(Some(tree)) = Tree::archive(path) else { return false };
            let Ok(found) = class_folders::find_in(&tree) else { return false };
            found.pictures.iter().filter(|picture| picture.decode().is_ok()).count() == 2
        },
    },
    Kind {
        name: "list",
        times: 2000,
        seeds: |_| vec![b"path,label,split\n1.png,cat,train\n\"1.png\",cat,train\n".to_vec()],
        file: as_it_is,
        read: |seeds, path| {
            fs::write(seeds.folder.join("1.png"), b"P5 1 1 255 7").unwrap();
            class_folders::find_listed(path).is_ok_and(|found| found.pictures.len() == 2)
        },
    },
    Kind {
        name: "picture",
        times: 2000,
        seeds: |_| {
            use ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, WebP};
            let formats = [Png, Pnm, Jpeg, WebP, Bmp, Gif];
            let mut seeds = formats.map(|format| encoded(&colours(), format)).to_vec();
            seeds.push(b"P2 2 2 255\n0 255 128 1\n".to_vec());
            seeds
        },
        file: |_, bytes| with_png_checksums(bytes),
        read: |seeds, path| {
            let class = seeds.folder.join("pictures/class");
            fs::create_dir_all(&class).unwrap();
            fs::copy(path, class.join("picture")).unwrap();
            let found = class_folders::find(&seeds.folder.join("pictures")).unwrap();
            image_file::open(path).is_ok_and(|picture| {
                let _ = image_file::bytes(picture, [3, 8, 8]);
                !found.pictures.is_empty()
            })
        },
    },
];

/// A picture of 24x17 pixels.
fn colours() -> DynamicImage {
    let colour = |x, y| image::Rgb([x as u8 * 9, y as u8 * 7, (x * y) as u8]);
    DynamicImage::from(image::ImageBuffer::from_fn(24, 17, colour))
}

/// The file of `picture` in this format.
fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

impl Seeds {
    /// Trains two epochs in `folder`.
    pub fn new(folder: &Path) -> Self {
        let this = folder.to_owned();
        std::env::set_current_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
        let log = this.join("log");
        fs::create_dir(this.join("run")).unwrap();
        let settings = settings(&this);
        let trained = |config| {
            dytb::train::train(&config, &settings).unwrap();
            let run = RunFolder::path_of(&log, &config);
            let (_, checkpoint) = latest(&run.join("checkpoints")).unwrap().unwrap();
            (run, checkpoint)
        };
        let (run, checkpoint) = trained(config(2));
        let classifier = "SingleLayerCAEClassifier".into();
        let (_, classifier) = trained(RunConfig { model: classifier, ..config(1) });
        Self { folder: this, run, checkpoint, classifier }
    }
}

/// A run of `epochs` epochs.
fn config(epochs: u64) -> RunConfig {
    let entry = optim::find("Adam").unwrap();
    let given = serde_json::from_str(r#"{"learning_rate": 1e-3}"#).unwrap();
    let json = serde_json::json!({
        "model": "SingleLayerCAE", "dataset": "Digits", "optimizer": entry.name,
        "optimizer_args": Arguments::new(entry, given).unwrap(), "batch_size": 1024,
        "epochs": epochs, "l2_penalty": 0.0, "seed": 1, "comment": null,
    });
    serde_json::from_value(json).unwrap()
}

fn settings(folder: &Path) -> TrainOptions {
    TrainOptions {
        log: folder.join("log"),
        folder: None,
        results: folder.to_owned(),
        restart: false,
        train_devices: vec![Device::flex()],
        eval_device: Device::flex(),
        source: Source::default(),
        log_every: 1,
        images_every: Some(2),
        metrics: Vec::new(),
        label: None,
        stop_after: None,
        command: String::new(),
        exchange: Exchange::Alone,
        interrupt: Interrupt::default(),
    }
}

/// What `train_autoencoder` makes of flags, without training: its folder of runs is a file.
fn train(flags: &[&str]) {
    use clap::Parser;
    let flags = ["train_autoencoder"].iter().chain(flags).chain(&[
        "--log_dir",
        "/dev/null/log",
        "--offline",
    ]);
    if let Ok(program) = TrainAutoencoder::try_parse_from(flags) {
        program.run().unwrap_err();
    }
}

/// Whether the checkpoint `path` of `model` can be evaluated.
fn evaluate(model: &str, path: &Path) -> bool {
    let request = EvalRequest {
        model: Some(model.into()),
        kind: Some(MODELS.iter().find(|(name, _)| *name == model).unwrap().1.kind()),
        dataset: Some("Digits".into()),
        checkpoint: path.to_owned(),
        split: Split::Validation,
        metrics: Vec::new(),
        images: false,
        classes: None,
        source: Source::default(),
        device: Device::flex(),
    };
    dytb::train::evaluate(&request).is_ok()
}

/// Whether the run goes on from the checkpoint `path` for an epoch.
fn go_on(seeds: &Seeds, path: &Path) -> bool {
    let folder = seeds.folder.join("resumed");
    let _ = fs::remove_dir_all(&folder);
    let run = RunFolder::path_of(&folder.join("log"), &config(2));
    fs::create_dir_all(run.join("checkpoints")).unwrap();
    let name = format!("step-{:010}.ckpt", seeds.checkpoint.state.step);
    fs::copy(path, run.join("checkpoints").join(&name)).unwrap();
    fs::create_dir(run.join("best")).unwrap();
    let best = latest(&seeds.run.join("best")).unwrap().unwrap().0;
    fs::copy(&best, run.join("best").join(best.file_name().unwrap())).unwrap();
    dytb::train::train(&config(3), &settings(&folder)).is_ok()
}

/// Reads the event file at `path`, and cuts it as a run that goes on does.
fn read_events(seeds: &Seeds, path: &Path) -> bool {
    let folder = seeds.folder.join("events");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("events.out.tfevents.1000000000.a.1.0");
    fs::copy(path, &file).unwrap();
    let whole = tensorboard::read_records(&file).unwrap().all(|record| {
        let record = record.unwrap();
        tensorboard::parse(&record.data).is_some()
    });
    tensorboard::truncate_after(&folder, 1).unwrap();
    whole && file.metadata().unwrap().len() > 0
}

fn read_pytorch(seeds: &Seeds, path: &Path) -> bool {
    let file = seeds.folder.join("weights.pt");
    fs::copy(path, &file).unwrap();
    Weights::from_pytorch(&file).is_ok()
}

/// A folder in which the file at `path` lies as `name`.
fn put(seeds: &Seeds, path: &Path, name: &str) -> PathBuf {
    let folder = seeds.folder.join("put");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(path, folder.join(name)).unwrap();
    folder
}
