//! A report and a footprint as text and as JSON.

use serde_json::{Value, json};
use surrogate_meter::footprint::{Footprint, SoftwareCarbonIntensity};
use surrogate_meter::{EnergyReport, Quantity};

use crate::footprint::scaled;
use crate::{energy, footprint};

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
    lines.push(format!("meter     {}", footprint::meter_line(report)));
    for missing in &report.not_measured {
        lines.push(format!("not seen  {missing}"));
    }
    lines.push(
        "carbon is location-based with yearly average intensities, not marginal ones".to_string(),
    );
    lines.join("\n")
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
        "footprint": footprint::file(footprint, &[]),
        "sci": sci.map(footprint::per_unit),
        "meter": footprint::meter_cost(report),
    })
}
