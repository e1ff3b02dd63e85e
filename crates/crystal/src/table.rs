//! Tables of structures: CSV with one structure a row, plain or compressed with zstd.
//!
//! Columns `id`, `a,b,c` in angstrom, `alpha,beta,gamma` in degrees, `species` as a run-length list
//! (`Ga4 Te4`), `frac` with three fractional coordinates an atom separated by blanks; further columns
//! may follow, of which `natoms` is compared and `sg` is kept. Or, in their place, `cif` with the text of a CIF, as
//! the data sets of CDVAE and DiffCSP have it; the name is then in `id` or `material_id`.

use std::collections::HashMap;
use std::io::Read;

use nalgebra::Vector3;
use ruzstd::decoding::StreamingDecoder;
use thiserror::Error;

use crate::cif::{self, CifError, CifWarning};
use crate::csv::{MAX_ROW, Rows};
use crate::{CellParameters, Element, Lattice, LatticeError, Site, Structure};

/// Most atoms of one row.
const MAX_ATOMS: usize = 20_000;

/// Why a table cannot be read. Lines count from 1.
#[derive(Debug, Error)]
pub enum TableError {
    /// Bytes that cannot be read or decompressed.
    #[error("the table cannot be read or decompressed: {0}")]
    Read(String),
    /// A column that is not there.
    #[error("the table has no column `{0}`")]
    NoColumn(&'static str),
    /// Neither columns of a structure nor a text of a CIF.
    #[error(
        "the table has neither a column `species` (beside a,b,c,alpha,beta,gamma,frac) nor `cif`"
    )]
    NoStructures,
    /// A quoted value without an end.
    #[error("line {line}: this row has a quoted value that is never closed")]
    Unclosed {
        /// Its first line.
        line: usize,
    },
    /// Two structures of one name.
    #[error("line {line}: `{id}` stands twice in the table (first in line {first})")]
    Twice {
        /// The second line.
        line: usize,
        /// The first line.
        first: usize,
        /// The name.
        id: String,
    },
    /// A number of atoms that is not that of the species.
    #[error("line {line}: `natoms` is {stated}, but the species are {atoms} atoms")]
    Atoms {
        /// Its line.
        line: usize,
        /// What stands in the column.
        stated: String,
        /// Atoms of the species.
        atoms: usize,
    },
    /// A CIF that cannot be read.
    #[error("the CIF in line {line}: {source}")]
    Cif {
        /// First line of its row.
        line: usize,
        /// What is wrong.
        source: CifError,
    },
    /// A row with another number of values than the header.
    #[error("line {line}: {found} values for {expected} columns")]
    Ragged {
        /// Its line.
        line: usize,
        /// Values of the row.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// A row that is too long.
    #[error("line {line}: a row of more than {MAX_ROW} bytes or {MAX_ATOMS} atoms")]
    TooLong {
        /// Its line.
        line: usize,
    },
    /// A value that is no number.
    #[error("line {line}, column {column}: `{text}` is no number")]
    NotANumber {
        /// Its line.
        line: usize,
        /// Its column.
        column: &'static str,
        /// What stands there.
        text: String,
    },
    /// A species that is no element with its count.
    #[error("line {line}: `{text}` is no element with a count such as `Ga4`")]
    Species {
        /// Its line.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// Coordinates that do not fit the species.
    #[error("line {line}: {coordinates} coordinates for {atoms} atoms")]
    Coordinates {
        /// Its line.
        line: usize,
        /// Numbers found.
        coordinates: usize,
        /// Atoms of the species.
        atoms: usize,
    },
    /// A cell that is none.
    #[error("line {line}: {source}")]
    Lattice {
        /// Its line.
        line: usize,
        /// What is wrong.
        source: LatticeError,
    },
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its identifier.
    pub id: String,
    /// Its structure.
    pub structure: Structure,
    /// Number of its space group as the source has it, where it does.
    pub space_group: Option<u16>,
    /// What in its CIF is doubtful.
    pub warnings: Vec<CifWarning>,
}

/// Reads a table of structures that is compressed with zstd.
///
/// # Errors
///
/// Bytes that are no zstd stream, missing columns, names that stand twice, and rows that are no structure, with the
/// line.
pub fn read_structures(compressed: impl Read) -> Result<Vec<Entry>, TableError> {
    read_plain_structures(decompressed(compressed)?)
}

/// Reads a table of structures.
///
/// # Errors
///
/// As [`read_structures`].
pub fn read_plain_structures(text: impl Read) -> Result<Vec<Entry>, TableError> {
    let mut rows = Rows::open(text)?;
    let columns = Columns::of(&rows)?;
    let mut entries = Vec::new();
    let mut lines = HashMap::new();
    while let Some((line, row)) = rows.next()? {
        let entry = columns.entry(line, &row)?;
        if let Some(first) = lines.insert(entry.id.clone(), line) {
            return Err(TableError::Twice { line, first, id: entry.id });
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Reads two columns of a compressed table, for example the identifiers and parts of a split.
///
/// # Errors
///
/// Bytes that are no zstd stream and missing columns.
pub fn read_columns(
    compressed: impl Read,
    names: [&'static str; 2],
) -> Result<Vec<[String; 2]>, TableError> {
    let mut rows = Rows::open(decompressed(compressed)?)?;
    let columns = [need(&rows, names[0])?, need(&rows, names[1])?];
    let mut found = Vec::new();
    while let Some((_, row)) = rows.next()? {
        found.push(columns.map(|c| row[c].clone()));
    }
    Ok(found)
}

fn decompressed<R: Read>(compressed: R) -> Result<impl Read, TableError> {
    StreamingDecoder::new(compressed).map_err(|e| TableError::Read(e.to_string()))
}

fn need<R: Read>(rows: &Rows<R>, name: &'static str) -> Result<usize, TableError> {
    rows.column(name).ok_or(TableError::NoColumn(name))
}

/// Places of the columns of a table.
enum Columns {
    Listed(Listed),
    Cif { id: Option<usize>, cif: usize },
}

impl Columns {
    fn of<R: Read>(rows: &Rows<R>) -> Result<Self, TableError> {
        if rows.column("species").is_some() {
            return Listed::of(rows).map(Self::Listed);
        }
        let id = rows.column("id").or_else(|| rows.column("material_id"));
        let cif = rows.column("cif").ok_or(TableError::NoStructures)?;
        Ok(Self::Cif { id, cif })
    }

    fn entry(&self, line: usize, row: &[String]) -> Result<Entry, TableError> {
        match self {
            Self::Listed(columns) => columns.entry(line, row),
            Self::Cif { id, cif } => {
                let id = id.map_or_else(|| format!("line {line}"), |k| row[k].trim().to_string());
                let mut all = cif::read_shortened(&row[*cif])
                    .map_err(|source| TableError::Cif { line, source })?;
                let first = all.swap_remove(0);
                let (structure, warnings) = (first.structure, first.warnings);
                Ok(Entry { id, structure, space_group: None, warnings })
            }
        }
    }
}

/// Places of the columns of a structure.
struct Listed {
    id: usize,
    cell: [(usize, &'static str); 6],
    species: usize,
    frac: usize,
    space_group: Option<usize>,
    atoms: Option<usize>,
}

impl Listed {
    fn of<R: Read>(rows: &Rows<R>) -> Result<Self, TableError> {
        let mut cell = [(0, ""); 6];
        for (place, name) in cell.iter_mut().zip(["a", "b", "c", "alpha", "beta", "gamma"]) {
            *place = (need(rows, name)?, name);
        }
        Ok(Self {
            id: need(rows, "id")?,
            cell,
            species: need(rows, "species")?,
            frac: need(rows, "frac")?,
            space_group: rows.column("sg"),
            atoms: rows.column("natoms"),
        })
    }

    fn entry(&self, line: usize, row: &[String]) -> Result<Entry, TableError> {
        let mut cell = [0.0; 6];
        for (value, (column, name)) in cell.iter_mut().zip(self.cell) {
            *value = number(line, name, &row[column])?;
        }
        let [a, b, c, alpha, beta, gamma] = cell;
        let cell = CellParameters { lengths: [a, b, c], angles_deg: [alpha, beta, gamma] };
        let lattice = Lattice::from_parameters(cell)
            .map_err(|source| TableError::Lattice { line, source })?;
        let elements = species(line, &row[self.species])?;
        let numbers = row[self.frac].split_whitespace().map(|t| number(line, "frac", t));
        let numbers: Vec<f64> = numbers.collect::<Result<_, _>>()?;
        let atoms = elements.len();
        let stated = self.atoms.map(|column| row[column].trim()).filter(|text| !text.is_empty());
        if let Some(stated) = stated.filter(|text| text.parse() != Ok(atoms)) {
            return Err(TableError::Atoms { line, stated: stated.to_string(), atoms });
        }
        if numbers.len() != 3 * atoms {
            return Err(TableError::Coordinates { line, coordinates: numbers.len(), atoms });
        }
        let positions = numbers.chunks_exact(3).map(Vector3::from_column_slice);
        let sites = elements.into_iter().zip(positions).map(|(e, x)| Site::new(e, x)).collect();
        let space_group = self.space_group.and_then(|column| row[column].parse().ok());
        let structure = Structure { lattice, sites };
        Ok(Entry { id: row[self.id].clone(), structure, space_group, warnings: Vec::new() })
    }
}

fn number(line: usize, column: &'static str, text: &str) -> Result<f64, TableError> {
    let value = text.trim().parse::<f64>().ok().filter(|v| v.is_finite());
    value.ok_or_else(|| TableError::NotANumber { line, column, text: text.to_string() })
}

/// Elements of a run-length list such as `Ga4 Te4`; one atom where no count stands.
fn species(line: usize, text: &str) -> Result<Vec<Element>, TableError> {
    let mut elements = Vec::new();
    for run in text.split_whitespace() {
        let wrong = || TableError::Species { line, text: run.to_string() };
        let digits = run.find(|c: char| c.is_ascii_digit()).unwrap_or(run.len());
        let element = Element::from_symbol(&run[..digits]).ok_or_else(wrong)?;
        let count = if digits < run.len() { run[digits..].parse() } else { Ok(1) };
        let count: usize = count.map_err(|_| wrong())?;
        if count + elements.len() > MAX_ATOMS {
            return Err(TableError::TooLong { line });
        }
        elements.extend(std::iter::repeat_n(element, count));
    }
    Ok(elements)
}
