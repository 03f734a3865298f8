//! Numbers that say where they come from.
//!
//! The n-th token is the n-th number of a fixed order of all normal f32, in which neighbours have nothing in common:
//! any sign, any of the 254 exponents. So a tensor of tokens that was cut, turned or copied is told from what it was
//! by its numbers alone, and one that something was computed from holds numbers that belong to no such tensor: a ReLU
//! changes each second one of them, a clamp at 6 about half, a sum all.
//!
//! The order is that of MurmurHash3's 32-bit finaliser (Appleby 2011), a bijection of the 32-bit numbers, applied
//! until it lies in the range again ("cycle walking", Black and Rogaway 2002).

/// How many tokens there are: two signs, 254 exponents, 2²³ mantissas.
pub(super) const TOKENS: u32 = 254 << 24;

/// The token of this `number`, below [`TOKENS`].
pub(super) fn token(number: u32) -> f32 {
    let mut mixed = mix(number);
    while mixed >= TOKENS {
        mixed = mix(mixed);
    }
    // The sign is the last bit; exponents begin at 1.
    f32::from_bits((mixed & 1) << 31 | ((mixed >> 1) + (1 << 23)))
}

/// The number of a `token`; `None` of zeros, infinities and what else is no token.
pub(super) fn number(token: f32) -> Option<u32> {
    if !token.is_normal() {
        return None;
    }
    let bits = token.to_bits();
    let mut number = unmix(((bits & (u32::MAX >> 1)) - (1 << 23)) << 1 | bits >> 31);
    while number >= TOKENS {
        number = unmix(number);
    }
    Some(number)
}

/// The finaliser `fmix32`.
fn mix(mut x: u32) -> u32 {
    x = (x ^ x >> 16).wrapping_mul(0x85eb_ca6b);
    x = (x ^ x >> 13).wrapping_mul(0xc2b2_ae35);
    x ^ x >> 16
}

/// The inverse of [`mix`]: its steps, each undone; the factors are the inverses modulo 2³².
fn unmix(mut x: u32) -> u32 {
    x = (x ^ x >> 16).wrapping_mul(0x7ed1_b41d);
    x = (x ^ x >> 13 ^ x >> 26).wrapping_mul(0xa5cb_9243);
    x ^ x >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_its_number() {
        let step = 65_537;
        for n in (0..TOKENS / step).map(|n| n * step).chain([0, 1, TOKENS - 1]) {
            assert_eq!(number(token(n)), Some(n));
        }
        for nothing in [0.0, -0.0, f32::NAN, f32::INFINITY, 1e-40] {
            assert_eq!(number(nothing), None);
        }
        let both = [f32::MIN_POSITIVE, -f32::MAX].map(|edge| token(number(edge).unwrap()));
        assert_eq!(both, [f32::MIN_POSITIVE, -f32::MAX]);
    }

    /// By thousands: half are negative, and what is within ±6 is little more than half of them.
    #[test]
    fn tokens_are_of_all_sizes() {
        let tokens: Vec<_> = (0..10_000).map(token).collect();
        let share = |of: fn(f32) -> bool| tokens.iter().filter(|x| of(**x)).count();
        assert!((4_500..5_500).contains(&share(|x| x < 0.0)));
        assert!((4_500..5_500).contains(&share(|x| x.abs() < 6.0)));
        assert!((500..1_500).contains(&share(|x| x.abs() > 1e30)));
    }
}
