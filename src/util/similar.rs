//! Names that somebody may have meant.

/// That of `names` which is most like `unknown`, by Jaro and Winkler's similarity, if it is more than `least`.
pub(crate) fn nearest<'a>(
    unknown: &str,
    names: impl Iterator<Item = &'a str>,
    least: f64,
) -> Option<&'a str> {
    names
        .map(|name| (strsim::jaro_winkler(name, unknown), name))
        .filter(|(similarity, _)| *similarity > least)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}
