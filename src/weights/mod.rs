//! Weights apart from any model: a name, a shape and f32 values for each tensor.
//!
//! Names and layout are those of the fields of a model, whatever file
//! they come from: `encode.weight` `[out, in, height, width]` of a convolution, `fc1.dense.weight`
//! `[in, out]` of a fully connected layer. PyTorch's are translated on the way in and out.
//!
//! ```
//! use dytb::weights::{Values, Weights};
//!
//! let mut weights = Weights::default();
//! weights.insert("fc.weight", Values::new(vec![2, 1], vec![0.5, -0.5])).unwrap();
//! let file = weights.to_safetensors(&[("model", "Mine")]).unwrap();
//! assert_eq!(Weights::from_safetensors(&file).unwrap(), weights);
//! ```

pub(crate) mod file_kind;
pub(crate) mod names;
mod pack;
mod pytorch;
mod safetensors;
mod set_weights;
mod weight_file;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use burn::tensor::{DType, TensorData};
use sha2::{Digest, Sha256};

use crate::util::hex::hex;
use weight_file::is_read;

pub(crate) use set_weights::Set;
pub(crate) use weight_file::Found;

/// Tensors by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    pub(crate) tensors: BTreeMap<String, Values>,
}

/// A tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Values {
    /// `values` in row-major order.
    ///
    /// # Panics
    /// When there are not as many as `shape` says.
    pub fn new(shape: Vec<usize>, values: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "values of {shape:?}");
        Self { shape, values }
    }

    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, in row-major order.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The SHA-256 of the values, in lower-case hexadecimal digits.
    pub(crate) fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        self.values.iter().for_each(|value| hash.update(value.to_le_bytes()));
        hex(&hash.finalize())
    }

    /// The tensor `name` of a file: `bytes` of numbers of `dtype`.
    ///
    /// # Errors
    /// When they are no floating-point numbers, or not as many as `shape` says.
    fn from_bytes(name: &str, dtype: DType, shape: Vec<usize>, bytes: Vec<u8>) -> Result<Self> {
        ensure!(is_read(dtype), "`{name}` holds {dtype:?}; what is read is F32, F64, F16 and BF16");
        let size = shape.iter().try_fold(dtype.size(), |size, &n| size.checked_mul(n));
        ensure!(size == Some(bytes.len()), "`{name}` has {} bytes for {shape:?}", bytes.len());
        let data = TensorData::from_bytes_vec(bytes, shape.clone(), dtype);
        Ok(Self { shape, values: data.try_into_vec_as()? })
    }

    /// `[a, b]` as `[b, a]`; other ranks as they are.
    pub(crate) fn transposed(self) -> Self {
        let &[rows, columns] = &self.shape[..] else { return self };
        let at = |i: usize| self.values[i % rows * columns + i / rows];
        Self { shape: vec![columns, rows], values: (0..rows * columns).map(at).collect() }
    }
}

impl Weights {
    /// Adds a tensor.
    ///
    /// # Errors
    /// When there is one of that name.
    pub fn insert(&mut self, name: impl Into<String>, values: Values) -> Result<()> {
        let name = name.into();
        ensure!(!self.tensors.contains_key(&name), "there are two tensors for `{name}`");
        self.tensors.insert(name, values);
        Ok(())
    }

    /// The tensor called `name`.
    pub fn get(&self, name: &str) -> Option<&Values> {
        self.tensors.get(name)
    }

    /// All, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Values)> {
        self.tensors.iter().map(|(name, values)| (name.as_str(), values))
    }

    /// Takes those out that are not in `names`.
    pub fn keep(&mut self, names: &[String]) {
        self.tensors.retain(|name, _| names.contains(name));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// The SHA-256 of all names, shapes and values: the same, whatever format they were read from.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for (name, Values { shape, values }) in self.iter() {
            hash.update(format!("{name:?} {shape:?}\n"));
            values.iter().for_each(|value| hash.update(value.to_le_bytes()));
        }
        hex(&hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_float_is_read_and_nothing_else() {
        let read = |dtype, bytes: &[u8]| Values::from_bytes("w", dtype, vec![1], bytes.to_vec());
        // 1.5 in each.
        for (dtype, bytes) in [
            (DType::F32, &1.5_f32.to_le_bytes()[..]),
            (DType::F64, &1.5_f64.to_le_bytes()),
            (DType::F16, &[0x00, 0x3e]),
            (DType::BF16, &[0xc0, 0x3f]),
        ] {
            assert_eq!(read(dtype, bytes).unwrap(), Values::new(vec![1], vec![1.5]));
            assert!(read(dtype, &bytes[1..]).is_err());
        }
        let error = read(DType::I64, &[0; 8]).unwrap_err().to_string();
        assert!(error.contains("`w` holds I64"), "{error}");
        let shape = vec![usize::MAX, 2];
        assert!(Values::from_bytes("w", DType::F32, shape, vec![0; 4]).is_err());
    }

    #[test]
    fn the_hash_is_of_names_shapes_and_values() {
        let weights = |name: &str, shape: &[usize], values: &[f32]| {
            let mut weights = Weights::default();
            weights.insert(name, Values::new(shape.to_vec(), values.to_vec())).unwrap();
            weights
        };
        let one = weights("a", &[2], &[1.0, 2.0]);
        assert_eq!(one.sha256(), one.clone().sha256());
        for other in [
            weights("b", &[2], &[1.0, 2.0]),
            weights("a", &[1, 2], &[1.0, 2.0]),
            weights("a", &[2], &[1.0, 3.0]),
        ] {
            assert_ne!(one.sha256(), other.sha256());
        }
    }
}
