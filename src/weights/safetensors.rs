//! Weights from and to a safetensors file, under PyTorch's names and in its layout.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use burn::tensor::DType;
use safetensors::{Dtype, SafeTensors, View};
use serde_json::Value;

use super::names::{NUM_BATCHES, from_pytorch, to_pytorch};
use super::{Found, Values, Weights};

impl Weights {
    /// The tensors of a file of these `bytes`.
    ///
    /// # Errors
    /// When it is damaged or holds nothing but other numbers than floating-point ones.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self> {
        Ok(Found::in_safetensors(bytes)?.weights)
    }

    /// A file of the tensors, with names and texts of `metadata`.
    ///
    /// # Errors
    /// When there are so many that the file's header would be too large.
    pub fn to_safetensors(&self, metadata: &[(&str, &str)]) -> Result<Vec<u8>> {
        // What tells PyTorch's libraries that the layout is theirs.
        let metadata = metadata.iter().chain([&("format", "pt")]);
        let metadata: HashMap<_, _> =
            metadata.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Ok(with_metadata_in_order(safetensors::serialize(to_pytorch(self), Some(metadata))?))
    }
}

/// The `file` with its metadata sorted by their names: they come from a hash map, in another order each time.
fn with_metadata_in_order(mut file: Vec<u8>) -> Vec<u8> {
    let Some((length, rest)) = file.split_first_chunk_mut::<8>() else { return file };
    let header = &mut rest[..u64::from_le_bytes(*length) as usize];
    if let Ok(Value::Object(mut parsed)) = serde_json::from_slice(header) {
        if let Some(Value::Object(metadata)) = parsed.get_mut("__metadata__") {
            metadata.sort_keys();
        }
        let sorted = Value::Object(parsed).to_string();
        // The same text in another order, filled up with blanks as it has been.
        header[..sorted.len()].copy_from_slice(sorted.as_bytes());
        header[sorted.len()..].fill(b' ');
    }
    file
}

impl Found {
    /// What is in a file of these `bytes`.
    pub(super) fn in_safetensors(bytes: &[u8]) -> Result<Self> {
        let (mut found, mut theirs) = (Self::default(), BTreeMap::new());
        for (name, tensor) in SafeTensors::deserialize(bytes)?.iter() {
            if name.ends_with(NUM_BATCHES) {
                continue;
            }
            let dtype = match tensor.dtype() {
                Dtype::F64 => DType::F64,
                Dtype::F32 => DType::F32,
                Dtype::F16 => DType::F16,
                Dtype::BF16 => DType::BF16,
                other => {
                    found.skip(name, other);
                    continue;
                }
            };
            let (shape, bytes) = (tensor.shape().to_vec(), tensor.data().to_vec());
            theirs.insert(name.to_owned(), Values::from_bytes(name, dtype, shape, bytes)?);
        }
        found.weights = from_pytorch(theirs)?;
        found.not_in_vain()
    }
}

impl View for Values {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn data_len(&self) -> usize {
        size_of_val(&self.values[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let mut weights = Weights::default();
        let values = (0..12).map(|n| n as f32 / 7.0).collect();
        weights.insert("fc.weight", Values::new(vec![4, 3], values)).unwrap();
        weights.insert("fc.bias", Values::new(vec![3], vec![f32::MIN, -0.0, 1e-42])).unwrap();
        weights.insert("norm.gamma", Values::new(vec![1], vec![1.0])).unwrap();
        weights.to_safetensors(&[("model", "Mine")]).unwrap()
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let weights = Weights::from_safetensors(&file()).unwrap();
        assert_eq!(weights.len(), 3);
        let bias = weights.get("fc.bias").unwrap().values();
        assert_eq!(bias.iter().map(|b| b.to_bits()).collect::<Vec<_>>()[1], 0x8000_0000);
        let metadata: Vec<_> = ["z", "y", "x", "w", "v", "é"].map(|name| (name, "\"text\"")).into();
        let files = || weights.to_safetensors(&metadata).unwrap();
        assert!((0..8).all(|_| files() == files()), "metadata in another order each time");
        assert_eq!(
            SafeTensors::read_metadata(&files()).unwrap().1.metadata().as_ref().unwrap().len(),
            7
        );
        let again = weights.to_safetensors(&[]).unwrap();
        assert_eq!(Weights::from_safetensors(&again).unwrap(), weights);
        let (_, header) = SafeTensors::read_metadata(&file()).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["model"], "Mine");
        assert_eq!(header.info("fc.weight").unwrap().shape, [3, 4]);
    }

    /// No panic, and no more memory than the file has.
    #[test]
    fn damaged_files() {
        let file = file();
        for length in 0..file.len() {
            assert!(Weights::from_safetensors(&file[..length]).is_err(), "{length}");
        }
        for at in 0..file.len() {
            for bit in [1, 0x10, 0x80] {
                let mut damaged = file.clone();
                damaged[at] ^= bit;
                // Within the values nobody can tell.
                let _ = Weights::from_safetensors(&damaged);
            }
        }
        let huge = br#"{"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#;
        let huge = [&(huge.len() as u64).to_le_bytes()[..], huge].concat();
        assert!(Weights::from_safetensors(&huge).is_err());
        let integers = br#"{"w":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}"#;
        let integers = [&(integers.len() as u64).to_le_bytes()[..], integers, &[7]].concat();
        let error = Weights::from_safetensors(&integers).unwrap_err().to_string();
        assert!(error.contains("`w` holds I8"), "{error}");
    }
}
