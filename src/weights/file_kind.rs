//! What a file is, by its content: its name is the user's choice. `checkpoint.pth.tar` is a zip
//! archive of PyTorch as a rule, and Lightning's `.ckpt` is no checkpoint of ours.
//!
//! | first bytes | what |
//! |---|---|
//! | header's length (8 bytes), `{` | safetensors |
//! | `PK`, with an entry `.../data.pkl` | PyTorch since 1.6 |
//! | a pickle, or a tar archive with `pickle` and `storages` | PyTorch before |
//! | a tar archive that begins with `state.json` | a checkpoint of this program |
//!
//! Others are known by name alone, so that an error can say what was given.
//!
//! Sources: the safetensors format's README; `torch/serialization.py`; PKWARE's APPNOTE 4.3.7; POSIX
//! `ustar`; the signatures of the other formats as `file(1)` has them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zip::ZipArchive;

/// As many bytes are looked at: a header of a tar archive and more.
const HEAD_BYTES: u64 = 1024;
/// The longest header of a safetensors file.
const LONGEST_HEADER: u64 = 100_000_000;
/// The first entry of a checkpoint.
const STATE: &[u8] = b"state.json\0";
/// The entries of a tar archive that PyTorch wrote before 0.1.10.
const TAR_ENTRIES: [&[u8]; 4] = [b"sys_info\0", b"pickle\0", b"tensors\0", b"storages\0"];

/// How the files begin that are read by nobody here, and what they are.
const OTHERS: [(&[u8], &str); 18] = [
    (b"\x1f\x8b", "a gzip-compressed file: unpack it first"),
    (b"BZh", "a bzip2-compressed file: unpack it first"),
    (b"\xfd7zXZ\0", "an xz-compressed file: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd-compressed file: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"GGUF", "a GGUF file"),
    (b"version https://git-lfs", "a pointer of Git LFS: `git lfs pull` fetches the file itself"),
    (b"<!DOCTYPE", "a web page"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"\x08\x07\x12\x07pytorch", "an ONNX model"),
    (b"#!", "a script"),
];

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// A checkpoint of this program, whole or not.
    Checkpoint,
    /// A safetensors file, whole or not.
    Safetensors,
    /// What PyTorch's `torch.save` writes, whole or not.
    PyTorch,
    /// Something else: what, in plain words.
    Other(&'static str),
}

impl FileKind {
    /// What it is, in plain words, as the end of "it is ...".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Checkpoint => "a checkpoint of this program",
            Self::Safetensors => "a safetensors file",
            Self::PyTorch => "a file of PyTorch",
            Self::Other(what) => what,
        }
    }
}

/// What the file at `path` is. Its first bytes are read and, of a zip archive, its list of entries.
///
/// # Errors
/// Those of opening and reading it.
pub(crate) fn kind_of(path: &Path) -> io::Result<FileKind> {
    let mut head = Vec::new();
    let mut file = File::open(path)?;
    file.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(match &head[..] {
        [] => FileKind::Other("an empty file"),
        head if is_safetensors(head) => FileKind::Safetensors,
        head if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") => {
            zip(file, head)
        }
        head if head.starts_with(STATE) => FileKind::Checkpoint,
        head if is_tar(head) => {
            match TAR_ENTRIES.iter().any(|name| entry(head).starts_with(name)) {
                true => FileKind::PyTorch,
                false => FileKind::Other("a tar archive, but without a checkpoint's `state.json`"),
            }
        }
        head if is_pickle(head) => FileKind::PyTorch,
        head => FileKind::Other(other(head)),
    })
}

/// Whether `head` begins with the length of a header and the header's first character.
fn is_safetensors(head: &[u8]) -> bool {
    let length = head.first_chunk().map(|length| u64::from_le_bytes(*length));
    length.is_some_and(|length| length <= LONGEST_HEADER) && head.get(8) == Some(&b'{')
}

/// What a zip archive is. The list of its entries is at its end: of one that is cut, the first entry's
/// name tells.
fn zip(file: File, head: &[u8]) -> FileKind {
    let is_pickle = |name: &str| name == "data.pkl" || name.ends_with("/data.pkl");
    let first = head.get(30..).map(String::from_utf8_lossy).unwrap_or_default();
    let listed = ZipArchive::new(file).map(|archive| {
        let mut names = archive.file_names();
        names.any(|name| name.is_ok_and(|name| is_pickle(&name)))
    });
    match listed {
        Ok(true) => FileKind::PyTorch,
        Err(_) if first.contains("data.pkl") => FileKind::PyTorch,
        Ok(false) => FileKind::Other("a zip archive, but none of PyTorch: it has no `data.pkl`"),
        Err(_) => FileKind::Other("a zip archive that is damaged"),
    }
}

