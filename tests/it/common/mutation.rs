//! Bytes that were right, with something wrong in them.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

/// Numbers at which sizes go wrong.
const NUMBERS: [u64; 9] =
    [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, i64::MAX as u64, u64::MAX];

/// What numbers in a text become.
const WORDS: [&str; 8] =
    ["0", "-1", "1e308", "65536", "4294967295", "18446744073709551615", "null", "[]"];

/// One of `seeds` with one to eight changes.
pub fn mutated(seeds: &[Vec<u8>], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = seeds[random.random_range(0..seeds.len())].clone();
    for _ in 0..1 << random.random_range(0..4) {
        change(&mut bytes, seeds, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut ChaCha8Rng) {
    if bytes.is_empty() {
        return bytes.push(random.random());
    }
    // Headers are more interesting than what follows them.
    let most = if random.random_bool(0.5) { bytes.len() } else { bytes.len().min(300) };
    let at = random.random_range(0..most);
    let length = random.random_range(1..=(bytes.len() - at).min(64));
    let number = NUMBERS[random.random_range(0..NUMBERS.len())];
    match random.random_range(0..10) {
        0 => bytes[at] ^= 1 << random.random_range(0..8),
        1 => bytes[at] = random.random(),
        2 => write(bytes, at, &number.to_le_bytes()[..1 << random.random_range(0..4)]),
        3 => write(bytes, at, &number.to_be_bytes()[8 - (1 << random.random_range(0..4))..]),
        4 => drop(bytes.drain(at..at + length)),
        5 => {
            let copy = bytes[at..at + length].to_vec();
            bytes.splice(at..at, copy);
        }
        6 => bytes.truncate(at),
        7 => {
            let other = &seeds[random.random_range(0..seeds.len())];
            let from = random.random_range(0..=other.len());
            bytes.truncate(at);
            bytes.extend(&other[from..]);
        }
        8 => {
            // The next number in a text.
            let is_digit = |byte: &u8| byte.is_ascii_digit();
            let Some(start) = bytes[at..].iter().position(is_digit).map(|digit| at + digit) else {
                return;
            };
            let digits = bytes[start..].iter().take_while(|byte| is_digit(byte)).count();
            let word = WORDS[random.random_range(0..WORDS.len())];
            bytes.splice(start..start + digits, word.bytes());
        }
        _ => {
            let noise: Vec<u8> = (0..length).map(|_| random.random()).collect();
            write(bytes, at, &noise);
        }
    }
}

/// Overwrites what is at `at`, as far as there is something.
fn write(bytes: &mut [u8], at: usize, new: &[u8]) {
    bytes.iter_mut().skip(at).zip(new).for_each(|(old, new)| *old = *new);
}
