//! Published cells on their measured discharges, as PyBaMM finds them with the same parameters.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;

use surrogate_battery::bpx::import;
use surrogate_battery::solve::{Control, Model, Options, ProtocolStep, simulate};

/// Columns time, current, voltage of a measured discharge.
type Curve = [Vec<f64>; 3];

/// A file of the shared data, or nothing where they are absent.
fn shared(name: &str) -> Option<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cells");
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("skipped: no {}", path.display());
    }
    text
}

fn curve(text: &str) -> Curve {
    let mut columns: Curve = Default::default();
    for line in text.lines().skip(1) {
        for (column, word) in columns.iter_mut().zip(line.split(',')) {
            column.push(word.parse().unwrap());
        }
    }
    columns
}

#[test]
fn the_nmc_pouch_cell_errs_as_with_pybamm() {
    // rms in mV over the rows of each file by PyBaMM 26.10.1.1: DFN of 30/30/30 and 40 radial points,
    // tolerance 1e-6, the measured current as input
    for (name, pybamm) in [("0p05C", 16.07), ("0p5C", 12.32), ("1C", 13.35), ("2C", 24.64)] {
        let Some(cell) = shared("nmc_pouch_12p5Ah/bpx_v1.json") else { return };
        let Some(text) = shared(&format!("nmc_pouch_12p5Ah/25C_{name}.csv")) else { return };
        let cell = import(&cell).unwrap().cell;
        let [time_s, current_a, voltage_v] = curve(&text);
        let profile = Control::Profile { time_s: time_s.clone(), current_a };
        for model in [Model::Spme, Model::P2d] {
            let step = ProtocolStep { lower_v: Some(2.0), ..ProtocolStep::new(profile.clone()) };
            let solution = simulate(&cell, model, &[step], &Options::default()).unwrap();
            let rows = time_s.iter().zip(&voltage_v);
            let rows: Vec<_> = rows.filter(|(t, _)| **t <= solution.end_time_s()).collect();
            let sum: f64 = rows.iter().map(|(t, v)| (solution.voltage_at(**t) - **v).powi(2)).sum();
            let rms = 1e3 * (sum / rows.len() as f64).sqrt();
            println!(
                "{name} {model:?}: {rms:.2} mV, {} of {} rows, {:?}",
                rows.len(),
                time_s.len(),
                solution.work
            );
            assert!((rms - pybamm).abs() < 0.5, "{name} {model:?}: {rms} mV against {pybamm} mV");
        }
    }
}
