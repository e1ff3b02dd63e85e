//! Carbon and water as run files have them, and in one line.

use surrogate_meter::footprint::{
    Footprint, FootprintOptions, FunctionalUnit, SoftwareCarbonIntensity,
};
use surrogate_meter::{EnergyReport, Quantity};
use surrogate_run::schema::{self, CarbonPerUnit, Energy, MeterCost, Payback};

use crate::energy;
use crate::terminal::Terminal;

/// For a file.
pub fn quantity(q: &Quantity) -> schema::Quantity {
    schema::Quantity {
        value: q.value,
        low: q.low,
        high: q.high,
        sigma: q.sigma(),
        unit: q.unit.to_string(),
        provenance: q.provenance.word().to_string(),
        source: q.source.clone(),
        vintage: q.vintage.clone(),
    }
}

/// For a file.
pub fn per_unit(sci: &SoftwareCarbonIntensity) -> CarbonPerUnit {
    CarbonPerUnit {
        carbon_per_unit: quantity(&sci.g_per_unit),
        unit: sci.unit.clone(),
        units: sci.done,
    }
}

/// For a file, with the carbon of each kind of work.
pub fn file(footprint: &Footprint, units: &[SoftwareCarbonIntensity]) -> schema::Footprint {
    schema::Footprint {
        energy: quantity(&footprint.energy_kwh),
        pue: quantity(&footprint.pue),
        carbon_intensity: quantity(&footprint.intensity),
        carbon_intensity_kind: "location-based average".to_string(),
        carbon_operational: quantity(&footprint.operational_g),
        carbon_embodied: quantity(&footprint.embodied_g),
        carbon: quantity(&footprint.total_g),
        water_on_site: quantity(&footprint.water_onsite_l),
        water_off_site: quantity(&footprint.water_offsite_l),
        per_unit: units.iter().map(per_unit).collect(),
    }
}

/// What was done, as functional units of software carbon intensity.
#[derive(Debug, Default)]
pub struct Work {
    /// Things of which the whole carbon is, with their number.
    whole: Vec<(FunctionalUnit, f64)>,
    /// Things that take a part of the energy and the time, each: unit, J, s.
    each: Vec<(FunctionalUnit, f64, f64)>,
}

impl Work {
    /// A training and, where it was measured, a curve.
    pub fn training(trained: bool, payback: Option<&Payback>) -> Self {
        let whole = trained.then_some((FunctionalUnit::TrainedSurrogate, 1.0));
        let each = payback
            .and_then(|p| Some((unit_of(&p.curve), p.energy_per_curve_j, p.seconds_per_curve?)));
        Self { whole: whole.into_iter().collect(), each: each.into_iter().collect() }
    }

    /// A prediction (unit in words) at each of `points` parameter points, made in a stage of the
    /// report.
    pub fn prediction(unit: &str, points: usize, stage: &str, report: &EnergyReport) -> Self {
        let stages = report.stages.iter().filter(|s| s.path == stage);
        let wall_s: f64 = stages.map(|stage| stage.own.wall_s()).sum();
        let joules = report.inclusive_uj(stage) as f64 * 1e-6;
        let n = points as f64;
        Self { whole: Vec::new(), each: vec![(unit_of(unit), joules / n, wall_s / n)] }
    }

    fn intensities(
        &self,
        report: &EnergyReport,
        whole: &Footprint,
        options: &FootprintOptions,
    ) -> Vec<SoftwareCarbonIntensity> {
        let of_whole =
            self.whole.iter().map(|(unit, done)| whole.software_carbon_intensity(unit, *done));
        let total = Quantity::energy_of(report);
        let metered = self.each.iter().filter(|_| total.value > 0.0);
        let each = metered.map(|(unit, joules, seconds)| {
            // a call is metered as well as the whole is
            let share = joules / 3.6e6 / total.value;
            let part = Footprint::of(&total.scaled(share, total.unit), *seconds, options);
            part.software_carbon_intensity(unit, 1.0)
        });
        of_whole.chain(each).flatten().collect()
    }
}

fn unit_of(words: &str) -> FunctionalUnit {
    match words {
        "voltage curve" => FunctionalUnit::VoltageCurve,
        other => FunctionalUnit::Named(other.to_string()),
    }
}

/// `energy.json` with its footprint.
pub fn account(report: &EnergyReport, options: &FootprintOptions, work: &Work) -> Energy {
    let footprint = Footprint::of(&Quantity::energy_of(report), report.wall_s, options);
    let units = work.intensities(report, &footprint, options);
    Energy { footprint: Some(file(&footprint, &units)), ..energy::file(report) }
}

/// One line of carbon and one of the meter's own cost.
pub fn say(terminal: &Terminal, report: &EnergyReport, account: &Energy) {
    if let Some(footprint) = &account.footprint {
        terminal.say(format!("carbon    {}", line(footprint)));
    }
    terminal.say(format!("meter     itself: {}", meter_line(report)));
}

/// What the meter itself took.
pub fn meter_cost(report: &EnergyReport) -> MeterCost {
    MeterCost {
        boundaries: report.boundaries,
        microseconds_per_boundary: report.boundary_us(),
        beats: report.beats,
        microseconds_per_beat: report.beat_us(),
        percent_of_a_core: 100.0 * report.overhead_share(),
    }
}

/// The same in a line.
pub fn meter_line(report: &EnergyReport) -> String {
    format!(
        "{} boundaries of {:.1} us, {} beats of {:.1} us, {:.4} % of a core",
        report.boundaries,
        report.boundary_us(),
        report.beats,
        report.beat_us(),
        100.0 * report.overhead_share()
    )
}

/// `1.2 gCO2e (0.5 to 3.1): 0.9 running at 473 gCO2e/kWh (…), 0.3 embodied; water 0.01 L`
fn line(footprint: &schema::Footprint) -> String {
    let grams = |g: f64| scaled(g, "gCO2e");
    let (all, intensity) = (&footprint.carbon, &footprint.carbon_intensity);
    let water_l = footprint.water_on_site.value + footprint.water_off_site.value;
    let pue = match footprint.pue.value {
        1.0 => String::new(),
        pue => format!(", PUE {pue}"),
    };
    format!(
        "{} ({} to {}): {} running at {:.0} g/kWh{pue} ({}), {} embodied; water {}",
        grams(all.value),
        grams(all.low),
        grams(all.high),
        grams(footprint.carbon_operational.value),
        intensity.value,
        intensity.source,
        grams(footprint.carbon_embodied.value),
        scaled(water_l, "L"),
    )
}

/// Three significant digits with an SI prefix: `12.3 mJ`.
pub fn scaled(value: f64, unit: &str) -> String {
    let prefixes = [(1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u")];
    let (factor, prefix) = prefixes
        .into_iter()
        .find(|(factor, _)| value.abs() >= *factor)
        .unwrap_or(if value == 0.0 { (1.0, "") } else { (1e-9, "n") });
    let shown = value / factor;
    let digits = if shown.abs() >= 100.0 { 0 } else { 2 - usize::from(shown.abs() >= 10.0) };
    format!("{shown:.digits$} {prefix}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_prefix() {
        assert_eq!(scaled(0.0123, "J"), "12.3 mJ");
        assert_eq!(scaled(1_234.0, "J"), "1.23 kJ");
        assert_eq!(scaled(523.4, "gCO2e"), "523 gCO2e");
        assert_eq!(scaled(0.0, "L"), "0.00 L");
        assert_eq!(scaled(3.2e-9, "L"), "3.20 nL");
    }
}
