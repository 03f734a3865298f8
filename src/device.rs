//! Devices by name: TensorFlow's `/gpu:1` and `/cpu:0`, PyTorch's `cuda:1` and `cpu`.
//!
//! `/gpu:N` is the N-th CUDA device (feature `cuda`), else the N-th adapter of wgpu (feature
//! `wgpu`). As with TensorFlow's `allow_soft_placement`, a device that is not there becomes the
//! CPU, and one line says so.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

/// A device as the user names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceName {
    /// The CPU.
    Cpu,
    /// The GPU of that number, whatever drives it.
    Gpu(usize),
    /// The CUDA device of that number.
    Cuda(usize),
    /// The adapter of that number among wgpu's.
    Wgpu(usize),
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_lowercase();
        let name = lower.trim_start_matches('/').trim_start_matches("device:");
        let (kind, number) = name.split_once(':').unwrap_or((name, "0"));
        let number = number.parse().map_err(|_| format!("`{number}` is no device number"))?;
        match kind {
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu(number)),
            "cuda" => Ok(Self::Cuda(number)),
            "wgpu" => Ok(Self::Wgpu(number)),
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
        }
    }
}

impl DeviceName {
    /// The device of that name, or the CPU and, on stderr, why.
    pub fn resolve(self) -> Device {
        let found = match self {
            Self::Cpu => return Device::flex(),
            Self::Gpu(number) => {
                cuda(number).or_else(|why| wgpu(number).map_err(|other| format!("{why}; {other}")))
            }
            Self::Cuda(number) => cuda(number),
            Self::Wgpu(number) => wgpu(number),
        };
        found.unwrap_or_else(|why| {
            eprintln!("note: no {self} here ({why}): using the CPU");
            Device::flex()
        })
    }
}

/// Whether `device` is burn's Flex backend, with or without autodiff.
pub fn is_cpu(device: &Device) -> bool {
    device.clone().without_autodiff() == Device::flex()
}

#[cfg(feature = "cuda")]
fn cuda(number: usize) -> Result<Device, String> {
    nth(burn::tensor::DeviceType::Cuda, number, "CUDA devices")
}

#[cfg(not(feature = "cuda"))]
fn cuda(_number: usize) -> Result<Device, String> {
    Err("built without `--features cuda`".into())
}

#[cfg(feature = "wgpu")]
fn wgpu(number: usize) -> Result<Device, String> {
    nth(burn::tensor::DeviceType::Wgpu, number, "wgpu adapters")
}

#[cfg(not(feature = "wgpu"))]
fn wgpu(_number: usize) -> Result<Device, String> {
    Err("built without `--features wgpu`".into())
}

/// The device number `number` among those of one kind.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn nth(kind: burn::tensor::DeviceType, number: usize, plural: &str) -> Result<Device, String> {
    // Where the driver's library is missing, its loader panics: that is "no device", no crash.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let found = std::panic::catch_unwind(|| Device::enumerate(kind).into_vec());
    std::panic::set_hook(hook);
    let devices = found.map_err(|_| format!("there is no driver for {plural}"))?;
    let count = devices.len();
    devices.into_iter().nth(number).ok_or_else(|| format!("there are {count} {plural}"))
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
        ] {
            assert_eq!(text.parse(), Ok(name));
        }
        assert!("tpu:0".parse::<DeviceName>().unwrap_err().contains("/gpu:N"));
        assert!("gpu:x".parse::<DeviceName>().unwrap_err().contains("no device number"));
    }

    #[test]
    fn the_cpu_is_always_there() {
        assert!(is_cpu(&DeviceName::Cpu.resolve()));
        assert!(is_cpu(&Device::flex().autodiff()));
    }
}
