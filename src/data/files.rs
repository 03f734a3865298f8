//! Where a data set's files are: in `--data_dir`, else in `<user's cache folder>/dytb/<name>`; those
//! that are missing there are downloaded, unless `--offline` forbids it.

use std::fmt::{Display, Write};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::data::Source;
use crate::data::download::{Error, RemoteFile, fetch};
use crate::error::{Exit, Failure};

/// The folder that holds the files of the data set called `name`; the default one need not exist.
///
/// # Errors
/// [`Exit::Unavailable`] where `data_dir` is no folder, or is not given and the user has no
/// cache folder.
pub fn folder(name: &str, source: &Source) -> Result<PathBuf, Failure> {
    match &source.data_dir {
        Some(dir) if dir.is_dir() => Ok(dir.clone()),
        Some(dir) => {
            Err(Failure::new(Exit::Unavailable, format!("`--data_dir {}`", dir.display()))
                .why("there is no such folder")
                .help(format!("make it, or leave the flag out to use {}", default_place(name))))
        }
        None => cache(name).ok_or_else(|| {
            Failure::new(Exit::Unavailable, format!("{name}: no folder to keep its files in"))
                .why("this user has no cache folder: neither XDG_CACHE_HOME nor HOME is set")
                .help("give a folder with `--data_dir`")
        }),
    }
}

/// The folder of the data set called `name` in the cache folder of the user, who may have none.
pub(crate) fn cache(name: &str) -> Option<PathBuf> {
    Some(dirs::cache_dir()?.join("dytb").join(name))
}

fn default_place(name: &str) -> String {
    cache(name).map_or("the user's cache folder".into(), |path| path.display().to_string())
}

/// The paths of `files` in `folder`, in their order; those that are missing are downloaded.
///
/// # Errors
/// [`Exit::Unavailable`] where `offline` forbids a download, or no address gave the file: it
/// lists addresses, reasons and checksums. [`Exit::Failed`] where a file cannot be written.
pub fn obtain(
    dataset: &str,
    folder: &Path,
    files: &[RemoteFile<'_>],
    offline: bool,
) -> Result<Vec<PathBuf>, Failure> {
    let missing = || -> Vec<_> {
        files.iter().copied().filter(|file| !folder.join(file.name).is_file()).collect()
    };
    if offline && !missing().is_empty() {
        let urls = missing()
            .iter()
            .flat_map(|file| file.urls)
            .fold(String::new(), |all, url| all + &format!("\n{url}: not tried"));
        let why = format!("`--offline` forbids to download them:{urls}");
        return Err(unavailable(dataset, folder, &missing(), &why));
    }
    let fetch = |file: &RemoteFile<'_>| {
        let path = folder.join(file.name);
        if path.is_file() {
            return Ok(path);
        }
        fetch(file, folder).map_err(|error| match error {
            Error::Mirrors(_) => unavailable(dataset, folder, &missing(), &error.to_string()),
            Error::Disk(..) => not_saved(dataset, error),
        })
    };
    files.iter().map(fetch).collect()
}

fn unavailable(dataset: &str, folder: &Path, missing: &[RemoteFile<'_>], why: &str) -> Failure {
    let names: Vec<_> = missing.iter().map(|file| file.name).collect();
    let what = format!("{dataset}: {} not in {}", names.join(", "), folder.display());
    let sums = missing.iter().fold(String::new(), |mut sums, file| {
        let _ = write!(sums, "\n{}  {}", file.sha256, file.name);
        sums
    });
    Failure::new(Exit::Unavailable, what).why(why).help(format!(
        "fetch them by hand from one of the addresses above and put them in {}, or name the folder \
         that has them with `--data_dir`; `--dataset Digits` needs no file. Their sha256:{sums}",
        folder.display()
    ))
}

/// `error` came of reading the file at `path`: its content is wrong, or it cannot be read at all.
pub fn unreadable(path: &Path, error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::UnexpectedEof => damaged(path, "it ends too early"),
        // Gzip says the second one.
        ErrorKind::InvalidData | ErrorKind::InvalidInput => damaged(path, error),
        _ => Failure::new(Exit::Failed, format!("cannot read {}", path.display()))
            .why(error.to_string())
            .help("give access to it, or name another folder with `--data_dir`"),
    }
}

