//! A picture file to bytes `[channels, height, width]`, 0 black to 255 white: PNG, JPEG, WebP, PNM
//! (PBM, PGM, PPM), BMP and the first frame of a GIF, known by their content, not by their name.
//!
//! A picture is turned as its EXIF data say; 16 bits a channel become 8, other maxima than 255 (PGM)
//! become 255; transparency is ignored, as Pillow's `convert("RGB")` ignores it.
//!
//! ```
//! use dytb::data::image_file::{bytes, decode};
//!
//! let picture = decode(b"P5 # grey\n3 1 2 \x00\x01\x02").unwrap();
//! assert_eq!(bytes(picture, [1, 1, 3]), [0, 128, 255]);
//! ```
//!
//! Nothing here trusts a file: its size, and that of the picture that it promises, are limited.

use std::io::Cursor;
use std::path::Path;

use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{
    ColorType, DynamicImage, ImageBuffer, ImageDecoder, ImageError, ImageFormat, ImageReader,
    Limits, Pixel,
};

use super::image_format::{CUT, format_of, io_reason, reason};
use super::jpeg;
use super::pictures::Place;

/// The longest file that is read, and the most bytes that a picture may have: 85 megapixels in
/// colour.
pub(super) const MAX_PIXEL_BYTES: u64 = 256 << 20;

/// The longest side that pictures are scaled to: a thousand of 4,096x4,096 in colour are 50 GB.
pub const LONGEST: usize = 4096;

/// The header of a picture is looked for in this many bytes, and only then in all of them.
const HEAD_BYTES: u64 = 1 << 16;

/// What a picture is, without its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `[height, width]`, turned.
    pub size: [usize; 2],
    /// Whether it has one channel, and no colours.
    pub grey: bool,
}

/// The header of the picture in the file at `path`. Of a file of no known format only the first bytes
/// are read.
///
/// # Errors
/// Why it is no picture that can be read, in a few words.
pub fn header(path: &Path) -> Result<Header, String> {
    header_at(&Place::File(path.to_owned()))
}

/// The same of the file at `place`, which may be in an archive.
///
/// # Errors
/// Why it is no picture that can be read, in a few words.
pub fn header_at(place: &Place) -> Result<Header, String> {
    let head = read(place, HEAD_BYTES)?;
    match header_of(&head) {
        Err(_) if head.len() as u64 == HEAD_BYTES && format_of(&head).is_ok() => {
            header_of(&read(place, MAX_PIXEL_BYTES + 1)?)
        }
        header => header,
    }
}

fn header_of(bytes: &[u8]) -> Result<Header, String> {
    let format = format_of(bytes)?;
    let header = || {
        let mut decoder = decoder(bytes, format)?;
        // Not every decoder looks at this.
        limits().reserve(decoder.total_bytes())?;
        let (width, height) = decoder.dimensions();
        let size = match turns(decoder.orientation()?) {
            true => [width, height],
            false => [height, width],
        };
        use ColorType::{L8, L16, La8, La16};
        let grey = matches!(decoder.color_type(), L8 | L16 | La8 | La16);
        Ok(Header { size: size.map(|side| side as usize), grey })
    };
    let header = header().map_err(|error| reason(format, &error))?;
    if header.size.contains(&0) {
        return Err("it has no pixels".into());
    }
    Ok(header)
}

/// Whether width and height change places.
fn turns(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// The picture in the file at `path`. Of a file of no known format only the first bytes are read.
///
/// # Errors
/// Why it is no picture that can be read, in a few words.
pub fn open(path: &Path) -> Result<DynamicImage, String> {
    open_at(&Place::File(path.to_owned()))
}

/// The same of the file at `place`, which may be in an archive.
///
/// # Errors
/// Why it is no picture that can be read, in a few words.
pub fn open_at(place: &Place) -> Result<DynamicImage, String> {
    format_of(&read(place, HEAD_BYTES)?)?;
    decode(&read(place, MAX_PIXEL_BYTES + 1)?)
}

/// The picture in `bytes`, the content of a file.
///
/// # Errors
/// Why it is none, in a few words.
pub fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
    header_of(bytes)?;
    let format = format_of(bytes)?;
    let bytes = match format {
        ImageFormat::Jpeg => &bytes[..jpeg::end(bytes).ok_or(CUT)?],
        _ => bytes,
    };
    let picture = || {
        let mut decoder = decoder(bytes, format)?;
        let orientation = decoder.orientation()?;
        let mut picture = DynamicImage::from_decoder(decoder)?;
        picture.apply_orientation(orientation);
        Ok(picture)
    };
    picture().map_err(|error| reason(format, &error))
}

