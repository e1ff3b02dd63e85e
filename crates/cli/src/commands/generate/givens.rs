//! What a search is given: the library, the pattern, the formula.

use std::collections::BTreeMap;

use surrogate_crystal::diffraction::{FormFactor, Instrument, Radiation};
use surrogate_crystal::pattern::{self, Axis, Pattern};
use surrogate_crystal::retrieve::{Library, Query, Source};
use surrogate_crystal::{Element, Structure, parse_formula, reduced_formula};

use super::arguments::{FirstColumn, Generate, Proposer};
use crate::crystal;
use crate::crystal::library::library;
use crate::failure::Failure;
use crate::generator::Generator;
use crate::terminal::Terminal;

/// Width of the clipping of the background, 2 theta in degrees.
const BACKGROUND_DEG: f64 = 2.0;

/// Least Q that is looked at, 1/angstrom.
const Q_MIN: f64 = 0.5;

/// Most points that are fitted; neighbours are taken together beyond.
const MOST_POINTS: usize = 2000;

/// Coefficients of the fitted background.
const BACKGROUND: usize = 8;

/// Largest number of --max-atoms.
const MOST_ATOMS: usize = 200;

/// Everything that a search starts from.
pub struct Givens {
    /// Prototypes that are tried, if any.
    pub library: Option<Library>,
    /// What they were made from.
    pub source: Option<Source>,
    /// What draws structures, if anything does.
    pub generator: Option<Generator>,
    /// The pattern as measured, at most some thousand points.
    pub pattern: Pattern,
    /// Where fits of the pattern may begin.
    pub instruments: Vec<Instrument>,
    /// One query for each number of formula units that the library has prototypes for.
    pub queries: Vec<Query>,
    /// Seed of random starts.
    pub seed: u64,
    /// Elements in the order of the formula.
    elements: Vec<Element>,
}

impl Givens {
    /// Reads and checks everything.
    pub fn read(arguments: &Generate, terminal: &Terminal) -> Result<Self, Failure> {
        let unit = formula(&arguments.formula)?;
        let elements = in_order(&arguments.formula, &unit);
        let (raw, pattern) = measured(arguments)?;
        let retrieves = arguments.proposer != Proposer::Generator;
        let known =
            retrieves.then(|| library(arguments.library.as_deref(), terminal)).transpose()?;
        let (library, source) = known.unzip();
        let draws = arguments.proposer != Proposer::Retrieval;
        let generator = draws.then(|| generator(arguments.model.as_deref())).transpose()?;
        // a generator needs no prototype of the right numbers
        let needed = if draws { None } else { library.as_ref() };
        let cells = cells(&unit, arguments, needed)?;
        let q = pattern.q();
        let ends = [q.first().copied().unwrap_or(0.0), q.last().copied().unwrap_or(0.0)];
        let peaks = weighted(&q, &pattern.intensity);
        let query = |composition: BTreeMap<Element, usize>| Query {
            peaks: peaks.clone(),
            q_range: [ends[0].max(Q_MIN), ends[1]],
            wavelength: pattern.radiation.wavelength(),
            composition,
        };
        let queries = cells.into_iter().map(query).collect();
        let instruments = instruments(&raw.radiation);
        let (pattern, seed) = (raw.binned(MOST_POINTS), arguments.seed);
        Ok(Self { library, source, generator, pattern, instruments, queries, seed, elements })
    }

    /// Formula of a cell, elements in the order of what was asked for.
    pub fn formula_of(&self, structure: &Structure) -> String {
        let amounts = structure.composition();
        let part = |e: &Element| match amounts.get(e) {
            None => String::new(),
            Some(n) if (n - 1.0).abs() < 1e-9 => e.to_string(),
            Some(n) => format!("{e}{n}"),
        };
        self.elements.iter().map(part).collect()
    }
}

/// The generator of a run, or the shipped one.
fn generator(model: Option<&str>) -> Result<Generator, Failure> {
    model.map_or_else(Generator::shipped, Generator::open)
}

/// The formula with the smallest whole numbers.
fn formula(text: &str) -> Result<BTreeMap<Element, usize>, Failure> {
    let help = "symbols with whole numbers and round brackets, such as PbSe or Ca(OH)2";
    let amounts =
        parse_formula(text).map_err(|e| Failure::helped(format!("--formula {text}: {e}"), help))?;
    if amounts.len() > Library::MOST_ELEMENTS {
        let (found, most) = (amounts.len(), Library::MOST_ELEMENTS);
        return Err(Failure::user(format!(
            "--formula {text}: {found} elements; prototypes of a library have at most {most}"
        )));
    }
    if let Some(e) = amounts.keys().find(|e| FormFactor::of(**e).is_none()) {
        return Err(Failure::user(format!(
            "--formula {text}: there is no form factor for {e}; the table ends with californium"
        )));
    }
    Ok(reduced_formula(&amounts))
}

/// Elements in the order in which their symbols first stand in the text.
fn in_order(text: &str, amounts: &BTreeMap<Element, usize>) -> Vec<Element> {
    let place = |e: &Element| {
        let symbol = e.symbol();
        let ends = |k: usize| !text[k + symbol.len()..].starts_with(|c: char| c.is_lowercase());
        text.match_indices(symbol).map(|(k, _)| k).find(|&k| ends(k)).unwrap_or(text.len())
    };
    let mut elements: Vec<Element> = amounts.keys().copied().collect();
    elements.sort_by_key(place);
    elements
}

