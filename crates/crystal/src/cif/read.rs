//! From blocks to structures.

use moyo::data::{HallSymbol, Setting, hall_symbol_entry};
use nalgebra::Vector3;

use super::document::beginning;
use super::{Block, CifError, Document, Loop, Operation, Value, parse_operation};
use crate::structure::{nearest, wrapped};
use crate::{CellParameters, Element, Lattice, Site, Structure};

/// Most sites that are made of one block.
pub const MAX_SITES: usize = 50_000;

/// Images of an atom nearer than this are one site, in angstrom: coordinates such as 0.333 on a
/// special position.
const SAME_SITE: f64 = 0.05;

/// Largest relative change of the metric that a symmetry operation may make.
const SAME_METRIC: f64 = 0.02;

/// A structure of a CIF.
#[derive(Debug, Clone, PartialEq)]
pub struct CifStructure {
    /// Name of its data block.
    pub name: String,
    /// Every site of the cell, symmetry applied.
    pub structure: Structure,
}

/// Reads the structures of a CIF: one for each block that lists atoms.
///
/// # Errors
///
/// Texts that do not follow the grammar, and blocks whose cell, symmetry or atoms are missing or
/// wrong, with the line.
pub fn read(text: &str) -> Result<Vec<CifStructure>, CifError> {
    read_by(text, |block, atoms| structure(block, atoms, operations(block)?))
}

/// As [`read`], but where a block lists the identity alone and names another group than P 1, the
/// operations are those of the group: so are texts for language models written, which keep one atom of
/// each orbit. Of the group's settings the first counts whose operations give the atoms of
/// `_chemical_formula_sum`.
///
/// # Errors
///
/// As [`read`].
pub fn read_shortened(text: &str) -> Result<Vec<CifStructure>, CifError> {
    read_by(text, |block, atoms| {
        let listed = operations(block)?;
        let name = ["_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m"]
            .iter()
            .find_map(|tag| block.values(tag).first().copied());
        let settings = match name {
            Some(name) if listed == [Operation::identity()] => settings_of_name(name.text),
            _ => Vec::new(),
        };
        let wanted = block.values("_chemical_formula_sum").first().map(|v| amounts(v.text));
        for hall_number in settings {
            let Some(all) = of_hall_number(hall_number) else { continue };
            let Ok(found) = structure(block, atoms, all) else { continue };
            let had: Vec<_> =
                found.composition().into_iter().map(|(e, n)| (e, n.round() as usize)).collect();
            if wanted.as_ref().is_none_or(|wanted| *wanted == had) {
                return Ok(found);
            }
        }
        structure(block, atoms, listed)
    })
}

/// Hall numbers of a Hermann-Mauguin symbol without setting.
fn settings_of_name(name: &str) -> Vec<i32> {
    let plain = |text: &str| -> String {
        text.chars().filter(|c| !c.is_whitespace() && *c != '_').collect::<String>().to_lowercase()
    };
    let symbol = plain(name.split(':').next().unwrap_or_default());
    let entries = (1..=530).filter_map(hall_symbol_entry);
    let same = entries.filter(|e| plain(e.hm_full) == symbol || plain(e.hm_short) == symbol);
    same.map(|e| e.hall_number).collect()
}

/// Atoms of a formula; empty where it is none.
fn amounts(formula: &str) -> Vec<(Element, usize)> {
    crate::parse_formula(formula).map_or(Vec::new(), |all| all.into_iter().collect())
}

fn read_by(
    text: &str,
    structure: impl Fn(&Block<'_>, &Loop<'_>) -> Result<Structure, CifError>,
) -> Result<Vec<CifStructure>, CifError> {
    let document = Document::parse(text)?;
    let mut structures = Vec::new();
    for block in &document.blocks {
        if let Some((sites, _)) = block.loop_with("_atom_site_fract_x") {
            structures.push(CifStructure {
                name: block.name.to_string(),
                structure: structure(block, sites)?,
            });
        }
    }
    if structures.is_empty() { Err(CifError::NoStructure) } else { Ok(structures) }
}

