//! Where tensors live, chosen by name and never by default: burn's default device is CUDA as soon
//! as it is compiled in, whether there is a GPU or not.

use burn::tensor::{DType, Tensor, TensorData};
use thiserror::Error;

/// Why a GPU cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DeviceError {
    /// The cargo feature `cuda` is off.
    #[error("this build has no GPU support")]
    NotBuilt,
    /// There is no NVIDIA driver, or it has no GPU.
    #[error("no NVIDIA driver with a GPU was found on this machine")]
    NoDriver,
    /// A first computation failed.
    #[error(
        "CUDA device {index} cannot be used: it does not exist, or the CUDA run-time compiler (libnvrtc, headers) is missing"
    )]
    Unusable {
        /// Number of the device.
        index: usize,
    },
}

/// A device that tensors can live on.
#[derive(Clone, Debug)]
pub struct Device {
    tensors: burn::tensor::Device,
    name: String,
}

impl Device {
    /// The CPU (burn flex).
    #[must_use]
    pub fn cpu() -> Self {
        Self { tensors: burn::tensor::Device::flex().autodiff(), name: "cpu".to_string() }
    }

    /// A GPU, after a first computation on it.
    ///
    /// # Errors
    /// [`DeviceError`] says what is missing. Nothing is printed.
    pub fn cuda(index: usize) -> Result<Self, DeviceError> {
        cuda::open(index)
            .map(|tensors| Self { tensors: tensors.autodiff(), name: format!("cuda:{index}") })
    }

    /// `cpu` or `cuda:N`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tensors are made on.
    pub(crate) const fn tensors(&self) -> &burn::tensor::Device {
        &self.tensors
    }

    /// A column of numbers as a tensor `[n]`.
    pub(crate) fn column(&self, values: &[f64]) -> Tensor<1> {
        let data = TensorData::new(values.to_vec(), [values.len()]);
        Tensor::from_data(data, (&self.tensors, DType::F64))
    }

    /// Columns as rows of a tensor `[column][n]`.
    pub(crate) fn rows(&self, columns: &[&[f64]]) -> Tensor<2> {
        let n = columns.first().map_or(0, |c| c.len());
        self.column(&columns.concat()).reshape([columns.len(), n])
    }

    /// The same number `n` times.
    pub(crate) fn full(&self, n: usize, value: f64) -> Tensor<1> {
        Tensor::full([n], value, (&self.tensors, DType::F64))
    }
}

/// Numbers of a tensor.
///
/// # Panics
/// If the device fails.
pub(crate) fn read(tensor: Tensor<1>) -> Vec<f64> {
    let data = tensor.into_data();
    data.to_vec().expect("every tensor here was made with DType::F64")
}

#[cfg(feature = "cuda")]
mod cuda {
    use std::panic;
    use std::sync::{Mutex, PoisonError};

    use burn::tensor::{DType, Device, Tensor};
    use nvml_wrapper::Nvml;

    use super::DeviceError;

    /// The panic hook is process-wide: one probe at a time.
    static PROBING: Mutex<()> = Mutex::new(());

    /// Asks the driver first, then computes. Without libcuda or libnvrtc burn panics, in a thread of
    /// its own and in ours, so the hook is silenced meanwhile.
    pub(super) fn open(index: usize) -> Result<Device, DeviceError> {
        let driver = Nvml::init().and_then(|nvml| nvml.device_count());
        if driver.unwrap_or(0) == 0 {
            return Err(DeviceError::NoDriver);
        }
        let _one = PROBING.lock().unwrap_or_else(PoisonError::into_inner);
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let outcome = panic::catch_unwind(|| {
            let device = Device::cuda(index);
            let ones: Tensor<1> = Tensor::ones([4], (&device, DType::F64));
            let sum = super::read((ones.clone() + ones).sum());
            (sum == [8.0]).then_some(device)
        });
        panic::set_hook(hook);
        outcome.ok().flatten().ok_or(DeviceError::Unusable { index })
    }
}

#[cfg(not(feature = "cuda"))]
mod cuda {
    use burn::tensor::Device;

    use super::DeviceError;

    pub(super) fn open(_: usize) -> Result<Device, DeviceError> {
        Err(DeviceError::NotBuilt)
    }
}
