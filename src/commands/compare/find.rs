//! Where runs are.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use walkdir::WalkDir;

use super::Row;
use crate::error::{Exit, Failure};
use crate::util::stderr::message;

/// The runs in `folders` and below, by their folders. Symbolic links are followed, and a run that is
/// reached in several ways is there once. What is wrong with a run's files is told of on stderr.
///
/// # Errors
/// When there is no such folder, or no run in one.
pub fn find(folders: &[PathBuf]) -> Result<Vec<Row>> {
    let (mut rows, mut seen) = (Vec::new(), HashSet::new());
    for folder in folders {
        let runs = runs_below(folder);
        if runs.is_empty() {
            return Err(no_run(folder));
        }
        for Found { path, place } in runs {
            if !seen.insert(place) {
                continue;
            }
            let wrong = match Row::read(&path) {
                Ok((row, wrong)) => {
                    rows.push(row);
                    wrong
                }
                Err(error) => vec![error],
            };
            wrong.iter().for_each(|error| message(&format!("warning: {error:#}")));
        }
    }
    rows.sort_by(|one, other| one.folder.cmp(&other.folder));
    Ok(rows)
}

/// A run's folder.
struct Found {
    /// As it is shown.
    path: PathBuf,
    /// Where it is, without links.
    place: PathBuf,
}

/// Whether what else a run leaves is in `folder`.
fn has_lost_its_configuration(folder: &Path) -> bool {
    folder.join("status.json").is_file() && folder.join("checkpoints").is_dir()
}

/// The folders that hold a run's configuration; a run's own folders hold no others. No folder is
/// looked through twice, so links may lead anywhere.
fn runs_below(folder: &Path) -> Vec<Found> {
    let Ok(top) = folder.canonicalize() else { return Vec::new() };
    let (mut runs, mut seen) = (Vec::new(), HashSet::new());
    let mut entries = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        // A link in a circle, or to nowhere.
        let Ok(entry) = entry else { continue };
        if !entry.file_type().is_dir() {
            continue;
        }
        let Ok(place) = entry.path().canonicalize() else { continue };
        let is_run = place.join("config.json").is_file() || has_lost_its_configuration(&place);
        let is_new = seen.insert(place.clone());
        if is_run || !is_new {
            entries.skip_current_dir();
        }
        if is_run && is_new {
            // That of the run itself, if it is in here, not that of a link to it.
            let path = match place.strip_prefix(&top) {
                Ok(below) if below.as_os_str().is_empty() => folder.to_owned(),
                Ok(below) => folder.join(below),
                Err(_) => entry.into_path(),
            };
            runs.push(Found { path, place });
        }
    }
    runs
}

fn no_run(folder: &Path) -> anyhow::Error {
    let what = match folder.is_dir() {
        true => format!("there is no run in `{}`", folder.display()),
        false => format!("there is no folder `{}`", folder.display()),
    };
    Failure::new(Exit::Failed, what)
        .why("a run's folder has a `config.json`")
        .help("name the folder of the runs (train_... --log_dir), a model's in it, or a run's")
        .into()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// What is found below `folder`, by the paths within it.
    fn found(folder: &Path) -> Vec<PathBuf> {
        let runs = runs_below(folder);
        let mut paths: Vec<_> =
            runs.iter().map(|run| run.path.strip_prefix(folder).unwrap().to_owned()).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    #[test]
    fn links_are_followed_and_not_in_circles() {
        let dir = tempfile::tempdir().unwrap();
        let [log, elsewhere] = ["log", "elsewhere"].map(|name| dir.path().join(name));
        for run in ["log/M/a", "elsewhere/N/b", "elsewhere/N/c"] {
            fs::create_dir_all(dir.path().join(run)).unwrap();
            fs::write(dir.path().join(run).join("config.json"), "{}").unwrap();
        }
        symlink(&elsewhere, log.join("other")).unwrap();
        symlink(elsewhere.join("N/b"), log.join("M/b")).unwrap();
        // The best by another name, circles, and nothing.
        symlink(log.join("M/a"), log.join("best")).unwrap();
        symlink(&log, log.join("M/circle")).unwrap();
        symlink(&log, elsewhere.join("back")).unwrap();
        symlink(log.join("nowhere"), log.join("M/gone")).unwrap();
        assert_eq!(found(&log), ["M/a", "M/b", "other/N/c"].map(PathBuf::from));
        let link = dir.path().join("link");
        symlink(&log, &link).unwrap();
        assert_eq!(found(&link), found(&log));
        assert_eq!(found(&log.join("best")), [PathBuf::new()]);
    }

    #[test]
    fn folders_that_link_to_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let folders: Vec<_> = (0..12).map(|n| dir.path().join(n.to_string())).collect();
        folders.iter().for_each(|folder| fs::create_dir(folder).unwrap());
        for (n, folder) in folders.iter().enumerate() {
            for (m, other) in folders.iter().enumerate().filter(|(m, _)| *m != n) {
                symlink(other, folder.join(format!("to{m}"))).unwrap();
            }
        }
        fs::create_dir(folders[3].join("run")).unwrap();
        fs::write(folders[3].join("run/config.json"), "{}").unwrap();
        assert_eq!(found(dir.path()), [PathBuf::from("3/run")]);
    }
}
