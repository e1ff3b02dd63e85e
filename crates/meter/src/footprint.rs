//! From energy to carbon and water, each with its interval and where it comes from.
//!
//! operational = E · PUE · I, embodied = kg · t / lifetime, on-site water = E · WUE, off-site water
//! = E · PUE · EWIF, with E the metered energy (kWh), PUE the site's total over IT energy, I the
//! grid's average intensity (gCO2e/kWh, location-based), WUE and EWIF litres per kWh.
//!
//! Deliberately not here: market-based intensities, marginal intensities, offsets, materials other
//! than carbon and water, end of life.

pub mod carbon;
pub mod embodied;
#[cfg(feature = "live")]
pub mod live;
pub mod site;

use crate::provenance::Provenance;
use crate::quantity::Quantity;
use embodied::Embodied;
use site::Site;

/// What a footprint is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct FootprintOptions {
    /// Carbon intensity of the electricity, gCO2e/kWh; see [`carbon`].
    pub intensity: Quantity,
    /// Where the machine stands.
    pub site: Site,
    /// Water used in making the electricity, L/kWh; see [`site::world_water`].
    pub water_offsite: Quantity,
    /// The hardware whose making is charged by time.
    pub hardware: Vec<Embodied>,
}

impl FootprintOptions {
    /// Grams by energy and by time, for limits and forecasts.
    #[must_use]
    pub fn carbon_rate(&self) -> CarbonRate {
        CarbonRate {
            g_per_j: self.site.pue().value * self.intensity.value / 3.6e6,
            g_per_s: self.hardware.iter().map(|part| part.share(1.0).value).sum(),
        }
    }
}

/// Carbon by energy and by time: the values of a [`Footprint`] without their intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CarbonRate {
    /// Carbon of running, gCO2e for each J metered.
    pub g_per_j: f64,
    /// Carbon of making the hardware, gCO2e for each s.
    pub g_per_s: f64,
}

impl CarbonRate {
    /// Carbon of `energy_j` used in `wall_s`, gCO2e.
    #[must_use]
    pub fn grams(self, energy_j: f64, wall_s: f64) -> f64 {
        self.g_per_j * energy_j + self.g_per_s * wall_s
    }
}

/// Carbon and water of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Footprint {
    /// Metered energy, kWh.
    pub energy_kwh: Quantity,
    /// Site's total over IT energy.
    pub pue: Quantity,
    /// Intensity of the electricity, gCO2e/kWh.
    pub intensity: Quantity,
    /// Carbon of the electricity, gCO2e.
    pub operational_g: Quantity,
    /// Share of the carbon of making the hardware, gCO2e; 0 if no hardware was named.
    pub embodied_g: Quantity,
    /// Both, gCO2e.
    pub total_g: Quantity,
    /// Water evaporated on the site, L.
    pub water_onsite_l: Quantity,
    /// Water used in making the electricity, L.
    pub water_offsite_l: Quantity,
}

impl Footprint {
    /// The footprint of `energy_kwh` used in `wall_s` seconds.
    #[must_use]
    pub fn of(energy_kwh: &Quantity, wall_s: f64, options: &FootprintOptions) -> Self {
        let pue = options.site.pue();
        let drawn_kwh = energy_kwh.times(&pue, "kWh");
        let operational_g = drawn_kwh.times(&options.intensity, "gCO2e");
        let nothing = Quantity::exact(0.0, "gCO2e").from_source(
            Provenance::Assumed,
            "no hardware was named",
            "",
        );
        let embodied_g = options
            .hardware
            .iter()
            .map(|part| part.share(wall_s))
            .reduce(|sum, part| sum.plus(&part))
            .unwrap_or(nothing);
        let total_g = operational_g.plus(&embodied_g);
        Self {
            water_onsite_l: energy_kwh.times(&options.site.water(), "L"),
            water_offsite_l: drawn_kwh.times(&options.water_offsite, "L"),
            energy_kwh: energy_kwh.clone(),
            intensity: options.intensity.clone(),
            pue,
            operational_g,
            embodied_g,
            total_g,
        }
    }

    /// Software carbon intensity, SCI = (E I + M) / R, gCO2e for each unit of work done.
    ///
    /// The formula is that of ISO/IEC 21031:2024; E includes the site's PUE, M is `embodied_g`.
    #[must_use]
    pub fn software_carbon_intensity(
        &self,
        unit: &FunctionalUnit,
        done: f64,
    ) -> Option<SoftwareCarbonIntensity> {
        let counted = done.is_finite() && done > 0.0;
        counted.then(|| SoftwareCarbonIntensity {
            g_per_unit: self.total_g.scaled(1.0 / done, "gCO2e per unit"),
            unit: unit.words(),
            done,
        })
    }
}

