//! Measured tables: columns found by their names, numbers in SI, lines kept for messages.
//!
//! One line at a time, so that files of millions of rows take only the memory of their numbers.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use surrogate_problem::model::Unit;
use surrogate_problem::{ColumnUnit, column_parts};

use crate::failure::Failure;

/// A column that is looked for.
pub struct Wanted<'a> {
    /// What it holds, for messages.
    pub what: &'a str,
    /// Its exact header, where the user named one.
    pub header: Option<&'a str>,
    /// Names that it goes by, in small letters, without unit.
    pub names: Vec<String>,
    /// What to do where several columns fit.
    pub choice: String,
    /// Unit of a header without one; its dimension is demanded of a header with one.
    pub unit: &'a Unit,
}

/// Columns of a file, SI.
pub struct Measured {
    /// Line of each row, counted from 1.
    pub lines: Vec<usize>,
    /// `[wanted][row]`; `None` where no column fits. Empty cells are NaN.
    pub columns: Vec<Option<Vec<f64>>>,
    /// What was taken for granted.
    pub notes: Vec<String>,
}

/// A column of the file that is read.
struct Found {
    place: usize,
    header: String,
    factor: f64,
    zero: f64,
}

/// Reads the columns wanted.
///
/// # Errors
/// A file that cannot be read, has no header or no rows, two columns of one name, another unit, or
/// a cell that is no number; each with its line.
pub fn read(path: &Path, wanted: &[Wanted<'_>]) -> Result<Measured, Failure> {
    let shown = path.display();
    let unreadable =
        |e: &std::io::Error| format!("cannot read {shown}: {}", surrogate_run::words(e));
    let file = File::open(path).map_err(|e| {
        Failure::helped(unreadable(&e), "give the path of a CSV with a header line")
    })?;
    let mut lines = (1..).zip(BufReader::new(file).lines()).map(|(number, line)| match line {
        Ok(line) => Ok((number, line)),
        Err(e) => Err(Failure::user(format!("{}, line {number}", unreadable(&e)))),
    });
    let Some(header) = next_line(&mut lines)? else {
        return Err(Failure::helped(
            format!("{shown} is empty"),
            "it needs a header line, such as t_s,current_A,voltage_V",
        ));
    };
    let text = header.1.trim_start_matches('\u{feff}').to_string();
    let delimiter = delimiter(&text);
    let headers: Vec<&str> = cells(&text, delimiter).collect();
    let mut notes = Vec::new();
    let found = wanted
        .iter()
        .map(|w| find(w, &headers, &mut notes).map_err(|f| f.in_file(path)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut out = Measured { lines: Vec::new(), columns: Vec::new(), notes };
    out.columns = found.iter().map(|f| f.as_ref().map(|_| Vec::new())).collect();
    while let Some((number, line)) = next_line(&mut lines)? {
        let row: Vec<&str> = cells(&line, delimiter).collect();
        if row.len() != headers.len() {
            let (n, m) = (row.len(), headers.len());
            let message = format!("{shown}, line {number}: {n} cells under {m} headers");
            return Err(Failure::helped(message, "cut the file there, or fill the row"));
        }
        out.lines.push(number);
        for (column, found) in out.columns.iter_mut().zip(&found) {
            if let (Some(column), Some(found)) = (column, found) {
                let value = number_of(row[found.place]).ok_or_else(|| {
                    let (cell, header) = (row[found.place], &found.header);
                    Failure::user(format!(
                        "{shown}, line {number}: `{cell}` in column `{header}` is not a number"
                    ))
                })?;
                column.push(value * found.factor + found.zero);
            }
        }
    }
    if out.lines.is_empty() {
        return Err(Failure::user(format!("{shown} has no rows under its header")));
    }
    Ok(out)
}

/// The next line that is neither empty nor a comment.
fn next_line(
    lines: &mut impl Iterator<Item = Result<(usize, String), Failure>>,
) -> Result<Option<(usize, String)>, Failure> {
    for line in lines {
        let (number, line) = line?;
        if !line.trim().is_empty() && !line.starts_with('#') {
            return Ok(Some((number, line)));
        }
    }
    Ok(None)
}

/// What divides the headers: the most frequent of tab, semicolon and comma.
fn delimiter(header: &str) -> char {
    ['\t', ';', ','].into_iter().max_by_key(|d| header.matches(*d).count()).unwrap_or(',')
}

fn cells(line: &str, delimiter: char) -> impl Iterator<Item = &str> {
    line.split(delimiter).map(|cell| cell.trim().trim_matches('"').trim())
}

/// A number; NaN for an empty cell.
fn number_of(cell: &str) -> Option<f64> {
    match cell {
        "" | "-" | "NA" | "N/A" | "null" => Some(f64::NAN),
        text => text.parse().ok(),
    }
}

/// The column that fits, with the factor to SI.
fn find(
    wanted: &Wanted<'_>,
    headers: &[&str],
    notes: &mut Vec<String>,
) -> Result<Option<Found>, Failure> {
    // a name may look as if it ended in a unit: `D_s`
    let whole = |header: &str| wanted.names.contains(&plain(header));
    let named = |header: &str| match wanted.header {
        Some(name) => header == name,
        None => whole(header) || wanted.names.contains(&parts(header).0),
    };
    let fits: Vec<usize> = (0..headers.len()).filter(|&k| named(headers[k])).collect();
    let what = wanted.what;
    let place = match (fits.as_slice(), wanted.header) {
        ([], Some(name)) => {
            return Err(Failure::helped(
                format!("there is no column `{name}`"),
                format!("its columns are: {}", headers.join(", ")),
            ));
        }
        ([], None) => return Ok(None),
        ([place], _) => *place,
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|&k| headers[k]).collect();
            return Err(Failure::helped(
                format!("several columns could be the {what}: {}", names.join(", ")),
                wanted.choice.as_str(),
            ));
        }
    };
    let header = headers[place].to_string();
    let (factor, zero) = match parts(&header).1.filter(|_| !whole(&header)) {
        None => {
            if wanted.unit.text != "1" {
                notes.push(format!("column `{header}` has no unit: taken as {}", wanted.unit.text));
            }
            (wanted.unit.factor, 0.0)
        }
        Some(ColumnUnit { unit, zero }) if unit.dimension == wanted.unit.dimension => {
            (unit.factor, zero)
        }
        Some(ColumnUnit { unit, .. }) => {
            return Err(Failure::helped(
                format!("column `{header}` is in {}, which is no unit of {what}", unit.text),
                format!("the {what} is in {}, or a multiple of it", wanted.unit.text),
            ));
        }
    };
    Ok(Some(Found { place, header, factor, zero }))
}

/// Name in small letters and unit of a header.
fn parts(header: &str) -> (String, Option<ColumnUnit>) {
    let (name, unit) = column_parts(header);
    (plain(name), unit)
}

/// A name as names are compared: small letters, no spaces.
pub fn plain(text: &str) -> String {
    text.trim().to_lowercase().replace([' ', '-'], "_")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn headers_give_name_and_unit_in_all_common_spellings() {
        for header in ["Voltage [mV]", "voltage_mV", "VOLTAGE (mV)", "voltage/mV"] {
            let (name, unit) = parts(header);
            assert_eq!(name, "voltage", "{header}");
            assert!((unit.unwrap().unit.factor - 1e-3).abs() < 1e-15, "{header}");
        }
        assert_eq!(parts("Test Time [s]").0, "test_time");
        assert_eq!(parts("c_rate").0, "c_rate");
        assert!(parts("c_rate").1.is_none());
    }
}