/// A file of `dataset` cannot be written; `why` names it.
pub fn not_saved(dataset: &str, why: impl Display) -> Failure {
    Failure::new(Exit::Failed, format!("{dataset}: cannot save a file"))
        .why(why.to_string())
        .help("make room or give access there, or name another folder with `--data_dir`")
}

/// The file at `path` is not what it should be; `why` says in what, unless it is
/// [something else altogether](instead).
pub fn damaged(path: &Path, why: impl Display) -> Failure {
    Failure::new(Exit::Failed, format!("{} is damaged", path.display()))
        .why(instead(path).map_or_else(|| why.to_string(), str::to_owned))
        .help(
            "put the original file in its place, or move this one elsewhere and run again to download it",
        )
}

/// What the file at `path` is instead of data, if it is one of the things that take the place of a
/// download.
pub fn instead(path: &Path) -> Option<&'static str> {
    let mut head = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(File::open(path).ok()?, HEAD_BYTES), &mut head)
        .ok()?;
    let text = String::from_utf8_lossy(&head).to_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let is_page = ["<!doctype html", "<html", "<head", "<!--", "<?xml", "<body", "<script"]
        .iter()
        .any(|tag| text.starts_with(tag));
    if is_page {
        return Some(
            "it is a web page (HTML), as a server sends it for a login or for \"not found\"",
        );
    }
    if text.starts_with("version https://git-lfs") {
        return Some("it is a pointer of Git LFS; `git lfs pull` fetches the file itself");
    }
    head.is_empty().then_some("it is empty")
}

/// A web page is known by its first bytes.
const HEAD_BYTES: u64 = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: RemoteFile<'_> = RemoteFile {
        name: "one.gz",
        urls: &["https://a.invalid/one.gz", "https://b.invalid/one.gz"],
        bytes: 3,
        sha256: "ba7816bf",
    };

    #[test]
    fn what_is_there_is_used_even_offline() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("one.gz"), "abc").unwrap();
        let paths = obtain("Set", dir.path(), &[FILE], true).unwrap();
        assert_eq!(paths, [dir.path().join("one.gz")]);
    }

    #[test]
    fn offline_lists_addresses_checksums_and_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let two = RemoteFile { name: "two.gz", sha256: "cb00753f", ..FILE };
        let failure = obtain("Set", dir.path(), &[FILE, two], true).unwrap_err();
        assert_eq!(failure.exit, Exit::Unavailable);
        let text = failure.to_string();
        let folder = dir.path().display().to_string();
        for part in [
            "one.gz, two.gz",
            "https://a.invalid/one.gz",
            "https://b.invalid/one.gz",
            "ba7816bf  one.gz",
            "cb00753f  two.gz",
            "--offline",
            "--data_dir",
            &folder,
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn a_data_dir_must_exist() {
        let dir = tempfile::tempdir().unwrap();
        let typo = Source { data_dir: Some(dir.path().join("typo")), ..Source::default() };
        let failure = folder("Set", &typo).unwrap_err();
        assert_eq!(failure.exit, Exit::Unavailable);
        assert!(failure.to_string().contains("typo"));
        let right = Source { data_dir: Some(dir.path().into()), ..Source::default() };
        assert_eq!(folder("Set", &right).unwrap(), dir.path());
    }

    #[test]
    fn what_takes_the_place_of_a_download() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("one.gz");
        for (content, needle) in [
            ("<!DOCTYPE html><html>Sign in", "web page (HTML)"),
            ("\n\n  <HTML><head>404", "web page (HTML)"),
            ("\u{feff}<?xml version=\"1.0\"?><Error>", "web page (HTML)"),
            ("version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
            ("", "it is empty"),
            ("not found", "its reason"),
            ("\u{1f}\u{8b}<html>", "its reason"),
        ] {
            std::fs::write(&path, content).unwrap();
            let text = damaged(&path, "its reason").to_string();
            assert!(text.contains("one.gz is damaged") && text.contains(needle), "{text}");
        }
    }
}
