//! Several devices by name: `/gpu:0,/gpu:1`.

use std::fmt;
use std::str::FromStr;

use anyhow::Result;
use burn::tensor::Device;

use super::{DeviceName, is_cpu};
use crate::error::{Exit, Failure};

/// Devices as the user names them, one or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceNames(Vec<DeviceName>);

impl From<DeviceName> for DeviceNames {
    fn from(name: DeviceName) -> Self {
        Self(vec![name])
    }
}

impl FromStr for DeviceNames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(|name| name.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for DeviceNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(DeviceName::to_string).collect();
        write!(f, "{}", names.join(","))
    }
}

impl DeviceNames {
    /// The devices of these names, each as `find` finds it.
    ///
    /// # Errors
    /// Those of `find`; where a GPU and the CPU would take pieces of the same batch.
    pub fn find_all(
        &self,
        find: impl Fn(Option<DeviceName>) -> Result<Device>,
    ) -> Result<Vec<Device>> {
        let devices: Vec<_> = self.0.iter().map(|&name| find(Some(name))).collect::<Result<_>>()?;
        let on_cpu = devices.iter().filter(|device| is_cpu(device)).count();
        if on_cpu == devices.len() && !self.0.contains(&DeviceName::Cpu) {
            // What it has become is one CPU, on which any model can be trained.
            return Ok(devices.into_iter().take(1).collect());
        }
        if on_cpu == 0 || on_cpu == devices.len() {
            return Ok(devices);
        }
        Err(Failure::new(Exit::Unavailable, format!("`{self}` is GPUs and the CPU"))
            .why("each takes as large a piece of a batch: the GPUs would wait for the CPU")
            .help(format!("name GPUs only; here there is {}", DeviceName::list_of_available()))
            .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_a_list() {
        let names: DeviceNames = "/gpu:0, cuda:1,cpu".parse().unwrap();
        assert_eq!(names.to_string(), "/gpu:0,cuda:1,/cpu:0");
        for wrong in ["", "cpu,", "/gpu:0;/gpu:1", "cpu,tpu"] {
            assert!(wrong.parse::<DeviceNames>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_cpu_may_be_there_twice_but_not_beside_a_gpu() {
        let find = |names: &str| {
            let names: DeviceNames = names.parse().unwrap();
            names.find_all(DeviceName::resolve_or_best)
        };
        assert_eq!(find("cpu,cpu").unwrap().len(), 2);
        // DTB's `/gpu:N` becomes the CPU.
        assert_eq!(find("/gpu:98,/gpu:99").unwrap().len(), 1);
        assert_eq!(Exit::of(&find("cpu,cuda:99").unwrap_err()), Exit::Unavailable);
    }
}
