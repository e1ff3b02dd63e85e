//! What a search is given: the library, the pattern, the composition, the symmetry.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::diffraction::{Instrument, Radiation};
use surrogate_crystal::pattern::{self, Axis, Pattern, PatternError};
use surrogate_crystal::retrieve::{Library, Query, Source};
use surrogate_crystal::symmetry::CrystalSystem;
use surrogate_crystal::{Element, Structure};

use super::arguments::{FirstColumn, Generate, Proposer};
use super::chemistry::{Chemistry, likely};
use super::conditions::Conditions;
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
    /// What is known of the symmetry.
    pub conditions: Conditions,
    /// Seed of random starts.
    pub seed: u64,
    /// What is searched, in words.
    pub name: String,
    /// Elements in the order of the formula.
    elements: Vec<Element>,
}

impl Givens {
    /// Reads and checks everything.
    pub fn read(arguments: &Generate, terminal: &Terminal) -> Result<Self, Failure> {
        let draws = matches!(arguments.proposer, Proposer::Generator | Proposer::Both);
        let chemistry = Chemistry::read(arguments, draws)?;
        let (elements, name) = (chemistry.elements(arguments), chemistry.words(arguments));
        let conditions = Conditions::read(arguments)?;
        let (raw, pattern) = measured(arguments)?;
        let retrieves = arguments.proposer != Proposer::Generator;
        let known =
            retrieves.then(|| library(arguments.library.as_deref(), terminal)).transpose()?;
        let (library, source) = known.unzip();
        let generator = draws.then(|| generator(arguments.model.as_deref())).transpose()?;
        let q = pattern.q();
        let ends = [q.first().copied().unwrap_or(0.0), q.last().copied().unwrap_or(0.0)];
        let peaks = weighted(&q, &pattern.intensity);
        let query = |composition: BTreeMap<Element, usize>| Query {
            peaks: peaks.clone(),
            q_range: [ends[0].max(Q_MIN), ends[1]],
            wavelength: pattern.radiation.wavelength(),
            composition,
            symmetry: conditions.symmetry(),
        };
        let cells = match &chemistry {
            Chemistry::Formula(unit) => {
                // only retrieval needs a prototype of the right numbers
                let looked_up = !draws && arguments.direct_choices() == 0;
                let needed = library.as_ref().filter(|_| looked_up);
                cells(unit, arguments, needed, &conditions)?
            }
            _ => {
                let sources = (library.as_ref(), generator.as_ref());
                let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
                likely(&elements, most_atoms(arguments)?, sources, &conditions, &query, &mut rng)?
            }
        };
        let queries = cells.into_iter().map(query).collect();
        let instruments = instruments(&raw.radiation);
        let (pattern, seed) = (raw.binned(MOST_POINTS), arguments.seed);
        Ok(Self {
            library,
            source,
            generator,
            pattern,
            instruments,
            queries,
            conditions,
            seed,
            name,
            elements,
        })
    }

