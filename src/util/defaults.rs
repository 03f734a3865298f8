//! What is left out of a JSON file: a field that has its default. Files of before there was the field are then the same
//! as those of today.

/// Whether `value` is its type's default.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
