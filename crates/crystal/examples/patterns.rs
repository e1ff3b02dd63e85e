//! Powder patterns of a structure table, with the time of each: `patterns TABLE IDS`, where IDS holds
//! one identifier a line. Prints a row for each: id, microseconds of the reflections up to Q = 8
//! (the least of twenty), the same with broadening onto the scoring grid, then angles and intensities
//! of the peaks. benches/compare/crystal.py sets it beside pymatgen.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::{self, File};
use std::time::Instant;

use surrogate_crystal::diffraction::{Broadening, QGrid, Radiation, peaks, reflections};
use surrogate_crystal::table::read_structures;

const WAVELENGTH: f64 = 1.54184;
const Q_MAX: f64 = 8.0;

/// Least time of several calls in microseconds.
fn least(mut call: impl FnMut()) -> f64 {
    let once = |call: &mut dyn FnMut()| {
        let begin = Instant::now();
        call();
        begin.elapsed().as_secs_f64() * 1e6
    };
    (0..20).map(|_| once(&mut call)).fold(f64::INFINITY, f64::min)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, table, ids] = arguments.as_slice() else {
        return Err("usage: patterns TABLE IDS".into());
    };
    let entries = read_structures(File::open(table)?)?;
    let radiation = Radiation::monochromatic(WAVELENGTH).ok_or("no wavelength")?;
    let limit = 4.0 * std::f64::consts::PI / WAVELENGTH;
    let end = 2.0 * (Q_MAX / limit).asin().to_degrees();
    let mut broadening = Broadening::new(QGrid::SCORING)?;
    let mut pattern = Vec::new();
    for id in fs::read_to_string(ids)?.split_whitespace() {
        let entry = entries.iter().find(|e| e.id == id).ok_or_else(|| format!("no {id}"))?;
        let structure = &entry.structure;
        let found = reflections(structure, WAVELENGTH, [0.0, Q_MAX])?;
        let bare = least(|| drop(reflections(structure, WAVELENGTH, [0.0, Q_MAX])));
        let broad =
            least(|| broadening.pattern(found.iter().map(|r| (r.q, r.intensity)), &mut pattern));
        print!("{id},{bare:.2},{:.2}", bare + broad);
        for peak in peaks(structure, &radiation, [0.0, end])? {
            print!(",{:.9},{:.9e}", peak.two_theta_deg, peak.intensity);
        }
        println!();
    }
    Ok(())
}
