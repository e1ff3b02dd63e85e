//! Comma-separated values: rows of texts, values in double quotes over several lines included (RFC 4180).

use std::io::{BufRead, BufReader, Read};

use crate::table::TableError;

/// Longest row in bytes.
pub(crate) const MAX_ROW: u64 = 4 << 20;

/// Rows of a table behind its header.
pub(crate) struct Rows<R: Read> {
    lines: BufReader<R>,
    separator: char,
    columns: Vec<String>,
    line: usize,
}

impl<R: Read> Rows<R> {
    /// Reads the header; values are separated as the names in it, by commas, semicolons or tabs.
    pub(crate) fn open(text: R) -> Result<Self, TableError> {
        let lines = BufReader::new(text);
        let mut rows = Self { lines, separator: ',', columns: Vec::new(), line: 0 };
        let header = rows.line(0)?.unwrap_or_default();
        let header = header.strip_prefix('\u{feff}').unwrap_or(&header);
        let separator = [',', ';', '\t'].into_iter().find(|c| header.contains(*c));
        rows.separator = separator.unwrap_or(',');
        let names = split(header.trim_end(), rows.separator);
        rows.columns = names.into_iter().map(|name| name.trim().to_string()).collect();
        Ok(rows)
    }

    /// Place of a column.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c == name)
    }

    /// The next line with its end, where `before` bytes of its row are read.
    fn line(&mut self, before: usize) -> Result<Option<String>, TableError> {
        let left = MAX_ROW.saturating_sub(before as u64);
        let mut text = String::new();
        let read = self.lines.by_ref().take(left).read_line(&mut text);
        let length = read.map_err(|e| TableError::Read(e.to_string()))?;
        self.line += 1;
        if length as u64 == left {
            return Err(TableError::TooLong { line: self.line });
        }
        Ok((length > 0).then_some(text))
    }

    /// The next row that is not empty, with its first line.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, Vec<String>)>, TableError> {
        while let Some(mut text) = self.line(0)? {
            let line = self.line;
            while text.bytes().filter(|b| *b == b'"').count() % 2 == 1 {
                let Some(more) = self.line(text.len())? else {
                    return Err(TableError::Unclosed { line });
                };
                text.push_str(&more);
            }
            if text.trim().is_empty() {
                continue;
            }
            let row = split(text.trim_end_matches(['\r', '\n']), self.separator);
            let (found, expected) = (row.len(), self.columns.len());
            if found != expected {
                return Err(TableError::Ragged { line, found, expected });
            }
            return Ok(Some((line, row)));
        }
        Ok(None)
    }
}

/// Values of a row; two double quotes in a quoted value are one.
fn split(text: &str, separator: char) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut quoted = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let Some(value) = values.last_mut() else { break };
        match c {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => value.push('"'),
            '"' if quoted || value.is_empty() => quoted = !quoted,
            c if c == separator && !quoted => values.push(String::new()),
            c => value.push(c),
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Vec<String>>, TableError> {
        let mut rows = Rows::open(text.as_bytes())?;
        let mut all = vec![rows.columns.clone()];
        while let Some((_, row)) = rows.next()? {
            all.push(row);
        }
        Ok(all)
    }

    #[test]
    fn quoted_values_hold_separators_lines_and_quotes() {
        let expected = vec![vec!["a", "b"], vec!["1,2", "x\n\"y\"\nz"], vec!["", "3"]];
        let text = "\u{feff}a,b\r\n\"1,2\",\"x\n\"\"y\"\"\nz\"\r\n\r\n,3\n";
        assert_eq!(all(text).unwrap(), expected);
        assert_eq!(all(&text.replace("1,2", "1;2").replace(',', ";")).unwrap()[1][0], "1;2");
        assert!(matches!(all("a,b\n1,\"2\n3\n"), Err(TableError::Unclosed { line: 2 })));
        assert!(matches!(all("a,b\n1,2,3\n"), Err(TableError::Ragged { line: 2, .. })));
        assert!(matches!(
            all(&format!("a\n{}", "x".repeat(5 << 20))),
            Err(TableError::TooLong { line: 2 })
        ));
    }
}
