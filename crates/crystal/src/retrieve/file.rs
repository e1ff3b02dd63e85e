//! Libraries as text files.
//!
//! A line of format, lines of what the library was made from, one line of volumes of the elements, one
//! line a prototype, and a last line with their number, so that a file cut short is not a library:
//!
//! ```text
//! surrogate prototype library 1
//! origin = where the structures come from
//! licence = under which terms
//! crystals = 12444
//! volumes = 5.1 … (cubic angstrom, by atomic number from 0)
//! mp-22862,225,3,Na Cl/K Br/Mg O,5.69,0 a,1 b
//! end = 1
//! ```
//!
//! A prototype has its name, space group, number of crystals, the elements of each that is named (their
//! number in an anonymous library), free cell parameters, and for each orbit slot, letter and free
//! coordinates. Numbers are written so that reading gives the same bits.

use std::fmt::Write;
use std::io::Read;
use std::str::{FromStr, SplitWhitespace};
use std::sync::OnceLock;

use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use thiserror::Error;

use super::library::{Library, Prototype, composition, slot_element};
use crate::Element;
use crate::symmetry::{Orbit, SpaceGroup, SymmetricStructure};

/// First line of a file.
const FORMAT: &str = "surrogate prototype library 1";

/// Most orbits of a prototype.
const MOST_ORBITS: usize = 2_000;

/// First bytes of a zstd frame.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Longest text of a library.
const MOST_BYTES: u64 = 256 << 20;

/// What a library was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where the structures come from.
    pub origin: String,
    /// Under which terms they are given.
    pub licence: String,
    /// How many crystals were distilled.
    pub crystals: usize,
}

/// Why a file is no library. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LibraryError {
    /// Another file, or another version.
    #[error("not a library of prototypes of this version: the first line is not `{FORMAT}`")]
    Format,
    /// A line of the header that is not there.
    #[error("line {line}: `{key} = …` is expected here")]
    Header {
        /// Its line.
        line: usize,
        /// What should stand there.
        key: &'static str,
    },
    /// A line that is no prototype.
    #[error("line {line}: no prototype: {why}")]
    Prototype {
        /// Its line.
        line: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// Bytes that are neither text nor a compressed text.
    #[error(
        "neither a text in UTF-8 nor one compressed by zstd, or longer than {MOST_BYTES} bytes"
    )]
    Bytes,
    /// A file without its end.
    #[error("the file is cut short: it holds {found} prototypes and no line of their number")]
    CutShort {
        /// Prototypes found.
        found: usize,
    },
}

/// A library as text.
#[must_use]
pub fn write_library(library: &Library, source: &Source) -> String {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (origin, licence) = (one_line(&source.origin), one_line(&source.licence));
    let volumes = joined(&library.volumes);
    // writing to a string cannot fail
    let mut text = String::new();
    let _ = writeln!(text, "{FORMAT}\norigin = {origin}\nlicence = {licence}");
    let _ = writeln!(text, "crystals = {}\nvolumes = {volumes}", source.crystals);
    for prototype in library.prototypes() {
        let structure = &prototype.structure;
        let name = one_line(&prototype.id.replace(',', ";"));
        let symbols = |elements: &Vec<Element>| {
            elements.iter().map(|e| e.symbol()).collect::<Vec<&str>>().join(" ")
        };
        let known: Vec<String> = prototype.known.iter().map(symbols).collect();
        let _ = write!(
            text,
            "{name},{},{},{},{}",
            structure.group.number,
            prototype.members,
            if known.is_empty() { prototype.counts.len().to_string() } else { known.join("/") },
            joined(&structure.cell)
        );
        for orbit in &structure.orbits {
            let slot = orbit.element.atomic_number() - 1;
            let letter = structure.wyckoff(orbit).letter;
            let _ = write!(text, ",{slot} {letter}");
            orbit.parameters.iter().for_each(|p| {
                let _ = write!(text, " {p}");
            });
        }
        text.push('\n');
    }
    let _ = writeln!(text, "end = {}", library.prototypes().len());
    text
}

fn joined(values: &[f64]) -> String {
    values.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
}

/// A library from its text, with what it was made from.
///
/// # Errors
///
/// Another format, a missing line, a prototype that is none, a missing end.
pub fn read_library(text: &str) -> Result<(Library, Source), LibraryError> {
    let mut lines = (1..).zip(text.lines());
    if lines.next().map(|(_, line)| line.trim_end()) != Some(FORMAT) {
        return Err(LibraryError::Format);
    }
    let mut header = |line: usize, key: &'static str| {
        let found = lines.next().and_then(|(_, text)| value(text, key));
        found.ok_or(LibraryError::Header { line, key })
    };
    let (origin, licence) = (header(2, "origin")?.to_string(), header(3, "licence")?.to_string());
    let crystals = header(4, "crystals")?.parse().ok();
    let crystals = crystals.ok_or(LibraryError::Header { line: 4, key: "crystals" })?;
    let volumes = numbers(header(5, "volumes")?.split_whitespace());
    let positive = |v: &Vec<f64>| v.len() == ELEMENTS && v.iter().all(|v| *v > 0.0);
    let volumes = volumes.filter(positive);
    let volumes = volumes.ok_or(LibraryError::Header { line: 5, key: "volumes" })?;
    let mut prototypes: Vec<Prototype> = Vec::new();
    for (line, text) in lines {
        if let Some(count) = value(text, "end") {
            let found = prototypes.len();
            if count.parse() != Ok(found) {
                return Err(LibraryError::CutShort { found });
            }
            let library = Library::of_parts(prototypes, volumes);
            return Ok((library, Source { origin, licence, crystals }));
        }
        let read = prototype(text).map_err(|why| LibraryError::Prototype { line, why })?;
        prototypes.push(read);
    }
    Err(LibraryError::CutShort { found: prototypes.len() })
}

