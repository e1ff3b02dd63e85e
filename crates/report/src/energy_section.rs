//! The section on energy, with carbon and water, of `report.html`.

use surrogate_run::schema::{Energy, Footprint, MeterCost, Quantity};

use crate::figure::text::{duration, number, quantity, scaled_unit};
use crate::figures::{Drawn, energy, training};
use crate::inputs::Inputs;
use crate::page::{Section, TableView};

pub(crate) fn energy_section(inputs: &Inputs) -> (Section, Vec<Drawn>) {
    let mut section = Section { title: "Energy".to_owned(), ..Section::default() };
    let mut drawn = Vec::new();
    let evaluation = inputs.evaluation.as_ref();
    let against = training::against_energy(&inputs.metrics, evaluation, &inputs.manifest.goals);
    match against {
        Some(figure) => drawn.push(figure),
        None if inputs.generator.is_some() => section.notes.push(
            "Loss against energy is not shown: held-out crystals were looked at less than twice."
                .to_owned(),
        ),
        None => section.notes.push(
            "Error against energy is not shown: metrics.jsonl holds no \
            energies with a validation error or a held-out residual."
                .to_owned(),
        ),
    }
    match &inputs.energy {
        Some(energy) => {
            section.tables.push(channel_table(energy));
            section.tables.extend(unseen_table(energy));
            if let Some(footprint) = &energy.footprint {
                section.tables.push(footprint_table(footprint));
                let kind = &footprint.carbon_intensity_kind;
                section.notes.push(format!(
                    "Carbon is by {kind} intensity of the electricity; intervals hold the true \
                     value in about 68 % of cases."
                ));
            }
            section.notes.extend(energy.peak_memory_bytes.map(|bytes| {
                format!("Peak memory of the process: {}.", quantity(bytes as f64, "B", 3))
            }));
            section.notes.extend(forecast_sentence(inputs));
            section.notes.extend(energy.meter.as_ref().map(cost_sentence));
            drawn.extend(energy::by_stage(energy));
        }
        None => section.notes.push("No energy.json: the run was not metered.".to_owned()),
    }
    drawn.extend(energy::power(&inputs.power));
    match &inputs.payback {
        Some(payback) => {
            section.notes.push(energy::payback_sentence(payback));
            if inputs.manifest.is_poor() {
                section.notes.push(
                    "That is so only where its errors do no harm: the fit is poor.".to_owned(),
                );
            }
            section.notes.extend(energy::other_sentence(payback));
            if !payback.solver.is_empty() {
                section.notes.push(format!("Reference solver: {}.", payback.solver));
            }
            drawn.extend(energy::payback(payback));
        }
        // a generator has no solver that does what it does
        None if inputs.generator.is_some() => {}
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

/// What is not in the total, and why; `None` if nothing is missing.
fn unseen_table(energy: &Energy) -> Option<TableView> {
    let row = |note: &String| match note.split_once(": ") {
        Some((what, why)) => vec![what.to_owned(), why.to_owned()],
        None => vec![note.clone(), String::new()],
    };
    let rows: Vec<_> = energy.notes.iter().map(row).collect();
    (!rows.is_empty()).then(|| view(&["Not in the total", "Why"], rows))
}

/// Carbon and water with interval, provenance and source, and carbon for each unit of work.
fn footprint_table(footprint: &Footprint) -> TableView {
    let row = |name: &str, q: &Quantity, source: String| {
        vec![name.to_owned(), shown(q, q.value, 3), interval(q), q.provenance.clone(), source]
    };
    let sourced = |name: &str, q: &Quantity| {
        let source = q.source.replace(" x ", " × ");
        let vintage =
            if q.vintage.is_empty() { String::new() } else { format!(" ({})", q.vintage) };
        row(name, q, source + &vintage)
    };
    let mut rows = vec![
        row("carbon", &footprint.carbon, "running and making".to_owned()),
        sourced("of running", &footprint.carbon_operational),
        sourced("of making", &footprint.carbon_embodied),
    ];
    rows.extend(footprint.per_unit.iter().map(|s| {
        let whose = if s.units == 1.0 { String::new() } else { format!(", {} of them", s.units) };
        row(&format!("each {}", s.unit), &s.carbon_per_unit, format!("SCI, as above{whose}"))
    }));
    rows.extend([
        sourced("intensity", &footprint.carbon_intensity),
        sourced("PUE", &footprint.pue),
        sourced("water on site", &footprint.water_on_site),
        sourced("water off site", &footprint.water_off_site),
    ]);
    view(&["Carbon and water", "Value", "Interval", "Provenance", "Source"], rows)
}

/// Unit as it is shown, and what follows it: files write `gCO2e`.
fn unit_of(q: &Quantity) -> (&str, &'static str) {
    match q.unit.as_str() {
        "gCO2e" | "gCO2e per unit" => ("g", "\u{a0}CO₂e"),
        "gCO2e/kWh" => ("g/kWh", ""),
        unit => (unit, ""),
    }
}

/// `1.2 mg CO₂e`, `473 g/kWh`, `3.1 mL`.
pub(crate) fn shown(q: &Quantity, value: f64, digits: usize) -> String {
    let (unit, after) = unit_of(q);
    format!("{}{after}", quantity(value, unit, digits))
}

/// `0.5 to 3.1 mg`, in the unit of the value.
fn interval(q: &Quantity) -> String {
    if q.low >= q.high {
        return "exact".to_owned();
    }
    let (factor, unit) = scaled_unit(unit_of(q).0, q.value.abs());
    let end = |value: f64| number(factor * value, 2);
    format!("{}\u{a0}to\u{a0}{}\u{a0}{unit}", end(q.low), end(q.high))
}

/// `1.2 mg CO₂e (0.5 to 3.1 mg)`.
pub(crate) fn with_interval(q: &Quantity) -> String {
    format!("{} ({})", shown(q, q.value, 3), interval(q))
}

/// The first forecast, and what came of it.
fn forecast_sentence(inputs: &Inputs) -> Option<String> {
    let first = inputs.forecasts.first()?;
    let used = inputs.metrics.iter().rev().find_map(|line| line.energy_j)?;
    let expected = &first.energy_j;
    let joules = |value: f64| quantity(value, "J", 3);
    let outcome = if (expected.low..=expected.high).contains(&used) {
        "within the interval"
    } else if used < expected.low {
        "less"
    } else {
        "more"
    };
    let bound = match first.bound.as_str() {
        "all iterations" => "if all iterations are needed".to_owned(),
        limit => format!("up to the {limit}"),
    };
    Some(format!(
        "Forecast after {:.0}\u{a0}% of {}, {bound}: {} ({} to {}, 80\u{a0}% interval), {} CO₂e, \
         {} of training; it took {}, {outcome}.",
        100.0 * first.share,
        first.stage,
        joules(expected.value),
        joules(expected.low),
        joules(expected.high),
        quantity(first.carbon_g.value, "g", 2),
        duration(first.seconds.value),
        joules(used)
    ))
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
