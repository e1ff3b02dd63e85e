//! `surrogate diffract`: the powder pattern of a crystal.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use surrogate_crystal::Structure;
use surrogate_crystal::diffraction::{Instrument, Peak, Radiation, peaks};
use surrogate_run::{Column, Table};

use crate::crystal;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// `surrogate diffract`
#[derive(Args, Debug)]
pub struct Diffract {
    /// Crystal in a CIF file.
    pub file: PathBuf,
    /// Data block, where the file holds several structures.
    #[arg(long, value_name = "NAME")]
    pub block: Option<String>,
    /// CuKa, CuKa1, CuKa12 (doublet), the same of Mo, Cr, Fe, Co, Ag, or angstrom such as 1.5406.
    #[arg(long, default_value = "CuKa", allow_hyphen_values = true)]
    pub wavelength: String,
    /// Range of angles in degrees.
    #[arg(long, value_name = "FROM:TO", default_value = "5:90", allow_hyphen_values = true)]
    pub two_theta: String,
    /// Also the pattern of broadened peaks, written to --out: full width at half maximum in degrees,
    /// or the Caglioti parameters U,V,W in square degrees.
    #[arg(long, value_name = "WIDTH|U,V,W", requires = "out", allow_hyphen_values = true)]
    pub profile: Option<String>,
    /// Lorentzian share of a broadened peak.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, requires = "profile")]
    pub eta: f64,
    /// Step of the pattern in degrees.
    #[arg(long, value_name = "DEGREES", default_value_t = 0.02, requires = "profile")]
    pub step: f64,
    /// Where to write the table of reflections [default: stdout], or with --profile the pattern.
    #[arg(long, value_name = "FILE.csv")]
    pub out: Option<PathBuf>,
}

/// Peaks beyond the range whose tails reach into it, in degrees.
const TAILS_DEG: f64 = 3.0;

/// Most points of a pattern.
const MOST_POINTS: f64 = 1e6;

/// Runs the command.
pub fn run(arguments: &Diffract, terminal: &Terminal) -> Result<u8, Failure> {
    let radiation = crystal::radiation(&arguments.wavelength)?;
    let range = crystal::two_theta(&arguments.two_theta)?;
    let instrument = arguments.profile.as_deref().map(|p| instrument(p, arguments, &radiation));
    let instrument = instrument.transpose()?;
    if !(arguments.step > 0.0 && (range[1] - range[0]) / arguments.step < MOST_POINTS) {
        let message =
            format!("--step {}: not positive, or more than a million points", arguments.step);
        return Err(Failure::helped(message, "a step of a tenth of the peaks' width is usual"));
    }
    let cif = crystal::structure(&arguments.file, arguments.block.as_deref(), terminal)?;
    let structure = &cif.structure;
    let failed = |e: surrogate_crystal::diffraction::DiffractionError| {
        Failure::user(e.to_string()).in_file(&arguments.file)
    };
    let found = peaks(structure, &radiation, range).map_err(failed)?;
    let group = crystal::symmetry(structure).map(|s| crystal::group_words(&s));
    let shown = group.clone().unwrap_or_else(|why| format!("no space group: {why}"));
    terminal.say(format!(
        "{}: {}, {} sites, {shown}; {} peaks, {:.5} angstrom",
        cif.name,
        structure.formula(),
        structure.sites.len(),
        found.len(),
        radiation.wavelength()
    ));
    let strongest = found.iter().map(|p| p.intensity).fold(f64::MIN_POSITIVE, f64::max);
    let table = reflections(&found, strongest);
    match (&instrument, &arguments.out) {
        (Some(instrument), Some(path)) => {
            let pattern = pattern(structure, instrument, range, arguments.step).map_err(failed)?;
            pattern.write_csv(path)?;
            terminal.say(format!("wrote {} ({} points)", path.display(), pattern.rows()));
            terminal.data(&table.to_csv());
        }
        (_, Some(path)) => {
            table.write_csv(path)?;
            terminal.say(format!("wrote {} ({} peaks)", path.display(), found.len()));
        }
        (_, None) => terminal.data(&table.to_csv()),
    }
    terminal.json(&json!({
        "name": cif.name,
        "formula": structure.formula(),
        "sites": structure.sites.len(),
        "space_group": group.ok(),
        "wavelength_angstrom": radiation.wavelength(),
        "peaks": found.iter().map(|p| peak_json(p, strongest)).collect::<Vec<_>>(),
        "warnings": cif.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "file": arguments.out,
    }));
    Ok(0)
}

