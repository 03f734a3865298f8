//! Words of a command line.

/// A word as a shell takes it: in quotes where it has more than plain characters.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_shell() {
        for (word, expected) in [
            ("log/SingleLayerCAE", "log/SingleLayerCAE"),
            ("my runs/CAE", "'my runs/CAE'"),
            ("it's", "'it'\\''s'"),
            ("a;b$c", "'a;b$c'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
