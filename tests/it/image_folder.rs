//! `--dataset ImageFolder` over pictures that the tests write.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::common::command::Bench;
use anyhow::Result;
use dytb::data::class_folders;
use dytb::data::class_folders::ClassFolders;
use dytb::data::image_file;
use dytb::registry;
use dytb::{Dataset, Examples, Exit, Source, Split};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

fn open(folder: &Path, image_size: Option<[usize; 2]>) -> Result<Box<dyn Dataset>> {
    let source = Source { data_dir: Some(folder.into()), image_size, ..Source::default() };
    registry::dataset("ImageFolder", &source)
}

/// A grey picture, all of one brightness.
fn grey(width: u32, height: u32, brightness: u8) -> DynamicImage {
    GrayImage::from_pixel(width, height, image::Luma([brightness])).into()
}

fn colour(width: u32, height: u32, rgb: [u8; 3]) -> DynamicImage {
    RgbImage::from_pixel(width, height, image::Rgb(rgb)).into()
}

fn save(folder: &Path, path: &str, picture: &DynamicImage) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    picture.save(path).unwrap();
}

/// `count` pictures of 4x6 in two classes, one bright and one dark.
fn two_classes(folder: &Path, count: u32) {
    for number in 0..count {
        save(folder, &format!("dark/{number}.png"), &grey(6, 4, (number % 100) as u8));
        save(folder, &format!("bright/{number}.png"), &grey(6, 4, 155 + (number % 100) as u8));
    }
}

fn load(folder: &Path, image_size: Option<[usize; 2]>, split: Split) -> Examples {
    open(folder, image_size).unwrap().load(split).unwrap()
}

/// What each picture is for.
fn splits(found: &ClassFolders) -> BTreeMap<Vec<u8>, &'static str> {
    let row = |picture: &class_folders::LabelledFile| {
        (picture.file.name.clone(), picture.file.split.name())
    };
    found.pictures.iter().map(row).collect()
}

#[test]
fn folders_are_classes_and_a_hash_splits() {
    let folder = tempfile::tempdir().unwrap();
    two_classes(folder.path(), 200);
    save(folder.path(), "bright/more/below.png", &grey(6, 4, 255));
    let dataset = open(folder.path(), None).unwrap();
    assert_eq!((dataset.shape(), dataset.num_classes()), ([1, 4, 6], 2));
    assert_eq!(dataset.class_names(), ["bright", "dark"]);
    let sizes = SPLITS.map(|split| {
        let examples = dataset.load(split).unwrap();
        for (index, &label) in examples.labels().iter().enumerate() {
            assert_eq!(label == 0, examples.image(index).unwrap()[0] > 127);
        }
        examples.len()
    });
    assert_eq!(sizes.iter().sum::<usize>(), 401);
    assert!(sizes[0] > 290 && sizes[1] > 20 && sizes[2] > 20, "{sizes:?}");

    let before = splits(&class_folders::find(folder.path()).unwrap());
    save(folder.path(), "bright/another.png", &grey(6, 4, 255));
    save(folder.path(), "dark/0000.png", &grey(6, 4, 0));
    save(folder.path(), "between/1.png", &grey(6, 4, 127));
    let after = splits(&class_folders::find(folder.path()).unwrap());
    assert!(before.iter().all(|(name, split)| after[name] == *split));
    // By sha256sum: 5aa5690e07ed6df5... is 7 modulo 10, a6b1cf5fee49b8dd... is 1.
    assert_eq!(after[&b"bright/0.png"[..]], "train");
    assert_eq!(after[&b"bright/3.png"[..]], "validation");
    // The same pictures elsewhere are the same data.
    let name = |folder: &Path| open(folder, None).unwrap().identity().unwrap();
    let moved = tempfile::tempdir().unwrap();
    let to = moved.path().join("my: pictures");
    let was = name(folder.path());
    fs::rename(folder.path(), &to).unwrap();
    assert_eq!(name(&to).fingerprint, was.fingerprint);
    assert_eq!(name(&to).name, "my- pictures");
    fs::remove_file(to.join("dark/0.png")).unwrap();
    assert_ne!(name(&to).fingerprint, was.fingerprint);
    fs::create_dir(folder.path()).unwrap();
}

