//! Files whose checksums are right, whatever is in them.

use std::io::{Cursor, Read, Write};

use dytb::weights::{Values, Weights};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use zip::write::{SimpleFileOptions, ZipWriter};

/// A checkpoint of these parts, with right checksums.
pub fn archive_of(state: &[u8], model: &[u8], optimizer: &[u8]) -> Vec<u8> {
    let parts = [("state.json", state), ("model.bpk", model), ("optimizer.bpk", optimizer)];
    let line = |(name, bytes): &(&str, &[u8])| {
        let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{sum}  {name}\n")
    };
    let sums: String = parts.iter().map(line).collect();
    tar_of(&[&parts[..], &[("SHA256SUMS", sums.as_bytes())]].concat())
}

/// An archive of files: path, as it is, and content.
pub fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        // Not `set_path`, which refuses `..`.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        archive.append(&header, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

/// The same archive; each block that may be a header gets its checksum.
pub fn with_tar_checksums(tar: &[u8]) -> Vec<u8> {
    let mut tar = tar.to_vec();
    for block in tar.chunks_exact_mut(512) {
        if block[257..262] == *b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    tar
}

/// The same file; where it is a PNG, each chunk gets its checksum.
pub fn with_png_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut png = bytes.to_vec();
    let mut at = 8;
    while png.starts_with(b"\x89PNG") && at + 12 <= png.len() {
        let length = u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
        let end = at + 8 + length;
        if end + 4 > png.len() {
            break;
        }
        let mut crc = flate2::Crc::new();
        crc.update(&png[at + 4..end]);
        png[end..end + 4].copy_from_slice(&crc.sum().to_be_bytes());
        at = end + 4;
    }
    png
}

pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

pub fn zip_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (number, (name, content)) in files.iter().enumerate() {
        let stored = zip::CompressionMethod::Stored;
        let deflated = zip::CompressionMethod::Deflated;
        // PyTorch's are stored.
        let method = if number % 2 == 0 && !name.contains("data") { deflated } else { stored };
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub fn unzip(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..zip.len())
        .map(|place| {
            let mut file = zip.by_index(place).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            (file.name().unwrap().into_owned(), content)
        })
        .collect()
}

pub fn safetensors() -> Vec<u8> {
    let mut weights = Weights::default();
    for (name, shape) in
        [("conv.weight", vec![2, 1, 3, 3]), ("fc.weight", vec![4, 3]), ("n.gamma", vec![2])]
    {
        let values = vec![0.5; shape.iter().product()];
        weights.insert(name, Values::new(shape, values)).unwrap();
    }
    weights.to_safetensors(&[("model", "Mine")]).unwrap()
}