/// A peak; one of intensity `strongest` is 100.
fn peak_json(peak: &Peak, strongest: f64) -> Value {
    json!({
        "hkl": representative(peak),
        "multiplicity": multiplicity(peak),
        "two_theta_deg": peak.two_theta_deg,
        "d_angstrom": peak.d,
        "intensity": 100.0 * peak.intensity / strongest,
    })
}

/// Widths and shape of the peaks.
fn instrument(
    text: &str,
    arguments: &Diffract,
    radiation: &Radiation,
) -> Result<Instrument, Failure> {
    let numbers: Option<Vec<f64>> =
        text.split(',').map(|t| t.trim().parse().ok().filter(|v: &f64| v.is_finite())).collect();
    let caglioti = match numbers.as_deref() {
        Some([width]) if *width > 0.0 => [0.0, 0.0, width * width],
        Some([u, v, w]) => [*u, *v, *w],
        _ => {
            return Err(Failure::helped(
                format!("--profile {text}: neither a positive width nor three numbers"),
                "a width in degrees such as 0.1, or U,V,W such as 0.02,-0.01,0.015",
            ));
        }
    };
    if !(0.0..=1.0).contains(&arguments.eta) {
        return Err(Failure::user(format!("--eta {}: a share lies in 0 to 1", arguments.eta)));
    }
    let radiation = radiation.clone();
    let (zero_shift_deg, size_deg, eta) = (0.0, 0.0, arguments.eta);
    let instrument =
        Instrument { radiation, zero_shift_deg, caglioti, size_deg, eta, background: Vec::new() };
    // the square of the width is a parabola in tan(theta)
    let range = crystal::two_theta(&arguments.two_theta)?;
    let square = |t: f64| caglioti[2] + t * (caglioti[1] + t * caglioti[0]);
    let [from, to] = range.map(|angle| (angle / 2.0).to_radians().tan());
    let lowest = (-caglioti[1] / (2.0 * caglioti[0])).clamp(from, to);
    let all = [from, to, if lowest.is_nan() { from } else { lowest }];
    if all.into_iter().any(|t| square(t) <= 0.0) {
        return Err(Failure::helped(
            format!("--profile {text}: peaks have no width somewhere in this range"),
            "U tan^2 + V tan + W must be positive over all of --two-theta",
        ));
    }
    Ok(instrument)
}

/// The broadened pattern; its strongest point is 100.
fn pattern(
    structure: &Structure,
    instrument: &Instrument,
    [from, to]: [f64; 2],
    step: f64,
) -> Result<Table, surrogate_crystal::diffraction::DiffractionError> {
    let wide = [(from - TAILS_DEG).max(0.0), (to + TAILS_DEG).min(179.0).max(to)];
    let all = peaks(structure, &instrument.radiation, wide)?;
    let q: Vec<f64> = all.iter().map(|p| std::f64::consts::TAU / p.d).collect();
    let intensity: Vec<f64> = all.iter().map(|p| p.intensity).collect();
    let count = ((to - from) / step + 1e-9).floor() as usize + 1;
    let points: Vec<f64> = (0..count).map(|k| from + step * k as f64).collect();
    let mut values = instrument.pattern(&points, &q, &intensity);
    let highest = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    values.iter_mut().for_each(|v| *v *= 100.0 / highest);
    Ok(Table::new(vec![
        Column::numbers("two_theta", "deg", points),
        Column::numbers("intensity", "", values),
    ]))
}

/// The table of peaks; one of intensity `strongest` is 100.
fn reflections(found: &[Peak], strongest: f64) -> Table {
    let numbers = |of: &dyn Fn(&Peak) -> f64| found.iter().map(of).collect::<Vec<f64>>();
    let index = |axis: usize| numbers(&|p| f64::from(representative(p)[axis]));
    Table::new(vec![
        Column::numbers("h", "", index(0)),
        Column::numbers("k", "", index(1)),
        Column::numbers("l", "", index(2)),
        Column::numbers("multiplicity", "", numbers(&|p| multiplicity(p) as f64)),
        Column::numbers("two_theta", "deg", numbers(&|p| p.two_theta_deg)),
        Column::numbers("d", "angstrom", numbers(&|p| p.d)),
        Column::numbers("intensity", "", numbers(&|p| 100.0 * p.intensity / strongest)),
    ])
}

/// The greatest of a peak's indices and their Friedel mates.
fn representative(peak: &Peak) -> [i32; 3] {
    let both = peak.hkl.iter().flat_map(|&hkl| [hkl, hkl.map(|i| -i)]);
    both.max().unwrap_or_default()
}

/// Reflections at a peak's angle, Friedel mates counted.
fn multiplicity(peak: &Peak) -> usize {
    2 * peak.hkl.len()
}
