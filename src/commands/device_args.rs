//! The flags that name the devices of a training.

use anyhow::Result;
use burn::tensor::Device;
use clap::Args;

use super::values;
use crate::device::{DeviceName, DeviceNames};

/// The devices that train and evaluate.
#[derive(Args, Clone, Debug)]
pub(super) struct DeviceArgs {
    /// Device that trains: /gpu:N, /cpu:0, cuda:N, wgpu:N or cpu; or several, as /gpu:0,/gpu:1, which share each batch [default: /gpu:0 where there is one]
    #[arg(long = "train_device", alias = "train-device", value_name = "DEVICE[,..]")]
    train_device: Option<DeviceNames>,
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
    /// The devices that train and the one that evaluates, one and the same where their names are.
    ///
    /// # Errors
    /// When one is not there that has to be, or a GPU and the CPU are to share batches.
    pub fn resolve(&self) -> Result<(Vec<Device>, Device)> {
        let both = self.device.or(self.gpu);
        let train = self.train_device.clone().or(both.map(Into::into));
        let eval = self.eval_device.or(both);
        let find = match self.require_device {
            true => DeviceName::require,
            false => DeviceName::resolve_or_best,
        };
        let train_devices = match &train {
            Some(names) => names.find_all(find)?,
            None => vec![find(None)?],
        };
        let eval_device = match eval.map(Into::into) == train {
            true => train_devices[0].clone(),
            false => find(eval)?,
        };
        Ok((train_devices, eval_device))
    }

    /// These flags as words of a command line.
    pub fn to_words(&self) -> Vec<String> {
        let named = [
            ("device", self.device.or(self.gpu).map(DeviceNames::from)),
            ("train_device", self.train_device.clone()),
            ("eval_device", self.eval_device.map(DeviceNames::from)),
        ];
        let word = |(flag, names): (&str, Option<DeviceNames>)| {
            names.map(|names| format!("--{flag}={names}"))
        };
        let require = self.require_device.then(|| "--require_device".to_owned());
        named.into_iter().filter_map(word).chain(require).collect()
    }
}
