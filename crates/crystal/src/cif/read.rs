//! From blocks to structures.

use super::atoms::{self, Row};
use super::document::beginning;
use super::evidence::{Agreement, Stated};
use super::place::{Boxes, Cell, expand, settle};
use super::symmetry::{Candidate, IdentityAlone, candidates, check_metric};
use super::{Block, CifError, CifWarning, Document, Loop, Value, displacement};
use crate::{CellParameters, Lattice, Structure};

/// Most sites that are made of one block.
pub const MAX_SITES: usize = 50_000;

/// Distance in angstrom within which atoms of two readings are the same.
const SAME_ATOM: f64 = 1e-3;

/// A structure of a CIF.
#[derive(Debug, Clone, PartialEq)]
pub struct CifStructure {
    /// Name of its data block.
    pub name: String,
    /// Every site of the cell, symmetry applied.
    pub structure: Structure,
    /// What in the block is doubtful.
    pub warnings: Vec<CifWarning>,
}

/// Reads the structures of a CIF: one for each block that lists atoms.
///
/// Symmetry is that of the list of operations, or of the Hall symbol, name or number of the group. Where these leave
/// the origin or setting open, or contradict each other, formula, number of formula units, multiplicities and Wyckoff
/// letters decide, then atoms that cannot both be there or would be listed twice; after that the standard setting counts, or the statement
/// that was named first, with a warning.
///
/// # Errors
///
/// Texts that do not follow the grammar, and blocks whose cell, symmetry or atoms are missing or
/// wrong, with the line.
pub fn read(text: &str) -> Result<Vec<CifStructure>, CifError> {
    read_by(text, IdentityAlone::WholeCell)
}

/// As [`read`], but a list of the identity alone beside the name of another group may be a shortened one, as texts for
/// language models and some programs have it: the evidence decides, and where there is none, the group does, with a
/// warning.
///
/// # Errors
///
/// As [`read`].
pub fn read_shortened(text: &str) -> Result<Vec<CifStructure>, CifError> {
    read_by(text, IdentityAlone::Undecided)
}

fn read_by(text: &str, alone: IdentityAlone) -> Result<Vec<CifStructure>, CifError> {
    let document = Document::parse(text)?;
    let mut structures = Vec::new();
    for block in &document.blocks {
        if let Some((sites, _)) = block.loop_with("_atom_site_fract_x") {
            structures.push(structure(block, sites, alone)?);
        }
    }
    if structures.is_empty() { Err(CifError::NoStructure) } else { Ok(structures) }
}

/// A reading of the symmetry, and how well the atoms agree with it.
struct Reading {
    candidate: Candidate,
    cell: Cell,
    /// The formula, then rows with their stated multiplicity, then whether all atoms have room and are listed once.
    score: (Agreement, usize, bool, bool),
}

fn structure(
    block: &Block<'_>,
    atoms: &Loop<'_>,
    alone: IdentityAlone,
) -> Result<CifStructure, CifError> {
    let mut warnings = Vec::new();
    let lattice = lattice(block)?;
    let stated = Stated::of(block);
    let candidates = candidates(block, &lattice, alone, &mut warnings)?;
    let displacement = displacement::equivalent(block, &lattice)?;
    let elements = stated.elements();
    let rows = atoms::rows(block, atoms, elements.as_ref(), &displacement, &mut warnings)?;
    if rows.is_empty() {
        return Err(CifError::NoStructure);
    }
    let mut readings: Vec<Reading> = Vec::new();
    let mut refused = Vec::new();
    for candidate in candidates {
        let (statement, words) = (candidate.statement, candidate.words.clone());
        match reading(block, &lattice, &rows, &stated, candidate) {
            Ok(reading) => readings.push(reading),
            Err(why) => refused.push((statement, words, why)),
        }
    }
    let best = readings.iter().map(|r| r.score).max();
    let Some(chosen) = readings.iter().position(|r| Some(r.score) == best) else {
        // there is a candidate, and it was refused
        return Err(refused.into_iter().next().map_or(CifError::NoStructure, |(_, _, why)| why));
    };
    let doubt = doubt(&lattice, &readings, chosen);
    let taken = &readings[chosen].candidate;
    let overruled = refused.into_iter().find(|(statement, ..)| *statement < taken.statement);
    warnings.extend(doubt.or_else(|| {
        let (_, other, _) = overruled?;
        Some(CifWarning::Contradiction { taken: taken.words.clone(), other })
    }));
    let cell = readings.swap_remove(chosen).cell;
    warnings.extend(cell.warnings);
    let structure = Structure { lattice, sites: cell.placed.iter().map(|p| p.site).collect() };
    warnings.extend(stated.warnings(&structure));
    Ok(CifStructure { name: block.name.to_string(), structure, warnings })
}

