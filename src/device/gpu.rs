//! The GPUs that this build can drive.

use burn::tensor::Device;

/// The CUDA device `number`.
#[cfg(feature = "cuda")]
pub fn cuda(number: usize) -> Result<Device, String> {
    probe::nth(burn::tensor::DeviceType::Cuda, number, "CUDA device", |_| true)
}

/// The CUDA device `number`.
#[cfg(not(feature = "cuda"))]
pub fn cuda(_number: usize) -> Result<Device, String> {
    Err("built without `--features cuda`".into())
}

/// wgpu's adapter `number`.
#[cfg(feature = "wgpu")]
pub fn wgpu(number: usize) -> Result<Device, String> {
    probe::nth(burn::tensor::DeviceType::Wgpu, number, "wgpu adapter", |_| true)
}

/// wgpu's graphics card `number`.
#[cfg(feature = "wgpu")]
pub fn wgpu_card(number: usize) -> Result<Device, String> {
    // Our own kernels are faster than a graphics driver on the same processor.
    let is_card = |device: &Device| device.identity().is_some_and(|who| who.physical.is_some());
    probe::nth(burn::tensor::DeviceType::Wgpu, number, "graphics card of wgpu", is_card)
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

/// Finding a device, and that it works.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
mod probe {
    use burn::tensor::{Device, DeviceType, Tensor};

    use crate::util::panics::quietly;

    /// The device `number` among those of a `kind`, called `what`, that are `wanted`.
    pub fn nth(
        kind: DeviceType,
        number: usize,
        what: &str,
        wanted: impl Fn(&Device) -> bool,
    ) -> Result<Device, String> {
        let found =
            quietly(|| Device::enumerate(kind).into_iter().filter(wanted).collect::<Vec<_>>());
        // Where a library is missing or too old, its loader panics.
        let devices = found.map_err(|_| format!("the driver of the {what}s is broken"))?;
        let count = devices.len();
        let device = devices.into_iter().nth(number).ok_or_else(|| match count {
            0 => format!("no {what}"),
            _ => format!("no {what} {number}, there are {count}"),
        })?;
        match quietly(|| works(&device)) {
            Ok(true) => Ok(device),
            _ => Err(format!("{what} {number} does not work: is its driver complete?")),
        }
    }

    /// Whether `device` compiles and runs a kernel. CUDA's compiler, for one, is a library of its
    /// own, which may be missing where the driver is there.
    fn works(device: &Device) -> bool {
        let two = Tensor::<1>::ones([1], device) + 1.0;
        two.try_into_scalar::<f32>().is_ok_and(|two| two == 2.0)
    }
}
