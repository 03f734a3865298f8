//! What a run was trained with: program, machine, devices. It is kept beside the configuration in
//! `config.json`, as a list: one more entry where a process that goes on differs from the one before.
//! Nothing of it is a part of what the run is.

use serde::{Deserialize, Serialize};

/// The commit that the program was built from, with `-dirty` where files had changed; nothing where the build
/// did not know.
const COMMIT: Option<&str> = option_env!("DYTB_COMMIT");

/// Program and machine of a process that trains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The program's version.
    pub version: String,
    /// The git commit that it was built from, if that is known.
    pub commit: Option<String>,
    /// The machine's name.
    pub host: String,
    /// Its processor, as the system calls it.
    pub processor: String,
    /// The vector instructions that the kernels use.
    pub simd: String,
    /// Threads that compute.
    pub threads: usize,
    /// What trains, as `/gpu:0`.
    pub train_device: String,
    /// What evaluates.
    pub eval_device: String,
}

impl Environment {
    /// Of this process, which trains and evaluates on these devices.
    pub fn now(train_device: String, eval_device: String) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: COMMIT.map(str::to_owned),
            host: gethostname::gethostname().to_string_lossy().into_owned(),
            processor: processor(),
            simd: format!("{:?}", crate::ops::simd::SimdLevel::best()),
            threads: rayon::current_num_threads(),
            train_device,
            eval_device,
        }
    }
}

/// The processor's name; where the system does not tell, its architecture.
fn processor() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = told.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    name.map_or(std::env::consts::ARCH.to_owned(), |name| name.trim().to_owned())
}