/// Atoms of each primitive cell that is searched.
fn cells(
    unit: &BTreeMap<Element, usize>,
    arguments: &Generate,
    library: Option<&Library>,
) -> Result<Vec<BTreeMap<Element, usize>>, Failure> {
    let most = arguments.max_atoms;
    if !(1..=MOST_ATOMS).contains(&most) {
        return Err(Failure::user(format!("--max-atoms {most}: between 1 and {MOST_ATOMS}")));
    }
    let atoms: usize = unit.values().sum();
    let numbers = match arguments.formula_units {
        Some(z) if z == 0 || z.saturating_mul(atoms) > most => {
            return Err(Failure::helped(
                format!("--formula-units {z}: a cell has between 1 and {most} atoms"),
                format!("a formula unit has {atoms} atoms; raise --max-atoms for larger cells"),
            ));
        }
        Some(z) => z..=z,
        None => 1..=most / atoms,
    };
    let cell = |z: usize| unit.iter().map(|(e, n)| (*e, n * z)).collect::<BTreeMap<_, _>>();
    let known = |cell: &BTreeMap<Element, usize>| {
        library.is_none_or(|library| library.count_of(cell.values().copied()) > 0)
    };
    let cells: Vec<_> = numbers.map(cell).filter(known).collect();
    if cells.is_empty() {
        return Err(Failure::helped(
            format!(
                "--formula {}: no prototype of the library has such numbers of atoms (a formula unit \
                 has {atoms}, a cell at most {most})",
                arguments.formula
            ),
            "check the formula, raise --max-atoms, or take a library of more structures",
        ));
    }
    Ok(cells)
}

/// Where fits begin: lines as stated, or where their mean is, also those that it is the mean of.
fn instruments(radiation: &Radiation) -> Vec<Instrument> {
    let instrument = |radiation: Radiation| Instrument {
        radiation,
        zero_shift_deg: 0.0,
        caglioti: [0.0, 0.0, 0.02],
        size_deg: 0.05,
        eta: 0.5,
        background: vec![0.0; BACKGROUND],
    };
    let doublets = ["Cu", "Mo", "Cr", "Fe", "Co", "Ag"].into_iter().filter_map(|anode| {
        let mean = Radiation::parse(&format!("{anode}Ka"))?;
        (mean == *radiation).then(|| Radiation::parse(&format!("{anode}Ka12")))?
    });
    let mut all: Vec<Instrument> = doublets.map(instrument).collect();
    all.push(instrument(radiation.clone()));
    all
}

/// The pattern as measured, and without background at one wavelength.
fn measured(arguments: &Generate) -> Result<(Pattern, Pattern), Failure> {
    let path = &arguments.pxrd;
    let text = crystal::text(path)?;
    let is_xrdml = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("xrdml"));
    let stated = arguments.wavelength.as_deref().map(crystal::radiation).transpose()?;
    let read = match (is_xrdml, stated) {
        (true, None) => pattern::read_xrdml(&text),
        (true, Some(_)) => {
            return Err(Failure::helped(
                format!("{} states its own wavelength", path.display()),
                "leave --wavelength out",
            ));
        }
        (false, None) => {
            return Err(Failure::helped(
                "--wavelength is missing: the pattern does not say what radiation it was measured with",
                "CuKa for the usual copper tube without monochromator",
            ));
        }
        (false, Some(radiation)) => {
            let axis = match arguments.axis {
                FirstColumn::TwoTheta => Axis::TwoThetaDeg,
                FirstColumn::Q => Axis::QPerAngstrom,
            };
            pattern::read(&text, axis, radiation)
        }
    };
    let raw = read.map_err(|e| {
        let help = "--axis two-theta (degrees) or q (1/angstrom) says what the first column holds";
        Failure::helped(e.to_string(), help).in_file(path)
    })?;
    let pattern = Pattern { radiation: mean(&raw.radiation), ..raw.clone() };
    let bare = if arguments.no_background {
        pattern
    } else {
        pattern::without_background(&pattern, BACKGROUND_DEG)
    };
    if bare.q().last().is_none_or(|q| *q <= Q_MIN) || bare.intensity.iter().all(|i| *i <= 0.0) {
        let message = "there is no intensity above the background in the range of Q from 0.5";
        return Err(Failure::user(message).in_file(path));
    }
    Ok((raw, bare))
}

/// The mean of all lines as one.
fn mean(radiation: &Radiation) -> Radiation {
    let weight: f64 = radiation.lines.iter().map(|l| l.weight).sum();
    let sum: f64 = radiation.lines.iter().map(|l| l.weight * l.wavelength).sum();
    Radiation::monochromatic(sum / weight).unwrap_or_else(|| radiation.clone())
}

/// Points of a pattern as peaks, each with the width of its step.
fn weighted(q: &[f64], intensity: &[f64]) -> Vec<(f64, f64)> {
    let step = |k: usize| (q[(k + 1).min(q.len() - 1)] - q[k.saturating_sub(1)]) / 2.0;
    let each = q.iter().zip(intensity).enumerate();
    each.map(|(k, (&q, &i))| (q, i.max(0.0) * step(k))).collect()
}
