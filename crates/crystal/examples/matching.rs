//! Matches pairs of structures: `matching FILE.cif`, where blocks 1 and 2 are a pair, 3 and 4 the next,
//! and so on. Prints for each pair the loose distance (or -), whether the loose and the strict
//! tolerances fit. benches/compare/crystal_matching.py sets it beside pymatgen.
#![allow(clippy::print_stdout)]

use std::error::Error;

use surrogate_crystal::cif;
use surrogate_crystal::matching::{Reduced, StructureMatcher};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: matching FILE.cif")?;
    let structures = cif::read(&std::fs::read_to_string(path)?)?;
    for pair in structures.chunks_exact(2) {
        let a = Reduced::primitive(&pair[0].structure)?;
        let b = Reduced::primitive(&pair[1].structure)?;
        let distance = StructureMatcher::LOOSE.distance(&a, &b);
        let rms = distance.map_or_else(|| "-".to_string(), |d| format!("{:.9}", d.rms));
        let loose = StructureMatcher::LOOSE.fits(&a, &b);
        println!("{rms} {loose} {}", StructureMatcher::STRICT.fits(&a, &b));
    }
    Ok(())
}
