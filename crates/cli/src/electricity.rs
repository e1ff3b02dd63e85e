//! Options that say what the energy stands for: where its electricity comes from, the site, the
//! hardware. Without any of them: the world's average at a desk, and no network request.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};
use surrogate_meter::footprint::carbon::{self, CarbonTable};
use surrogate_meter::footprint::embodied::Embodied;
use surrogate_meter::footprint::site::{Site, world_water};
use surrogate_meter::footprint::{Footprint, FootprintOptions};
use surrogate_meter::{EnergyReport, Provenance, Quantity};
use surrogate_run::{RunDirectory, RunError};

use crate::failure::Failure;
use crate::terminal::Terminal;

/// What the energy stands for.
#[derive(Args, Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[command(next_help_heading = "Carbon and water")]
pub struct Electricity {
    /// Country (ISO code or English name) or zone of the electricity [default: world average].
    #[arg(long, value_name = "COUNTRY", conflicts_with = "carbon_intensity")]
    pub country: Option<String>,
    /// Carbon intensity of the electricity, gCO2e/kWh, optionally with one sigma: 52 or 52+-5.
    #[arg(long, value_name = "G_PER_KWH")]
    pub carbon_intensity: Option<String>,
    /// Shell command that prints the present carbon intensity, gCO2e/kWh; run at the end,
    /// and before a training for its limits. If it fails, the table is used, and a warning says so.
    #[arg(long, value_name = "COMMAND", conflicts_with = "carbon_intensity")]
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

/// File of a run directory that keeps these options, for resuming and evaluating.
const FILE: &str = "electricity.json";

impl Electricity {
    /// Keeps the options with a run.
    pub fn keep(&self, run: &RunDirectory) -> Result<(), Failure> {
        Ok(surrogate_run::write_json(&run.file(FILE), self)?)
    }

    /// These options if any is given, or else those that the run was started with.
    pub fn or_of(&self, run: &RunDirectory) -> Result<Self, Failure> {
        if *self != Self::default() {
            return Ok(self.clone());
        }
        match surrogate_run::read_json(&run.file(FILE)) {
            Ok(kept) => Ok(kept),
            Err(RunError::Missing { .. }) => Ok(Self::default()),
            Err(other) => Err(other.into()),
        }
    }

    /// Whether everything can be understood, before anything is run.
    pub fn check(&self) -> Result<(), Failure> {
        self.stated(1.0)?;
        self.with(Quantity::exact(0.0, ""), &[]).map(|_| ())
    }

    /// Carbon and water of a report.
    ///
    /// Where a command or a service gives no intensity, the table does, and a warning says so.
    pub fn footprint(
        &self,
        report: &EnergyReport,
        terminal: &Terminal,
    ) -> Result<(Footprint, FootprintOptions), Failure> {
        let options = self.options(report, terminal)?;
        Ok((Footprint::of(&Quantity::energy_of(report), report.wall_s, &options), options))
    }

    /// What a footprint is made from, for a run that has come as far as `report`.
    pub fn options(
        &self,
        report: &EnergyReport,
        terminal: &Terminal,
    ) -> Result<FootprintOptions, Failure> {
        let gpus: Vec<&str> = report
            .channels
            .iter()
            .filter(|channel| channel.name.starts_with("gpu"))
            .map(|channel| channel.how.as_str())
            .collect();
        let intensity = match self.asked() {
            Ok(Some(answer)) => answer,
            Ok(None) => self.stated(report.wall_s)?,
            Err(why) => {
                let instead = self.stated(report.wall_s)?;
                terminal.warn(format!("{why}; taken instead: {}", instead.source));
                instead
            }
        };
        self.with(intensity, &gpus)
    }

    fn with(&self, intensity: Quantity, gpus: &[&str]) -> Result<FootprintOptions, Failure> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
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
        Ok(FootprintOptions { intensity, site: self.site()?, water_offsite, hardware })
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

    /// What the command or the service named says now; `None` if none was named.
    fn asked(&self) -> Result<Option<Quantity>, Failure> {
        if let Some(command) = &self.carbon_command {
            return carbon::from_command(command)
                .map(Some)
                .map_err(|fault| Failure::user(format!("--carbon-command: {fault}")));
        }
        #[cfg(feature = "live")]
        if let Some(name) = &self.live {
            return self.service(name).map(Some);
        }
        Ok(None)
    }

    #[cfg(feature = "live")]
    fn service(&self, name: &str) -> Result<Quantity, Failure> {
        use surrogate_meter::footprint::live::{Signal, ask};

        let zone = self.country.as_deref().unwrap_or_default();
        let answer = ask(provider(name)?, zone, None)
            .map_err(|e| Failure::user(format!("--live {name}: {e}")))?;
        match answer.signal {
            Signal::Average => Ok(answer.intensity),
            Signal::Marginal => Err(Failure::helped(
                "this service gives marginal intensities, which are not mixed with averages",
                "use electricity-maps or uk-carbon-intensity",
            )),
        }
    }

    /// The intensity given, or that of the table.
    fn stated(&self, run_s: f64) -> Result<Quantity, Failure> {
        if let Some(text) = &self.carbon_intensity {
            return given(text);
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
        let world = || {
            table.world().map_err(|_| {
                Failure::helped(
                    "the carbon table has no row WORLD",
                    "name a row of it with --country",
                )
            })
        };
        match &self.country {
            #[cfg(feature = "live")]
            Some(zone) if self.live.is_some() => {
                provider(self.live.as_deref().unwrap_or_default())?;
                table.of(zone, run_s).or_else(|_| world()) // a service has zones of its own
            }
            Some(country) => table.of(country, run_s).map_err(|e| Failure::user(e.to_string())),
            None => world(),
        }
    }
}

#[cfg(feature = "live")]
fn provider(name: &str) -> Result<surrogate_meter::footprint::live::Provider, Failure> {
    surrogate_meter::footprint::live::Provider::from_word(name).ok_or_else(|| {
        let known = "electricity-maps or uk-carbon-intensity";
        Failure::helped(format!("--live {name:?} is no service"), format!("use {known}"))
    })
}

/// `52` or `52+-5`, gCO2e/kWh.
fn given(text: &str) -> Result<Quantity, Failure> {
    let (value, sigma) = text.split_once("+-").unwrap_or((text, "0"));
    let number = |t: &str| t.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v >= 0.0);
    match (number(value), number(sigma)) {
        (Some(value), Some(sigma)) => Ok(carbon::given(value, Some(sigma))),
        _ => Err(Failure::helped(
            format!("--carbon-intensity {text:?} is no intensity"),
            "give gCO2e per kWh, such as 52 or 52+-5",
        )),
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
