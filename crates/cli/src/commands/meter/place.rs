//! Where the machine's counters, its electricity and its hardware come from.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use surrogate_meter::footprint::carbon::{self, CarbonTable};
use surrogate_meter::footprint::embodied::Embodied;
use surrogate_meter::footprint::site::{Site, world_water};
use surrogate_meter::footprint::{Footprint, FootprintOptions};
use surrogate_meter::{
    Calibration, CpuScope, DetectOptions, EnergyReport, Provenance, Quantity, cgroup_of,
};

use crate::failure::Failure;

/// Where the counters are.
#[derive(Args, Debug)]
pub struct Counters {
    /// Root of the kernel's device tree, where a container mounts the host's elsewhere.
    #[arg(long, value_name = "DIR", default_value = "/sys")]
    pub sysfs_root: PathBuf,
    /// Root of the kernel's process tree.
    #[arg(long, value_name = "DIR", default_value = "/proc")]
    pub proc_root: PathBuf,
    /// Shell command that prints the whole machine's power or energy, such as `41.2 W` or `3 kWh`
    /// (a plug meter, a BMC); it replaces all other sources.
    #[arg(long, value_name = "COMMAND")]
    pub wall_command: Option<String>,
    /// Do not apply this host's wall-plug calibration.
    #[arg(long)]
    pub no_calibration: bool,
}

impl Counters {
    /// For the meter.
    pub fn options(&self) -> DetectOptions {
        DetectOptions {
            sysfs_root: self.sysfs_root.clone(),
            proc_root: self.proc_root.clone(),
            wall_command: self.wall_command.clone(),
            calibrations: if self.no_calibration { None } else { Calibration::folder() },
            ..DetectOptions::default()
        }
    }
}

/// Whose CPU time is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Whose {
    /// The command and all that it starts.
    Tree,
    /// The control group that the command runs in: a container, a batch job.
    Cgroup,
}

impl Whose {
    /// For the meter.
    pub fn scope(self, counters: &Counters) -> Result<CpuScope, Failure> {
        if self == Self::Tree {
            return Ok(CpuScope::Tree);
        }
        let pid = std::process::id();
        let folder = cgroup_of(&counters.proc_root, &counters.sysfs_root, pid);
        folder.map(CpuScope::Cgroup).ok_or_else(|| {
            Failure::helped(
                "this process's control group has no CPU account",
                "leave --cpu-of out to follow the command's process tree",
            )
        })
    }
}

/// What the energy stands for.
#[derive(Args, Debug)]
pub struct Electricity {
    /// Country (ISO code or English name) or zone of the electricity [default: world average].
    #[arg(long, value_name = "COUNTRY", conflicts_with = "carbon_intensity")]
    pub country: Option<String>,
    /// Carbon intensity of the electricity, gCO2e/kWh, optionally with one sigma: 52 or 52+-5.
    #[arg(long, value_name = "G_PER_KWH")]
    pub carbon_intensity: Option<String>,
    /// Shell command that prints the present carbon intensity, gCO2e/kWh; run at the end.
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["country", "carbon_intensity"])]
    pub carbon_command: Option<String>,
    /// Ask a service for the present intensity at the end: electricity-maps (with --country as its
    /// zone; key in ELECTRICITY_MAPS_TOKEN) or uk-carbon-intensity.
    #[cfg(feature = "live")]
    #[arg(long, value_name = "SERVICE", conflicts_with = "carbon_command")]
    pub live: Option<String>,
    /// CSV of intensities to look the country or zone up in, in place of the built-in table.
    #[arg(long, value_name = "FILE.csv")]
    pub carbon_table: Option<PathBuf>,
    /// The machine stands in a data centre (world mean PUE and water) rather than at a desk.
    #[arg(long, conflicts_with = "pue")]
    pub data_centre: bool,
    /// PUE of the site.
    #[arg(long, value_name = "PUE")]
    pub pue: Option<f64>,
    /// Water used in making the electricity, L/kWh [default: world mean].
    #[arg(long, value_name = "L_PER_KWH")]
    pub water: Option<f64>,
    /// Carbon of making the hardware, kgCO2e: 150 or 150..575 [default: threads of a server].
    #[arg(long, value_name = "LOW..HIGH")]
    pub embodied_kg: Option<String>,
}

impl Electricity {
    /// Whether everything can be understood, before anything is run.
    pub fn check(&self) -> Result<(), Failure> {
        if self.carbon_command.is_some() {
            return self.site().map(|_| ()); // the command is not run before its time
        }
        self.options(1.0, 1, &[]).map(|_| ())
    }

