//! NumPy's `.npy`, version 1.0: `\x93NUMPY`, the version, the length of the header (two bytes, little-endian), a
//! Python dictionary padded to a multiple of 64, and the numbers.

/// The file of `values`, 32 bits each, of this `shape`, the last dimension the fastest.
///
/// # Panics
/// When there are not as many values.
pub(crate) fn to_npy(values: &[f32], shape: &[usize]) -> Vec<u8> {
    assert_eq!(values.len(), shape.iter().product::<usize>(), "{shape:?}");
    let dims: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", dims.trim_end());
    // The magic and the length are ten bytes, and a newline ends it.
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.extend(std::iter::repeat_n(' ', padded - header.len() - 1));
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What NumPy 2.4 writes: `np.save(f, np.array([[1, 2, 3]], dtype=np.float32))`.
    #[test]
    fn numpys_bytes() {
        let mut expected = b"\x93NUMPY\x01\x00v\x00".to_vec();
        expected.extend(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }");
        expected.resize(127, b' ');
        expected.extend(b"\n\x00\x00\x80?\x00\x00\x00@\x00\x00@@");
        let ours = to_npy(&[1.0, 2.0, 3.0], &[1, 3]);
        assert_eq!(ours.len(), 128 + 12);
        // NumPy has no comma after the last of several.
        let text = String::from_utf8_lossy(&ours[10..127]).replace(",)", ")");
        assert_eq!(text.trim_end(), String::from_utf8_lossy(&expected[10..127]).trim_end());
        assert_eq!((&ours[..10], &ours[127..]), (&expected[..10], &expected[127..]));
    }
}
