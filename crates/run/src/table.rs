//! Tables of columns and their CSV form.
//!
//! The first line names the columns with their units, `time_s,voltage_V,voltage_V_reference`;
//! see [`header`] for the spelling. Numbers are written with the fewest digits that give the same
//! bits back; `nan` and empty cells are not-a-number. Lines that begin with `#` are comments.

use std::fmt::Write as _;
use std::path::Path;

use crate::error::RunError;
use crate::files::{read_text, write_atomic};

/// Header of a column: the name, and the unit if there is one, as in `voltage_V`.
///
/// In the unit spaces become `_`, `/` becomes `_per_`, and `^` and brackets go:
/// `mol m^-3` is `mol_m-3`, `m^2/s` is `m2_per_s`.
///
/// ```
/// assert_eq!(surrogate_run::header("time", "s"), "time_s");
/// assert_eq!(surrogate_run::header("c_n", "mol m^-3"), "c_n_mol_m-3");
/// assert_eq!(surrogate_run::header("point", ""), "point");
/// ```
#[must_use]
pub fn header(name: &str, unit: &str) -> String {
    let mut text = name.to_owned();
    if !matches!(unit, "" | "1") {
        text.push('_');
        for c in unit.chars() {
            match c {
                ' ' | '*' | '·' => text.push('_'),
                '/' => text.push_str("_per_"),
                '^' | '(' | ')' => {}
                _ => text.push(c),
            }
        }
    }
    text
}

/// Header of the reference values that belong to [`header`]: `voltage_V_reference`.
#[must_use]
pub fn reference_header(name: &str, unit: &str) -> String {
    format!("{}_reference", header(name, unit))
}

/// Values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers.
    Numbers(Vec<f64>),
    /// Words, such as names of stages.
    Words(Vec<String>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Words(values) => values.len(),
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Header with the unit, as made by [`header`].
    pub header: String,
    /// Values, one a row.
    pub values: Values,
}

impl Column {
    /// Numbers called `name` in `unit`.
    #[must_use]
    pub fn numbers(name: &str, unit: &str, values: Vec<f64>) -> Self {
        Self { header: header(name, unit), values: Values::Numbers(values) }
    }

    /// Reference values of the numbers called `name` in `unit`.
    #[must_use]
    pub fn reference(name: &str, unit: &str, values: Vec<f64>) -> Self {
        Self { header: reference_header(name, unit), values: Values::Numbers(values) }
    }

    /// Words called `name`.
    #[must_use]
    pub fn words(name: &str, values: Vec<String>) -> Self {
        Self { header: name.to_owned(), values: Values::Words(values) }
    }
}

/// Columns of equal length.
///
/// ```
/// use surrogate_run::{Column, Table};
/// let table = Table::new(vec![
///     Column::numbers("time", "s", vec![0.0, 1.5]),
///     Column::numbers("voltage", "V", vec![4.1, 4.05]),
/// ]);
/// assert_eq!(table.to_csv(), "time_s,voltage_V\n0,4.1\n1.5,4.05\n");
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// The columns, in the order of the file.
    pub columns: Vec<Column>,
}

