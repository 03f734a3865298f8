//! The flags that name the devices of a training.

use anyhow::Result;
use burn::tensor::Device;
use clap::Args;

use super::values;
use crate::device::DeviceName;

/// The devices that train and evaluate.
#[derive(Args, Clone, Debug)]
pub(super) struct DeviceArgs {
    /// Device that trains: /gpu:N, /cpu:0, cuda:N, wgpu:N or cpu [default: /gpu:0 where there is one]
    #[arg(long = "train_device", alias = "train-device", value_name = "DEVICE")]
    train_device: Option<DeviceName>,
    /// Device that evaluates [default: /gpu:0 where there is one]
    #[arg(long = "eval_device", alias = "eval-device", value_name = "DEVICE")]
    eval_device: Option<DeviceName>,
    /// Device that trains and evaluates
    #[arg(long, value_name = "DEVICE", conflicts_with_all = ["train_device", "eval_device"])]
    device: Option<DeviceName>,
    /// The same as --device /gpu:N
    #[arg(long, hide = true, value_parser = values::gpu, allow_negative_numbers = true, value_name = "N", conflicts_with_all = ["train_device", "eval_device", "device"])]
    gpu: Option<DeviceName>,
    /// End with exit code 4 where a GPU is not there, instead of training on the CPU
    #[arg(long = "require_device", alias = "require-device")]
    require_device: bool,
}

impl DeviceArgs {
    /// The device that trains and the one that evaluates, one and the same where their names are.
    ///
    /// # Errors
    /// When one is not there that has to be.
    pub fn resolve(&self) -> Result<[Device; 2]> {
        let both = self.device.or(self.gpu);
        let (train, eval) = (self.train_device.or(both), self.eval_device.or(both));
        let find = match self.require_device {
            true => DeviceName::require,
            false => DeviceName::resolve_or_best,
        };
        let train_device = find(train)?;
        let eval_device = if eval == train { train_device.clone() } else { find(eval)? };
        Ok([train_device, eval_device])
    }

    /// These flags as words of a command line.
    pub fn to_words(&self) -> Vec<String> {
        let named = [
            ("device", self.device.or(self.gpu)),
            ("train_device", self.train_device),
            ("eval_device", self.eval_device),
        ];
        let word =
            |(flag, name): (&str, Option<DeviceName>)| name.map(|name| format!("--{flag}={name}"));
        let require = self.require_device.then(|| "--require_device".to_owned());
        named.into_iter().filter_map(word).chain(require).collect()
    }
}
