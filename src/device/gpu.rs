//! The devices beside the CPU that this build can drive, and why one of them cannot be had.
//!
//! burn finds them; each is then asked for a tanh and an exp before anything else is. That a sum works says little:
//! CUDA's kernels have these two from a file of their own, `libdevice.10.bc`, and a machine without it would
//! end a run at its first tanh.

use burn::tensor::Device;

/// The CUDA device `number`.
#[cfg(feature = "cuda")]
pub fn cuda(number: usize) -> Result<Device, String> {
    use super::cuda::{why_broken, why_none};
    let device = probe::nth(burn::tensor::DeviceType::Cuda, number, "CUDA device", |_| true);
    device.map_err(|missing| match missing {
        probe::Missing::None(what) => why_none().unwrap_or(what),
        probe::Missing::Broken(what) => {
            why_broken().map_or(what.clone(), |why| format!("{what}: {why}"))
        }
        probe::Missing::Number(what) => what,
    })
}

/// The CUDA device `number`.
#[cfg(not(feature = "cuda"))]
pub fn cuda(_number: usize) -> Result<Device, String> {
    Err("built without `--features cuda`".into())
}

/// wgpu's adapter `number`.
#[cfg(feature = "wgpu")]
pub fn wgpu(number: usize) -> Result<Device, String> {
    let device = probe::nth(burn::tensor::DeviceType::Wgpu, number, "wgpu adapter", |_| true);
    device.map_err(probe::Missing::into_text)
}

/// wgpu's graphics card `number`.
#[cfg(feature = "wgpu")]
pub fn wgpu_card(number: usize) -> Result<Device, String> {
    // Our own kernels are faster than a graphics driver on the same processor.
    let is_card = |device: &Device| device.identity().is_some_and(|who| who.physical.is_some());
    let device =
        probe::nth(burn::tensor::DeviceType::Wgpu, number, "graphics card of wgpu", is_card);
    device.map_err(probe::Missing::into_text)
}

/// wgpu's adapter `number`.
#[cfg(not(feature = "wgpu"))]
pub fn wgpu(_number: usize) -> Result<Device, String> {
    Err("built without `--features wgpu`".into())
}

/// wgpu's graphics card `number`.
#[cfg(not(feature = "wgpu"))]
pub fn wgpu_card(number: usize) -> Result<Device, String> {
    wgpu(number)
}

/// The processor, driven as a GPU is.
#[cfg(feature = "cube-cpu")]
pub fn cube_cpu(number: usize) -> Result<Device, String> {
    let device = probe::nth(burn::tensor::DeviceType::Cpu, number, "CubeCL CPU", |_| true);
    device.map_err(probe::Missing::into_text)
}

/// The processor, driven as a GPU is.
#[cfg(not(feature = "cube-cpu"))]
pub fn cube_cpu(_number: usize) -> Result<Device, String> {
    Err("built without `--features cube-cpu`".into())
}

/// Finding a device, and that it works.
#[cfg(feature = "cube")]
mod probe {
    use burn::tensor::{Device, DeviceType, Tensor};

    use crate::util::panics::quietly;

    /// Why a device cannot be had.
    pub enum Missing {
        /// There is none of its kind.
        None(String),
        /// There are fewer.
        Number(String),
        /// It is there, and does not work.
        Broken(String),
    }

    impl Missing {
        // CUDA's has more to say.
        #[cfg_attr(
            not(any(feature = "wgpu", feature = "cube-cpu")),
            expect(dead_code, reason = "for the other kinds")
        )]
        pub fn into_text(self) -> String {
            match self {
                Self::None(text) | Self::Number(text) | Self::Broken(text) => text,
            }
        }
    }

    /// The device `number` among those of a `kind`, called `what`, that are `wanted`.
    pub fn nth(
        kind: DeviceType,
        number: usize,
        what: &str,
        wanted: impl Fn(&Device) -> bool,
    ) -> Result<Device, Missing> {
        let found =
            quietly(|| Device::enumerate(kind).into_iter().filter(wanted).collect::<Vec<_>>());
        // Where a library is missing or too old, its loader panics.
        let devices =
            found.map_err(|_| Missing::Broken(format!("the driver of the {what}s is broken")))?;
        let count = devices.len();
        let device = devices.into_iter().nth(number).ok_or_else(|| match count {
            0 => Missing::None(format!("no {what}")),
            _ => Missing::Number(format!("no {what} {number}, there are {count}")),
        })?;
        match quietly(|| works(&device)) {
            Ok(true) => Ok(device),
            _ => Err(Missing::Broken(format!("{what} {number} does not work"))),
        }
    }

    /// Whether `device` compiles and runs a kernel with functions that are not the hardware's.
    fn works(device: &Device) -> bool {
        let value = Tensor::<1>::ones([1], device).tanh().exp().try_into_scalar::<f32>();
        value.is_ok_and(|value| (value - 1.0_f32.tanh().exp()).abs() < 1e-4)
    }
}