impl Table {
    /// A table of columns.
    #[must_use]
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns }
    }

    /// Headers of the columns, in order.
    #[must_use]
    pub fn headers(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.header.as_str()).collect()
    }

    /// Number of rows: that of the longest column.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.iter().map(|column| column.values.len()).max().unwrap_or(0)
    }

    /// The numbers under a header; `None` if it is missing or holds words.
    #[must_use]
    pub fn numbers(&self, header: &str) -> Option<&[f64]> {
        self.columns.iter().find_map(|column| match &column.values {
            Values::Numbers(values) if column.header == header => Some(values.as_slice()),
            _ => None,
        })
    }

    /// The words under a header; `None` if it is missing or holds numbers.
    #[must_use]
    pub fn words(&self, header: &str) -> Option<&[String]> {
        self.columns.iter().find_map(|column| match &column.values {
            Values::Words(values) if column.header == header => Some(values.as_slice()),
            _ => None,
        })
    }

    /// The CSV text. A column that is too short is filled with empty cells.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let headers: Vec<_> = self.columns.iter().map(|column| quoted(&column.header)).collect();
        let mut text = headers.join(",");
        text.push('\n');
        for row in 0..self.rows() {
            for (place, column) in self.columns.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                match &column.values {
                    Values::Numbers(values) => {
                        if let Some(&value) = values.get(row) {
                            push_number(&mut text, value);
                        }
                    }
                    Values::Words(values) => {
                        text.push_str(
                            &values.get(row).map(|word| quoted(word)).unwrap_or_default(),
                        );
                    }
                }
            }
            text.push('\n');
        }
        text
    }

    /// Writes a CSV file, whole or not at all.
    ///
    /// # Errors
    /// [`RunError::RaggedTable`] if the columns differ in length, else as [`write_atomic`].
    pub fn write_csv(&self, path: &Path) -> Result<(), RunError> {
        let rows = self.rows();
        if self.columns.iter().any(|column| column.values.len() != rows) {
            let length = |c: &Column| format!("{} {}", c.header, c.values.len());
            let lengths = self.columns.iter().map(length).collect::<Vec<_>>().join(", ");
            return Err(RunError::RaggedTable { path: path.to_owned(), lengths });
        }
        write_atomic(path, self.to_csv().as_bytes())
    }

    /// Reads a CSV file.
    ///
    /// # Errors
    /// [`RunError::Missing`], [`RunError::Io`], [`RunError::Csv`] with the line.
    pub fn read_csv(path: &Path) -> Result<Self, RunError> {
        Self::from_csv(&read_text(path)?, path)
    }

    /// Reads CSV text; `path` is for messages only. A column whose first cell that is not empty is
    /// a number holds numbers, else words.
    ///
    /// # Errors
    /// [`RunError::Csv`] with the line.
    pub fn from_csv(text: &str, path: &Path) -> Result<Self, RunError> {
        let wrong = |line, reason| RunError::Csv { path: path.to_owned(), line, reason };
        let mut lines = (1..)
            .zip(text.trim_start_matches('\u{feff}').lines())
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let Some((first, line)) = lines.next() else {
            return Err(wrong(1, "the file has no header line".to_owned()));
        };
        let headers = split(line).map_err(|reason| wrong(first, reason))?;
        let mut rows: Vec<(usize, Vec<String>)> = Vec::new();
        for (number, line) in lines {
            let cells = split(line).map_err(|reason| wrong(number, reason))?;
            if cells.len() != headers.len() {
                let reason = format!("{} cells under {} headers", cells.len(), headers.len());
                return Err(wrong(number, reason));
            }
            rows.push((number, cells));
        }
        let mut columns = Vec::with_capacity(headers.len());
        for (place, header) in headers.into_iter().enumerate() {
            let first = rows.iter().map(|(_, cells)| cells[place].trim()).find(|c| !c.is_empty());
            let numeric = first.is_none_or(|cell| cell.parse::<f64>().is_ok());
            let values = if numeric {
                let parse = |(number, cells): &(usize, Vec<String>)| match cells[place].trim() {
                    "" => Ok(f64::NAN),
                    cell => cell.parse::<f64>().map_err(|_| {
                        wrong(*number, format!("`{cell}` in column `{header}` is not a number"))
                    }),
                };
                Values::Numbers(rows.iter().map(parse).collect::<Result<_, _>>()?)
            } else {
                Values::Words(rows.iter().map(|(_, cells)| cells[place].clone()).collect())
            };
            columns.push(Column { header, values });
        }
        Ok(Self { columns })
    }
}

