//! What holds for every file of `inputs/`, also for one that is written tomorrow.
//!
//! A data set whose files are neither in the program nor in `DYTB_DATA` (`common/data.rs`) is
//! skipped, with a line on stderr.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::common::data::real_data;
use crate::common::skip::skipped;
use anyhow::Result;
use dytb::inputs::INPUTS;
use dytb::{Dataset, Examples, Exit, Input, Source, Split};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use tempfile::TempDir;
use zip::write::{SimpleFileOptions, ZipWriter};

pub const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

/// Where a data set's files are for the tests.
enum Files {
    /// In the program.
    Inside,
    /// The real ones, in this folder of `DYTB_DATA`.
    Real(&'static str),
    /// Written by this function.
    Made(fn(&Path)),
    /// Nowhere: their checksums are those of the real ones.
    Nowhere,
}

/// What is known of a data set: its files, the sizes of its splits in them, and whether training
/// and validation have no image in common.
struct Known {
    name: &'static str,
    files: Files,
    sizes: [usize; 3],
    disjoint: bool,
}

const KNOWN: [Known; 7] = [
    Known {
        name: "Cifar10",
        files: Files::Real("cifar-10-subset"),
        sizes: [8068, 1017, 1017],
        disjoint: false,
    },
    Known {
        name: "Cifar100",
        files: Files::Made(cifar_100),
        sizes: [300, 100, 100],
        disjoint: false,
    },
    Known { name: "Digits", files: Files::Inside, sizes: [1297, 250, 250], disjoint: true },
    Known {
        name: "FashionMNIST",
        files: Files::Nowhere,
        sizes: [55_000, 5_000, 10_000],
        disjoint: true,
    },
    Known {
        name: "ImageFolder",
        files: Files::Made(picture_folders),
        sizes: [4, 2, 2],
        disjoint: true,
    },
    Known {
        name: "MNIST",
        files: Files::Real("mnist"),
        sizes: [55_000, 5_000, 10_000],
        disjoint: true,
    },
    Known {
        name: "ORLFaces",
        files: Files::Made(orl_faces_zip),
        sizes: [320, 40, 40],
        disjoint: true,
    },
];

fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

/// A folder with a data set's files, which goes with the test where the test made it.
pub enum Folder {
    Real(PathBuf),
    Made(TempDir),
}

impl Folder {
    /// That of a data set which has files here.
    pub fn of(name: &str) -> Option<Self> {
        match known(name)?.files {
            Files::Real(folder) => real_data(folder).map(Self::Real),
            Files::Made(make) => {
                let folder = tempfile::tempdir().unwrap();
                make(folder.path());
                Some(Self::Made(folder))
            }
            Files::Inside | Files::Nowhere => None,
        }
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Real(path) => path,
            Self::Made(folder) => folder.path(),
        }
    }
}

/// The bytes of a file of noise.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..bytes).map(|_| random.random()).collect()
}

/// Three images of each class for training and one for the test.
fn cifar_100(folder: &Path) {
    for (name, records) in [("train.bin", 300), ("test.bin", 100)] {
        let mut file = noise(records, records as usize * 3074);
        for (index, record) in file.chunks_exact_mut(3074).enumerate() {
            record[..2].copy_from_slice(&[19, (index % 100) as u8]);
        }
        fs::write(folder.join(name), file).unwrap();
    }
}

/// Two classes in folders of their own for each split.
fn picture_folders(folder: &Path) {
    for (split, count) in [("train", 2), ("validation", 1), ("test", 1)] {
        for (class, number) in
            ["a", "b"].iter().flat_map(|class| (0..count).map(move |n| (class, n)))
        {
            let below = folder.join(split).join(class);
            let seed = (split.len() * 100 + class.as_bytes()[0] as usize * 10 + number) as u64;
            fs::create_dir_all(&below).unwrap();
            let file = [&b"P5 20 30 255 "[..], &noise(seed, 600)].concat();
            fs::write(below.join(format!("{number}.pgm")), file).unwrap();
        }
    }
}

/// Every file of ORLFaces: path and content.
fn orl_faces() -> impl Iterator<Item = (String, Vec<u8>)> {
    let keys = (1..=40).flat_map(|person| (1..=10).map(move |number| (person, number)));
    keys.map(|(person, number)| {
        let mut file = b"P5\n92 112\n255\n".to_vec();
        file.extend(noise(person * 100 + number, 92 * 112));
        (format!("s{person}/{number}.pgm"), file)
    })
}

