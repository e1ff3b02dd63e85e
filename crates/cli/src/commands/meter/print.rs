//! A report and a footprint as text and as JSON.

use serde_json::{Value, json};
use surrogate_meter::footprint::{Footprint, SoftwareCarbonIntensity};
use surrogate_meter::{EnergyReport, Quantity};

use crate::energy;

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

fn quantity(q: &Quantity, unit: &str) -> String {
    let vintage = if q.vintage.is_empty() { String::new() } else { format!(" ({})", q.vintage) };
    format!(
        "{}  ({} to {}), {}: {}{vintage}",
        scaled(q.value, unit),
        scaled(q.low, unit),
        scaled(q.high, unit),
        q.provenance,
        q.source
    )
}

/// The account for people.
pub fn text(
    report: &EnergyReport,
    footprint: &Footprint,
    sci: Option<&SoftwareCarbonIntensity>,
) -> String {
    let joules = |uj: u64| scaled(uj as f64 * 1e-6, "J");
    let mut lines = vec![format!(
        "energy    {}  ({} to {}), {}",
        joules(report.total_uj),
        joules(report.total_low_uj),
        joules(report.total_high_uj),
        energy::word(report)
    )];
    for channel in &report.channels {
        let (name, used) = (&channel.name, joules(channel.energy_uj));
        lines.push(format!("  {name:12} {used:>9}  {}: {}", channel.provenance, channel.how));
    }
    if let Some(shared) = &report.shared {
        lines.push(format!(
            "  whose        {} {}, {} other processes, {} while idle",
            joules(shared.own_uj),
            report.cpu_scope,
            joules(shared.others_uj),
            joules(shared.idle_uj)
        ));
        if shared.steal_per_mille > 10 {
            lines.push(format!(
                "  the host gave {:.1} % of the processor's time to other machines",
                shared.steal_per_mille as f64 * 0.1
            ));
        }
    }
    lines.push(format!("time      {:.3} s, processor {:.3} s", report.wall_s, report.cpu_s));
    lines.push(format!("carbon    {}", quantity(&footprint.total_g, "gCO2e")));
    lines.push(format!("  running      {}", quantity(&footprint.operational_g, "gCO2e")));
    lines.push(format!("  embodied     {}", quantity(&footprint.embodied_g, "gCO2e")));
    if let Some(sci) = sci {
        let each = scaled(sci.g_per_unit.value, "gCO2e");
        lines.push(format!("  SCI          {each} for each {}", sci.unit));
    }
    lines.push(format!("water     on site {}", quantity(&footprint.water_onsite_l, "L")));
    lines.push(format!("          off site {}", quantity(&footprint.water_offsite_l, "L")));
    lines.push(format!(
        "meter     {} boundaries of {:.1} us, {} beats of {:.1} us, {:.4} % of a core",
        report.boundaries,
        report.boundary_us(),
        report.beats,
        report.beat_us(),
        100.0 * report.overhead_share()
    ));
    for missing in &report.not_measured {
        lines.push(format!("not seen  {missing}"));
    }
    lines.push(
        "carbon is location-based with yearly average intensities, not marginal ones".to_string(),
    );
    lines.join("\n")
}

/// A quantity with everything that belongs to it.
pub fn quantity_json(q: &Quantity) -> Value {
    json!({
        "value": q.value,
        "low": q.low,
        "high": q.high,
        "sigma": q.sigma(),
        "unit": q.unit,
        "provenance": q.provenance.word(),
        "source": q.source,
        "vintage": q.vintage,
    })
}

/// The account as JSON.
pub fn object(
    report: &EnergyReport,
    footprint: &Footprint,
    sci: Option<&SoftwareCarbonIntensity>,
) -> Value {
    json!({
        "energy": energy::file(report),
        "energy_low_uj": report.total_low_uj,
        "energy_high_uj": report.total_high_uj,
        "shared": report.shared.as_ref().map(|s| json!({
            "own_uj": s.own_uj,
            "others_uj": s.others_uj,
            "idle_uj": s.idle_uj,
            "cpu_of": report.cpu_scope,
            "steal_per_mille": s.steal_per_mille,
        })),
        "footprint": {
            "energy": quantity_json(&footprint.energy_kwh),
            "pue": quantity_json(&footprint.pue),
            "carbon_intensity": quantity_json(&footprint.intensity),
            "carbon_intensity_kind": "location-based average",
            "carbon_operational": quantity_json(&footprint.operational_g),
            "carbon_embodied": quantity_json(&footprint.embodied_g),
            "carbon": quantity_json(&footprint.total_g),
            "water_on_site": quantity_json(&footprint.water_onsite_l),
            "water_off_site": quantity_json(&footprint.water_offsite_l),
        },
        "sci": sci.map(|s| json!({
            "carbon_per_unit": quantity_json(&s.g_per_unit),
            "unit": s.unit,
            "units": s.done,
        })),
        "meter": {
            "boundaries": report.boundaries,
            "microseconds_per_boundary": report.boundary_us(),
            "beats": report.beats,
            "microseconds_per_beat": report.beat_us(),
            "percent_of_a_core": 100.0 * report.overhead_share(),
        },
    })
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
