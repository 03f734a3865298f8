//! `--dataset ImageFolder` over a zip, a tar, a tar.gz and a CSV: the same examples as over the folder.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::common::command::Bench;
use anyhow::Result;
use dytb::registry;
use dytb::{Dataset, Exit, Source, Split};
use flate2::{Compression, write::GzEncoder};
use image::{GrayImage, ImageFormat, Luma};
use tempfile::TempDir;
use walkdir::WalkDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

fn open(path: &Path) -> Result<Box<dyn Dataset>> {
    registry::dataset("ImageFolder", &Source { data_dir: Some(path.into()), ..Source::default() })
}

/// The exit code and the text of what is wrong with the data at `path`.
fn error(path: &Path) -> (Exit, String) {
    let error = open(path).err().unwrap_or_else(|| panic!("{} is used", path.display()));
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "{text}");
    (Exit::of(&error), text)
}

/// `cats/` and `dogs/` with 30 pictures each, and what is none.
fn pets() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for class in ["cats", "dogs"] {
        fs::create_dir(folder.path().join(class)).unwrap();
        for number in 0..30u8 {
            let grey = if class == "cats" { number } else { 200 + number };
            let path = folder.path().join(format!("{class}/{number}.png"));
            let picture = GrayImage::from_fn(6, 5, |x, y| Luma([grey.wrapping_add((x * y) as u8)]));
            picture.save_with_format(path, ImageFormat::Png).unwrap();
        }
    }
    fs::write(folder.path().join("cats/notes.txt"), "no picture").unwrap();
    fs::write(folder.path().join(".DS_Store"), "hidden").unwrap();
    folder
}

