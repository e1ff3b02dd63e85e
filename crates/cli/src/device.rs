//! `--device`: where training runs. One binary runs with and without a GPU; without the cargo
//! feature `cuda` there is only the CPU.

use surrogate_engine::{MakeLoss, fused_loss};
use surrogate_generator::training::MakeGradient;
use surrogate_problem::crystal::Precision;

use crate::failure::Failure;
use crate::terminal::Terminal;

/// A device that is there.
pub enum Device {
    /// The fused kernels on the CPU.
    Cpu,
    /// Tensor operations on a GPU.
    #[cfg(feature = "cuda")]
    Gpu(surrogate_burn::Device),
}

impl Device {
    /// Reads `auto`, `cpu` or `cuda[:N]`. `auto` is the device of the run that is resumed, else the
    /// first GPU that works, else the CPU.
    pub fn choose(
        text: &str,
        recorded: Option<&str>,
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        let text = match recorded {
            Some(before) if text == "auto" => before,
            _ => text,
        };
        let number = match text.strip_prefix("cuda") {
            Some("") => Some(0),
            Some(rest) => rest.strip_prefix(':').and_then(|n| n.parse().ok()),
            None => None,
        };
        let device = match (text, number) {
            ("cpu", _) => Self::Cpu,
            ("auto", _) => automatic(terminal),
            (_, Some(index)) => gpu(index).map_err(|reason| {
                let message = format!("device `{text}` is not available: {reason}");
                Failure::helped(message, "use --device cpu or auto")
            })?,
            _ => {
                return Err(Failure::helped(
                    format!("no device `{text}`"),
                    "auto, cpu or cuda[:N]",
                ));
            }
        };
        if let Some(before) = recorded.filter(|before| *before != device.name()) {
            terminal.warn(format!(
                "the run was on {before}: on {} its last bits will differ",
                device.name()
            ));
        }
        Ok(device)
    }

    /// Name for the manifest.
    pub fn name(&self) -> &str {
        match self {
            Self::Cpu => "cpu",
            #[cfg(feature = "cuda")]
            Self::Gpu(device) => device.name(),
        }
    }

    /// Whether a generator can learn there with products in this precision.
    ///
    /// # Errors
    /// Products of 16 bits on the CPU, whose kernels have none.
    pub fn check(&self, precision: Precision) -> Result<(), Failure> {
        if matches!(self, Self::Cpu) && precision != Precision::F32 {
            let name = precision.name();
            return Err(Failure::helped(
                format!("[network]: products in {name} need a GPU, and this run is on the CPU"),
                "leave `precision` out, or train with `--device cuda`",
            ));
        }
        Ok(())
    }

    /// What computes gradients of a generator there; none where its own kernels do.
    #[cfg_attr(
        not(feature = "cuda"),
        expect(unused_variables, reason = "the CPU has one precision")
    )]
    pub fn make_gradient(&self, precision: Precision) -> Option<Box<MakeGradient>> {
        match self {
            Self::Cpu => None,
            #[cfg(feature = "cuda")]
            Self::Gpu(device) => {
                let device = device.clone();
                Some(Box::new(move |model, examples| {
                    surrogate_burn::transformer_gradient(&device, precision, model, examples)
                }))
            }
        }
    }

    /// What computes losses of networks there.
    pub fn make_loss(&self) -> Box<MakeLoss> {
        match self {
            Self::Cpu => Box::new(fused_loss),
            #[cfg(feature = "cuda")]
            Self::Gpu(device) => Box::new(surrogate_burn::burn_loss(device)),
        }
    }
}

#[cfg(feature = "cuda")]
fn automatic(terminal: &Terminal) -> Device {
    use surrogate_burn::DeviceError;

    match surrogate_burn::Device::cuda(0) {
        Ok(device) => Device::Gpu(device),
        Err(DeviceError::NotBuilt | DeviceError::NoDriver) => Device::Cpu,
        Err(reason) => {
            terminal.warn(format!("training on the CPU: {reason}"));
            Device::Cpu
        }
    }
}

#[cfg(not(feature = "cuda"))]
fn automatic(_: &Terminal) -> Device {
    Device::Cpu
}

#[cfg(feature = "cuda")]
fn gpu(index: usize) -> Result<Device, String> {
    surrogate_burn::Device::cuda(index).map(Device::Gpu).map_err(|e| e.to_string())
}

#[cfg(not(feature = "cuda"))]
fn gpu(_: usize) -> Result<Device, String> {
    Err("this build has no GPU support (cargo feature `cuda`)".to_string())
}
