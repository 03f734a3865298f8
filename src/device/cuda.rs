//! What a machine lacks that has no CUDA device, or one that does not work.
//!
//! A program with CUDA needs the driver (`libcuda.so.1`) and one file of NVIDIA's toolkit, `libdevice.10.bc`, in which
//! tanh, exp and the like are; neither the rest of the toolkit nor NVRTC nor cuDNN.

use std::env;
use std::path::{Path, PathBuf};

/// Where the file is below a toolkit.
const LIBDEVICE: &str = "nvvm/libdevice/libdevice.10.bc";
/// Where CubeCL looks for a toolkit unless CUDA_PATH says where it is (cubecl-llvm 0.11, src/nvptx/libdevice.rs).
const TOOLKITS: [&str; 4] = ["/usr/local/cuda", "/opt/cuda", "/usr/lib/cuda", "/usr"];
/// What a driver of NVIDIA's leaves on Linux.
const DRIVER: [&str; 2] = ["/dev/nvidiactl", "/proc/driver/nvidia/version"];

/// Why there is no device; `None` where nothing is known of it.
pub fn why_none() -> Option<String> {
    if cfg!(not(target_os = "linux")) {
        return None;
    }
    if !DRIVER.iter().any(|file| Path::new(file).exists()) {
        return Some(format!("no NVIDIA driver: there is no {}", DRIVER[0]));
    }
    let why = match env::var("CUDA_VISIBLE_DEVICES") {
        Ok(devices) => format!("CUDA_VISIBLE_DEVICES is `{devices}`"),
        Err(_) => "is it a container that was started without its GPUs?".to_owned(),
    };
    Some(format!("NVIDIA's driver shows no CUDA device: {why}"))
}

/// Why a device does not work; `None` where nothing is known of it.
pub fn why_broken() -> Option<String> {
    let path = env::var_os("CUDA_PATH").map(PathBuf::from);
    let toolkits = path
        .as_ref()
        .map_or_else(|| TOOLKITS.map(PathBuf::from).to_vec(), |path| vec![path.clone()]);
    if toolkits.iter().any(|toolkit| toolkit.join(LIBDEVICE).is_file()) {
        return None;
    }
    let places: Vec<_> = toolkits.iter().map(|place| place.display().to_string()).collect();
    Some(format!(
        "no {LIBDEVICE} in {}; set CUDA_PATH to a folder that has it (docs/gpu.md)",
        places.join(", ")
    ))
}
