//! Tables of structures: zstd-compressed CSV with one structure a row.
//!
//! Columns `id`, `a,b,c` in angstrom, `alpha,beta,gamma` in degrees, `species` as a run-length list
//! (`Ga4 Te4`), `frac` with three fractional coordinates an atom separated by blanks; further columns
//! may follow, of which `sg` is kept. Values hold no commas.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};

use nalgebra::Vector3;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use thiserror::Error;

use crate::{CellParameters, Element, Lattice, LatticeError, Site, Structure};

/// Most atoms of one row.
const MAX_ATOMS: usize = 20_000;

/// Longest row in bytes.
const MAX_ROW: u64 = 4 << 20;

/// Why a table cannot be read. Lines count from 1.
#[derive(Debug, Error)]
pub enum TableError {
    /// Bytes that cannot be read or decompressed.
    #[error("the table cannot be decompressed: {0}")]
    Read(String),
    /// A column that is not there.
    #[error("the table has no column `{0}`")]
    NoColumn(&'static str),
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
}

/// Reads a compressed table of structures.
///
/// # Errors
///
/// Bytes that are no zstd stream, missing columns, and rows that are no structure, with the line.
pub fn read_structures(compressed: impl Read) -> Result<Vec<Entry>, TableError> {
    let mut rows = Rows::open(compressed)?;
    let columns = Columns::of(&rows)?;
    let mut entries = Vec::new();
    while let Some((line, row)) = rows.next()? {
        entries.push(columns.entry(line, &row)?);
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
    let mut rows = Rows::open(compressed)?;
    let columns = [rows.column(names[0])?, rows.column(names[1])?];
    let mut found = Vec::new();
    while let Some((_, row)) = rows.next()? {
        found.push(columns.map(|c| row[c].clone()));
    }
    Ok(found)
}

/// Rows of a table behind its header.
struct Rows<R: Read> {
    lines: BufReader<StreamingDecoder<R, FrameDecoder>>,
    columns: HashMap<String, usize>,
    line: usize,
}

impl<R: Read> Rows<R> {
    fn open(compressed: R) -> Result<Self, TableError> {
        let decoder = StreamingDecoder::new(compressed);
        let decoder = decoder.map_err(|e| TableError::Read(e.to_string()))?;
        let mut rows = Self { lines: BufReader::new(decoder), columns: HashMap::new(), line: 0 };
        let header = rows.line()?.unwrap_or_default();
        let names = header.split(',').enumerate();
        rows.columns = names.map(|(k, name)| (name.trim().to_string(), k)).collect();
        Ok(rows)
    }

    fn column(&self, name: &'static str) -> Result<usize, TableError> {
        self.columns.get(name).copied().ok_or(TableError::NoColumn(name))
    }

    /// The next line without its end.
    fn line(&mut self) -> Result<Option<String>, TableError> {
        let mut text = String::new();
        let read = self.lines.by_ref().take(MAX_ROW).read_line(&mut text);
        let length = read.map_err(|e| TableError::Read(e.to_string()))?;
        self.line += 1;
        if length as u64 == MAX_ROW {
            return Err(TableError::TooLong { line: self.line });
        }
        Ok((length > 0).then(|| text.trim_end().to_string()))
    }

    /// The next row that is not empty, with its line.
    fn next(&mut self) -> Result<Option<(usize, Vec<String>)>, TableError> {
        while let Some(text) = self.line()? {
            if text.is_empty() {
                continue;
            }
            let row: Vec<String> = text.split(',').map(str::to_string).collect();
            let expected = self.columns.len();
            if row.len() != expected {
                return Err(TableError::Ragged { line: self.line, found: row.len(), expected });
            }
            return Ok(Some((self.line, row)));
        }
        Ok(None)
    }
}

/// Places of the columns of a structure.
struct Columns {
    id: usize,
    cell: [(usize, &'static str); 6],
    species: usize,
    frac: usize,
    space_group: Option<usize>,
}

impl Columns {
    fn of<R: Read>(rows: &Rows<R>) -> Result<Self, TableError> {
        let mut cell = [(0, ""); 6];
        for (place, name) in cell.iter_mut().zip(["a", "b", "c", "alpha", "beta", "gamma"]) {
            *place = (rows.column(name)?, name);
        }
        Ok(Self {
            id: rows.column("id")?,
            cell,
            species: rows.column("species")?,
            frac: rows.column("frac")?,
            space_group: rows.column("sg").ok(),
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
        if numbers.len() != 3 * atoms {
            return Err(TableError::Coordinates { line, coordinates: numbers.len(), atoms });
        }
        let positions = numbers.chunks_exact(3).map(Vector3::from_column_slice);
        let sites = elements.into_iter().zip(positions).map(|(e, x)| Site::new(e, x)).collect();
        let space_group = self.space_group.and_then(|column| row[column].parse().ok());
        Ok(Entry { id: row[self.id].clone(), structure: Structure { lattice, sites }, space_group })
    }
}

fn number(line: usize, column: &'static str, text: &str) -> Result<f64, TableError> {
    let value = text.trim().parse::<f64>().ok().filter(|v| v.is_finite());
    value.ok_or_else(|| TableError::NotANumber { line, column, text: text.to_string() })
}

/// Elements of a run-length list such as `Ga4 Te4`.
fn species(line: usize, text: &str) -> Result<Vec<Element>, TableError> {
    let mut elements = Vec::new();
    for run in text.split_whitespace() {
        let wrong = || TableError::Species { line, text: run.to_string() };
        let digits = run.find(|c: char| c.is_ascii_digit()).ok_or_else(wrong)?;
        let element = Element::from_symbol(&run[..digits]).ok_or_else(wrong)?;
        let count: usize = run[digits..].parse().map_err(|_| wrong())?;
        if count + elements.len() > MAX_ATOMS {
            return Err(TableError::TooLong { line });
        }
        elements.extend(std::iter::repeat_n(element, count));
    }
    Ok(elements)
}
