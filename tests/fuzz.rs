//! Bytes that anybody may have written are read without a panic and without more memory than they
//! are worth: real files of every kind that is read, with something wrong in them.
//!
//! Where a format has checksums they are made right again after a change, so that what is behind them
//! is reached. A process of its own, with little memory, reads them. What has once failed is kept in
//! `corpus/<kind>/` and read first.
//!
//! `DYTB_FUZZ_SECONDS=600 cargo test --test fuzz` goes on for so long.
#![cfg(unix)]

#[path = "common/mutation.rs"]
mod mutation;

use std::fs;
use std::io::{Cursor, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use dytb::data::{archive, cifar, class_folders, idx, picture, zip::Zip};
use dytb::optimizers::{self, Arguments};
use dytb::run::{Checkpoint, Outcome, RunConfig, RunFolder, Status, latest};
use dytb::weights::{Values, Weights};
use dytb::{Evaluation, Interrupt, Settings, Source, Split, TrainAutoencoder, events};
use flate2::Compression;
use flate2::write::GzEncoder;
use image::{DynamicImage, ImageFormat};
use mutation::mutated;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use sha2::{Digest, Sha256};
use zip::write::{SimpleFileOptions, ZipWriter};

/// Set in the process that reads, to the folder it works in.
const FOLDER: &str = "DYTB_FUZZ_FOLDER";
/// How long all kinds together are read; else each a fixed number of times.
const SECONDS: &str = "DYTB_FUZZ_SECONDS";
/// The address space of the process, in KiB: `ulimit -v`. A picture may take 256 MiB.
const ADDRESSES: u64 = 4 << 20;
/// The most memory that it may have used, in KiB.
const MEMORY: u64 = 1 << 20;

/// A kind of bytes.
struct Kind {
    name: &'static str,
    /// How often it is read where nobody says how long.
    times: u32,
    /// Right ones.
    seeds: fn(&Seeds) -> Vec<Vec<u8>>,
    /// Makes the file of changed bytes: packs them, or makes checksums right.
    file: fn(&Seeds, &[u8]) -> Vec<u8>,
    /// Reads the file, and says whether it was right.
    read: fn(&Seeds, &Path) -> bool,
}

/// A trained run, from which the seeds are made.
struct Seeds {
    folder: PathBuf,
    run: PathBuf,
    checkpoint: Checkpoint,
    classifier: Checkpoint,
}

fn as_it_is(_: &Seeds, bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

const KINDS: &[Kind] = &[
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
            Outcome::of(&RunFolder::open(&run).unwrap()).is_ok()
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
            let entries = ["Momentum", "Muon"].map(|name| optimizers::find(name).unwrap());
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
        name: "events",
        times: 1500,
        seeds: |seeds| {
            ["train", "validation"]
                .map(|folder| {
                    let files = events::event_files(&seeds.run.join(folder)).unwrap();
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
            let files = events::event_files(&seeds.run.join("train")).unwrap();
            let records = events::read_records(&files[0]).unwrap();
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
        read: |_, path| idx::read_gz(path, 1 << 20).is_ok(),
    },
    Kind {
        name: "gzip",
        times: 3000,
        seeds: |_| vec![gz(&[&[0, 0, 8, 1, 0, 0, 0, 200][..], &[9; 200]].concat())],
        file: as_it_is,
        read: |_, path| idx::read_gz(path, 1 << 20).is_ok(),
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
        name: "picture",
        times: 2000,
        seeds: |_| {
            use ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, WebP};
            let colour = |x, y| image::Rgb([x as u8 * 9, y as u8 * 7, (x * y) as u8]);
            let picture = DynamicImage::from(image::ImageBuffer::from_fn(24, 17, colour));
            let mut seeds: Vec<_> = [Png, Pnm, Jpeg, WebP, Bmp, Gif]
                .map(|format| {
                    let mut file = Cursor::new(Vec::new());
                    picture.write_to(&mut file, format).unwrap();
                    file.into_inner()
                })
                .to_vec();
            seeds.push(b"P2 2 2 255\n0 255 128 1\n".to_vec());
            seeds
        },
        file: |_, bytes| with_png_checksums(bytes),
        read: |seeds, path| {
            let class = seeds.folder.join("pictures/class");
            fs::create_dir_all(&class).unwrap();
            fs::copy(path, class.join("picture")).unwrap();
            let found = class_folders::find(&seeds.folder.join("pictures")).unwrap();
            picture::open(path).is_ok_and(|picture| {
                let _ = picture::bytes(picture, [3, 8, 8]);
                !found.pictures.is_empty()
            })
        },
    },
];

#[test]
fn no_bytes_make_it_panic_or_fill_the_memory() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return read_all(Path::new(&folder));
    }
    // In memory, where there is such a folder: what is cut there is brought to the disk each time.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let limited = Command::new("bash")
        .args(["-c", &format!("ulimit -v {ADDRESSES}; exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["no_bytes_make_it_panic_or_fill_the_memory", "--exact", "--nocapture"])
        .env(FOLDER, folder.path())
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&limited.stderr);
    // Past the test runner, which hides what passing tests print.
    let summary = told.lines().filter(|line| line.starts_with("fuzz: "));
    summary.for_each(|line| drop(writeln!(std::io::stderr(), "{line}")));
    if !limited.status.success() {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz-input");
        let _ = fs::copy(folder.path().join("input"), &kept);
        // The lines after that on where the panic was say what it was.
        let lines: Vec<_> = told.lines().collect();
        let panics = lines.windows(3).filter(|lines| lines[0].contains("panicked at"));
        let panics: Vec<_> = panics.map(|lines| lines.join("\n")).collect();
        panic!("{}: {}\n{}", kept.display(), limited.status, panics.join("\n"));
    }
}

/// Reads every kind, in a process with little memory.
fn read_all(folder: &Path) {
    let seeds = Seeds::new(folder);
    let mut failed = Vec::new();
    let seconds = std::env::var(SECONDS).ok().map(|seconds| seconds.parse::<f64>().unwrap());
    let share = seconds.map(|seconds| Duration::from_secs_f64(seconds / KINDS.len() as f64));
    for kind in KINDS {
        let Some((read, right)) = read_kind(kind, &seeds, share) else {
            failed.push(kind.name);
            continue;
        };
        let memory = most_memory();
        eprintln!("fuzz: {:11} {read:>8} read, {right:>7} of them right; {memory} KiB", kind.name);
        assert!(memory < MEMORY, "{}: {memory} KiB", kind.name);
    }
    let kept = env!("CARGO_TARGET_TMPDIR");
    assert!(failed.is_empty(), "these panic: {failed:?}; see {kept}/fuzz-*");
}

/// Reads files of a `kind` for so long, or as often as it says; how many, and how many were right.
/// `None` where one makes it panic; that one is kept.
fn read_kind(kind: &Kind, seeds: &Seeds, share: Option<Duration>) -> Option<(u32, u32)> {
    let right = (kind.seeds)(seeds);
    let input = seeds.folder.join("input");
    let mut count = (0, 0);
    let mut read = |file: &[u8]| {
        fs::write(&input, file).unwrap();
        let read = catch_unwind(AssertUnwindSafe(|| (kind.read)(seeds, &input)));
        if read.is_err() {
            let kept = format!(concat!(env!("CARGO_TARGET_TMPDIR"), "/fuzz-{}"), kind.name);
            fs::copy(&input, kept).unwrap();
        }
        let is_right = read.ok()?;
        count = (count.0 + 1, count.1 + u32::from(is_right));
        Some(is_right)
    };
    let corpus = Path::new("tests/corpus").join(kind.name);
    for file in fs::read_dir(corpus).into_iter().flatten() {
        read(&fs::read(file.unwrap().path()).unwrap())?;
    }
    assert!(read(&(kind.file)(seeds, &right[0]))?, "{}: the seed itself is wrong", kind.name);
    let mut random = ChaCha8Rng::seed_from_u64(share.map_or(1, |share| share.as_nanos() as u64));
    let start = Instant::now();
    let goes_on = |times| share.map_or(times < kind.times, |share| start.elapsed() < share);
    let mut times = 0;
    while goes_on(times) {
        read(&(kind.file)(seeds, &mutated(&right, &mut random)))?;
        times += 1;
    }
    Some(count)
}

/// The most memory that this process has had, in KiB; 0 where the system does not tell.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse().unwrap())
}

impl Seeds {
    /// Trains two epochs in `folder`.
    fn new(folder: &Path) -> Self {
        let this = folder.to_owned();
        std::env::set_current_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
        let log = this.join("log");
        fs::create_dir(this.join("run")).unwrap();
        let settings = settings(&this);
        let trained = |config| {
            dytb::train(&config, &settings).unwrap();
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
    let entry = optimizers::find("Adam").unwrap();
    let given = serde_json::from_str(r#"{"learning_rate": 1e-3}"#).unwrap();
    let json = serde_json::json!({
        "model": "SingleLayerCAE", "dataset": "Digits", "optimizer": entry.name,
        "optimizer_args": Arguments::new(entry, given).unwrap(), "batch_size": 1024,
        "epochs": epochs, "l2_penalty": 0.0, "seed": 1, "comment": null,
    });
    serde_json::from_value(json).unwrap()
}

fn settings(folder: &Path) -> Settings {
    Settings {
        log: folder.join("log"),
        results: folder.to_owned(),
        restart: false,
        train_device: Device::flex(),
        eval_device: Device::flex(),
        source: Source::default(),
        log_every: 1,
        images_every: Some(2),
        command: String::new(),
        interrupt: Interrupt::default(),
    }
}

/// What `train_autoencoder` makes of flags, without training: its folder of runs is a file.
fn train(flags: &[&str]) {
    use clap::Parser;
    let flags = ["train_autoencoder"].iter().chain(flags).chain(&["--log_dir", "/dev/null/log"]);
    if let Ok(program) = TrainAutoencoder::try_parse_from(flags) {
        program.run().unwrap_err();
    }
}

/// Whether the checkpoint `path` of `model` can be evaluated.
fn evaluate(model: &str, path: &Path) -> bool {
    let evaluation = Evaluation {
        model: model.into(),
        dataset: "Digits".into(),
        checkpoint: path.to_owned(),
        classes: None,
        split: Split::Validation,
        source: Source::default(),
        device: Device::flex(),
    };
    dytb::evaluate(&evaluation).is_ok()
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
    dytb::train(&config(3), &settings(&folder)).is_ok()
}

/// Reads the event file at `path`, and cuts it as a run that goes on does.
fn read_events(seeds: &Seeds, path: &Path) -> bool {
    let folder = seeds.folder.join("events");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("events.out.tfevents.1000000000.a.1.0");
    fs::copy(path, &file).unwrap();
    let whole = events::read_records(&file).unwrap().all(|record| {
        let record = record.unwrap();
        events::parse(&record.data).is_some()
    });
    events::truncate_after(&folder, 1).unwrap();
    whole && file.metadata().unwrap().len() > 0
}

fn read_pytorch(seeds: &Seeds, path: &Path) -> bool {
    let file = seeds.folder.join("weights.pt");
    fs::copy(path, &file).unwrap();
    Weights::from_pytorch(&file).is_ok()
}

/// A checkpoint of these parts, with right checksums.
fn archive_of(state: &[u8], model: &[u8], optimizer: &[u8]) -> Vec<u8> {
    let parts = [("state.json", state), ("model.bpk", model), ("optimizer.bpk", optimizer)];
    let line = |(name, bytes): &(&str, &[u8])| {
        let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{sum}  {name}\n")
    };
    let sums: String = parts.iter().map(line).collect();
    tar_of(&[&parts[..], &[("SHA256SUMS", sums.as_bytes())]].concat())
}

/// An archive of files: path, as it is, and content.
fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        // Not `set_path`, which refuses `..`.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        archive.append(&header, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

/// The same archive; each block that may be a header gets its checksum.
fn with_tar_checksums(tar: &[u8]) -> Vec<u8> {
    let mut tar = tar.to_vec();
    for block in tar.chunks_exact_mut(512) {
        if block[257..262] == *b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    tar
}

/// The same file; where it is a PNG, each chunk gets its checksum.
fn with_png_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut png = bytes.to_vec();
    let mut at = 8;
    while png.starts_with(b"\x89PNG") && at + 12 <= png.len() {
        let length = u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
        let end = at + 8 + length;
        if end + 4 > png.len() {
            break;
        }
        let mut crc = flate2::Crc::new();
        crc.update(&png[at + 4..end]);
        png[end..end + 4].copy_from_slice(&crc.sum().to_be_bytes());
        at = end + 4;
    }
    png
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn zip_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (number, (name, content)) in files.iter().enumerate() {
        let stored = zip::CompressionMethod::Stored;
        let deflated = zip::CompressionMethod::Deflated;
        // PyTorch's are stored.
        let method = if number % 2 == 0 && !name.contains("data") { deflated } else { stored };
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn unzip(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..zip.len())
        .map(|place| {
            let mut file = zip.by_index(place).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            (file.name().unwrap().into_owned(), content)
        })
        .collect()
}

fn safetensors() -> Vec<u8> {
    let mut weights = Weights::default();
    for (name, shape) in
        [("conv.weight", vec![2, 1, 3, 3]), ("fc.weight", vec![4, 3]), ("n.gamma", vec![2])]
    {
        let values = vec![0.5; shape.iter().product()];
        weights.insert(name, Values::new(shape, values)).unwrap();
    }
    weights.to_safetensors(&[("model", "Mine")]).unwrap()
}
