//! Which format a picture's file has, and why one cannot be read: in a user's words instead of a
//! decoder's.

use std::error::Error;
use std::io::{self, ErrorKind};

use image::{ImageError, ImageFormat};

/// The format of a file that begins with `bytes`, if it is one that is read.
pub fn format_of(bytes: &[u8]) -> Result<ImageFormat, String> {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, WebP};
    match image::guess_format(bytes) {
        Ok(format @ (Bmp | Gif | Jpeg | Png | Pnm | WebP)) => Ok(format),
        Ok(format) => Err(not_read(&name(format))),
        Err(_) if is_heic(bytes) => Err(not_read("HEIC")),
        Err(_) => Err("it is no picture of a known format".into()),
    }
}

fn not_read(name: &str) -> String {
    format!("{name} is not read: save it as PNG or JPEG")
}

/// An ISO media file whose brand is one of pictures, as phones write them.
fn is_heic(bytes: &[u8]) -> bool {
    let brands = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"];
    bytes.get(4..8) == Some(b"ftyp")
        && brands.iter().any(|brand| bytes.get(8..12) == Some(&brand[..]))
}

/// What people call a format: `PNG`, `WebP`.
fn name(format: ImageFormat) -> String {
    match format {
        ImageFormat::WebP => "WebP".into(),
        format => format!("{format:?}").to_uppercase(),
    }
}

/// Of a file whose end is missing.
pub const CUT: &str = "it ends too early";

/// Why a file could not be opened or read, in a user's words.
pub fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "it is not there, or a link to nothing".into(),
        ErrorKind::PermissionDenied => "there is no permission to read it".into(),
        _ => format!("it cannot be read: {error}"),
    }
}

/// Why a file of a known format could not be decoded, in a user's words instead of a decoder's.
pub fn reason(format: ImageFormat, error: &ImageError) -> String {
    let format = name(format);
    match error {
        ImageError::Unsupported(_) => format!("it is a {format} of a kind that is not read"),
        ImageError::Limits(_) => {
            format!("its pixels take more than {} MiB", super::image_file::MAX_PIXEL_BYTES >> 20)
        }
        error if ends_early(error) => CUT.into(),
        _ => format!("it is a damaged {format}"),
    }
}

/// Whether a decoder missed bytes. Each has a way of its own to say so.
fn ends_early(error: &ImageError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        let text = error.to_string().to_lowercase();
        let says = |words: &&str| text.contains(words);
        if kind == Some(ErrorKind::UnexpectedEof)
            || ["unexpected end", "unexpected eof", "end of file", "fill whole buffer", "exhausted"]
                .iter()
                .any(says)
        {
            return true;
        }
        cause = error.source();
    }
    false
}
