//! Bytes that anybody may have written are read without a panic and without more memory than they
//! are worth: real files of every kind that is read, with something wrong in them.
//!
//! Where a format has checksums they are made right again after a change, so that what is behind them
//! is reached. A process of its own, with little memory, reads them. What has once failed is kept in
//! `corpus/<kind>/` and read first.
//!
//! `DYTB_FUZZ_SECONDS=600 cargo test --test it fuzz` goes on for so long.

use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::kinds::{KINDS, Kind, Seeds};
use crate::common::mutation::mutated;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// Set in the process that reads, to the folder it works in.
const FOLDER: &str = "DYTB_FUZZ_FOLDER";
/// How long all kinds together are read; else each a fixed number of times.
const SECONDS: &str = "DYTB_FUZZ_SECONDS";
/// The address space of the process, in KiB: `ulimit -v`. A picture may take 256 MiB.
const ADDRESSES: u64 = 4 << 20;
/// The most memory that it may have used, in KiB.
const MEMORY: u64 = 1 << 20;

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