/// A library from the bytes of its file, which may be compressed by zstd.
///
/// # Errors
///
/// As [`read_library`]; bytes that are no text.
pub fn open_library(bytes: &[u8]) -> Result<(Library, Source), LibraryError> {
    if !bytes.starts_with(&ZSTD) {
        return read_library(std::str::from_utf8(bytes).map_err(|_| LibraryError::Bytes)?);
    }
    let decoder = StreamingDecoder::new(bytes).map_err(|_| LibraryError::Bytes)?;
    let mut text = String::new();
    let read = decoder.take(MOST_BYTES).read_to_string(&mut text);
    let length = read.map_err(|_| LibraryError::Bytes)?;
    if length as u64 == MOST_BYTES { Err(LibraryError::Bytes) } else { read_library(&text) }
}

/// A text compressed by zstd, as [`open_library`] reads it.
#[must_use]
pub fn compressed(text: &str) -> Vec<u8> {
    compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)
}

/// Volumes of a library: one for each atomic number, and for 0.
const ELEMENTS: usize = 119;

/// What stands behind `key =`.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.trim_start().strip_prefix('=').map(str::trim)
}

fn numbers(words: SplitWhitespace) -> Option<Vec<f64>> {
    words.map(|word| f64::from_str(word).ok().filter(|v| v.is_finite())).collect()
}

/// A prototype from its line.
fn prototype(text: &str) -> Result<Prototype, &'static str> {
    let mut fields = text.split(',');
    let mut field = || fields.next().ok_or("a value is missing");
    let id = field()?.to_string();
    let number = field()?.parse().map_err(|_| "the space group is no number")?;
    let group = SpaceGroup::get(number).ok_or("there are 230 space groups")?;
    let members = field()?.parse().map_err(|_| "the number of crystals is no number")?;
    let (known, slots) = known(field()?)?;
    let elements = known.first().cloned().unwrap_or_default();
    let cell = numbers(field()?.split_whitespace()).ok_or("a cell parameter is no number")?;
    if cell.len() != SymmetricStructure::cell_names(group.system()).len() {
        return Err("its cell parameters are not those of its space group");
    }
    let orbits: Vec<Orbit> =
        fields.map(|field| orbit(group, field, slots)).collect::<Result<_, _>>()?;
    if orbits.is_empty() || orbits.len() > MOST_ORBITS {
        return Err("it has no orbits, or too many");
    }
    let structure = SymmetricStructure { group, cell, orbits };
    let lattice = structure.primitive_lattice().map_err(|_| "its cell spans no volume")?;
    let counts: Vec<usize> = composition(&structure).into_values().collect();
    if counts.len() != slots || !counts.is_sorted() {
        return Err("its slots are not numbered in the order of their atoms");
    }
    let (volume, geometry) = (lattice.volume(), OnceLock::new());
    Ok(Prototype { id, structure, counts, elements, volume, members, known, geometry })
}

/// Elements of crystals, or none where only the number of slots is given; and that number.
fn known(text: &str) -> Result<(Vec<Vec<Element>>, usize), &'static str> {
    let (known, slots) = match text.trim().parse() {
        Ok(slots) => (Vec::new(), slots),
        Err(_) => {
            let symbols = |text: &str| text.split_whitespace().map(Element::from_symbol).collect();
            let known: Option<Vec<Vec<Element>>> = text.split('/').map(symbols).collect();
            let known = known.ok_or("no element has this name")?;
            let slots = known.first().map_or(0, Vec::len);
            (known, slots)
        }
    };
    if known.iter().any(|k| k.len() != slots) {
        return Err("its crystals have different numbers of elements");
    }
    if (1..=Library::MOST_ELEMENTS).contains(&slots) {
        Ok((known, slots))
    } else {
        Err("it has one to five elements")
    }
}

/// An orbit from its slot, letter and coordinates.
fn orbit(group: &SpaceGroup, text: &str, slots: usize) -> Result<Orbit, &'static str> {
    let mut words = text.split_whitespace();
    let slot = words.next().and_then(|w| w.parse().ok()).filter(|slot| *slot < slots);
    let element = slot.and_then(slot_element).ok_or("an orbit has no slot")?;
    let letter = words.next().and_then(|w| w.parse().ok());
    let position = letter.and_then(|l| group.position_of_letter(l));
    let position = position.ok_or("its space group has no such letter")?;
    let parameters = numbers(words).ok_or("a coordinate is no number")?;
    if parameters.len() != group.positions[position].degrees_of_freedom() {
        return Err("an orbit has another number of free coordinates");
    }
    Ok(Orbit { element, position, parameters })
}
