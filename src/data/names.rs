//! Names as a person reads them: `Cat`, `cat ` and `cat` are one, and so are the two ways in which
//! Unicode writes `é`.
//!
//! ```
//! use dytb::data::names::as_read;
//!
//! assert_eq!(as_read(" Cafe\u{301} "), as_read("caf\u{e9}"));
//! ```

use unicode_normalization::UnicodeNormalization;

/// The same for all names that a person reads as one: in lower case, in Unicode's normal form C,
/// without what has no width, with one space between words.
pub fn as_read(name: &str) -> String {
    let has_no_width = |c: char| {
        matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe0f}' | '\u{feff}')
            || (c.is_control() && !c.is_whitespace())
    };
    let visible: String = name.nfc().filter(|&c| !has_no_width(c)).collect();
    let words: Vec<_> = visible.split_whitespace().collect();
    words.join(" ").to_lowercase().nfc().collect()
}

/// The first two places of `names` that a person reads as one.
pub fn two_alike(names: &[String]) -> Option<(usize, usize)> {
    let mut seen = std::collections::HashMap::new();
    names
        .iter()
        .enumerate()
        .find_map(|(place, name)| seen.insert(as_read(name), place).map(|first| (first, place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_alike() {
        for (one, other) in [
            ("Cat", "cat"),
            ("cat ", "cat"),
            ("\u{a0}cat", "cat"),
            ("big  cat", "Big\tcat"),
            ("cat\u{200b}", "cat"),
            ("é", "e\u{301}"),
            ("É", "e\u{301}"),
            ("Ångström", "A\u{30a}NGSTRO\u{308}M"),
        ] {
            let names = ["dog", one, other].map(str::to_owned);
            assert_eq!(two_alike(&names), Some((1, 2)), "{one:?} {other:?}");
        }
        let apart = ["cat", "cats", "c at", "càt", "cät", "1", "01", "cat_", "caf\u{e9}", "cafe"];
        assert_eq!(two_alike(&apart.map(str::to_owned)), None);
    }
}