fn structure(
    block: &Block<'_>,
    atoms: &Loop<'_>,
    operations: Vec<Operation>,
) -> Result<Structure, CifError> {
    let lattice = lattice(block)?;
    check_metric(block, &lattice, &operations)?;
    let columns = Columns::of(block, atoms)?;
    let mut sites = Vec::new();
    for row in atoms.rows() {
        let Some(site) = columns.site(row)? else {
            continue;
        };
        expand(&lattice, &operations, site, &mut sites);
        if sites.len() > MAX_SITES {
            return Err(CifError::TooManySites { block: beginning(block.name), limit: MAX_SITES });
        }
    }
    if sites.is_empty() {
        return Err(CifError::NoStructure);
    }
    Ok(Structure { lattice, sites })
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

fn number(value: &Value<'_>, tag: &'static str) -> Result<f64, CifError> {
    value.number().ok_or_else(|| CifError::NotANumber {
        line: value.line,
        text: beginning(value.text),
        tag,
    })
}

/// Operations as listed, or those of the space group that is named.
fn operations(block: &Block<'_>) -> Result<Vec<Operation>, CifError> {
    for tag in ["_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz"] {
        let listed = block.values(tag);
        if !listed.is_empty() {
            let parse = |v: &Value<'_>| {
                parse_operation(v.text)
                    .ok_or_else(|| CifError::Operation { line: v.line, text: beginning(v.text) })
            };
            return listed.iter().map(parse).collect();
        }
    }
    let first = |tags: [&str; 2]| tags.iter().find_map(|tag| block.values(tag).first().copied());
    let hall = first(["_space_group_name_hall", "_symmetry_space_group_name_hall"]);
    let name = first(["_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m"]);
    let int_tables = first(["_space_group_it_number", "_symmetry_int_tables_number"]);
    let unknown = |v: Value<'_>| CifError::UnknownGroup { line: v.line, text: beginning(v.text) };
    if let Some(value) = hall {
        let text = value.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let entry = (1..=530).filter_map(hall_symbol_entry);
        let entry = entry.into_iter().find(|e| e.hall_symbol.eq_ignore_ascii_case(&text));
        return of_hall_number(entry.ok_or_else(|| unknown(value))?.hall_number)
            .ok_or_else(|| unknown(value));
    }
    if let Some(value) = name {
        return of_hall_number(hall_number_of_name(value.text).ok_or_else(|| unknown(value))?)
            .ok_or_else(|| unknown(value));
    }
    if let Some(value) = int_tables {
        let number = value.text.parse::<i32>().ok().filter(|n| (1..=230).contains(n));
        return number
            .and_then(|n| Setting::Standard.hall_number(n))
            .and_then(of_hall_number)
            .ok_or_else(|| unknown(value));
    }
    Err(CifError::NoSymmetry { block: beginning(block.name) })
}

/// Hall number of a Hermann-Mauguin symbol, short or full, with `:1`, `:2`, `:H` or `:R` after it.
/// Without such an ending the standard setting counts (origin 2, hexagonal axes).
fn hall_number_of_name(name: &str) -> Option<i32> {
    let (symbol, setting) = match name.split_once(':') {
        Some((symbol, setting)) => (symbol, Some(setting.trim().to_ascii_uppercase())),
        None => (name, None),
    };
    let plain = |text: &str| -> String {
        text.chars().filter(|c| !c.is_whitespace() && *c != '_').collect::<String>().to_lowercase()
    };
    let symbol = plain(symbol);
    let entries = (1..=530).filter_map(hall_symbol_entry);
    let same: Vec<_> =
        entries.filter(|e| plain(e.hm_full) == symbol || plain(e.hm_short) == symbol).collect();
    let standard = |number: i32| Setting::Standard.hall_number(number);
    let chosen = match setting {
        Some(setting) => same.iter().find(|e| e.setting.to_ascii_uppercase().contains(&setting)),
        None => same.iter().find(|e| standard(e.number) == Some(e.hall_number)).or(same.first()),
    };
    chosen.map(|e| e.hall_number)
}

/// All operations of a Hall number, centring included.
fn of_hall_number(hall_number: i32) -> Option<Vec<Operation>> {
    let symbol = HallSymbol::from_hall_number(hall_number)?;
    let coset = symbol.traverse();
    let points = symbol.centering.lattice_points();
    let with = |point: &Vector3<f64>| {
        let point = *point;
        coset
            .iter()
            .map(move |o| Operation {
                rotation: o.rotation,
                translation: wrapped(o.translation + point),
            })
            .collect::<Vec<_>>()
    };
    Some(points.iter().flat_map(with).collect())
}

/// Refuses operations that would change lengths or angles of the cell.
fn check_metric(
    block: &Block<'_>,
    lattice: &Lattice,
    operations: &[Operation],
) -> Result<(), CifError> {
    let metric = lattice.metric();
    for operation in operations {
        let rotation = operation.rotation.map(f64::from);
        let moved = rotation.transpose() * metric * rotation;
        for i in 0..3 {
            for j in 0..3 {
                let size = (metric[(i, i)] * metric[(j, j)]).sqrt();
                let change = (moved[(i, j)] - metric[(i, j)]).abs();
                if change.is_nan() || change > SAME_METRIC * size {
                    return Err(CifError::CellMismatch {
                        block: beginning(block.name),
                        text: beginning(&format!("{}", operation.rotation)),
                    });
                }
            }
        }
    }
    Ok(())
}