#[test]
fn splits_that_are_there_are_used() {
    for validation in ["validation", "val"] {
        let folder = tempfile::tempdir().unwrap();
        for (split, count) in [("train", 40), (validation, 7), ("test", 5)] {
            two_classes(&folder.path().join(split), count);
        }
        let sizes = || SPLITS.map(|split| load(folder.path(), None, split).len());
        assert_eq!(sizes(), [80, 14, 10]);
        assert_eq!(open(folder.path(), None).unwrap().class_names(), ["bright", "dark"]);
        // What is not there is taken from the training pictures.
        fs::remove_dir_all(folder.path().join("test")).unwrap();
        let [train, for_validation, test] = sizes();
        assert_eq!((train + test, for_validation), (80, 14));
        assert!((1..30).contains(&test), "{test}");
    }
    let folder = tempfile::tempdir().unwrap();
    for split in ["train", "val", "validation"] {
        two_classes(&folder.path().join(split), 1);
    }
    let error = open(folder.path(), None).err().unwrap();
    assert_eq!(Exit::of(&error), Exit::Usage);
    assert!(error.to_string().contains("both validation/ and val/"), "{error}");
}

/// Whatever people call them, with folders of classes in them or without.
#[test]
fn names_of_splits() {
    for (train, validation, test) in [
        ("train", "valid", "test"),
        ("Train", "Valid", "Test"),
        ("TRAINING", "Validation", "Testing"),
        ("training_set", "val_set", "test_set"),
        ("train-images", "dev", "eval"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for (split, count) in [(train, 5), (validation, 3), (test, 2)] {
            two_classes(&folder.path().join(split), count);
        }
        let dataset = open(folder.path(), None).unwrap();
        assert_eq!(dataset.class_names(), ["bright", "dark"]);
        assert_eq!(SPLITS.map(|split| dataset.load(split).unwrap().len()), [10, 6, 4], "{train}");
        let flat = tempfile::tempdir().unwrap();
        let below = flat.path().join("my pets");
        for (split, count) in [(train, 5), (validation, 3), (test, 2)] {
            (0..count).for_each(|n| save(&below, &format!("{split}/{n}.png"), &grey(6, 4, 9)));
        }
        let dataset = open(&below, None).unwrap();
        assert_eq!(dataset.class_names(), ["my pets"]);
        assert_eq!(SPLITS.map(|split| dataset.load(split).unwrap().len()), [5, 3, 2], "{train}");
    }
    // Training pictures alone: the hash takes the others from them.
    for train in ["train", "Training", "train_data"] {
        let folder = tempfile::tempdir().unwrap();
        two_classes(&folder.path().join(train), 60);
        let dataset = open(folder.path(), None).unwrap();
        assert_eq!(dataset.class_names(), ["bright", "dark"]);
        let sizes = SPLITS.map(|split| dataset.load(split).unwrap().len());
        assert_eq!(sizes.iter().sum::<usize>(), 120);
        assert!(sizes[0] > 80 && sizes[1] > 2 && sizes[2] > 2, "{sizes:?}");
    }
}

/// The error of a folder that has pictures of two classes in each of `folders`.
fn error_of(folders: &[&str]) -> (Exit, String) {
    let folder = tempfile::tempdir().unwrap();
    folders.iter().for_each(|below| two_classes(&folder.path().join(below), 20));
    let error = open(folder.path(), None).err().unwrap();
    (Exit::of(&error), error.to_string().replace(&folder.path().display().to_string(), "DIR"))
}

#[test]
fn splits_that_make_no_sense() {
    for (folders, exit, needles) in [
        (&["train", "validation", "val"][..], Exit::Usage, ["validation/ and val/", "keep one"]),
        (&["train", "valid", "dev"], Exit::Usage, ["both dev/ and valid/", "validation pictures"]),
        (
            &["train", "Training", "test"],
            Exit::Usage,
            ["both train/ and Training/", "train pictures"],
        ),
        (
            &["train", "test", "test_set"],
            Exit::Usage,
            ["both test/ and test_set/", "test pictures"],
        ),
        (&["test"], Exit::Unavailable, ["has test/, and no folder train/", "DIR/train"]),
        (&["Valid"], Exit::Unavailable, ["has Valid/, and no", "DIR/train"]),
        (&["val", "test"], Exit::Unavailable, ["has val/, test/, and no", "DIR/train"]),
        (&["test", "cats", "dogs"], Exit::Unavailable, ["has test/, and no", "rename"]),
        // One folder too high, and the classes above the splits.
        (
            &["pets/train", "pets/test"],
            Exit::Usage,
            ["pets has train/, test/ in it", "--data_dir DIR/pets"],
        ),
        (
            &["cats/train", "cats/val", "dogs/train"],
            Exit::Usage,
            ["DIR/cats has train/, val/ in it", "if cats, dogs are classes"],
        ),
    ] {
        let (found, text) = error_of(folders);
        assert_eq!(found, exit, "{folders:?}: {text}");
        needles.iter().for_each(|needle| assert!(text.contains(needle), "{folders:?}: {text}"));
    }
}

/// What is beside the splits is no class, and a `train/` beside classes is one of trains.
#[test]
fn what_is_beside_splits() {
    let folder = tempfile::tempdir().unwrap();
    for split in ["train", "test"] {
        two_classes(&folder.path().join(split), 40);
    }
    two_classes(&folder.path().join("extra"), 3);
    let found = class_folders::find(folder.path()).unwrap();
    assert_eq!(
        (&found.classes[..], found.pictures.len()),
        (&["bright", "dark"].map(String::from)[..], 160)
    );
    let left_out: Vec<_> =
        found.left_out.iter().map(|left| (&left.path, left.why.as_str())).collect();
    let why = "it is beside train/, test/ and for none of them";
    assert_eq!(left_out, [(&folder.path().join("extra"), why)]);

    let vehicles = tempfile::tempdir().unwrap();
    for class in ["bus", "car", "train"] {
        (0..30).for_each(|n| save(vehicles.path(), &format!("{class}/{n}.png"), &grey(6, 4, 9)));
    }
    let found = class_folders::find(vehicles.path()).unwrap();
    assert_eq!(found.classes, ["bus", "car", "train"]);
    assert!(found.notes[0].contains("train/ has no folders in it and is taken for a class"));
}

/// What systems and other programs leave behind is neither a class nor in the list of what is left
/// out, and does not hide what is.
#[test]
fn hidden_and_service_files() {
    let folder = tempfile::tempdir().unwrap();
    two_classes(folder.path(), 30);
    let before = open(folder.path(), None).unwrap();
    let (classes, identity) = (before.class_names(), before.identity());
    let picture = grey(6, 4, 7);
    for litter in
        [".ipynb_checkpoints", "@eaDir", "__MACOSX/dark", ".git", ".thumbnails", "#recycle"]
    {
        save(folder.path(), &format!("{litter}/1.png"), &picture);
        save(folder.path(), &format!("dark/{litter}/1.png"), &picture);
    }
    for number in 0..40 {
        save(folder.path(), &format!("dark/._{number}.png"), &picture);
    }
    for name in ["Thumbs.db", ".DS_Store", "desktop.ini", "bright/Thumbs.db", "bright/.DS_Store"] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    let dataset = open(folder.path(), None).unwrap();
    assert_eq!((dataset.class_names(), dataset.identity()), (classes, identity));
    fs::write(folder.path().join("bright/broken.png"), "x").unwrap();
    let found = class_folders::find(folder.path()).unwrap();
    assert_eq!(found.left_out.len(), 1, "{:?}", found.left_out);
    assert!(found.left_out[0].path.ends_with("bright/broken.png"));
    assert_eq!(found.notes.len(), 1, "{:?}", found.notes);
    let start = "note: 57 hidden or service files and folders: ._* (40), ";
    assert!(found.notes[0].starts_with(start), "{:?}", found.notes);
}

/// `--data_dir .`: where the programs write their own pictures too.
#[test]
fn what_the_programs_wrote_is_no_class() {
    let bench = Bench::new();
    two_classes(&bench.path(""), 40);
    let line = format!("{ON_PICTURES} --data_dir .");
    let first = bench.train(&line).ended(0).json();
    let run = first["folder"].as_str().unwrap().to_owned();
    for more in ["", "--worst 3 --output shown", "--output log/SingleLayerCAE/here"] {
        bench.reconstruct(&format!("--checkpoint_path '{run}' --data_dir . {more}")).ended(0);
    }
    bench.compare("log --plot log/curves.png").ended(0);
    // A run of its own: one that is finished reads no data.
    let again = bench.train(&format!("{line} --comment again")).ended(0);
    assert_eq!(again.json()["test_error"], first["test_error"]);
    for part in
        ["2 classes: bright, dark", "because dytb wrote it: ./log, ./reconstructions, ./shown, "]
    {
        assert!(again.stderr.contains(part), "{}", again.stderr);
    }
    // Within a class, too.
    fs::rename(bench.path("shown"), bench.path("dark/shown")).unwrap();
    let found = class_folders::find(&bench.path("")).unwrap();
    assert_eq!(found.pictures.len(), 80);
}

/// Nothing can be learnt of it.
#[test]
fn a_class_without_training_pictures() {
    let error = |folder: &Path| {
        let opened = open(folder, None).and_then(|dataset| dataset.load(Split::Train));
        let error = opened.map(|examples| examples.len()).unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Unavailable);
        error.to_string()
    };
    let split = tempfile::tempdir().unwrap();
    for part in ["train", "validation", "test"] {
        two_classes(&split.path().join(part), 3);
    }
    save(split.path(), "test/rare/1.png", &grey(6, 4, 1));
    let text = error(split.path());
    assert!(text.contains("the class `rare` has no picture for training"), "{text}");
    assert!(text.contains("in the folder for training; or move its folder out"), "{text}");
    save(split.path(), "validation/odd/1.png", &grey(6, 4, 1));
    assert!(error(split.path()).contains("the classes `odd`, `rare` have no picture"));

    let hashed = tempfile::tempdir().unwrap();
    two_classes(hashed.path(), 40);
    // By sha256sum: a66df167a23660cc... is 0 modulo 10, for the test.
    save(hashed.path(), "rare/2.png", &grey(6, 4, 1));
    let text = error(hashed.path());
    assert!(text.contains("the class `rare` has") && text.contains("add pictures to it"), "{text}");
    // Its only picture for training has a header and no pixels.
    save(hashed.path(), "rare/0.png", &grey(6, 4, 1));
    assert_eq!(load(hashed.path(), None, Split::Train).labels().iter().max(), Some(&2));
    let whole = fs::read(hashed.path().join("rare/0.png")).unwrap();
    fs::write(hashed.path().join("rare/0.png"), &whole[..whole.len() - 20]).unwrap();
    assert!(error(hashed.path()).contains("the class `rare` has no picture"));
}