fn orl_faces_zip(folder: &Path) {
    let mut zip = ZipWriter::new(fs::File::create(folder.join("att_faces.zip")).unwrap());
    for (path, file) in orl_faces() {
        zip.start_file(path, SimpleFileOptions::default()).unwrap();
        zip.write_all(&file).unwrap();
    }
    zip.finish().unwrap();
}

fn open(input: &Input, data_dir: &Path) -> Result<Box<dyn Dataset>> {
    input(&Source { data_dir: Some(data_dir.into()), offline: true, ..Source::default() })
}

fn load(input: &Input, data_dir: &Path, split: Split) -> Result<Examples> {
    open(input, data_dir)?.load(split)
}

/// A data set that can be loaded.
struct Loadable {
    name: &'static str,
    dataset: Box<dyn Dataset>,
    _folder: Option<Folder>,
}

/// Every data set that can be loaded without a network.
fn loadable() -> Vec<Loadable> {
    let empty = tempfile::tempdir().unwrap();
    let mut loadable = Vec::new();
    for (name, input) in INPUTS {
        let folder = Folder::of(name);
        let data_dir = folder.as_ref().map_or(empty.path(), Folder::path);
        match open(input, data_dir).and_then(|dataset| dataset.load(Split::Test).and(Ok(dataset))) {
            Ok(dataset) => loadable.push(Loadable { name, dataset, _folder: folder }),
            Err(error) => {
                assert_eq!(Exit::of(&error), Exit::Unavailable, "{name}: {error}");
                // Of real images that are not here `real_data` has told.
                if !known(name).is_some_and(|known| matches!(known.files, Files::Real(_))) {
                    skipped(&format!("{name}: its files are not here"));
                }
            }
        }
    }
    loadable
}

#[test]
fn digits_needs_nothing() {
    assert!(loadable().iter().any(|Loadable { name, .. }| *name == "Digits"));
}