/// The files below `folder`: path and content.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files
        .map(|entry| {
            let name = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

fn zip(path: &Path, files: &[(String, Vec<u8>)]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    for (number, (name, content)) in files.iter().enumerate() {
        let is_stored = number % 2 == 1 && content.len() < 1 << 20;
        let methods = [CompressionMethod::Deflated, CompressionMethod::Stored];
        let method = methods[usize::from(is_stored)];
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
}

/// A tar whose paths are as they are given, also where they lead elsewhere.
fn tar(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        let field = &mut header.as_ustar_mut().unwrap().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        tar.append(&header, &content[..]).unwrap();
    }
    tar.into_inner().unwrap()
}

fn below(top: &str, files: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    files.iter().map(|(name, content)| (format!("{top}/{name}"), content.clone())).collect()
}

fn assert_same(packed: &Path, folder: &Path) {
    let [packed, plain] = [packed, folder].map(|path| open(path).unwrap());
    assert_eq!(packed.class_names(), plain.class_names());
    let [one, other] = [&packed, &plain].map(|dataset| dataset.identity().unwrap().fingerprint);
    assert_eq!(one, other);
    for split in SPLITS {
        assert!(packed.load(split).unwrap() == plain.load(split).unwrap(), "{split:?}");
    }
}

#[test]
fn an_archive_is_as_its_folder() {
    let (pets, out) = (pets(), tempfile::tempdir().unwrap());
    let files = files(pets.path());
    let path = |name: &str| out.path().join(name);
    zip(&path("pets.zip"), &files);
    fs::write(path("pets.tar"), tar(&files)).unwrap();
    // As people pack them: with the folder itself, and what macOS adds.
    let mut packed = below("my pets", &files);
    packed.push(("__MACOSX/my pets/._1.png".into(), b"x".to_vec()));
    zip(&path("with top.zip"), &packed);
    fs::write(path("dots.tar"), tar(&below(".", &files))).unwrap();
    for name in ["pets.zip", "pets.tar", "with top.zip", "dots.tar"] {
        assert_same(&path(name), pets.path());
    }
    assert_eq!(open(&path("pets.zip")).unwrap().identity().unwrap().name, "pets");
    // Nothing is written beside them.
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 4);
    // Splits are no folder that all is in.
    let split = below("train", &files);
    zip(&path("split.zip"), &split);
    assert_eq!(open(&path("split.zip")).unwrap().class_names(), ["cats", "dogs"]);
}

/// Through the programs, whose cache folder is the test's: a tar.gz is unpacked there, once.
#[test]
fn a_run_on_an_archive_is_the_run_on_the_folder() {
    let (bench, pets) = (Bench::new(), pets());
    fs::create_dir(bench.path("data")).unwrap();
    let files = below("pets", &files(pets.path()));
    zip(&bench.path("data/pets.zip"), &files);
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(&tar(&files)).unwrap();
    fs::write(bench.path("data/pets.tar.gz"), gz.finish().unwrap()).unwrap();
    let run = |data: &Path, more: &str| {
        let line = format!(
            "train --model SingleLayerCAE --dataset ImageFolder --data_dir '{}' --epochs 1 --seed 1 \
             --json {more}",
            data.display()
        );
        bench.dytb(&line).ended(0)
    };
    let plain = run(pets.path(), "--log_dir plain").json();
    for data in ["pets.zip", "pets.tar.gz"] {
        for memory in ["", "--memory 0"] {
            let log = format!("--log_dir '{data}{memory}'");
            let done = run(&bench.path("data").join(data), &format!("{log} {memory}"));
            assert_eq!(done.json()["test_error"], plain["test_error"], "{data} {memory}");
            assert!(done.stderr.contains("notes.txt: it is no picture"), "{}", done.stderr);
            let folder = done.json()["folder"].as_str().unwrap().to_owned();
            bench.dytb(&format!("evaluate '{folder}'")).ended(0);
        }
    }
    let again = run(&bench.path("data/pets.tar.gz"), "--log_dir again");
    assert!(!again.stderr.contains("unpacking"), "{}", again.stderr);
    let removed = bench.dytb("data --prune").ended(0).stdout;
    assert!(removed.contains("/unpacked_"), "{removed}");
}

/// What stands in an archive is not believed: neither paths nor sizes nor checksums.
#[test]
fn entries_that_are_not_used_are_told_of() {
    let (pets, bench) = (pets(), Bench::new());
    let mut files = files(pets.path());
    let picture = files[2].1.clone();
    for name in ["../escape/1.png", "/etc/1.png", "cats/../../2.png"] {
        files.push((name.into(), picture.clone()));
    }
    fs::write(bench.path("odd.tar"), tar(&files)).unwrap();
    files.push((
        "dogs/bomb.pgm".into(),
        [b"P5 9000 9000 255 ".to_vec(), vec![0; 300 << 20]].concat(),
    ));
    zip(&bench.path("odd.zip"), &files);
    assert!(bench.path("odd.zip").metadata().unwrap().len() < 2 << 20);
    for (data, needles) in [
        (
            "odd.tar",
            &["/../escape/1.png: its path leads out", "//etc/1.png: its path leads out"][..],
        ),
        ("odd.zip", &["dogs/bomb.pgm: it is longer than 256 MiB", "2.png: its path leads out"]),
    ] {
        let line = format!(
            "train --model SingleLayerCAE --dataset ImageFolder --data_dir {data} --image_size 5x6 \
             --epochs 1 --log_dir {data}.log"
        );
        let done = bench.dytb(&line).ended(0);
        let list = fs::read_dir(bench.path("cache/dytb/ImageFolder")).into_iter().flatten();
        let lists: String =
            list.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        let told = done.stderr + &lists;
        needles.iter().for_each(|needle| assert!(told.contains(needle), "{needle}: {told}"));
    }
    assert!(!bench.path("../escape").exists() && !bench.path("escape").exists());
}

#[test]
fn damaged_and_unknown_archives_are_named() {
    let (pets, out) = (pets(), tempfile::tempdir().unwrap());
    let files = files(pets.path());
    let path = out.path().join("pets.zip");
    zip(&path, &files);
    let whole = fs::read(&path).unwrap();
    for length in [5, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let (exit, text) = error(&path);
        assert!(exit == Exit::Failed && text.contains("is damaged"), "{text}");
    }
    // A byte of what is packed: the checksum is not right, and the others are.
    let picture = files.iter().find(|(name, _)| name.ends_with("png")).unwrap();
    let stored = whole.windows(picture.1.len()).position(|part| part == picture.1);
    let at = stored.map_or(200, |at| at + picture.1.len() / 2);
    let mut bytes = whole.clone();
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(open(&path).is_ok());
    // A tar that ends within a picture, and one whose second header is none.
    let bytes = tar(&files);
    let cut = out.path().join("cut.tar");
    fs::write(&cut, &bytes[..bytes.len() / 2 + 100]).unwrap();
    assert!(open(&cut).is_ok());
    let broken = out.path().join("broken.tar");
    let mut bytes = bytes;
    bytes[1024..1200].fill(b'x');
    fs::write(&broken, bytes).unwrap();
    assert_eq!(error(&broken).0, Exit::Failed);
    for (name, content, needle) in [
        ("a.7z", &b"7z\xbc\xaf\x27\x1c rest"[..], "7-Zip"),
        ("a.tar.xz", b"\xfd7zXZ\0 rest", "xz"),
        ("a.txt", b"cats", "neither a folder nor a zip"),
    ] {
        let path = out.path().join(name);
        fs::write(&path, content).unwrap();
        let (exit, text) = error(&path);
        assert!(exit == Exit::Unavailable && text.contains(needle), "{text}");
    }
}

/// The list `lines` beside the pictures of `folder`.
fn listed(folder: &Path, lines: &str) -> PathBuf {
    let path = folder.join("list.csv");
    fs::write(&path, lines).unwrap();
    path
}

#[test]
fn a_list_says_what_pictures_are() {
    let pets = pets();
    let rows = |with: &dyn Fn(&str, usize) -> String| -> String {
        let classes = ["cats", "dogs"].iter().flat_map(|class| (0..30).map(move |n| (*class, n)));
        classes.map(|(class, n)| with(class, n)).collect()
    };
    // Without splits: by the hash of the path, as in the folder.
    let plain = rows(&|class, n| format!("{class}/{n}.png,{class}\n"));
    let list = listed(pets.path(), &plain);
    assert_same(&list, pets.path());
    let header = format!("path,label\n{plain}");
    assert_same(&listed(pets.path(), &header), pets.path());
    // With splits, columns in another order, and labels that are numbers.
    let split = |n: usize| ["train", "val", "Test"][n % 3];
    let lines = rows(&|class, n| {
        let label = if class == "cats" { 10 } else { 9 };
        format!("{},x,{label}, {class}/{n}.png\n", split(n))
    });
    let list = listed(pets.path(), &format!("\u{feff}split,more,Class,file\n{lines}"));
    let dataset = open(&list).unwrap();
    assert_eq!(dataset.class_names(), ["9", "10"]);
    for split in SPLITS {
        let examples = dataset.load(split).unwrap();
        assert_eq!(examples.len(), 20);
        for (at, label) in examples.labels().iter().enumerate() {
            assert_eq!(examples.image(at).unwrap()[0] >= 200, *label == 0);
        }
    }
}

#[test]
fn wrong_lines_are_named() {
    let pets = pets();
    for (lines, exit, needles) in [
        ("cats/1.png,a\ncats/gone.png,a\n", Exit::Unavailable, ["line 2", "cats/gone.png"]),
        ("path,label\ncats/1.png,a\n\ncats,a\n", Exit::Unavailable, ["line 4", "no file"]),
        ("cats/1.png\n", Exit::Usage, ["line 1", "no label"]),
        ("cats/1.png,a\n,b\n", Exit::Usage, ["line 2", "no path"]),
        ("cats/1.png,a,trian\n", Exit::Usage, ["line 1", "`trian` is no split"]),
        ("cats/1.png,a\ncats/1.png,b\n", Exit::Usage, ["line 2", "line 1 says something else"]),
        ("", Exit::Unavailable, ["no picture", "path,label"]),
    ] {
        let (found, text) = error(&listed(pets.path(), lines));
        assert_eq!(found, exit, "{text}");
        needles.iter().for_each(|needle| assert!(text.contains(needle), "{text}"));
    }
}
