//! Bytes that anybody may have written, found by coverage: libFuzzer changes right ones, keeps what
//! reaches new code, and stops at a panic.
//!
//! What is read, and how changed bytes become a file whose checksums are right, is that of the test
//! `tests/it/fuzz.rs`: each of its kinds is a target here.
//!
//! ```ignore
//! #![no_main]
//!
//! dytb_fuzz::target!("idx");
//! ```

mod common;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use common::kinds::{KINDS, Kind, Seeds};
#[doc(hidden)]
pub use libfuzzer_sys;

/// The target of a kind, by its name.
#[macro_export]
macro_rules! target {
    ($kind:literal) => {
        $crate::libfuzzer_sys::fuzz_target!(init: $crate::begin($kind), |bytes: &[u8]| {
            $crate::read(bytes)
        });
    };
}

/// The kind that this process reads, and its right bytes in a folder of its own.
static READ: OnceLock<(&Kind, Seeds)> = OnceLock::new();

/// Reads what has once failed, and leaves right bytes where libFuzzer then reads the corpus.
///
/// # Panics
/// If there is no such kind, a folder cannot be written, or what has once failed fails again.
pub fn begin(name: &str) {
    let kind = KINDS.iter().find(|kind| kind.name == name).expect(name);
    // In memory, where there is such a folder. The process is never left, so nothing removes it.
    let mut folder = tempfile::Builder::new();
    let folder = folder.prefix("dytb-fuzz-");
    let folder = folder.tempdir_in("/dev/shm").or_else(|_| folder.tempdir()).unwrap().keep();
    eprintln!("{name}: what is read is the file {}", folder.join("input").display());
    let seeds = Seeds::new(&folder);

    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The kinds name files from the repository's root.
    std::env::set_current_dir(fuzz.join("..")).unwrap();
    for file in fs::read_dir(Path::new("tests/corpus").join(name)).into_iter().flatten() {
        (kind.read)(&seeds, &file.unwrap().path());
    }
    let corpus = fuzz.join("corpus").join(name);
    fs::create_dir_all(&corpus).unwrap();
    for (number, right) in (kind.seeds)(&seeds).iter().enumerate() {
        fs::write(corpus.join(format!("right-{number}")), right).unwrap();
    }
    assert!(READ.set((kind, seeds)).is_ok(), "begin is called once");
}

/// Reads the file that is made of `bytes`.
///
/// # Panics
/// If what reads it panics, which is what is looked for, or before [`begin`].
pub fn read(bytes: &[u8]) {
    let (kind, seeds) = READ.get().expect("begin is called first");
    let input = seeds.folder.join("input");
    fs::write(&input, (kind.file)(seeds, bytes)).unwrap();
    (kind.read)(seeds, &input);
}