#[test]
fn every_file_is_listed() {
    let mut files: Vec<_> = fs::read_dir("inputs")
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    assert_eq!(files, INPUTS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn splits_are_whole_and_the_same_each_time() {
    for Loadable { name, dataset, _folder } in loadable() {
        for (index, split) in SPLITS.into_iter().enumerate() {
            let examples = dataset.load(split).unwrap();
            assert_eq!(examples.shape(), dataset.shape(), "{name}");
            assert!(examples.labels().iter().all(|&l| (l as usize) < dataset.num_classes()));
            let classes: HashSet<_> = examples.labels().iter().collect();
            assert_eq!(classes.len(), dataset.num_classes(), "{name} {split:?}");
            let has = |is_wanted: &dyn Fn(u8) -> bool| {
                images(&examples).iter().any(|image| image.iter().any(|&pixel| is_wanted(pixel)))
            };
            assert!(has(&|pixel| pixel < 16), "{name}: nothing is dark");
            assert!(has(&|pixel| pixel > 239), "{name}: nothing is bright");
            assert!(examples == dataset.load(split).unwrap(), "{name} {split:?} has changed");
            if let Some(known) = known(name) {
                assert_eq!(examples.len(), known.sizes[index], "{name} {split:?}");
            }
        }
        let names = dataset.class_names();
        assert_eq!(names.len(), dataset.num_classes(), "{name}");
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{name}: {names:?}");
    }
}

fn images(examples: &Examples) -> HashSet<Cow<'_, [u8]>> {
    (0..examples.len()).map(|index| examples.image(index).unwrap()).collect()
}

#[test]
fn training_and_validation_are_disjoint() {
    for Loadable { name, dataset, _folder } in loadable() {
        if !known(name).is_some_and(|known| known.disjoint) {
            continue;
        }
        let [train, validation, test] = SPLITS.map(|split| dataset.load(split).unwrap());
        for other in [validation, test] {
            assert!(images(&train).is_disjoint(&images(&other)), "{name}");
        }
    }
}

/// Whether a data set is there without any file.
pub fn needs_no_files(input: &Input) -> bool {
    let empty = tempfile::tempdir().unwrap();
    load(input, empty.path(), Split::Test).is_ok()
}

#[test]
fn offline_without_files_is_data_unavailable() {
    let empty = tempfile::tempdir().unwrap();
    for (name, input) in INPUTS {
        let has_files = known(name).map(|known| !matches!(known.files, Files::Inside));
        assert_ne!(has_files, Some(needs_no_files(input)), "{name}");
        for split in SPLITS {
            let loaded = load(input, empty.path(), split);
            if needs_no_files(input) {
                loaded.unwrap();
                continue;
            }
            let error = loaded.unwrap_err();
            assert_eq!(Exit::of(&error), Exit::Unavailable, "{name}: {error}");
            let folder = empty.path().to_string_lossy().into_owned();
            assert!(error.to_string().contains(&folder), "{name}: {error}");
        }
    }
}

/// Each other version of CIFAR, as it is downloaded, as it is unpacked, and the folder itself.
#[test]
fn other_versions_of_cifar_are_called_by_name() {
    for (name, others) in [
        (
            "Cifar10",
            [
                ("cifar-10-python.tar.gz", "Python"),
                ("cifar-10-batches-py/data_batch_1", "Python"),
                ("data_batch_1", "Python"),
                ("cifar-10-matlab.tar.gz", "Matlab"),
                ("cifar-10-batches-mat/test_batch.mat", "Matlab"),
                ("data_batch_1.mat", "Matlab"),
            ],
        ),
        (
            "Cifar100",
            [
                ("cifar-100-python.tar.gz", "Python"),
                ("cifar-100-python/train", "Python"),
                ("train", "Python"),
                ("cifar-100-matlab.tar.gz", "Matlab"),
                ("cifar-100-matlab/train.mat", "Matlab"),
                ("train.mat", "Matlab"),
            ],
        ),
    ] {
        let (_, input) = INPUTS.iter().find(|(other, _)| *other == name).unwrap();
        for (file, version) in others {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "other").unwrap();
            let error = load(input, folder.path(), Split::Train).unwrap_err();
            assert_eq!(Exit::of(&error), Exit::Unavailable);
            let text = error.to_string();
            let named = folder.path().join(file.split('/').next().unwrap());
            assert!(text.contains(&format!("{} is of the {version}", named.display())), "{text}");
            assert!(text.contains("-binary.tar.gz") && text.contains("https://"), "{text}");
        }
        // A folder of pictures is none of them.
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("train")).unwrap();
        let error = load(input, folder.path(), Split::Train).unwrap_err();
        assert!(!error.to_string().contains("version"), "{error}");
    }
}

/// What a server sends instead of a file, under every name that a data set looks for.
#[test]
fn a_web_page_is_called_one() {
    let names: [(&str, &[&str]); 5] = [
        ("MNIST", &["t10k-images-idx3-ubyte.gz", "train-images-idx3-ubyte"]),
        ("FashionMNIST", &["train-images-idx3-ubyte.gz"]),
        ("Cifar10", &["cifar-10-binary.tar.gz"]),
        ("Cifar100", &["cifar-100-binary.tar.gz"]),
        ("ORLFaces", &["att_faces.zip"]),
    ];
    for (name, files) in names {
        let (_, input) = INPUTS.iter().find(|(other, _)| *other == name).unwrap();
        for file in files {
            let folder = tempfile::tempdir().unwrap();
            for part in
                ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"]
            {
                let path = folder.path().join(format!("{part}-ubyte.gz"));
                if name.ends_with("MNIST") && !file.starts_with(part) {
                    fs::write(path, "other").unwrap();
                }
            }
            fs::write(folder.path().join(file), "<!DOCTYPE html><p>Not found").unwrap();
            let split = if file.starts_with("t10k") { Split::Test } else { Split::Train };
            let error = load(input, folder.path(), split).unwrap_err();
            assert_eq!(Exit::of(&error), Exit::Failed, "{error}");
            let text = error.to_string();
            assert!(text.contains(file) && text.contains("web page (HTML)"), "{text}");
        }
    }
}

