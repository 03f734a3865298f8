//! Devices by name: TensorFlow's `/gpu:1` and `/cpu:0`, PyTorch's `cuda:1` and `cpu`.
//!
//! `/gpu:N` is the N-th CUDA device (feature `cuda`), else the N-th graphics card of wgpu (feature
//! `wgpu`); `wgpu:N` also counts adapters that are a program on the CPU, as Mesa's lavapipe. `cube-cpu:0` (feature
//! `cube-cpu`) is the processor driven as a GPU is, for tests of the GPUs' kernels. As with TensorFlow's
//! `allow_soft_placement`, a `/gpu:N` that is not there becomes the CPU, and one line says so; of the other names, which
//! say what drives it, a device that is not there is an error.

#[cfg(feature = "cuda")]
mod cuda;
mod gpu;
mod several;

use std::fmt;
use std::str::FromStr;

use anyhow::Result;
use burn::tensor::Device;

pub use several::DeviceNames;

use crate::error::{Exit, Failure};
use crate::util::stderr::message;

/// A device as the user names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceName {
    /// The CPU.
    Cpu,
    /// The GPU of that number, whatever drives it.
    Gpu(usize),
    /// The CUDA device of that number.
    Cuda(usize),
    /// The adapter of that number among wgpu's, graphics card or not.
    Wgpu(usize),
    /// The processor, driven as a GPU is.
    CubeCpu(usize),
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_lowercase();
        let name = lower.trim_start_matches('/').trim_start_matches("device:");
        let (kind, number) = name.split_once(':').unwrap_or((name, "0"));
        // `gpu0` and `cuda0` too.
        let (kind, number) = match (kind.trim_end_matches(|c: char| c.is_ascii_digit()), number) {
            (letters, "0") if letters != kind => (letters, &kind[letters.len()..]),
            _ => (kind, number),
        };
        let number = number.parse().map_err(|_| format!("`{number}` is no device number"))?;
        match kind {
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu(number)),
            "cuda" => Ok(Self::Cuda(number)),
            "wgpu" => Ok(Self::Wgpu(number)),
            "cube-cpu" => Ok(Self::CubeCpu(number)),
            _ => Err("choose among /cpu:0, /gpu:N, cuda:N, wgpu:N, cpu".into()),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => write!(f, "/cpu:0"),
            Self::Gpu(number) => write!(f, "/gpu:{number}"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Wgpu(number) => write!(f, "wgpu:{number}"),
            Self::CubeCpu(number) => write!(f, "cube-cpu:{number}"),
        }
    }
}

impl DeviceName {
    /// The device of that name; of a `/gpu:N` that is not there the CPU and, on stderr, why.
    ///
    /// # Errors
    /// When it is not there, and its name says what drives it.
    pub fn resolve(self) -> Result<Device> {
        match (self, self.find()) {
            (_, Ok(device)) => Ok(device),
            (Self::Gpu(_), Err(why)) => {
                message(&format!("note: no {self} here ({why}): using the CPU"));
                Ok(Device::flex())
            }
            (_, Err(why)) => Err(self.failure(why)),
        }
    }

    /// The device called `name`, or the best one where none is asked for: the first GPU if there is one,
    /// else, without a word, the CPU.
    ///
    /// # Errors
    /// As those of [`resolve`](Self::resolve).
    pub fn resolve_or_best(name: Option<Self>) -> Result<Device> {
        match name {
            Some(name) => name.resolve(),
            None => Ok(Self::Gpu(0).find().unwrap_or_else(|_| Device::flex())),
        }
    }

    /// The device called `name`, or the first GPU where none is asked for.
    ///
    /// # Errors
    /// When it is not there.
    pub fn require(name: Option<Self>) -> Result<Device> {
        let name = name.unwrap_or(Self::Gpu(0));
        name.find().map_err(|why| name.failure(why))
    }

    fn failure(self, why: String) -> anyhow::Error {
        Failure::new(Exit::Unavailable, format!("there is no device {self}"))
            .why(why)
            .help(format!("here there is {}", Self::list_of_available()))
            .into()
    }

    /// What to choose among, for people.
    fn list_of_available() -> String {
        let devices: Vec<_> = Self::available().iter().map(Self::to_string).collect();
        devices.join(", ")
    }

    /// The device of that name.
    ///
    /// # Errors
    /// Why there is none, in a few words.
    pub fn find(self) -> Result<Device, String> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            Self::Gpu(number) => gpu::cuda(number)
                .or_else(|why| gpu::wgpu_card(number).map_err(|other| format!("{why}; {other}"))),
            Self::Cuda(number) => gpu::cuda(number),
            Self::Wgpu(number) => gpu::wgpu(number),
            Self::CubeCpu(number) => gpu::cube_cpu(number),
        }
    }

    /// The devices that this build and this machine have, the CPU first, each once by the name of
    /// what drives it.
    pub fn available() -> Vec<Self> {
        let kinds: [fn(usize) -> Self; 3] = [Self::Cuda, Self::Wgpu, Self::CubeCpu];
        let found =
            |kind: fn(usize) -> Self| (0..).map(kind).take_while(|device| device.find().is_ok());
        std::iter::once(Self::Cpu).chain(kinds.into_iter().flat_map(found)).collect()
    }
}

/// What `device` is, for people: `cpu`, or what drives it and its number.
pub fn describe(device: &Device) -> String {
    if is_cpu(device) { "cpu".to_owned() } else { format!("{device:?}") }
}

/// Whether `device` is burn's Flex backend, with or without autodiff.
pub fn is_cpu(device: &Device) -> bool {
    *device == Device::flex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tensorflow_and_pytorch() {
        for (text, name) in [
            ("/gpu:1", DeviceName::Gpu(1)),
            ("/device:GPU:2", DeviceName::Gpu(2)),
            ("/cpu:0", DeviceName::Cpu),
            ("cpu", DeviceName::Cpu),
            ("cuda", DeviceName::Cuda(0)),
            ("cuda:3", DeviceName::Cuda(3)),
            ("gpu2", DeviceName::Gpu(2)),
            ("CPU", DeviceName::Cpu),
            ("cube-cpu", DeviceName::CubeCpu(0)),
            ("cube-cpu:1", DeviceName::CubeCpu(1)),
        ] {
            assert_eq!(text.parse(), Ok(name));
        }
        assert!("tpu:0".parse::<DeviceName>().unwrap_err().contains("/gpu:N"));
        assert!("gpu:x".parse::<DeviceName>().unwrap_err().contains("no device number"));
    }

    #[test]
    fn a_gpu_that_is_not_there_becomes_the_cpu() {
        let name = DeviceName::Gpu(99);
        assert!(!name.find().unwrap_err().contains('\n'));
        assert!(is_cpu(&name.resolve().unwrap()));
        DeviceName::resolve_or_best(None).unwrap();
    }

    #[test]
    fn another_device_that_is_not_there_is_an_error() {
        for name in [DeviceName::Cuda(99), DeviceName::Wgpu(99), DeviceName::CubeCpu(99)] {
            let error = name.resolve().unwrap_err();
            assert_eq!(Exit::of(&error), Exit::Unavailable);
            assert!(error.to_string().contains(&name.to_string()), "{error}");
        }
        let error = DeviceName::require(Some(DeviceName::Gpu(99))).unwrap_err();
        assert!(error.to_string().contains("/cpu:0"), "{error}");
    }

    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(DeviceName::available()[0], DeviceName::Cpu);
        assert!(is_cpu(&DeviceName::Cpu.resolve().unwrap()));
        assert!(is_cpu(&Device::flex().autodiff()));
    }
}
