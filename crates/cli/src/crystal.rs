//! What commands of crystals share: reading CIF files, tables and libraries, wavelengths and ranges of
//! angles.

pub mod library;
pub mod picture;
pub mod sources;

use std::collections::BTreeMap;
use std::path::Path;

use surrogate_crystal::cif::{self, CifStructure};
use surrogate_crystal::diffraction::Radiation;
use surrogate_crystal::direct::DirectOptions;
use surrogate_crystal::score::electronegativity;
use surrogate_crystal::symmetry::{SYMPREC, SymmetricStructure, SymmetryError, analyse};
use surrogate_crystal::{Element, Structure, reduced_formula};

use crate::failure::Failure;
use crate::terminal::Terminal;

/// Largest text file that is read.
const MOST_BYTES: u64 = 256 << 20;

/// A text file, read whole.
pub fn text(path: &Path) -> Result<String, Failure> {
    let unreadable = |e: &std::io::Error| {
        Failure::user(format!("cannot read {}: {}", path.display(), surrogate_run::words(e)))
    };
    let length = std::fs::metadata(path).map_err(|e| unreadable(&e))?.len();
    if length > MOST_BYTES {
        let message = format!("{}: {length} bytes are more than {MOST_BYTES}", path.display());
        return Err(Failure::user(message));
    }
    let bytes = std::fs::read(path).map_err(|e| unreadable(&e))?;
    String::from_utf8(bytes).map_err(|_| {
        Failure::helped(
            format!("{}: not a text in UTF-8", path.display()),
            "compressed and binary files are not read here; convert other encodings",
        )
    })
}

/// The text of a CIF file: UTF-8, or what older programs wrote (Latin-1), of which tags and numbers are the same.
fn cif_text(path: &Path, terminal: &Terminal) -> Result<String, Failure> {
    let bytes = match text(path) {
        Ok(text) => return Ok(text),
        Err(why) => std::fs::read(path).map_err(|_| why)?,
    };
    // of control characters a text has tabs and ends of lines, pages and, in DOS, itself
    let binary = |b: &u8| b.is_ascii_control() && !matches!(b, 9..=13 | 26);
    if bytes.iter().any(binary) || bytes.len() as u64 > MOST_BYTES {
        return text(path);
    }
    terminal.warn(format!("{}: not in UTF-8, read as Latin-1", path.display()));
    Ok(bytes.into_iter().map(char::from).collect())
}

/// All structures of a CIF file; at least one.
pub fn structures(path: &Path, terminal: &Terminal) -> Result<Vec<CifStructure>, Failure> {
    let text = cif_text(path, terminal)?;
    cif::read_shortened(&text).map_err(|e| Failure::user(e.to_string()).in_file(path))
}

/// The structure of a CIF file, or of one of its blocks; what is doubtful in it is said.
pub fn structure(
    path: &Path,
    block: Option<&str>,
    terminal: &Terminal,
) -> Result<CifStructure, Failure> {
    const SHOWN: usize = 12;
    let mut all = structures(path, terminal)?;
    let wanted = |s: &CifStructure| block.is_none_or(|name| s.name.eq_ignore_ascii_case(name));
    let found: Vec<usize> = (0..all.len()).filter(|&k| wanted(&all[k])).collect();
    if let [only] = found[..] {
        let structure = all.swap_remove(only);
        for warning in &structure.warnings {
            terminal.warn(format!("{}: {}: {warning}", path.display(), structure.name));
        }
        return Ok(structure);
    }
    let names: Vec<&str> = all.iter().map(|s| s.name.as_str()).take(SHOWN).collect();
    let more = if all.len() > SHOWN { ", …" } else { "" };
    let message = match block {
        Some(name) if found.is_empty() => format!("no block with atoms is called {name}"),
        Some(name) => format!("{} blocks are called {name}", found.len()),
        None => format!("the file holds {} structures", all.len()),
    };
    let help = format!("name one with --block: {}{more}", names.join(", "));
    Err(Failure::helped(message, help).in_file(path))
}

/// Radiation by its name or wavelength.
pub fn radiation(text: &str) -> Result<Radiation, Failure> {
    Radiation::parse(text).ok_or_else(|| {
        Failure::helped(
            format!("--wavelength {text}: neither a known radiation nor a positive length"),
            "CuKa (mean), CuKa1, CuKa2, CuKa12 (the doublet), CuKb; the same of Mo, Cr, Fe, Co, Ag; \
             or a number in angstrom, such as 1.5406",
        )
    })
}

/// A range of angles, `FROM:TO` in degrees.
pub fn two_theta(text: &str) -> Result<[f64; 2], Failure> {
    let ends = text.split_once(':').and_then(|(from, to)| {
        let number = |t: &str| t.trim().parse::<f64>().ok();
        Some([number(from)?, number(to)?])
    });
    ends.filter(|[from, to]| *from >= 0.0 && from < to && *to < 180.0).ok_or_else(|| {
        Failure::helped(
            format!("--two-theta {text}: not a range of angles"),
            "FROM:TO in degrees, ascending, within 0 and 180, such as 10:90",
        )
    })
}

/// Space group of a structure in its canonical description.
pub fn symmetry(structure: &Structure) -> Result<SymmetricStructure, SymmetryError> {
    Ok(analyse(structure, SYMPREC)?.canonical())
}

/// `P 4_2/m n m (136)`
pub fn group_words(structure: &SymmetricStructure) -> String {
    format!("{} ({})", structure.group.symbol, structure.group.number)
}

/// `KCoO3`: elements by electronegativity, the smallest whole numbers of atoms.
pub fn formula_words(structure: &SymmetricStructure) -> String {
    let mut amounts = BTreeMap::new();
    for orbit in &structure.orbits {
        *amounts.entry(orbit.element).or_insert(0) += structure.wyckoff(orbit).multiplicity;
    }
    let mut amounts: Vec<(Element, usize)> = reduced_formula(&amounts).into_iter().collect();
    amounts.sort_by(|a, b| {
        let of = |e: Element| electronegativity(e).unwrap_or(f64::INFINITY);
        of(a.0).total_cmp(&of(b.0))
    });
    let part = |(e, n): &(Element, usize)| if *n == 1 { e.to_string() } else { format!("{e}{n}") };
    amounts.iter().map(part).collect()
}

/// A search without examples over so many choices; none over none.
pub fn direct(choices: usize) -> Option<DirectOptions> {
    (choices > 0).then(|| DirectOptions { choices, ..DirectOptions::default() })
}