/// The real files, packed in pieces or not at all, by the names that they are found by.
#[test]
fn mnist_in_other_packings() {
    let Some(folder) = Folder::of("MNIST") else { return };
    let (_, input) = INPUTS.iter().find(|(name, _)| *name == "MNIST").unwrap();
    let expected = load(input, folder.path(), Split::Test).unwrap();
    let unpacked = |name: &str| {
        let mut bytes = Vec::new();
        let packed = fs::File::open(folder.path().join(name)).unwrap();
        flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
        bytes
    };
    let in_pieces = |bytes: &[u8]| {
        let pieces = bytes.chunks(bytes.len() / 3).map(|piece| {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(piece).unwrap();
            packed.finish().unwrap()
        });
        pieces.collect::<Vec<_>>().concat()
    };
    let copy = tempfile::tempdir().unwrap();
    for (from, to, pieces) in [
        ("train-images-idx3-ubyte.gz", "train-images-idx3-ubyte.gz", true),
        ("train-labels-idx1-ubyte.gz", "train-labels-idx1-ubyte", false),
        ("t10k-images-idx3-ubyte.gz", "t10k-images.idx3-ubyte", false),
        ("t10k-labels-idx1-ubyte.gz", "t10k-labels-idx1-ubyte.gz", false),
    ] {
        let bytes = unpacked(from);
        let bytes = if pieces { in_pieces(&bytes) } else { bytes };
        fs::write(copy.path().join(to), bytes).unwrap();
    }
    assert!(load(input, copy.path(), Split::Test).unwrap() == expected);
    assert_eq!(load(input, copy.path(), Split::Train).unwrap().len(), 55_000);
}

/// They have to be there from the beginning, so that a run does not end without them, but only the
/// test opens them: here they are no files of images at all.
#[test]
fn the_test_files_are_read_by_the_test_alone() {
    let Some(folder) = Folder::of("MNIST") else { return };
    let copy = tempfile::tempdir().unwrap();
    for name in ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"] {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let (_, input) = INPUTS.iter().find(|(name, _)| *name == "MNIST").unwrap();
    let dataset = open(input, copy.path()).unwrap();
    let error = dataset.load(Split::Train).unwrap_err();
    assert_eq!(Exit::of(&error), Exit::Unavailable);
    for name in ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"] {
        fs::write(copy.path().join(name), "unread").unwrap();
    }
    assert_eq!(dataset.load(Split::Train).unwrap().len(), 55_000);
    assert_eq!(dataset.load(Split::Validation).unwrap().len(), 5_000);
    let error = dataset.load(Split::Test).unwrap_err();
    assert!(error.to_string().contains("t10k-images-idx3-ubyte.gz is damaged"), "{error}");
}

/// Unpacked as the archive unpacks and in a folder of its own, complete or not.
#[test]
fn orl_faces_in_folders() {
    let (_, input) = INPUTS.iter().find(|(name, _)| *name == "ORLFaces").unwrap();
    let zip = Folder::of("ORLFaces").unwrap();
    let above = tempfile::tempdir().unwrap();
    let below = above.path().join("att_faces");
    for (path, file) in orl_faces() {
        let path = below.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    for split in SPLITS {
        let packed = load(input, zip.path(), split).unwrap();
        for folder in [above.path(), &below] {
            assert!(load(input, folder, split).unwrap() == packed, "{split:?}");
        }
    }
    // A face of another size, then none.
    let face = below.join("s7/10.pgm");
    fs::write(&face, b"P5 1 1 255 x").unwrap();
    assert_eq!(load(input, &below, Split::Train).unwrap().len(), 320);
    let error = load(input, &below, Split::Test).unwrap_err();
    assert!(error.to_string().contains("s7/10.pgm is damaged\n  it has 1x1 pixels"), "{error}");
    fs::remove_file(&face).unwrap();
    let error = load(input, &below, Split::Train).unwrap_err();
    assert_eq!(Exit::of(&error), Exit::Unavailable);
    assert!(error.to_string().contains("it lacks s7/10.pgm"), "{error}");
}

/// The errors of loading `folder`, where one file was changed.
fn errors(input: &Input, folder: &Path) -> Vec<anyhow::Error> {
    SPLITS.into_iter().filter_map(|split| load(input, folder, split).err()).collect()
}

/// A copy of a data set's folder, and its files of images and labels.
fn copy(folder: &Path) -> (tempfile::TempDir, Vec<PathBuf>) {
    let copy = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).unwrap();
    // What is in folders below has a test of its own.
    for entry in entries.filter(|entry| entry.as_ref().unwrap().path().is_file()) {
        let (from, to) =
            (entry.as_ref().unwrap().path(), copy.path().join(entry.unwrap().file_name()));
        fs::write(&to, fs::read(from).unwrap()).unwrap();
        if to.extension().is_some_and(|extension| extension != "txt") {
            files.push(to);
        }
    }
    (copy, files)
}

