//! `--dataset ImageFolder` over pictures that the tests write.

#[path = "common/command.rs"]
mod command;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Result;
use command::Bench;
use dytb::data::class_folders::{self, ClassFolders};
use dytb::data::picture;
use dytb::inputs::INPUTS;
use dytb::{Dataset, Examples, Exit, Source, Split};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

fn open(folder: &Path, image_size: Option<[usize; 2]>) -> Result<Box<dyn Dataset>> {
    let (_, input) = INPUTS.iter().find(|(name, _)| *name == "ImageFolder").unwrap();
    input(&Source { data_dir: Some(folder.into()), image_size, ..Source::default() })
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
    let row =
        |picture: &class_folders::Picture| (picture.file.name.clone(), picture.file.split.name());
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
            assert_eq!(label == 0, examples.image(index)[0] > 127);
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

/// Grey as long as all are; else three channels.
#[test]
fn colours_and_sizes() {
    let folder = tempfile::tempdir().unwrap();
    two_classes(folder.path(), 30);
    save(folder.path(), "dark/red.bmp", &colour(6, 4, [200, 0, 0]));
    let dataset = open(folder.path(), None).unwrap();
    assert_eq!(dataset.shape(), [3, 4, 6]);
    let all: Vec<_> = SPLITS.iter().map(|&split| dataset.load(split).unwrap()).collect();
    let images = all.iter().flat_map(|part| (0..part.len()).map(move |index| part.image(index)));
    let red = [[200; 24], [0; 24], [0; 24]].concat();
    assert_eq!(images.filter(|image| **image == red[..]).count(), 1);

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

/// Nothing is dropped in silence, and nothing stops the others.
#[test]
fn what_is_no_picture_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
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
    let all = SPLITS.map(|split| load(folder.path(), None, split).len()).iter().sum::<usize>();
    assert_eq!(all, found.pictures.len() - 1);
}

#[test]
fn folders_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let why = || {
        let error = open(folder.path(), None).err().unwrap();
        assert_eq!(Exit::of(&error), Exit::DataUnavailable);
        let text = error.to_string();
        assert!(text.contains(&folder.path().display().to_string()), "{text}");
        assert!(text.contains("DIR/CLASS/NAME.png"), "{text}");
        text
    };
    assert!(why().contains("there is no picture"));
    save(folder.path(), "flat.png", &grey(1, 1, 1));
    assert!(why().contains("there is no picture"));
    save(folder.path(), "one/1.png", &grey(1, 1, 1));
    assert!(why().contains("none of its 1 pictures is for"));
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
            if let Ok(picture) = picture::decode(&bytes) {
                decoded += 1;
                assert_eq!(picture::bytes(picture, [3, 5, 7]).len(), 3 * 5 * 7);
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
