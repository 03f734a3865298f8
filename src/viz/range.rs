//! Which value is black and which is white.

/// `min` is black, `max` white; what is outside is clamped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    min: f32,
    max: f32,
}

impl Range {
    /// -1 to 1: that of scaled images and of tanh.
    pub const SIGNED: Range = Range { min: -1.0, max: 1.0 };

    /// From the least to the greatest of the finite values; everything is black where they are
    /// all the same, or none is finite.
    pub fn of(values: &[f32]) -> Self {
        let finite = values.iter().copied().filter(|value| value.is_finite());
        let (min, max) = finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), value| {
            (min.min(value), max.max(value))
        });
        Self { min, max }
    }

    /// `round(255 * (value - min) / (max - min))`, clamped; 0 for NaN, an infinity, and in a range
    /// of one value.
    pub fn byte(self, value: f32) -> u8 {
        // Dynamic Training Bench divided by 0 and drew NaN here.
        if !value.is_finite() || self.max <= self.min {
            return 0;
        }
        // f64: the distance of two f32 may be more than the greatest f32.
        let (value, min, max) = (f64::from(value), f64::from(self.min), f64::from(self.max));
        // `as` clamps to 0..=255.
        (255.0 * (value - min) / (max - min)).round() as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed() {
        let bytes = [-9.0, -1.0, -0.5, 0.0, 1.0, 9.0].map(|value| Range::SIGNED.byte(value));
        assert_eq!(bytes, [0, 0, 64, 128, 255, 255]);
    }

    #[test]
    fn what_is_not_finite_is_black_and_does_not_widen_the_range() {
        let range = Range::of(&[f32::NAN, 2.0, f32::INFINITY, 4.0, f32::NEG_INFINITY]);
        assert_eq!(range, Range { min: 2.0, max: 4.0 });
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(range.byte(value), 0);
        }
    }

    #[test]
    fn constants_are_black() {
        assert_eq!(Range::of(&[5.0, 5.0]).byte(5.0), 0);
        assert_eq!(Range::of(&[f32::NAN]).byte(1.0), 0);
        assert_eq!(Range::of(&[]).byte(1.0), 0);
    }

    #[test]
    fn the_widest_range() {
        let range = Range::of(&[f32::MIN, f32::MAX]);
        assert_eq!([f32::MIN, 0.0, f32::MAX].map(|value| range.byte(value)), [0, 128, 255]);
    }
}