#[test]
fn missing_files_are_named() {
    for (name, input) in INPUTS {
        let Some(folder) = Folder::of(name) else { continue };
        let (copy, files) = copy(folder.path());
        for file in files {
            let whole = fs::read(&file).unwrap();
            fs::remove_file(&file).unwrap();
            let errors = errors(input, copy.path());
            assert!(!errors.is_empty(), "{name} without {}", file.display());
            for error in errors {
                assert_eq!(Exit::of(&error), Exit::Unavailable, "{error}");
                let file_name = file.file_name().unwrap().to_str().unwrap();
                assert!(error.to_string().contains(file_name), "{error}");
            }
            fs::write(&file, whole).unwrap();
        }
    }
}

#[test]
fn cifar10_in_the_folder_of_its_archive() {
    let Some(folder) = Folder::of("Cifar10") else { return };
    let (_, input) = INPUTS.iter().find(|(name, _)| *name == "Cifar10").unwrap();
    let above = tempfile::tempdir().unwrap();
    let below = above.path().join("cifar-10-batches-bin");
    fs::create_dir(&below).unwrap();
    fs::copy(folder.path().join("test_batch.bin"), below.join("test_batch.bin")).unwrap();
    let [moved, first] = [above.path(), folder.path()].map(|dir| load(input, dir, Split::Test));
    assert!(moved.unwrap() == first.unwrap());
}

#[test]
fn damaged_files_are_named() {
    for (name, input) in INPUTS {
        let Some(folder) = Folder::of(name) else { continue };
        let (copy, files) = copy(folder.path());
        if files.is_empty() {
            continue;
        }
        for file in files {
            let whole = fs::read(&file).unwrap();
            let mut label = whole.clone();
            label[..2].fill(255);
            // What follows an archive is not read.
            let packed = file.extension().is_some_and(|end| end == "gz" || end == "zip");
            let longer = if packed { Vec::new() } else { [&whole[..], &[0]].concat() };
            for bytes in [&whole[..whole.len() - 1], &whole[..1], &[], &label, &longer] {
                fs::write(&file, bytes).unwrap();
                let errors = errors(input, copy.path());
                assert!(!errors.is_empty(), "{name}: {} of another content", file.display());
                // A run finds it out before its first step.
                let dataset = open(input, copy.path());
                let early = dataset.and_then(|dataset| {
                    dataset.load(Split::Train)?;
                    dataset.load(Split::Validation)?;
                    dataset.verify_test()
                });
                assert!(early.is_err(), "{name}: {} is found out late", file.display());
                for error in errors {
                    assert_eq!(Exit::of(&error), Exit::Failed, "{error}");
                    let text = error.to_string();
                    assert!(text.contains(&file.to_string_lossy().into_owned()), "{text}");
                    assert!(text.contains("put the original file in its place"), "{text}");
                }
            }
            fs::write(&file, whole).unwrap();
        }
        assert!(errors(input, copy.path()).is_empty(), "{name}: it is whole again");
    }
}

#[test]
fn no_byte_of_a_file_makes_it_panic() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for (name, input) in INPUTS {
        let Some(folder) = Folder::of(name) else { continue };
        let (copy, mut files) = copy(folder.path());
        // The smallest: the loop is about bytes, not about size.
        files.sort_by_key(|file| fs::metadata(file).unwrap().len());
        let Some(file) = files.first() else { continue };
        let whole = fs::read(file).unwrap();
        for _ in 0..20 {
            let mut bytes = whole.clone();
            for _ in 0..random.random_range(1..20) {
                // Half of them where headers are.
                let most = if random.random() { 32 } else { whole.len() };
                bytes[random.random_range(0..most)] = random.random();
            }
            fs::write(file, bytes).unwrap();
            for error in [Split::Test].map(|split| load(input, copy.path(), split).err()) {
                assert!(error.is_none_or(|error| Exit::of(&error) == Exit::Failed), "{name}");
            }
        }
    }
}