/// They would be two classes of one name.
#[test]
fn classes_that_read_alike() {
    for (one, other) in
        [("Cat", "cat"), ("cat ", "cat"), ("caf\u{e9}", "cafe\u{301}"), ("train/Cat", "test/cat")]
    {
        let folder = tempfile::tempdir().unwrap();
        for class in [one, other] {
            for n in 0..30 {
                save(folder.path(), &format!("{class}/{n}.png"), &grey(6, 4, 9));
            }
        }
        if fs::read_dir(folder.path()).unwrap().count() == 1 {
            // This file system takes them for one, too.
            continue;
        }
        let error = open(folder.path(), None).err().unwrap();
        assert_eq!(Exit::of(&error), Exit::Usage);
        for class in [one, other] {
            let path = format!("`{}`", folder.path().join(class).display());
            assert!(error.to_string().contains(&path), "{path}: {error}");
        }
    }
}

/// An autoencoder's pictures need no class, and a classifier needs two.
#[test]
fn pictures_without_classes() {
    let bench = Bench::new();
    for n in 0..60 {
        save(&bench.path("pets"), &format!("{n}.png"), &grey(6, 4, n));
    }
    fs::create_dir(bench.path("pets/notes")).unwrap();
    fs::write(bench.path("pets/notes/1.txt"), "x").unwrap();
    let dataset = open(&bench.path("pets"), None).unwrap();
    assert_eq!((dataset.class_names(), dataset.shape()), (vec!["pets".to_owned()], [1, 4, 6]));
    let sizes = SPLITS.map(|split| dataset.load(split).unwrap().len());
    assert_eq!(sizes.iter().sum::<usize>(), 60);
    assert!(sizes.iter().all(|&size| size > 1), "{sizes:?}");
    let done = bench.train(&format!("{ON_PICTURES} --data_dir pets")).ended(0);
    assert!(done.stderr.contains("1 class: pets"), "{}", done.stderr);

    let classifiers = ["SingleLayerCAEClassifier", "LeNet"];
    for (model, data) in classifiers.iter().flat_map(|model| {
        ["ImageFolder --data_dir pets --image_size 8", "Digits --classes 3"]
            .map(|data| (model, data))
    }) {
        let line = format!("--model {model} --dataset {data} --epochs 1 --comment one");
        let refused = bench.train_classifier(&line).ended(2);
        assert!(refused.stderr.contains("a classifier needs two classes"), "{}", refused.stderr);
        assert!(!bench.path(&format!("log/{model}")).exists());
    }
    // With pictures in the folder of a class, those beside it are none of one.
    (0..60).for_each(|n| save(&bench.path("pets"), &format!("cats/{n}.png"), &grey(6, 4, n)));
    let found = class_folders::find(&bench.path("pets")).unwrap();
    assert_eq!((&found.classes[..], found.pictures.len()), (&["cats".to_owned()][..], 60));
    let whys = found.left_out.iter().filter(|left| left.why == "it is in no folder of a class");
    assert_eq!(whys.count(), 60);
}