/// The cell of one group.
fn reading(
    block: &Block<'_>,
    lattice: &Lattice,
    rows: &[Row],
    stated: &Stated,
    candidate: Candidate,
) -> Result<Reading, CifError> {
    check_metric(block, lattice, &candidate.operations)?;
    let mut placed = Vec::new();
    let mut agreeing = 0;
    for (k, row) in rows.iter().enumerate() {
        let before = placed.len();
        expand(lattice, &candidate.operations, (k, row.site), &mut placed);
        if placed.len() > MAX_SITES {
            return Err(CifError::TooManySites { block: beginning(block.name), limit: MAX_SITES });
        }
        let of_letter = || candidate.setting?.multiplicity(row.letter?);
        let expected = row.multiplicity.or_else(of_letter);
        agreeing += usize::from(expected == Some(placed.len() - before));
    }
    let cell = settle(lattice, rows, placed)?;
    let mut amounts = std::collections::BTreeMap::new();
    for p in &cell.placed {
        *amounts.entry(p.site.element).or_insert(0.0) += p.site.occupancy;
    }
    let score = (stated.agreement(&amounts), agreeing, cell.clashes == 0, cell.duplicates == 0);
    Ok(Reading { candidate, cell, score })
}

/// What the choice of a reading leaves in doubt.
fn doubt(lattice: &Lattice, readings: &[Reading], chosen: usize) -> Option<CifWarning> {
    let taken = &readings[chosen];
    let name = |r: &Reading| r.candidate.setting.map_or_else(String::new, |s| s.symbol());
    let open = |r: &Reading| {
        let (a, b) = (taken.candidate.setting, r.candidate.setting);
        a.zip(b).is_some_and(|(a, b)| a.differs_by_origin(&b))
    };
    let others = || readings.iter().filter(|r| !same_atoms(lattice, &taken.cell, &r.cell));
    let contradiction = |other: &Reading| CifWarning::Contradiction {
        taken: taken.candidate.words.clone(),
        other: other.candidate.words.clone(),
    };
    // room alone decides nothing without a word
    let stated = |r: &Reading| (r.score.0, r.score.1);
    // that a list of the identity alone is a shortened one needs no word where the formula says so
    let shortened = |r: &Reading| {
        let c = &r.candidate;
        c.setting.is_none() && c.operations.len() == 1 && stated(r) < stated(taken)
    };
    let overruled =
        |r: &&Reading| r.candidate.statement < taken.candidate.statement && !shortened(r);
    let rival = |r: &&Reading| r.score == taken.score;
    others()
        .find(overruled)
        .or_else(|| {
            others().filter(rival).find(|r| r.candidate.statement != taken.candidate.statement)
        })
        .map(contradiction)
        .or_else(|| {
            let other = others().find(|r| stated(r) == stated(taken) && open(r))?;
            Some(CifWarning::OpenOrigin { taken: name(taken), other: name(other) })
        })
}

/// Whether two cells hold the same atoms.
fn same_atoms(lattice: &Lattice, a: &Cell, b: &Cell) -> bool {
    if a.placed.len() != b.placed.len() {
        return false;
    }
    let mut boxes = Boxes::new(lattice);
    for (k, p) in b.placed.iter().enumerate() {
        boxes.add(k, p.site.position);
    }
    a.placed.iter().all(|p| {
        let here = boxes.near(&p.site.position).into_iter().filter(|(_, d)| *d < SAME_ATOM);
        here.into_iter().any(|(k, _)| b.placed[k].site.element == p.site.element)
    })
}

fn lattice(block: &Block<'_>) -> Result<Lattice, CifError> {
    let get = |tag: &'static str| {
        let value = block.values(tag).first().copied();
        let value = value.ok_or_else(|| CifError::Missing { block: beginning(block.name), tag })?;
        number(&value, tag)
    };
    let cell = CellParameters {
        lengths: [get("_cell_length_a")?, get("_cell_length_b")?, get("_cell_length_c")?],
        angles_deg: [
            get("_cell_angle_alpha")?,
            get("_cell_angle_beta")?,
            get("_cell_angle_gamma")?,
        ],
    };
    Lattice::from_parameters(cell)
        .map_err(|source| CifError::Lattice { block: beginning(block.name), source })
}

pub(super) fn number(value: &Value<'_>, tag: &'static str) -> Result<f64, CifError> {
    value.number().ok_or_else(|| CifError::NotANumber {
        line: value.line,
        text: beginning(value.text),
        tag,
    })
}
