//! NVIDIA GPUs through the driver's own library, loaded at run time.

use std::sync::OnceLock;

use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use crate::finding::Rejection;
use crate::gpu::{Gpu, GpuFault};

struct NvidiaGpu {
    number: u32,
    device: Device<'static>,
}

impl From<NvmlError> for GpuFault {
    fn from(error: NvmlError) -> Self {
        match error {
            NvmlError::NotSupported => Self::Unsupported,
            NvmlError::NoPermission => Self::Denied,
            NvmlError::GpuLost => Self::Lost,
            other => Self::Driver { reason: other.to_string() },
        }
    }
}

impl Gpu for NvidiaGpu {
    fn number(&self) -> u32 {
        self.number
    }

    fn model(&self) -> String {
        self.device.name().unwrap_or_else(|_| "unnamed device".to_owned())
    }

    fn energy_mj(&mut self) -> Result<u64, GpuFault> {
        Ok(self.device.total_energy_consumption()?)
    }

    fn power_mw(&mut self) -> Result<u64, GpuFault> {
        Ok(u64::from(self.device.power_usage()?))
    }

    fn utilisation_and_limit_w(&mut self) -> Result<(f64, f64), GpuFault> {
        let busy = f64::from(self.device.utilization_rates()?.gpu) * 0.01;
        let limit_w = f64::from(self.device.enforced_power_limit()?) * 1e-3;
        Ok((busy, limit_w))
    }
}

/// The GPUs that this process may use. `visible`: see
/// [`DetectOptions::visible_gpus`](crate::DetectOptions::visible_gpus).
pub(crate) fn devices(visible: Option<&str>) -> (Vec<Box<dyn Gpu>>, Vec<Rejection>) {
    let none = |why: String| (Vec::new(), vec![Rejection::missing("gpu", why)]);
    let nvml = match driver() {
        Ok(nvml) => nvml,
        Err(why) => return none(why.clone()),
    };
    let count = match nvml.device_count() {
        Ok(0) => return none("the NVIDIA driver lists no device".to_owned()),
        Ok(count) => count,
        Err(error) => return none(format!("the NVIDIA driver gives no list of devices ({error})")),
    };
    let mut gpus: Vec<Box<dyn Gpu>> = Vec::new();
    let mut rejected = Vec::new();
    for number in 0..count {
        let opened = nvml.device_by_index(number).and_then(|device| {
            let uuid = device.uuid()?;
            Ok((device, uuid))
        });
        match opened {
            Ok((_, uuid)) if visible.is_some_and(|list| !lists(list, number, &uuid)) => {
                rejected.push(Rejection::redundant(
                    format!("gpu{number}"),
                    "it is not visible to this process (CUDA_VISIBLE_DEVICES)",
                ));
            }
            Ok((device, _)) => gpus.push(Box::new(NvidiaGpu { number, device })),
            Err(error) => rejected.push(Rejection::missing(
                format!("gpu{number}"),
                format!("the driver does not open it ({error})"),
            )),
        }
    }
    if visible.is_some_and(|list| list.contains("MIG-")) {
        let why = "the driver does not split a device's energy among its MIG instances: whole \
                   devices are counted";
        rejected.push(Rejection::missing("gpu share of this MIG instance", why));
    }
    (gpus, rejected)
}

/// Whether a list in the syntax of `CUDA_VISIBLE_DEVICES` names the device. A MIG instance cannot
/// be traced to its device here, so it names every device.
fn lists(visible: &str, number: u32, uuid: &str) -> bool {
    visible.split(',').map(str::trim).any(|entry| {
        entry.parse() == Ok(number)
            || entry.starts_with("MIG-")
            || (entry.starts_with("GPU-") && uuid.starts_with(entry))
    })
}

/// The driver's library, loaded once for the life of the process. Many systems carry it only
/// under its versioned name.
fn driver() -> Result<&'static Nvml, &'static String> {
    static DRIVER: OnceLock<Result<Nvml, String>> = OnceLock::new();
    DRIVER
        .get_or_init(|| {
            Nvml::builder()
                .lib_path("libnvidia-ml.so.1".as_ref())
                .init()
                .or_else(|_| Nvml::init())
                .map_err(|error| format!("no NVIDIA driver library ({error})"))
        })
        .as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_visible_list_names_devices_by_number_and_by_id() {
        let uuid = "GPU-5a1b-77";
        assert!(lists("0, 2", 2, uuid) && !lists("0,2", 1, uuid));
        assert!(lists("GPU-5a", 7, uuid) && !lists("GPU-6", 7, uuid));
        assert!(lists("MIG-abc", 0, uuid), "the device of an instance is not known");
        assert!(!lists("", 0, uuid) && !lists("NoDevFiles", 0, uuid));
    }
}