/// Grey as long as all are; else three channels.
#[test]
fn colours_and_sizes() {
    let folder = tempfile::tempdir().unwrap();
    two_classes(folder.path(), 30);
    save(folder.path(), "dark/red.bmp", &colour(6, 4, [200, 0, 0]));
    let dataset = open(folder.path(), None).unwrap();
    assert_eq!(dataset.shape(), [3, 4, 6]);
    let all: Vec<_> = SPLITS.iter().map(|&split| dataset.load(split).unwrap()).collect();
    let images =
        all.iter().flat_map(|part| (0..part.len()).map(move |index| part.image(index).unwrap()));
    let red = [[200; 24], [0; 24], [0; 24]].concat();
    assert_eq!(images.filter(|image| **image == *red).count(), 1);

    save(folder.path(), "dark/large.jpg", &colour(60, 40, [9, 9, 9]));
    save(folder.path(), "dark/wide.webp", &colour(300, 40, [9, 9, 9]));
    let error = open(folder.path(), None).err().unwrap();
    assert_eq!(Exit::of(&error), Exit::Usage);
    let text = error.to_string();
    assert!(text.contains("height x width: 61 of 4x6, 1 of 40x60, 1 of 40x300"), "{text}");
    assert!(text.contains("--image_size 4x6"), "{text}");
    let dataset = open(folder.path(), Some([8, 5])).unwrap();
    assert_eq!(dataset.shape(), [3, 8, 5]);
    assert_eq!(SPLITS.map(|split| dataset.load(split).unwrap().len()).iter().sum::<usize>(), 63);
    // To the size that they have: the same bytes.
    fs::remove_file(folder.path().join("dark/large.jpg")).unwrap();
    fs::remove_file(folder.path().join("dark/wide.webp")).unwrap();
    for split in SPLITS {
        assert!(load(folder.path(), Some([4, 6]), split) == load(folder.path(), None, split));
    }
}

