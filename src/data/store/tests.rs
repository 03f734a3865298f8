//! The store: interrupted, damaged, raced for, changed.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::decode::{Decoded, into_file, into_memory};
use super::folder::Place;
use super::layout::{Header, Layout};
use super::memory::Memory;
use super::source::{ImageSource, OnDemand};
use super::stored::StoredImages;
use super::stored_writer::StoredWriter;

const SIZE: usize = 12;
const COUNT: usize = 50;

/// The bytes of an image.
fn image(index: usize) -> Vec<u8> {
    (0..SIZE).map(|at| (index * 31 + at * 7) as u8).collect()
}

/// Images of which every tenth cannot be read; `calls` counts those that are decoded.
fn source(calls: &Arc<AtomicUsize>) -> OnDemand {
    let calls = calls.clone();
    let decode = move |index: usize| {
        calls.fetch_add(1, Ordering::Relaxed);
        if index % 10 == 9 { Err(format!("{index} is torn")) } else { Ok(image(index)) }
    };
    OnDemand { decoder: Box::new(decode), fingerprint: "f".into(), size: SIZE }
}

fn place(folder: &Path) -> Place {
    Place { folder: folder.to_owned(), name: "Set_train_1".into(), key: "key".into() }
}

fn decode(folder: &Path, calls: &Arc<AtomicUsize>) -> Decoded {
    into_file(&source(calls), COUNT, &place(folder), "Set").unwrap()
}

fn assert_whole(decoded: &Decoded) {
    assert_eq!(decoded.kept.len(), COUNT - COUNT / 10);
    assert_eq!(decoded.left_out.len(), COUNT / 10);
    assert_eq!(decoded.left_out[1], (19, "19 is torn".to_owned()));
    decoded.kept.iter().for_each(|&at| assert_eq!(*decoded.source.image(at).unwrap(), image(at)));
}

#[test]
fn decoded_once_for_all_processes() {
    let folder = tempfile::tempdir().unwrap();
    let calls = Arc::default();
    let in_memory = {
        let lease = Memory::new(None).take(1).unwrap();
        into_memory(&source(&calls), COUNT, lease, "Set")
    };
    assert_whole(&in_memory);
    calls.store(0, Ordering::Relaxed);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_whole(&decode(folder.path(), &calls)));
        }
    });
    assert_eq!(calls.load(Ordering::Relaxed), COUNT);
    assert!(place(folder.path()).whole().exists() && !place(folder.path()).part().exists());
}

/// What is written is kept, unless it is not what was written.
#[test]
fn goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let calls = Arc::<AtomicUsize>::default();
    let layout = Layout { count: COUNT as u64, size: SIZE as u64 };
    let part = place(folder.path()).part();
    let mut writer = StoredWriter::open(&part, layout).unwrap();
    writer.fill(&source(&calls), || ()).unwrap();
    drop(writer);
    // After a crash of the machine: rows without their images, images without their rows.
    let file = File::options().write(true).open(&part).unwrap();
    file.write_all_at(&[0; SIZE], layout.image(3)).unwrap();
    file.write_all_at(&[0; 8], layout.row(5)).unwrap();
    let begun = StoredWriter::open(&part, layout).unwrap().begun();
    assert_eq!(begun, COUNT - COUNT / 10 - 1);
    calls.store(0, Ordering::Relaxed);
    assert_whole(&decode(folder.path(), &calls));
    assert_eq!(calls.load(Ordering::Relaxed), 2 + COUNT / 10);
}

/// A file of something else, of other sizes, or of nothing under that name.
#[test]
fn what_is_no_beginning_is_begun_anew() {
    let layout = Layout { count: COUNT as u64, size: SIZE as u64 };
    let other = Header::begun(Layout { size: 7, ..layout }).to_bytes().to_vec();
    for content in [Vec::new(), b"x".repeat(9000), other] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(place(folder.path()).part(), content).unwrap();
        assert_whole(&decode(folder.path(), &Arc::default()));
    }
}

/// Any byte of the table, the header or the notes; the file is decoded again.
#[test]
fn a_damaged_table_is_noticed_at_once() {
    let layout = Layout { count: COUNT as u64, size: SIZE as u64 };
    let notes = layout.image(layout.count);
    for position in [0, 8, 16, 24, 32, 63, 64, 68, layout.row(COUNT - 1), notes, notes + 3] {
        let folder = tempfile::tempdir().unwrap();
        decode(folder.path(), &Arc::default());
        let whole = place(folder.path()).whole();
        flip(&whole, position);
        assert!(StoredImages::open(&whole, "key").unwrap().is_none(), "{position}");
        let calls = Arc::default();
        assert_whole(&decode(folder.path(), &calls));
        assert_eq!(calls.load(Ordering::Relaxed), COUNT);
    }
    let folder = tempfile::tempdir().unwrap();
    decode(folder.path(), &Arc::default());
    let whole = place(folder.path()).whole();
    assert!(StoredImages::open(&whole, "another key").unwrap().is_none());
    for length in [0, 10, 64, 100, notes - 1, notes + 1] {
        let file = File::options().write(true).open(&whole).unwrap();
        file.set_len(length).unwrap();
        assert!(StoredImages::open(&whole, "key").unwrap().is_none(), "{length}");
    }
}

/// Of an image, when it is read: the error names the file.
#[test]
fn a_damaged_image_is_noticed_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let decoded = decode(folder.path(), &Arc::default());
    let whole = place(folder.path()).whole();
    let layout = Layout { count: COUNT as u64, size: SIZE as u64 };
    flip(&whole, layout.image(2) + 5);
    let ImageSource::Stored(images) = &decoded.source else { panic!("it is in a file") };
    let text = images.image(2).unwrap_err().to_string();
    assert!(text.contains(&whole.display().to_string()) && text.contains("is damaged"), "{text}");
    assert_eq!(images.image(1).unwrap(), image(1));
    File::options().write(true).open(&whole).unwrap().set_len(layout.image(2)).unwrap();
    assert!(images.image(2).unwrap_err().to_string().contains("ends before it"));
}

fn flip(path: &Path, position: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, position).unwrap();
    file.write_all_at(&[byte[0] ^ 4], position).unwrap();
}
