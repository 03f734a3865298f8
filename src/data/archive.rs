//! `name.tar.gz` to files: only those that are asked for by name, each complete or not at all.
//!
//! An archive's paths and sizes are not trusted: an entry counts where the last part of its path is
//! one of the names, is written under that name alone, and may not be longer than `limit` bytes.

use std::fs::{self, File};
use std::io::{self, BufReader, Error, ErrorKind, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use tar::{Archive, Entry};

/// Unpacks the files called `names`, of at most `limit` bytes each, from `archive` into `folder`,
/// which is made where it is missing.
///
/// # Errors
/// [`ErrorKind::InvalidData`] where the archive is damaged or lacks one of them, or where one is
/// too long; the errors of writing.
pub fn unpack(archive: &Path, names: &[&str], limit: u64, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // What is unpacked in all: the files, and as much again for headers and other entries.
    let most = 2 * limit * names.len() as u64 + (1 << 20);
    let unpacked = GzDecoder::new(BufReader::new(File::open(archive)?)).take(most);
    let mut missing = names.to_vec();
    for entry in Archive::new(unpacked).entries()? {
        let mut entry = entry?;
        let Some(at) = missing.iter().position(|name| is_file_called(&entry, name)) else {
            continue;
        };
        write(&mut entry, missing.swap_remove(at), limit, folder)?;
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidData, format!("it lacks {}", missing.join(", "))))
}

fn is_file_called<R: Read>(entry: &Entry<'_, R>, name: &str) -> bool {
    entry.header().entry_type().is_file()
        && entry.path().is_ok_and(|path| path.file_name().is_some_and(|last| last == name))
}

/// Writes `name` in `folder` by way of `name.part`, so that it is never there in half.
fn write<R: Read>(
    entry: &mut Entry<'_, R>,
    name: &str,
    limit: u64,
    folder: &Path,
) -> io::Result<()> {
    let size = entry.size();
    if size > limit {
        let why = format!("its {name} has {size} bytes; the most is {limit}");
        return Err(Error::new(ErrorKind::InvalidData, why));
    }
    let part = folder.join(format!("{name}.part"));
    let mut file = File::create(&part)?;
    if io::copy(entry, &mut file)? != size {
        return Err(Error::new(ErrorKind::InvalidData, format!("its {name} is cut short")));
    }
    file.sync_all()?;
    fs::rename(part, folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::path::PathBuf;
    use tar::{Builder, EntryType, Header};

    /// An archive of `entries`: path as it is, content.
    fn archive(folder: &Path, entries: &[(&str, &[u8])]) -> PathBuf {
        let path = folder.join("a.tar.gz");
        let gz = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
        let mut tar = Builder::new(gz);
        for (name, content) in entries {
            let mut header = Header::new_old();
            // Not `set_path`, which refuses `..` and absolute paths.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_entry_type(EntryType::Regular);
            header.set_cksum();
            tar.append(&header, *content).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        path
    }

    #[test]
    fn only_the_names_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let entries: [(&str, &[u8]); 3] =
            [("x/readme", b"no"), ("../../escape", b"no"), ("/etc/one.bin", b"1")];
        let path = archive(dir.path(), &entries);
        let out = dir.path().join("out");
        unpack(&path, &["one.bin"], 10, &out).unwrap();
        let names: Vec<_> = fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["one.bin"]);
        assert_eq!(fs::read(out.join("one.bin")).unwrap(), b"1");
        assert!(!dir.path().join("escape").exists());
    }

    #[test]
    fn missing_long_and_cut_files() {
        let dir = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..20_000u32).map(|i| ((i * i) >> 7) as u8).collect();
        let path = archive(dir.path(), &[("one.bin", &content)]);
        let why = |names: &[&str], limit| {
            unpack(&path, names, limit, &dir.path().join("out")).unwrap_err().to_string()
        };
        assert!(why(&["one.bin", "two.bin"], 20_000).contains("lacks two.bin"));
        assert!(why(&["one.bin"], 19_999).contains("the most is 19999"));

        let packed = fs::read(&path).unwrap();
        let out = dir.path().join("cut");
        for size in [0, 10, packed.len() / 2] {
            fs::write(&path, &packed[..size]).unwrap();
            unpack(&path, &["one.bin"], 20_000, &out).unwrap_err();
            assert!(!out.join("one.bin").exists());
        }
    }
}