/// Between the listing and the decoding: it is left out, and told of by its name.
#[test]
fn a_picture_that_changes_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    two_classes(folder.path(), 60);
    let dataset = open(folder.path(), None).unwrap();
    let found = class_folders::find(folder.path()).unwrap();
    let train: Vec<_> = found.pictures.iter().filter(|p| p.file.split == Split::Train).collect();
    // Of the same size and length in bytes, written later; of another size; gone.
    let [same, other, gone] = [0, 1, 2].map(|at| train[at]);
    let later = SystemTime::now() + Duration::from_secs(5);
    fs::File::options().write(true).open(&same.file.path).unwrap().set_modified(later).unwrap();
    colour(6, 4, [1, 2, 3]).save(&other.file.path).unwrap();
    fs::remove_file(&gone.file.path).unwrap();
    for (picture, why) in
        [(same, "another picture"), (other, "another picture"), (gone, "not there")]
    {
        let told = picture.decode().unwrap_err();
        assert!(told.contains(why), "{told}");
    }
    let examples = dataset.load(Split::Train).unwrap();
    assert_eq!(examples.len(), train.len() - 3);
    let names: Vec<_> =
        (0..examples.len()).map(|at| examples.name(at).unwrap().as_bytes()).collect();
    assert!(train[3..].iter().map(|picture| &picture.file.name[..]).eq(names));
}