/// The field of a tar archive's first header that names the entry, without a `./`.
fn entry(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"./").unwrap_or(head)
}

fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
        || TAR_ENTRIES.iter().any(|name| entry(head).starts_with(name))
}

/// Whether `head` begins with a pickle: protocols 2 to 5 say so, earlier ones begin with an
/// instruction that is followed by what it needs.
fn is_pickle(head: &[u8]) -> bool {
    match head {
        [0x80, 2..=5, ..] => true,
        [b'c', rest @ ..] => {
            let mut lines = rest.split(|&byte| byte == b'\n');
            let is_name = |line: &[u8]| {
                let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.".contains(byte);
                !line.is_empty() && line.iter().all(plain)
            };
            [lines.next(), lines.next()].iter().all(|line| line.is_some_and(is_name))
        }
        // A dictionary or a list, and its place in the memo; the magic number of protocols 0 and 1.
        [b'(', b'd' | b'l', b'p', b'0'..=b'9', ..] | [b'}' | b']', b'q', ..] => true,
        _ => head.starts_with(b"L119547037146038801333356L\n"),
    }
}

/// What begins with `head`, in plain words.
fn other(head: &[u8]) -> &'static str {
    if let Some((_, what)) = OTHERS.iter().find(|(begin, _)| head.starts_with(begin)) {
        return what;
    }
    let is_onnx = matches!(head, [0x08, 1..=32, 0x12, _, name, ..] if name.is_ascii_alphabetic());
    // A character may be cut at the end.
    let text = match std::str::from_utf8(head) {
        Err(error) if error.valid_up_to() + 4 <= head.len() => "",
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or(""),
        Ok(text) => text,
    };
    let is_text =
        !text.is_empty() && !text.contains(|c: char| c.is_control() && !"\n\r\t".contains(c));
    match text.trim_start().chars().next() {
        _ if is_onnx => "an ONNX model",
        Some('{' | '[') if is_text => "a JSON file",
        Some(_) if is_text => "a text file",
        _ => "of a format that is not known here",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    /// What a file of `bytes` is.
    fn kind(bytes: &[u8]) -> FileKind {
        let dir = tempfile::tempdir().unwrap();
        // The name says nothing.
        let path = dir.path().join("weights.tar.gz");
        fs::write(&path, bytes).unwrap();
        kind_of(&path).unwrap()
    }

    fn zip_of(name: &str) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&[7; 500]).unwrap();
        zip.finish().unwrap().into_inner()
    }

    fn tar_of(name: &str) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        tar.append_data(&mut header, name, &b"{}\n"[..]).unwrap();
        tar.into_inner().unwrap()
    }

    #[test]
    fn content_tells() {
        let torch = zip_of("archive/data.pkl");
        let safetensors = crate::weights::Weights::default().to_safetensors(&[]).unwrap();
        for (bytes, expected) in [
            (&torch[..], FileKind::PyTorch),
            (&torch[..torch.len() - 30], FileKind::PyTorch),
            (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", FileKind::PyTorch),
            (b"cposix\nsystem\nX\x01\0\0\0a\x85R.", FileKind::PyTorch),
            (b"(dp0\nS'a'\np1\nI1\ns.", FileKind::PyTorch),
            (&tar_of("./sys_info"), FileKind::PyTorch),
            (&tar_of("state.json"), FileKind::Checkpoint),
            (&tar_of("state.json")[..40], FileKind::Checkpoint),
            (&safetensors, FileKind::Safetensors),
            (&safetensors[..9], FileKind::Safetensors),
        ] {
            assert_eq!(kind(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn others_are_told() {
        for (bytes, expected) in [
            (&b""[..], "empty"),
            (b"\x1f\x8b\x08\0", "gzip"),
            (&zip_of("weights.npy"), "no `data.pkl`"),
            (&zip_of("weights.npy")[..100], "zip archive that is damaged"),
            (&tar_of("weights"), "tar archive"),
            (b"\x89HDF\r\n\x1a\n\0\0", "HDF5"),
            (b"\x08\x08\x12\x05keras", "ONNX"),
            (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
            (b" {\"a\": 1}", "JSON"),
            ("weights, für alle".as_bytes(), "text"),
            (&"ü".repeat(3000).as_bytes()[1..2001], "not known"),
            (&"aü".repeat(3000).as_bytes()[..3001], "text"),
            (b"cats are nice.\nand dogs.\n", "text"),
            (&[0; 2000], "not known"),
            (b"\0", "not known"),
        ] {
            let found = kind(bytes).describe();
            assert!(found.contains(expected), "{expected}: {found}");
        }
    }

    #[test]
    fn what_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        assert!(kind_of(&dir.path().join("nowhere")).is_err());
        assert!(kind_of(dir.path()).is_err());
    }
}
