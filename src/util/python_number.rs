//! Numbers as Python prints them: run names carry them (`MNIST_Adam_lr=1e-05`).
//!
//! Python's `repr(float)`: the shortest digits that read back as the same number, with an exponent
//! of two digits or more below 1e-4 and from 1e16 on (CPython, `Python/pystrtod.c`, format code
//! `r`).

/// `value` as Python's `repr` prints it.
///
/// ```
/// use dytb::util::python_number::python_repr;
///
/// assert_eq!(python_repr(1e-5), "1e-05");
/// assert_eq!(python_repr(0.01), "0.01");
/// assert_eq!(python_repr(1.0), "1.0");
/// ```
///
/// # Panics
/// Never: Rust writes an exponent into `{:e}`.
pub fn python_repr(value: f64) -> String {
    if !value.is_finite() {
        return format!("{value}").to_lowercase();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a whole exponent");
    if value != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{value}");
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expectations printed by CPython 3.11's `repr`.
    #[test]
    fn as_cpython_prints_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1e-4, "0.0001"),
            (9.5e-5, "9.5e-05"),
            (1e-9, "1e-09"),
            (1.5e-123, "1.5e-123"),
            (123456.75, "123456.75"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e22, "1.25e+22"),
            (-0.1, "-0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
        ];
        for (value, expected) in cases {
            assert_eq!(python_repr(value), expected);
        }
    }
}
