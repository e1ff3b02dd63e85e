//! The section on energy, carbon and water of `report.html`.

use surrogate_run::schema::{Energy, Footprint, MeterCost, Quantity};

use crate::figure::text::{number, quantity};
use crate::figures::{Drawn, energy, training};
use crate::inputs::Inputs;
use crate::page::{Section, TableView};

pub(crate) fn energy_section(inputs: &Inputs) -> (Section, Vec<Drawn>) {
    let mut section = Section { title: "Energy, carbon and water", ..Section::default() };
    let mut drawn = Vec::new();
    let evaluation = inputs.evaluation.as_ref();
    let against = training::against_energy(&inputs.metrics, evaluation, &inputs.manifest.goals);
    match against {
        Some(figure) => drawn.push(figure),
        None => section.notes.push(
            "Error against energy is not shown: metrics.jsonl holds no \
            energies with a validation error or a held-out residual."
                .to_owned(),
        ),
    }
    match &inputs.energy {
        Some(energy) => {
            section.tables.push(channel_table(energy));
            section.notes.extend(energy.notes.iter().map(|note| format!("Not seen: {note}.")));
            if let Some(footprint) = &energy.footprint {
                section.tables.push(footprint_table(footprint));
                let kind = &footprint.carbon_intensity_kind;
                section.notes.push(format!(
                    "Carbon is by {kind} intensity of the electricity; intervals hold the true \
                     value in about 68 % of cases."
                ));
            }
            section.notes.extend(energy.meter.as_ref().map(cost_sentence));
            drawn.extend(energy::by_stage(energy));
        }
        None => section.notes.push("No energy.json: the run was not metered.".to_owned()),
    }
    drawn.extend(energy::power(&inputs.power));
    match &inputs.payback {
        Some(payback) => {
            section.notes.push(energy::payback_sentence(payback));
            if !payback.solver.is_empty() {
                section.notes.push(format!("Reference solver: {}.", payback.solver));
            }
            drawn.extend(energy::payback(payback));
        }
        None => section.notes.push(
            "No payback.json: the energies of a reference solve and of a \
            surrogate curve were not compared."
                .to_owned(),
        ),
    }
    (section, drawn)
}

fn channel_table(energy: &Energy) -> TableView {
    let percent = |sigma: Option<f64>, uj: u64| match sigma {
        Some(sigma) if uj > 0 => format!("± {:.0} %", 100.0 * sigma / uj as f64),
        _ => "unknown".to_owned(),
    };
    let joules = |uj: u64| quantity(uj as f64 * 1e-6, "J", 3);
    let mut rows: Vec<Vec<String>> = energy
        .channels
        .iter()
        .map(|channel| {
            let sigma = percent(channel.sigma_uj, channel.energy_uj);
            let (name, how) = (channel.name.clone(), channel.how.clone());
            vec![name, joules(channel.energy_uj), sigma, channel.provenance.clone(), how]
        })
        .collect();
    let total = percent(energy.sigma_uj, energy.total_uj);
    let provenance = energy.provenance.clone();
    rows.push(vec!["total".to_owned(), joules(energy.total_uj), total, provenance, String::new()]);
    view(&["Channel", "Energy", "Uncertainty", "Provenance", "How"], rows)
}

/// Carbon and water with interval, provenance and source, and carbon for each unit of work.
fn footprint_table(footprint: &Footprint) -> TableView {
    let named = [
        ("carbon of running", &footprint.carbon_operational),
        ("carbon of making the hardware", &footprint.carbon_embodied),
        ("carbon, both", &footprint.carbon),
        ("water on the site", &footprint.water_on_site),
        ("water of the electricity", &footprint.water_off_site),
        ("intensity of the electricity", &footprint.carbon_intensity),
        ("PUE of the site", &footprint.pue),
    ];
    let row = |name: String, q: &Quantity| {
        let interval = if q.low < q.high {
            format!("{} to {}", shown(q, q.low, 2), shown(q, q.high, 2))
        } else {
            "exact".to_owned()
        };
        let source = match (q.source.as_str(), q.vintage.as_str()) {
            (source, "") => source.to_owned(),
            (source, vintage) => format!("{source} ({vintage})"),
        };
        vec![name, shown(q, q.value, 3), interval, q.provenance.clone(), source]
    };
    let mut rows: Vec<Vec<String>> =
        named.into_iter().map(|(name, q)| row(name.to_owned(), q)).collect();
    rows.extend(
        footprint.per_unit.iter().map(|s| row(format!("SCI: each {}", s.unit), &s.carbon_per_unit)),
    );
    view(&["Carbon and water", "Value", "Interval", "Provenance", "Source"], rows)
}

/// `1.2 mg CO₂e`, `473 g CO₂e/kWh`, `3.1 mL`: units as files have them, for people.
pub(crate) fn shown(q: &Quantity, value: f64, digits: usize) -> String {
    match q.unit.as_str() {
        "gCO2e" | "gCO2e per unit" => format!("{}\u{a0}CO₂e", quantity(value, "g", digits)),
        "gCO2e/kWh" => format!("{}\u{a0}g\u{a0}CO₂e/kWh", number(value, digits)),
        "" => number(value, digits),
        unit => quantity(value, unit, digits),
    }
}

fn cost_sentence(cost: &MeterCost) -> String {
    format!(
        "The meter itself took {:.1}\u{a0}µs at each of {} stage boundaries and {:.0}\u{a0}µs at \
         each of {} beats: {:.4}\u{a0}% of one core.",
        cost.microseconds_per_boundary,
        cost.boundaries,
        cost.microseconds_per_beat,
        cost.beats,
        cost.percent_of_a_core
    )
}

fn view(headers: &[&str], rows: Vec<Vec<String>>) -> TableView {
    TableView { headers: headers.iter().map(|&h| h.to_owned()).collect(), rows }
}