    /// Carbon and water of a report.
    pub fn footprint(&self, report: &EnergyReport) -> Result<Footprint, Failure> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let gpus: Vec<&str> = report
            .channels
            .iter()
            .filter(|channel| channel.name.starts_with("gpu"))
            .map(|channel| channel.how.as_str())
            .collect();
        let options = self.options(report.wall_s, threads, &gpus)?;
        Ok(Footprint::of(&Quantity::energy_of(report), report.wall_s, &options))
    }

    fn options(
        &self,
        run_s: f64,
        threads: usize,
        gpus: &[&str],
    ) -> Result<FootprintOptions, Failure> {
        let mut hardware: Vec<Embodied> = match &self.embodied_kg {
            Some(text) => vec![Embodied::given("hardware", range(text)?)],
            None => vec![Embodied::server_threads(threads as f64)],
        };
        if self.embodied_kg.is_none() {
            hardware.extend(gpus.iter().map(|model| Embodied::gpu(model)));
        }
        let water_offsite = match self.water {
            Some(litres) => positive(litres, "--water")?,
            None => world_water(),
        };
        Ok(FootprintOptions {
            intensity: self.intensity(run_s)?,
            site: self.site()?,
            water_offsite,
            hardware,
        })
    }

    fn site(&self) -> Result<Site, Failure> {
        match self.pue {
            Some(pue) if (1.0..10.0).contains(&pue) => Ok(Site::Declared { pue }),
            Some(pue) => Err(Failure::helped(
                format!("--pue {pue}: a site draws at least what its computers draw"),
                "give a number of 1 or more, such as 1.2",
            )),
            None => Ok(if self.data_centre { Site::DataCentre } else { Site::Desk }),
        }
    }

    /// The service's answer, if one was named.
    #[cfg(feature = "live")]
    fn asked(&self) -> Result<Option<Quantity>, Failure> {
        use surrogate_meter::footprint::live::{Provider, Signal, ask};

        let Some(name) = &self.live else { return Ok(None) };
        let provider = Provider::from_word(name).ok_or_else(|| {
            let known = "electricity-maps or uk-carbon-intensity";
            Failure::helped(format!("--live {name:?} is no service"), format!("use {known}"))
        })?;
        let zone = self.country.as_deref().unwrap_or_default();
        let answer = ask(provider, zone, None).map_err(|e| Failure::user(e.to_string()))?;
        match answer.signal {
            Signal::Average => Ok(Some(answer.intensity)),
            Signal::Marginal => Err(Failure::helped(
                "this service gives marginal intensities, which are not mixed with averages",
                "use electricity-maps or uk-carbon-intensity",
            )),
        }
    }

    #[cfg(not(feature = "live"))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)] // as with the feature
    fn asked(&self) -> Result<Option<Quantity>, Failure> {
        Ok(None)
    }

    fn intensity(&self, run_s: f64) -> Result<Quantity, Failure> {
        if let Some(answer) = self.asked()? {
            return Ok(answer);
        }
        if let Some(command) = &self.carbon_command {
            return carbon::from_command(command)
                .map_err(|fault| Failure::user(format!("--carbon-command: {fault}")));
        }
        if let Some(text) = &self.carbon_intensity {
            let (value, sigma) = text.split_once("+-").unwrap_or((text, "0"));
            let number =
                |t: &str| t.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v >= 0.0);
            return match (number(value), number(sigma)) {
                (Some(value), Some(sigma)) => Ok(carbon::given(value, Some(sigma))),
                _ => Err(Failure::helped(
                    format!("--carbon-intensity {text:?} is no intensity"),
                    "give gCO2e per kWh, such as 52 or 52+-5",
                )),
            };
        }
        let table = match &self.carbon_table {
            None => CarbonTable::shipped(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|e| Failure::user(format!("{}: {e}", path.display())))?;
                CarbonTable::parse(&text, &path.display().to_string(), "")
            }
        };
        let table = table.map_err(|e| Failure::user(e.to_string()))?;
        match &self.country {
            Some(country) => table.of(country, run_s).map_err(|e| Failure::user(e.to_string())),
            None => table.world().map_err(|_| {
                Failure::helped(
                    "the carbon table has no row WORLD",
                    "name a row of it with --country",
                )
            }),
        }
    }
}

fn positive(value: f64, option: &str) -> Result<Quantity, Failure> {
    if value.is_finite() && value >= 0.0 {
        let given = Quantity::exact(value, "L/kWh");
        return Ok(given.from_source(Provenance::Assumed, "given by the user", ""));
    }
    Err(Failure::user(format!("{option} {value}: wanted is a number of 0 or more")))
}

fn range(text: &str) -> Result<(f64, f64), Failure> {
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let number = |t: &str| t.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v >= 0.0);
    match (number(low), number(high)) {
        (Some(low), Some(high)) if low <= high => Ok((low, high)),
        _ => Err(Failure::helped(
            format!("--embodied-kg {text:?} is no range"),
            "give kgCO2e, such as 150 or 150..575",
        )),
    }
}
