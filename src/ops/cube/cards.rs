//! What kernels become for NVIDIA's cards, for which no card is needed: PTX, and what `ptxas` makes of it.
//!
//! ```sh
//! PTXAS=/usr/local/cuda/bin/ptxas cargo test --release --features cuda --lib cards -- --nocapture
//! ```
//!
//! prints a table of registers, spilled bytes and shared memory. NVIDIA's Python wheel nvidia-cuda-nvcc-cu12 has `ptxas`; where
//! `PTXAS` does not name one, the PTX alone is made.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use cubecl::Compiler;
use cubecl::ir::features::{Features, MmaConfig};
use cubecl::ir::nvidia::SmArch;
use cubecl::ir::{
    AddressType, ContiguousElements, DeviceIdentity, ElemType, FloatKind, HardwareProperties,
    MemoryDeviceProperties, MmaProperties,
};
use cubecl::prelude::*;
use cubecl::profile::TimingMethod;
use cubecl_llvm::nvptx::ptx_version::PtxVersion;
use cubecl_llvm::{LlvmTarget, PlironArtifact, PlironCompiler, PlironOptions};

/// What a kernel is made with.
pub(crate) struct Card {
    settings: KernelSettings,
    properties: Arc<DeviceProperties>,
    target: Arc<TargetProperties>,
}

impl Card {
    /// With cubes of so many units.
    pub fn new(units: u32) -> Self {
        let settings =
            KernelSettings::new(*CubeDim::new_1d(units), ExecutionMode::Checked, AddressType::U32);
        let mma = MmaProperties {
            register_size_bits: 32,
            const_plane_size: 32,
            register_layout_a: cubecl::cmma::MatrixLayout::RowMajor,
            register_layout_b: cubecl::cmma::MatrixLayout::ColMajor,
            register_layout_acc: cubecl::cmma::MatrixLayout::RowMajor,
            register_duplication_a: 1,
            register_duplication_b: 1,
            register_duplication_acc: 1,
            contiguous_elements: ContiguousElements::new(|_, ident, _| match ident {
                cubecl::cmma::MatrixIdent::Accumulator => 2,
                _ => 1,
            }),
        };
        Self {
            settings,
            properties: Arc::new(properties()),
            target: Arc::new(TargetProperties { mma }),
        }
    }

    /// What begins the arguments of a kernel.
    pub fn given(&self) -> (KernelSettings, Arc<DeviceProperties>, Arc<TargetProperties>) {
        (self.settings.clone(), self.properties.clone(), self.target.clone())
    }
}

/// A buffer among the arguments of a kernel.
pub(crate) fn any() -> BufferCompilationArg {
    BufferCompilationArg { inplace: None }
}

/// What all cards have.
pub(crate) fn hardware() -> HardwareProperties {
    HardwareProperties {
        load_width: 128,
        vector_register_count: None,
        plane_size_min: 32,
        plane_size_max: 32,
        max_bindings: 32,
        max_shared_memory_size: 1 << 16,
        max_cube_count: (u32::MAX, u16::MAX.into(), u16::MAX.into()),
        max_units_per_cube: 1024,
        max_cube_dim: (1024, 1024, 64),
        num_streaming_multiprocessors: None,
        num_tensor_cores: None,
        min_tensor_cores_dim: None,
        num_cpu_cores: None,
        last_level_cache_size: None,
        max_vector_size: VectorSize::MAX,
        cube_mma_reserved_shared_memory: 0,
    }
}

fn properties() -> DeviceProperties {
    let memory = MemoryDeviceProperties::new(u64::MAX, 256);
    let [name, fingerprint] = ["none", "none"].map(String::from);
    let identity = DeviceIdentity { name, fingerprint, physical: None };
    let features = Features::default();
    let mut properties =
        DeviceProperties::new(features, memory, hardware(), TimingMethod::Device, identity);
    let (tf32, f32) = (ElemType::Float(FloatKind::TF32), ElemType::Float(FloatKind::F32));
    let product = MmaConfig { a_type: tf32, b_type: tf32, cd_type: f32, m: 16, n: 8, k: 8 };
    properties.features.matmul.mma.insert(product);
    properties
}

/// The PTX of `kernel` for cards of this compute capability. Prints what `ptxas` says of it.
///
/// # Panics
/// Where it does not compile, or registers do not suffice.
pub(crate) fn assemble(name: &str, capability: u32, kernel: &impl CubeKernel) -> String {
    let mut compiler = PlironCompiler { target: LlvmTarget::Nvptx };
    let options = PlironOptions {
        sm_arch: Some(SmArch::new(capability, false)),
        ptx_version: PtxVersion::for_driver(12080),
        ..Default::default()
    };
    let artifact = compiler.compile(kernel.define(), &options).expect("it compiles");
    let PlironArtifact::NvptxCode(module) = artifact else { unreachable!("it is for a card") };
    let bytes: Vec<u8> = module.ptx.iter().map(|&c| c as u8).take_while(|&c| c != 0).collect();
    let ptx = String::from_utf8(bytes).expect("an assembler's text");
    let said = std::env::var("PTXAS").map(|ptxas| assembled(Path::new(&ptxas), &ptx));
    let shared = module.shared_memory_size;
    if let Ok((registers, spilled)) = said {
        println!(
            "{name:<32} sm_{capability} {registers:>3} registers, {spilled} bytes spilled, {shared} shared"
        );
        assert_eq!(spilled, 0, "{name} on sm_{capability}: too many registers");
    }
    ptx
}

/// Compiles a kernel for cards of three generations, with what it is made of: its buffers, `()` for each number that it is
/// given later, and what it is compiled for.
macro_rules! assemble_for_cards {
    ($name:expr, $kernel:ty, $($argument:expr),* $(,)?) => {
        for capability in [75, 80, 90] {
            let (settings, properties, target) = $crate::ops::cube::cards::Card::new(256).given();
            let kernel = <$kernel>::new(settings, properties, target, $($argument),*);
            $crate::ops::cube::cards::assemble($name, capability, &kernel);
        }
    };
}
pub(crate) use assemble_for_cards;

/// Registers, and bytes spilled.
fn assembled(ptxas: &Path, ptx: &str) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("kernel.ptx"), folder.path().join("kernel.cubin"));
    std::fs::write(&from, ptx).unwrap();
    let target = ptx.lines().find_map(|line| line.strip_prefix(".target ")).expect("a target");
    let mut command = Command::new(ptxas);
    let done = command.args(["-v", "-arch", target]).arg(&from).arg("-o").arg(&to).output();
    let said = String::from_utf8(done.expect("PTXAS runs").stderr).unwrap();
    let number = |before: &str, after: &str| -> Option<usize> {
        let end = said.find(after)?;
        said[..end].rsplit(before).next()?.trim().parse().ok()
    };
    let registers = number("Used", " registers").unwrap_or_else(|| panic!("{said}"));
    (registers, number(",", " bytes spill stores").unwrap_or(0))
}
