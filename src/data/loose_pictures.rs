//! Picture files that a user names one by one, or by a folder or an archive that they are in.
//!
//! What is in a folder or an archive comes in the order of names, without hidden files, those of systems and what our
//! own programs wrote; everything else there is taken for a picture. A file that is named is taken whatever it is.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::ignored_files::{is_output, is_results, is_service};
use super::image_file;
use super::image_format::io_reason;
use super::pictures::{EntryKind, Place, Tree};

/// A file that may be a picture.
pub struct LoosePicture {
    /// Where it is, for people.
    pub path: PathBuf,
    /// Where its bytes are, or why it is not used.
    place: Result<Place, String>,
}

impl LoosePicture {
    /// Its bytes `[channels, height, width]`, prepared as a data set of pictures prepares its own.
    ///
    /// # Errors
    /// Why it cannot be read, in a few words.
    pub fn read(&self, shape: [usize; 3]) -> Result<Vec<u8>, String> {
        let picture = image_file::open_at(self.place.as_ref().map_err(Clone::clone)?)?;
        Ok(image_file::bytes(picture, shape))
    }
}

/// The files that `paths` name, in that order.
///
/// # Errors
/// Where an archive is damaged or packed in a way that is not read.
pub fn find(paths: &[PathBuf]) -> Result<Vec<LoosePicture>> {
    let mut found = Vec::new();
    for path in paths {
        match path.metadata() {
            Err(error) => {
                found.push(LoosePicture { path: path.clone(), place: Err(io_reason(&error)) });
            }
            Ok(metadata) if metadata.is_dir() => below(&Tree::folder(path), &mut found),
            // To open a pipe is to wait for a writer.
            Ok(metadata) if !metadata.is_file() => {
                let place = Err("it is no regular file".to_owned());
                found.push(LoosePicture { path: path.clone(), place });
            }
            Ok(_) => match archive(path)? {
                Some(tree) => below(&tree, &mut found),
                None => {
                    let place = Ok(Place::File(path.clone()));
                    found.push(LoosePicture { path: path.clone(), place });
                }
            },
        }
    }
    Ok(found)
}

/// The archive at `path`, if it is one; a file that cannot be opened is said to be so when it is read.
fn archive(path: &Path) -> Result<Option<Tree>> {
    match std::fs::File::open(path) {
        Ok(_) => Ok(Tree::archive(path)?),
        Err(_) => Ok(None),
    }
}

/// Adds the files in `tree` to those that were `found`.
fn below(tree: &Tree, found: &mut Vec<LoosePicture>) {
    let mut left_out = Vec::new();
    tree.walk(
        |entry| {
            let name = entry.relative.file_name().unwrap_or_default();
            if is_service(name) || is_results(name) {
                return false;
            }
            let place = match entry.kind {
                EntryKind::Folder => return !is_output(&entry.path),
                EntryKind::File { place, .. } => Ok(place),
                EntryKind::Other(why) => Err(why),
            };
            found.push(LoosePicture { path: entry.path, place });
            false
        },
        |one| left_out.push(one),
    );
    found.extend(
        left_out.into_iter().map(|one| LoosePicture { path: one.path, place: Err(one.why) }),
    );
}

#[cfg(test)]
mod tests {
    use std::fs;

    use image::{GrayImage, Luma};

    use super::*;

    #[test]
    fn files_and_folders() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("in/deep")).unwrap();
        let white = GrayImage::from_pixel(2, 2, Luma([255]));
        for name in ["in/b.png", "in/deep/a.png", "in/.hidden.png", "c.png"] {
            white.save(path(name)).unwrap();
        }
        fs::write(path("in/notes.txt"), "no picture").unwrap();
        let found = find(&[path("c.png"), path("in"), path("gone.png")]).unwrap();
        let names = found.iter().map(|one| one.path.strip_prefix(dir.path()).unwrap());
        let names: Vec<_> = names.map(|name| name.to_str().unwrap()).collect();
        assert_eq!(names, ["c.png", "in/b.png", "in/deep/a.png", "in/notes.txt", "gone.png"]);
        let read: Vec<_> = found.iter().map(|one| one.read([1, 2, 2])).collect();
        assert!(read[..3].iter().all(|bytes| *bytes == Ok(vec![255; 4])));
        assert!(read[3].as_ref().unwrap_err().contains("no picture"));
        assert!(read[4].as_ref().unwrap_err().contains("not there"));
    }
}