/// Nothing is dropped in silence, and nothing stops the others.
#[test]
fn what_is_no_picture_is_left_out() {
    let (bench, folder) = (Bench::new(), tempfile::tempdir().unwrap());
    let below = |path: &str| folder.path().join(path);
    two_classes(folder.path(), 60);
    fs::write(below("readme.txt"), "pictures").unwrap();
    fs::write(below("dark/notes.txt"), "no picture").unwrap();
    fs::write(below("dark/empty.png"), "").unwrap();
    fs::write(below("dark/huge.pgm"), "P5 99999999 99999999 255 ").unwrap();
    fs::create_dir(below("nothing")).unwrap();
    let mut expected = 5;
    // A picture whose header is whole and whose pixels are not.
    let cut = fs::read(below("dark/1.png")).unwrap();
    fs::write(below("dark/1.png"), &cut[..cut.len() - 20]).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener};
        symlink(below("gone"), below("dark/dangling.png")).unwrap();
        symlink(folder.path(), below("dark/circle")).unwrap();
        UnixListener::bind(below("dark/socket.png")).unwrap();
        expected += 3;
        // These are pictures like any other.
        symlink(below("bright/2.png"), below("dark/link.png")).unwrap();
        let odd = below("dark").join(std::ffi::OsStr::from_bytes(b"\xff\xfe.png"));
        fs::copy(below("dark/2.png"), odd).unwrap();
    }
    let found = class_folders::find(folder.path()).unwrap();
    assert_eq!(found.left_out.len(), expected, "{:#?}", found.left_out);
    let why = |name: &str| {
        let mut of_name = found.left_out.iter().filter(|left| left.path.ends_with(name));
        of_name.next().unwrap_or_else(|| panic!("{name}")).why.clone()
    };
    assert!(why("readme.txt").contains("in no folder of a class"));
    assert!(why("notes.txt").contains("no picture of a known format"));
    assert!(why("empty.png").contains("no picture of a known format"));
    assert!(why("huge.pgm").contains("256 MiB"));
    assert!(why("nothing").contains("is no class"));
    #[cfg(unix)]
    assert!(why("circle").contains("in a circle") && why("socket.png").contains("regular file"));
    // As a run tells it: pictures first, and all of it in a file.
    let line = format!("{ON_PICTURES} --data_dir '{}'", folder.path().display());
    let done = bench.train(&line).ended(0);
    let told = &done.stderr;
    let [first, second] =
        ["huge.pgm", "readme.txt"].map(|name| told.find(name).unwrap_or(usize::MAX));
    assert!(first < second, "{told}");
    assert!(told.contains(&format!("note: left out, {expected} in all:")), "{told}");
    assert!(told.contains("dark/1.png: it ends too early"), "{told}");
    #[cfg(target_os = "linux")]
    {
        let list = told.lines().find_map(|line| line.split_once("the whole list: ")).unwrap().1;
        let list = fs::read_to_string(list).unwrap();
        assert_eq!(list.lines().count(), expected, "{list}");
        assert!(list.contains("socket.png: it is no regular file\n"), "{list}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "nothing is written there");
}

/// A run on pictures, but for where they are.
const ON_PICTURES: &str =
    "--model SingleLayerCAE --dataset ImageFolder --json --epochs 1 --images_every 0 --seed 1";

#[test]
fn folders_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let why = || {
        let error = open(folder.path(), None).err().unwrap();
        assert_eq!(Exit::of(&error), Exit::Unavailable);
        let text = error.to_string();
        assert!(text.contains(&folder.path().display().to_string()), "{text}");
        assert!(text.contains("DIR/CLASS/NAME.png"), "{text}");
        text
    };
    assert!(why().contains("there is no picture"));
    save(folder.path(), "flat.png", &grey(1, 1, 1));
    assert!(why().contains("none of its 1 pictures is for"));
    save(folder.path(), "one/1.png", &grey(1, 1, 1));
    // It says what to do.
    for part in
        ["none of its 1 pictures is for", "add pictures", "DIR/train, DIR/validation and DIR/test"]
    {
        assert!(why().contains(part), "{}", why());
    }
    // One class is enough.
    (0..60).for_each(|n| save(folder.path(), &format!("one/{n}.png"), &grey(1, 1, 1)));
    assert_eq!(open(folder.path(), None).unwrap().num_classes(), 1);
}