fn decoder(bytes: &[u8], format: ImageFormat) -> Result<impl ImageDecoder + '_, ImageError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    reader.into_decoder()
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_PIXEL_BYTES);
    limits
}

/// The first `most` bytes of a file, which may not have more than [`MAX_PIXEL_BYTES`].
fn read(place: &Place, most: u64) -> Result<Vec<u8>, String> {
    let bytes = place.read(most).map_err(|error| io_reason(&error))?;
    if bytes.len() as u64 > MAX_PIXEL_BYTES {
        return Err(format!("it is longer than {} MiB", MAX_PIXEL_BYTES >> 20));
    }
    Ok(bytes)
}

/// The bytes `[channels, height, width]` of `picture`: one channel, grey, or three.
///
/// A picture of another size is scaled until it covers `[height, width]`, and what juts out is cut
/// off at both ends alike. It is scaled by a triangle filter (linear interpolation where it grows,
/// a weighted mean where it shrinks).
pub fn bytes(picture: DynamicImage, [channels, height, width]: [usize; 3]) -> Vec<u8> {
    let size = [height, width];
    if channels == 1 {
        return fit(picture.into_luma8(), size).into_raw();
    }
    let interleaved = fit(picture.into_rgb8(), size).into_raw();
    (0..channels)
        .flat_map(|channel| interleaved.iter().skip(channel).step_by(channels).copied())
        .collect()
}