/// What the carbon is counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionalUnit {
    /// One trained surrogate.
    TrainedSurrogate,
    /// One voltage curve.
    VoltageCurve,
    /// One effective sample of a posterior.
    EffectivePosteriorSample,
    /// One generated structure.
    GeneratedStructure,
    /// Another unit, in words.
    Named(String),
}

impl FunctionalUnit {
    /// In words, singular.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::TrainedSurrogate => "trained surrogate".to_owned(),
            Self::VoltageCurve => "voltage curve".to_owned(),
            Self::EffectivePosteriorSample => "effective posterior sample".to_owned(),
            Self::GeneratedStructure => "generated structure".to_owned(),
            Self::Named(words) => words.clone(),
        }
    }
}

/// Carbon for each unit of work.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftwareCarbonIntensity {
    /// gCO2e for each unit.
    pub g_per_unit: Quantity,
    /// The unit, in words.
    pub unit: String,
    /// How many units were done.
    pub done: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(site: Site) -> FootprintOptions {
        FootprintOptions {
            intensity: carbon::given(200.0, None),
            site,
            water_offsite: Quantity::exact(4.0, "L/kWh"),
            hardware: Vec::new(),
        }
    }

    #[test]
    fn a_kilowatt_hour_on_a_desk_emits_the_grid_s_intensity() {
        let energy = Quantity::exact(1.0, "kWh");
        let print = Footprint::of(&energy, 3_600.0, &options(Site::Desk));
        assert!((print.operational_g.value - 200.0).abs() < 1e-9);
        assert!((print.water_offsite_l.value - 4.0).abs() < 1e-12);
        assert_eq!((print.water_onsite_l.value, print.embodied_g.value), (0.0, 0.0));
        assert_eq!(print.total_g.value, print.operational_g.value);
    }

    #[test]
    fn a_data_centre_multiplies_by_its_pue_and_widens_the_interval() {
        let energy = Quantity::exact(1.0, "kWh");
        let declared = Footprint::of(&energy, 60.0, &options(Site::Declared { pue: 1.5 }));
        assert!((declared.operational_g.value - 300.0).abs() < 1e-9);
        assert!((declared.water_offsite_l.value - 6.0).abs() < 1e-9);
        let unknown = Footprint::of(&energy, 60.0, &options(Site::DataCentre));
        assert!(unknown.operational_g.sigma() > declared.operational_g.sigma());
        assert!(unknown.water_onsite_l.value > 0.0);
    }

    #[test]
    fn the_rate_of_carbon_gives_the_value_of_the_footprint() {
        let mut options = options(Site::Declared { pue: 1.5 });
        assert!((options.carbon_rate().grams(3.6e5, 60.0) - 30.0).abs() < 1e-9);
        options.hardware.push(Embodied::given("card", (100.0, 200.0)));
        let energy = Quantity::exact(0.1, "kWh");
        let whole = Footprint::of(&energy, 3_600.0, &options).total_g.value;
        assert!((options.carbon_rate().grams(3.6e5, 3_600.0) / whole - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_metered_interval_reaches_the_carbon() {
        let energy = Quantity::new(1.0, (0.5, 2.0), "kWh");
        let print = Footprint::of(&energy, 60.0, &options(Site::Desk));
        assert!(
            print.operational_g.low <= 100.0 + 1e-9 && print.operational_g.high >= 400.0 - 1e-9
        );
    }

    #[test]
    fn sci_counts_embodied_carbon_and_divides_by_the_work() {
        let mut options = options(Site::Desk);
        options.hardware.push(Embodied::given("card", (100.0, 100.0)));
        let wall_s = 4.5 * 365.25 * 86_400.0;
        let print = Footprint::of(&Quantity::exact(1.0, "kWh"), wall_s, &options);
        let unit = FunctionalUnit::VoltageCurve;
        let sci = print.software_carbon_intensity(&unit, 10.0).unwrap();
        let expected = (200.0 + print.embodied_g.value) / 10.0;
        assert!((sci.g_per_unit.value - expected).abs() < 1e-9);
        assert!(print.embodied_g.value > 50_000.0);
        assert!(print.software_carbon_intensity(&unit, 0.0).is_none());
    }
}