    /// What is tried for a query: prototypes, drawn structures, or both, as far as group and cell leave them.
    pub fn proposed(
        &self,
        query: &Query,
        samples: usize,
        rng: &mut impl Rng,
    ) -> Vec<Cow<'_, Library>> {
        let elements: Vec<Element> = query.composition.keys().copied().collect();
        let counts: Vec<usize> = query.composition.values().copied().collect();
        let mut all = Vec::new();
        if let Some(library) = &self.library
            && self.conditions.holds(library.volume(&elements, &counts))
        {
            match self.conditions.of_library(library, query) {
                None => all.push(Cow::Borrowed(library)),
                Some(own) => all.extend(own.into_iter().map(Cow::Owned)),
            }
        }
        if let Some(generator) = &self.generator
            && self.conditions.holds(generator.volume(&query.composition))
        {
            let (group, cells) = (self.conditions.group, &self.conditions.cells);
            let each = samples.div_ceil(cells.len().max(1));
            let mut draw = |cell: Option<Vec<f64>>| {
                let drawn = generator.proposals_given(query, group, cell.clone(), each, rng);
                cell.map_or_else(|| drawn.clone(), |cell| drawn.at_cell(&cell, &query.composition))
            };
            if cells.is_empty() {
                all.push(Cow::Owned(draw(None)));
            }
            all.extend(cells.iter().map(|cell| Cow::Owned(draw(Some(cell.clone())))));
        }
        all
    }

    /// What may be tried where nothing was found.
    pub fn way_out(&self) -> String {
        let check = match (self.conditions.group, self.conditions.cells.is_empty()) {
            (None, _) => "check --formula and --wavelength",
            (Some(group), true) if group.system() == CrystalSystem::Triclinic => {
                "name --cell too, since triclinic cells are not looked for; check --formula and --wavelength"
            }
            (Some(_), true) => "check --space-group, --formula and --wavelength",
            (Some(_), false) => {
                "check --cell (angstrom, conventional), --space-group, --formula and --wavelength"
            }
        };
        let examples = self.library.is_some() || self.generator.is_some();
        let direct = if examples { ", or look without examples: --proposer direct" } else { "" };
        format!("{check}; raise --max-atoms{direct}; lines of another phase fit nothing")
    }

    /// Formula of a cell, elements in the order of what was asked for.
    pub fn formula_of(&self, structure: &Structure) -> String {
        let amounts = structure.composition();
        let part = |e: &Element| match amounts.get(e) {
            None => String::new(),
            Some(n) if (n - 1.0).abs() < 1e-9 => e.to_string(),
            Some(n) => format!("{e}{n}"),
        };
        let others = amounts.keys().filter(|e| !self.elements.contains(e));
        self.elements.iter().chain(others).map(part).collect()
    }
}

/// The generator of a run, or the shipped one.
fn generator(model: Option<&str>) -> Result<Generator, Failure> {
    model.map_or_else(Generator::shipped, Generator::open)
}

/// `--max-atoms`
fn most_atoms(arguments: &Generate) -> Result<usize, Failure> {
    let most = arguments.max_atoms;
    if (1..=MOST_ATOMS).contains(&most) {
        return Ok(most);
    }
    Err(Failure::user(format!("--max-atoms {most}: between 1 and {MOST_ATOMS}")))
}

/// Atoms of each primitive cell that is searched.
fn cells(
    unit: &BTreeMap<Element, usize>,
    arguments: &Generate,
    library: Option<&Library>,
    conditions: &Conditions,
) -> Result<Vec<BTreeMap<Element, usize>>, Failure> {
    let most = most_atoms(arguments)?;
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
    let in_group = library.zip(conditions.group).map(|(l, g)| l.in_group(g.number));
    let library = in_group.as_ref().or(library);
    let known = |cell: &BTreeMap<Element, usize>| {
        library.is_none_or(|library| library.count_of(cell.values().copied()) > 0)
    };
    let formula = arguments.formula.as_deref().unwrap_or_default();
    if atoms > most {
        return Err(Failure::helped(
            format!("--formula {formula}: a formula unit has {atoms} atoms, a cell at most {most}"),
            "--max-atoms allows more",
        ));
    }
    let cells: Vec<_> = numbers.map(cell).filter(known).collect();
    if cells.is_empty() {
        let group = conditions.group.map_or(String::new(), |g| format!(" in {}", g.symbol));
        return Err(Failure::helped(
            format!(
                "--formula {formula}: no prototype of the library has such numbers of atoms{group} (a \
                 formula unit has {atoms}, a cell at most {most})"
            ),
            "check the formula, raise --max-atoms, take a library of more structures, or search without any \
             example: --proposer direct",
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
    if path.extension().is_some_and(|e| ["raw", "brml"].iter().any(|b| e.eq_ignore_ascii_case(b))) {
        return Err(Failure::helped(
            format!("{}: files of Bruker's programs are not read", path.display()),
            "export columns of angle and intensity (.xy) from the program that measured",
        ));
    }
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
        let help = match e {
            PatternError::WrongUnit { .. } | PatternError::TooShort { .. } => {
                "--axis two-theta (degrees) or q (1/angstrom) says what the first column holds"
            }
            _ => "rows hold the place (2 theta or Q), the intensity, and perhaps its standard deviation",
        };
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
    each.map(|(k, (&q, &i))| (q, i * step(k))).collect()
}