/// Columns of the loop of atoms.
struct Columns {
    position: [(usize, &'static str); 3],
    symbol: Option<usize>,
    label: Option<usize>,
    occupancy: Option<usize>,
    b_iso: Option<usize>,
    u_iso: Option<usize>,
}

impl Columns {
    fn of(block: &Block<'_>, atoms: &Loop<'_>) -> Result<Self, CifError> {
        let need = |tag: &'static str| {
            let column = atoms.column(tag);
            let missing = || CifError::Missing { block: beginning(block.name), tag };
            column.map(|c| (c, tag)).ok_or_else(missing)
        };
        let symbol = atoms.column("_atom_site_type_symbol");
        let label = atoms.column("_atom_site_label");
        if symbol.is_none() && label.is_none() {
            need("_atom_site_type_symbol")?;
        }
        Ok(Self {
            position: [
                need("_atom_site_fract_x")?,
                need("_atom_site_fract_y")?,
                need("_atom_site_fract_z")?,
            ],
            symbol,
            label,
            occupancy: atoms.column("_atom_site_occupancy"),
            b_iso: atoms.column("_atom_site_b_iso_or_equiv"),
            u_iso: atoms.column("_atom_site_u_iso_or_equiv"),
        })
    }

    /// The site of a row; none for atoms whose place is not known, as of dummies.
    fn site(&self, row: &[Value<'_>]) -> Result<Option<Site>, CifError> {
        if self.position.iter().all(|(column, _)| row[*column].is_unknown()) {
            return Ok(None);
        }
        let mut position = Vector3::zeros();
        for (i, (column, tag)) in self.position.iter().enumerate() {
            position[i] = number(&row[*column], tag)?;
        }
        let known = |column: Option<usize>| column.map(|c| row[c]).filter(|v| !v.is_unknown());
        let named = known(self.symbol).or(known(self.label));
        let Some(named) = named else {
            let line = row[self.position[0].0].line;
            return Err(CifError::UnknownElement { line, text: "?".to_string() });
        };
        let element = element(named.text).ok_or_else(|| CifError::UnknownElement {
            line: named.line,
            text: beginning(named.text),
        })?;
        let mut occupancy = 1.0;
        if let Some(value) = known(self.occupancy) {
            occupancy = number(&value, "_atom_site_occupancy")?;
            if !(occupancy > 0.0 && occupancy <= 1.0 + 1e-3) {
                return Err(CifError::Occupancy { line: value.line, value: occupancy });
            }
            occupancy = occupancy.min(1.0);
        }
        let b = known(self.b_iso).map(|v| number(&v, "_atom_site_B_iso_or_equiv")).transpose()?;
        let u = known(self.u_iso).map(|v| number(&v, "_atom_site_U_iso_or_equiv")).transpose()?;
        let b_iso = b.or(u.map(|u| 8.0 * std::f64::consts::PI.powi(2) * u));
        Ok(Some(Site { element, occupancy, position: wrapped(position), b_iso }))
    }
}

/// Element of a type symbol or label such as `Fe`, `Fe3+`, `O2-`, `Fe1A` or `O(2)`.
fn element(text: &str) -> Option<Element> {
    let letters: String = text.trim().chars().take_while(char::is_ascii_alphabetic).collect();
    let two = letters.get(..2).and_then(Element::from_symbol);
    // `Ca1` is calcium; `CA` and `HO` may be a carbon and a hydrogen of a molecule, written in
    // capitals, but no label of a crystal is known that means that
    two.or_else(|| letters.get(..1).and_then(Element::from_symbol))
}

/// Adds the images of a site under the operations, those on one place averaged.
fn expand(lattice: &Lattice, operations: &[Operation], site: Site, sites: &mut Vec<Site>) {
    let basis = lattice.basis();
    let mut images: Vec<(Vector3<f64>, Vector3<f64>, f64)> = Vec::new();
    for operation in operations {
        let image = wrapped(operation.apply(&site.position));
        let same = images.iter_mut().find_map(|(first, sum, count)| {
            let away = nearest(image - *first);
            ((basis * away).norm() < SAME_SITE).then_some((away, sum, count))
        });
        match same {
            Some((away, sum, count)) => {
                *sum += away;
                *count += 1.0;
            }
            None => images.push((image, Vector3::zeros(), 1.0)),
        }
    }
    sites.extend(
        images
            .into_iter()
            .map(|(first, sum, count)| Site { position: wrapped(first + sum / count), ..site }),
    );
}