/// What is cut off goes first: a thin picture scaled to cover a large one would fill the memory.
fn fit<P: Pixel<Subpixel = u8> + 'static>(
    picture: ImageBuffer<P, Vec<u8>>,
    [height, width]: [usize; 2],
) -> ImageBuffer<P, Vec<u8>> {
    let (has_width, has_height) = picture.dimensions();
    let (width, height) = (width as u32, height as u32);
    if (has_width, has_height) == (width, height) {
        return picture;
    }
    // a · b / c, rounded.
    let share = |a: u32, b: u32, c: u32| {
        let [a, b, c] = [a, b, c].map(u64::from);
        ((a * b + c / 2) / c).max(1) as u32
    };
    let kept_width = share(has_height, width, height).min(has_width);
    let kept_height = share(has_width, height, width).min(has_height);
    let (left, top) = ((has_width - kept_width) / 2, (has_height - kept_height) / 2);
    let kept = imageops::crop_imm(&picture, left, top, kept_width, kept_height);
    imageops::resize(&*kept, width, height, FilterType::Triangle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, format).unwrap();
        file.into_inner()
    }

    /// A picture whose grey grows from left to right.
    fn slope(width: u32, height: u32) -> DynamicImage {
        let grey = |x, _| image::Luma([(x * 255 / width.max(2)) as u8]);
        ImageBuffer::from_fn(width, height, grey).into()
    }

    #[test]
    fn every_format_by_its_content() {
        let grey = slope(6, 4);
        let colours = DynamicImage::from(grey.to_rgb8());
        for format in [ImageFormat::Png, ImageFormat::Pnm, ImageFormat::Jpeg] {
            let file = encoded(&grey, format);
            assert_eq!(header_of(&file).unwrap(), Header { size: [4, 6], grey: true });
            let found = bytes(decode(&file).unwrap(), [1, 4, 6]);
            let near = found.iter().zip(grey.as_bytes()).all(|(a, b)| a.abs_diff(*b) < 9);
            assert!(near, "{format:?}: {found:?}");
        }
        use ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, WebP};
        for format in [Png, Pnm, Jpeg, WebP, Bmp, Gif] {
            let file = encoded(&colours, format);
            assert_eq!(header_of(&file).unwrap(), Header { size: [4, 6], grey: false });
            let found = bytes(decode(&file).unwrap(), [3, 4, 6]);
            let planes = [grey.as_bytes(); 3].concat();
            let near = found.iter().zip(&planes).all(|(a, b)| a.abs_diff(*b) < 9);
            assert!(near, "{format:?}: {found:?}");
        }
    }

    #[test]
    fn sixteen_bits_and_transparency() {
        let deep = ImageBuffer::from_vec(3, 1, vec![0u16, 32_896, 65_535]).unwrap();
        let file = encoded(&DynamicImage::ImageLuma16(deep), ImageFormat::Png);
        assert_eq!(bytes(decode(&file).unwrap(), [1, 1, 3]), [0, 128, 255]);
        let clear = ImageBuffer::from_vec(1, 1, vec![9u8, 8, 7, 0]).unwrap();
        let file = encoded(&DynamicImage::ImageRgba8(clear), ImageFormat::Png);
        assert_eq!(bytes(decode(&file).unwrap(), [3, 1, 1]), [9, 8, 7]);
    }

    /// Both ways to write pixels, comments, and a maximum that is not 255.
    #[test]
    fn pgm_in_all_its_forms() {
        for file in [
            &b"P5\n# a comment\n2 2\n# another\n255\n\x00\xff\x80\x01"[..],
            b"P2 2 2 255\n0 255 128 1\n",
        ] {
            assert_eq!(bytes(decode(file).unwrap(), [1, 2, 2]), [0, 255, 128, 1]);
        }
        let deep = b"P5 2 1 65535 \x80\x80\xff\xff";
        assert_eq!(bytes(decode(deep).unwrap(), [1, 1, 2]), [128, 255]);
        for broken in [&b"P5 2 2 0 \x00\x00\x00\x00"[..], b"P5 2 2 255 \x00", b"P5 0 2 255 "] {
            decode(broken).unwrap_err();
        }
    }

    /// An 8x8 JPEG of four channels without Adobe's marker: one table for all, and every
    /// coefficient 0, which is half of each ink.
    fn cmyk() -> Vec<u8> {
        let mut file = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
        file.extend([1; 64]);
        file.extend([0xff, 0xc0, 0, 20, 8, 0, 8, 0, 8, 4]);
        (1..=4).for_each(|channel| file.extend([channel, 0x11, 0]));
        // One code, of one bit: no difference, and end of block.
        for table in [0x00, 0x10] {
            file.extend([0xff, 0xc4, 0, 20, table, 1]);
            file.extend([0; 16]);
        }
        file.extend([0xff, 0xda, 0, 14, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0, 0x00, 0xff, 0xd9]);
        file
    }

    #[test]
    fn cmyk_becomes_colours() {
        let picture = bytes(decode(&cmyk()).unwrap(), [3, 8, 8]);
        assert!(picture.iter().all(|byte| *byte == picture[0]), "{picture:?}");
    }

    #[test]
    fn a_cut_file_is_no_picture() {
        let picture = DynamicImage::from(slope(40, 30).to_rgb8());
        use ImageFormat::{Bmp, Jpeg, Png, Pnm, WebP};
        for format in [Png, Pnm, Jpeg, WebP, Bmp] {
            let file = encoded(&picture, format);
            for size in [0, 1, 20, file.len() / 2, file.len() - 5] {
                assert!(decode(&file[..size]).is_err(), "{format:?} cut to {size} bytes");
            }
        }
    }

    /// What a file promises is not believed.
    #[test]
    fn promises_take_no_memory() {
        let bomb = b"P5 4000000000 4000000000 255 ".as_slice();
        assert!(decode(bomb).is_err());
        let large = b"P6 30000 30000 255 ".as_slice();
        assert!(header_of(large).unwrap_err().contains("256 MiB"));
    }

    #[test]
    fn scaled_to_cover_and_cut_at_the_centre() {
        // Twice as wide as high: a quarter goes at either side.
        let picture = bytes(slope(200, 100), [1, 50, 50]);
        assert_eq!((picture.len(), picture[0]), (2_500, 64));
        assert!(picture[49] > 185 && picture[..50].is_sorted());
        // The same turned: nothing to see of the height.
        let picture = bytes(slope(100, 200), [1, 25, 50]);
        assert!(picture[0] < 5 && picture[49] > 245);
        for (width, height) in [(1, 5_000), (5_000, 1), (1, 1)] {
            assert_eq!(bytes(slope(width, height), [3, 7, 9]).len(), 3 * 7 * 9);
        }
    }

    /// Cameras write lying pictures, and how to turn them.
    #[test]
    fn turned_as_exif_says() {
        let mut file = encoded(&slope(16, 8), ImageFormat::Jpeg);
        let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let mut segment = vec![0xff, 0xe1, 0, exif.len() as u8 + 2];
        segment.extend(exif);
        file.splice(2..2, segment);
        assert_eq!(header_of(&file).unwrap().size, [16, 8]);
        let picture = bytes(decode(&file).unwrap(), [1, 16, 8]);
        assert!(picture[0] < 20 && picture[15 * 8] > 220, "{picture:?}");
    }
}
