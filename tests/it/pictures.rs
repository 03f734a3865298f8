//! Pictures of every kind, held against what another decoder makes of them: Pillow 13.0.0, by
//! `tests/pictures/make.py`, which wrote `table.txt`. Then the same files cut, and with something
//! behind their end.

use std::fs;

use dytb::data::image_file::{bytes, decode, header, open};

/// A file of the table.
struct Row {
    name: String,
    /// `[height, width]`.
    size: [usize; 2],
    /// How far a value may be from Pillow's: inverse transforms round differently.
    tolerance: u8,
    file: Vec<u8>,
    /// `[3, height, width]`.
    pixels: Vec<u8>,
}

fn table() -> Vec<Row> {
    let hex = |digits: &str| -> Vec<u8> {
        let pairs = digits.as_bytes().chunks(2);
        pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    };
    let text = include_str!("../pictures/table.txt");
    let rows = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let cells: Vec<_> = line.split('\t').collect();
        let number = |at: usize| cells[at].parse().unwrap();
        Row {
            name: cells[0].to_owned(),
            size: [number(1), number(2)],
            tolerance: cells[3].parse().unwrap(),
            file: hex(cells[4]),
            pixels: hex(cells[5]),
        }
    });
    rows.collect()
}

#[test]
fn what_another_decoder_makes_of_them() {
    let table = table();
    assert!(table.len() > 45, "the table has {} files", table.len());
    let folder = tempfile::tempdir().unwrap();
    for Row { name, size, tolerance, file, pixels } in table {
        let path = folder.path().join("picture");
        fs::write(&path, &file).unwrap();
        let head = header(&path).unwrap_or_else(|why| panic!("{name}: {why}"));
        let picture = decode(&file).unwrap_or_else(|why| panic!("{name}: {why}"));
        let found = [picture.height(), picture.width()].map(|side| side as usize);
        assert_eq!((head.size, found), (size, size), "{name}");
        if head.grey {
            let grey = bytes(picture.clone(), [1, size[0], size[1]]);
            assert_near(&name, &grey, &pixels[..grey.len()], tolerance);
        }
        assert_near(&name, &bytes(picture, [3, size[0], size[1]]), &pixels, tolerance);
        // One channel is for what the file says is grey, whatever its pixels are.
        let is_grey = ["png grey", "png 1 bit", "png 4 bits", "pgm", "pbm", "jpeg grey"];
        assert_eq!(head.grey, is_grey.iter().any(|start| name.starts_with(start)), "{name}");
    }
}

#[track_caller]
fn assert_near(name: &str, found: &[u8], expected: &[u8], tolerance: u8) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let most = found.iter().zip(expected).map(|(one, other)| one.abs_diff(*other)).max().unwrap();
    assert!(most <= tolerance, "{name}: {most} from Pillow's, more than {tolerance}");
}

/// A phone's film, a maker's data, a second picture, bytes that look like markers: none of it is a
/// part of the picture, and none of it makes a cut one whole.
#[test]
fn what_is_behind_the_end_of_a_jpeg() {
    let jpegs: Vec<_> = table().into_iter().filter(|row| row.name.starts_with("jpeg")).collect();
    let another = jpegs.iter().find(|row| row.name == "jpeg progressive").unwrap().file.clone();
    let cut = &another[..another.len() * 3 / 4];
    for Row { name, size, file, .. } in &jpegs {
        let shape = [3, size[0], size[1]];
        let whole = bytes(decode(file).unwrap(), shape);
        for behind in [
            &b"\0\0\0\x18ftypmp42\0\0\0\0 a film \xff\xda and more \xff\xd8\xff"[..],
            &[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 9],
            &[0; 1000],
            &[0xff; 9],
            &another,
            cut,
        ] {
            let longer = [file, behind].concat();
            assert!(bytes(decode(&longer).unwrap(), shape) == whole, "{name}");
            // Within the coded pixels: 40 bytes and the end are missing.
            let scan = file.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap() + 14;
            for end in [scan, (scan + file.len()) / 2, file.len() - 2] {
                let missing = [&file[..end], behind].concat();
                assert!(decode(&file[..end]).is_err(), "{name} cut to {end}");
                // What follows may have an end of its own, but begins with a start.
                if behind == another {
                    assert!(decode(&missing).is_err(), "{name} cut to {end}, and another");
                }
            }
        }
    }
}

/// Whatever is wrong is said without a decoder's words.
#[test]
fn what_is_wrong_is_said_in_plain_words() {
    let plain = |why: &str| {
        let known = ["it ends too early", "it is no picture of a known format", "it has no pixels"];
        known.contains(&why)
            || why.starts_with("it is a damaged ")
            || (why.starts_with("it is a ") && why.ends_with(" of a kind that is not read"))
            || why.starts_with("its pixels take more than")
    };
    let (mut wrong, mut cut) = (0, 0);
    for Row { name, file, .. } in table() {
        for end in 0..file.len() {
            if let Err(why) = decode(&file[..end]) {
                assert!(plain(&why), "{name}, {end} bytes: {why}");
                cut += usize::from(why == "it ends too early");
            }
        }
        for at in 0..file.len() {
            let mut bytes = file.clone();
            bytes[at] ^= 0x55;
            if let Err(why) = decode(&bytes) {
                assert!(plain(&why), "{name}, byte {at}: {why}");
                wrong += 1;
            }
        }
        // Half a file is none. Of a GIF the first picture may be whole by then, and so may an animation's.
        if !name.contains("animated") && !name.starts_with("gif") {
            decode(&file[..file.len() / 2]).expect_err(&name);
        }
    }
    assert!(wrong > 1000 && cut > 1000, "{wrong} were wrong, {cut} cut: this tests too little");
}

/// A file that is no picture is not read to its end, however long it is.
#[test]
fn first_bytes_tell_what_is_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.png");
    for (head, needle) in [
        (&b"no picture at all"[..], "no picture of a known format"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC is not read: save it as PNG or JPEG"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF is not read"),
        (b"II*\0\x08\0\0\0", "TIFF is not read"),
        // This one is read on, and is too long for it.
        (b"\x89PNG\r\n\x1a\n", "longer than 256 MiB"),
    ] {
        fs::write(&path, head).unwrap();
        // It takes no room on the disk.
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(300 << 20).unwrap();
        for why in [header(&path).unwrap_err(), open(&path).unwrap_err()] {
            assert!(why.contains(needle), "{why}");
        }
    }
}