/// Every format, with bytes changed, cut off and added: a picture or a reason, and no panic.
#[test]
fn no_byte_makes_it_panic() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let noise = RgbImage::from_fn(13, 9, |x, y| image::Rgb([x as u8 * 19, y as u8 * 28, 77]));
    let picture = DynamicImage::from(noise);
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, WebP};
    let mut decoded = 0;
    for format in [Bmp, Gif, Jpeg, Png, Pnm, WebP] {
        let mut file = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut file, format).unwrap();
        for _ in 0..400 {
            let mut bytes = file.get_ref().clone();
            for _ in 0..random.random_range(1..6) {
                // Half of them where headers are.
                let most = if random.random() { bytes.len().min(40) } else { bytes.len() };
                bytes[random.random_range(0..most)] = random.random();
            }
            bytes.truncate(random.random_range(bytes.len() / 2..=bytes.len() * 2));
            if let Ok(picture) = image_file::decode(&bytes) {
                decoded += 1;
                assert_eq!(image_file::bytes(picture, [3, 5, 7]).len(), 3 * 5 * 7);
            }
        }
    }
    assert!(decoded > 100, "only {decoded} were pictures: the loop tests too little");
}

/// As a user runs it: the size is a part of the run, and so is the folder.
#[test]
fn a_run_on_pictures() {
    let bench = Bench::new();
    two_classes(&bench.path("pets"), 60);
    fs::write(bench.path("pets/dark/notes.txt"), "no picture").unwrap();
    let line = |more: &str| {
        format!(
            "--model SingleLayerCAE --dataset ImageFolder --data_dir pets --json --epochs 1 {more}"
        )
    };
    let run = "log/SingleLayerCAE/ImageFolder_pets_8x12_Momentum_lr=0.01";
    let done = bench.train(&line("--image_size 8x12")).ended(0);
    assert_eq!(done.json()["folder"], run);
    assert!(done.stderr.contains("as [1, 8, 12]; 2 classes: bright, dark"), "{}", done.stderr);
    assert!(done.stderr.contains("notes.txt: it is no picture"), "{}", done.stderr);
    // The same seed is found, and the size of the checkpoint is the one that it is evaluated with.
    assert_eq!(bench.train(&line("--image_size 8x12")).ended(0).json(), done.json());
    let evaluated = bench
        .evaluate(&format!(
            "--model SingleLayerCAE --dataset ImageFolder --data_dir pets --checkpoint_dir '{run}' \
             --test --json"
        ))
        .ended(0);
    assert_eq!(evaluated.json()["error"], done.json()["test_error"]);

    let other = bench.train(&line("")).ended(0);
    let name = "log/SingleLayerCAE/ImageFolder_pets_Momentum_lr=0.01";
    assert_eq!(other.json()["folder"], name);
    save(&bench.path("pets"), "dark/new.png", &grey(6, 4, 3));
    let refused = bench.train(&line("")).ended(1);
    assert!(refused.stderr.contains("data: {\"name\":\"pets\""), "{}", refused.stderr);
}

#[test]
fn flags_that_do_not_fit() {
    for (line, code, needle) in [
        ("--dataset Digits --image_size 8", 2, "`--image_size` with `--dataset Digits`"),
        ("--dataset ImageFolder", 2, "ImageFolder without `--data_dir`"),
        ("--dataset ImageFolder --data_dir nowhere", 4, "there is no such folder"),
        ("--dataset ImageFolder --data_dir . --image_size 8x", 2, "N or HxW"),
        ("--dataset ImageFolder --data_dir . --image_size 0", 2, "N or HxW"),
        ("--dataset ImageFolder --data_dir . --image_size 99999", 2, "N or HxW"),
        ("--dataset ImageFolder --data_dir . --image_size 8", 4, "there is no picture"),
    ] {
        let bench = Bench::new();
        let done = bench.train(&format!("--model SingleLayerCAE {line}")).ended(code);
        assert!(done.stderr.contains(needle), "{line}: {}", done.stderr);
        assert_eq!(done.stderr.matches("error:").count(), 1, "{line}: {}", done.stderr);
        assert!(bench.is_empty(), "{line}");
    }
}
