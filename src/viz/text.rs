//! Text in pictures, in the font that is in the program: DejaVu Sans.

use std::sync::Once;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

/// The font's name for plotters; an SVG file asks its viewer for it.
const FONT: &str = "sans-serif";
/// What stands for the middle of a name that is too long.
const DOTS: char = '…';

/// The font of a size in pixels.
pub(crate) fn font(size: u32) -> FontDesc<'static> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // The error is that of a font that cannot be read; this one can.
        let _ = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
    });
    FontDesc::new(FontFamily::SansSerif, f64::from(size), FontStyle::Normal)
}

/// How many pixels wide `text` is in a font of `size` pixels.
pub(crate) fn width(text: &str, size: u32) -> u32 {
    font(size).box_size(text).map_or(0, |(width, _)| width)
}

/// `text`, or its beginning and its end, in so many pixels of width: names of runs and classes differ
/// at their ends as often as at their beginnings.
pub(crate) fn shortened(text: &str, size: u32, most: u32) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let with = |kept: usize| -> String {
        let (head, tail) = (kept.div_ceil(2), kept / 2);
        let tail = &characters[characters.len() - tail..];
        characters[..head].iter().chain([&DOTS]).chain(tail).collect()
    };
    // The most that fit: the width grows with each.
    let (mut fits, mut too_many) = (0, characters.len());
    while fits + 1 < too_many {
        let kept = (fits + too_many) / 2;
        match width(&with(kept), size) <= most {
            true => fits = kept,
            false => too_many = kept,
        }
    }
    with(fits)
}

/// `names`, each in so many pixels of width. Where one is wider, all go without what they begin with
/// alike first, and then without what they end with alike: these parts tell no name from another.
pub(crate) fn all_shortened(names: &[&str], size: u32, most: u32) -> Vec<String> {
    let fit = |names: &[String]| names.iter().all(|name| width(name, size) <= most);
    let mut found: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    for parts in [[true, false], [true, true]] {
        if !fit(&found) {
            found = without_shared(names, parts);
        }
    }
    found.iter().map(|name| shortened(name, size, most)).collect()
}

/// `names` without the parts that all of them begin or end with, as far as these are wanted gone.
fn without_shared(names: &[&str], [begin, end]: [bool; 2]) -> Vec<String> {
    let Some((first, others)) = names.split_first() else { return Vec::new() };
    let longest = |alike: &dyn Fn(&str, usize) -> bool, lengths: &[usize]| {
        let shared = |length: &&usize| others.iter().all(|other| alike(other, **length));
        lengths.iter().filter(shared).copied().max().unwrap_or(0)
    };
    // What joins the parts of names of runs, models, classes and folders.
    let joints: Vec<_> = first.match_indices(['_', ' ', '-', '/']).map(|(at, _)| at).collect();
    let heads: Vec<_> = joints.iter().filter(|_| begin).map(|at| at + 1).collect();
    let head = longest(&|other, length| other.get(..length) == first.get(..length), &heads);
    let tails = joints.iter().filter(|_| end).map(|at| first.len() - at);
    let tails: Vec<_> = tails.filter(|tail| head + tail < first.len()).collect();
    let ends_alike = |other: &str, length: usize| {
        other.len() > head + length && other.ends_with(&first[first.len() - length..])
    };
    let tail = longest(&ends_alike, &tails);
    let dots = |length: usize| if length > 0 { "…" } else { "" };
    let (before, after) = (dots(head), dots(tail));
    names.iter().map(|name| format!("{before}{}{after}", &name[head..name.len() - tail])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_lose_their_middle() {
        let name = "Digits_Adam_lr=0.001_l2=0.0001_comment";
        assert_eq!(shortened(name, 14, 2000), name);
        let short = shortened(name, 14, 120);
        assert!(width(&short, 14) <= 120 && width(&short, 14) > 100, "{short}");
        assert!(short.starts_with("Digits") && short.ends_with("comment"), "{short}");
        assert_eq!(shortened(name, 14, 0), "…");
        assert_eq!(shortened("", 14, 0), "");
        // Whatever the letters are.
        assert!(width(&shortened(&"über😀".repeat(50), 14, 90), 14) <= 90);
    }

    #[test]
    fn what_all_share_is_left_out() {
        let names = ["M a_lr=1_x_ü", "M a_lr=1_yy_ü", "M a_lr=1_ü"];
        assert_eq!(without_shared(&names[..2], [true, true]), ["…x…", "…yy…"]);
        assert_eq!(without_shared(&names[..2], [true, false]), ["…x_ü", "…yy_ü"]);
        assert_eq!(without_shared(&names, [true, true]), ["…x_ü", "…yy_ü", "…ü"]);
        assert_eq!(without_shared(&["a_b", "a_b"], [true, true]), ["…b", "…b"]);
        assert_eq!(without_shared(&["one", "two"], [true, true]), ["one", "two"]);
        let names = ["class 01 with a long name", "class 02 with a long name"];
        assert_eq!(all_shortened(&names, 14, 500), names);
        let head = ["…01 with a long name", "…02 with a long name"];
        assert_eq!(all_shortened(&names, 14, width(head[0], 14).max(width(head[1], 14))), head);
        assert_eq!(all_shortened(&names, 14, 60), ["…01…", "…02…"]);
        assert!(all_shortened(&[], 14, 60).is_empty());
    }
}