/// The fewest digits that give the same bits back, without a trailing `.0`.
fn push_number(text: &mut String, value: f64) {
    if value.is_nan() {
        text.push_str("nan");
        return;
    }
    let start = text.len();
    let _ = write!(text, "{value:?}"); // writing to a String does not fail
    if text[start..].ends_with(".0") {
        text.truncate(text.len() - 2);
    }
}

fn quoted(word: &str) -> String {
    if word.contains([',', '"', '\n', '\r']) || word.starts_with('#') {
        format!("\"{}\"", word.replace('"', "\"\"").replace(['\n', '\r'], " "))
    } else {
        word.to_owned()
    }
}

fn split(line: &str) -> Result<Vec<String>, String> {
    let mut cells = vec![String::new()];
    let mut inside = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        // `cells` is never empty: it starts with one cell and only grows.
        let at = cells.len() - 1;
        match c {
            '"' if inside && chars.peek() == Some(&'"') => {
                chars.next();
                cells[at].push('"');
            }
            '"' if inside || cells[at].is_empty() => inside = !inside,
            ',' if !inside => cells.push(String::new()),
            '\r' if !inside && chars.peek().is_none() => {}
            _ => cells[at].push(c),
        }
    }
    if inside { Err("a quotation mark is not closed".to_owned()) } else { Ok(cells) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Table, RunError> {
        Table::from_csv(text, Path::new("curves.csv"))
    }

    #[test]
    fn units_stand_in_the_header() {
        assert_eq!(header("D", "m^2/s"), "D_m2_per_s");
        assert_eq!(reference_header("voltage", "V"), "voltage_V_reference");
        assert_eq!(header("u", "1"), "u");
    }

    #[test]
    fn words_with_commas_and_quotes_survive() {
        let words = vec!["a,b".to_owned(), "say \"x\"".to_owned(), "#3".to_owned()];
        let table = Table::new(vec![
            Column::words("stage", words),
            Column::numbers("x", "", vec![1.0, f64::NAN, f64::INFINITY]),
        ]);
        let back = read(&table.to_csv()).unwrap();
        assert_eq!(back.columns[0], table.columns[0]);
        let x = back.numbers("x").unwrap();
        assert!(x[0] == 1.0 && x[1].is_nan() && x[2].is_infinite());
    }

    #[test]
    fn errors_name_the_line() {
        let error = read("# made by hand\ntime_s,voltage_V\n0,4.1\n\n1,fourish\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "curves.csv: line 5: `fourish` in column `voltage_V` is not a number"
        );
        let error = read("time_s,voltage_V\n0,4.1\n1\n").unwrap_err();
        assert_eq!(error.to_string(), "curves.csv: line 3: 1 cells under 2 headers");
        assert!(read("").unwrap_err().to_string().contains("line 1"));
        assert!(read("a\n\"b\n").unwrap_err().to_string().contains("line 2"));
    }

    #[test]
    fn windows_line_ends_and_byte_order_marks_are_read() {
        let table = read("\u{feff}time_s,voltage_V\r\n0,4.1\r\n").unwrap();
        assert_eq!(table.numbers("voltage_V"), Some(&[4.1][..]));
    }

    #[test]
    fn a_ragged_table_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let table = Table::new(vec![
            Column::numbers("a", "", vec![1.0]),
            Column::numbers("b", "", vec![1.0, 2.0]),
        ]);
        let error = table.write_csv(&folder.path().join("t.csv")).unwrap_err();
        assert!(error.to_string().contains("a 1, b 2"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn numbers_come_back_to_the_last_bit(values in prop::collection::vec(prop::num::f64::ANY, 1..20)) {
            let table = Table::new(vec![Column::numbers("x", "V", values.clone())]);
            let back = read(&table.to_csv()).unwrap();
            for (a, b) in back.numbers("x_V").unwrap().iter().zip(&values) {
                prop_assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[ -~\n\"]{0,80}") {
            let _ = read(&text);
        }
    }
}
