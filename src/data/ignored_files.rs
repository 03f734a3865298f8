//! What is in a folder of pictures and is none of the user's pictures: hidden files and folders,
//! those that systems and other programs leave everywhere, and what our own programs wrote there.

use std::ffi::OsStr;
use std::path::Path;

use walkdir::WalkDir;

/// Names, in lower case, of files and folders that systems and other programs make.
const SERVICE: [&str; 15] = [
    "@eadir",
    "@recycle",
    "@recently-snapshot",
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "__macosx",
    "__pycache__",
    "desktop.ini",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "icon\r",
    "lost+found",
    "system volume information",
    "thumbs.db",
];

/// How deep below a folder of runs `config.json` is: `log/<Model>/<run>/config.json`.
const DEPTH: usize = 3;

/// Whether a file or folder called `name` is hidden, or one of a system or another program.
pub fn is_service(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_lowercase();
    name.starts_with('.') || name.starts_with("~$") || SERVICE.contains(&name.as_str())
}

/// How the skipped file or folder `name` is reported: all that macOS leaves for other files are one.
pub fn told_as(name: &OsStr) -> String {
    let name = name.to_string_lossy();
    if name.starts_with("._") { "._*".into() } else { name.trim_end().into() }
}

/// Whether `name` is that of a file with a line for each run, which training writes where it runs.
pub fn is_results(name: &OsStr) -> bool {
    name == "validation_results.txt" || name == "test_results.txt"
}

/// Whether a run was trained into `folder`, or pictures were written to it by `reconstruct`.
pub fn is_output(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).is_file();
    let is_run = has("config.json") && folder.join("checkpoints").is_dir();
    is_run || (has("reconstructions.png") && (has("errors.csv") || has("worst.csv")))
}

/// Whether `folder` is that of many runs, or is itself what our programs wrote.
pub fn holds_outputs(folder: &Path) -> bool {
    let runs = WalkDir::new(folder).min_depth(1).max_depth(DEPTH).into_iter();
    let mut runs = runs.filter_map(Result::ok).filter(|entry| entry.file_name() == "config.json");
    is_output(folder) || runs.any(|config| config.path().parent().is_some_and(is_output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_and_service_names() {
        for name in
            [".git", ".DS_Store", "._x.png", "Thumbs.db", "THUMBS.DB", "@eaDir", "__MACOSX", "~$a"]
        {
            assert!(is_service(name.as_ref()), "{name}");
        }
        for name in ["cats", "x.png", "_x.png", "@home", "thumbs", "macosx", "~", "ä.png"] {
            assert!(!is_service(name.as_ref()), "{name}");
        }
        assert_eq!(told_as("._x.png".as_ref()), told_as("._y.png".as_ref()));
    }

    #[test]
    fn outputs_of_our_own() {
        let folder = tempfile::tempdir().unwrap();
        let below = |path: &str| folder.path().join(path);
        let file = |path: &str| {
            std::fs::create_dir_all(below(path).parent().unwrap()).unwrap();
            std::fs::write(below(path), "{}").unwrap();
        };
        file("log/Model/run/config.json");
        file("cats/notes/config.json");
        file("cats/reconstructions.png");
        for folder in ["log", "cats"] {
            assert!(!holds_outputs(&below(folder)), "{folder}");
        }
        std::fs::create_dir(below("log/Model/run/checkpoints")).unwrap();
        file("shown/reconstructions.png");
        file("shown/worst.csv");
        for folder in ["log", "log/Model", "log/Model/run", "shown"] {
            assert!(holds_outputs(&below(folder)), "{folder}");
        }
        assert!(is_output(&below("log/Model/run")) && !is_output(&below("log")));
    }
}
