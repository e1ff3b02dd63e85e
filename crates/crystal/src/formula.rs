//! Chemical formulae.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use thiserror::Error;

use crate::Element;

/// Why a text is no formula.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormulaError {
    /// Nothing there.
    #[error("an empty formula; write for example PbSe or Ca(OH)2")]
    Empty,
    /// A symbol that is no element.
    #[error("no element is called `{0}`; symbols begin with a capital letter, as in PbSe")]
    UnknownElement(String),
    /// A character that belongs to no formula, such as a fraction's point.
    #[error("`{0}` is not expected here; a formula has symbols, whole numbers and brackets")]
    Unexpected(char),
    /// A bracket without its partner, or nested too deeply.
    #[error("a bracket is never closed or opened, or brackets are nested deeper than {MOST_DEPTH}")]
    Bracket,
    /// A number of atoms that is zero or too large.
    #[error("numbers of atoms lie between 1 and {MOST_ATOMS}")]
    Count,
}

/// Most atoms of a formula.
const MOST_ATOMS: usize = 10_000;

/// Most brackets within each other.
const MOST_DEPTH: usize = 8;

type Amounts = BTreeMap<Element, usize>;

/// Numbers of atoms of a formula such as `PbSe`, `Ca(OH)2`, `TiO₂`, `Na4 Cl4` or `CaSO4·2H2O`.
///
/// # Errors
///
/// Unknown elements, fractions, brackets without partner, numbers out of range.
pub fn parse_formula(text: &str) -> Result<Amounts, FormulaError> {
    let plain: String = text.chars().map(plain).collect();
    let mut amounts = Amounts::new();
    for part in plain.split(ADDED) {
        let mut rest = part.trim_start().chars().peekable();
        // the number before an added part counts for all of it
        let times = if amounts.is_empty() { 1 } else { count(&mut rest)? };
        let added = group(&mut rest, 0)?;
        if rest.peek().is_some() {
            return Err(FormulaError::Bracket);
        }
        if added.is_empty() {
            return Err(FormulaError::Empty);
        }
        add(&mut amounts, added, times)?;
    }
    if amounts.is_empty() { Err(FormulaError::Empty) } else { Ok(amounts) }
}

/// What stands between a formula and what is added, as water.
const ADDED: char = '\u{b7}';

/// Subscripts as digits, square brackets as round ones, and one sign for what is added.
fn plain(c: char) -> char {
    match c {
        '\u{2080}'..='\u{2089}' => char::from(b'0' + (c as u32 - 0x2080) as u8),
        '[' => '(',
        ']' => ')',
        '*' | '\u{2022}' | '\u{22c5}' => ADDED,
        other => other,
    }
}

/// Adds atoms, some times.
fn add(amounts: &mut Amounts, part: Amounts, times: usize) -> Result<(), FormulaError> {
    for (element, n) in part {
        let sum = amounts.entry(element).or_insert(0);
        *sum += n * times;
        if *sum > MOST_ATOMS {
            return Err(FormulaError::Count);
        }
    }
    Ok(())
}

/// A formula divided by the greatest common divisor of its numbers.
#[must_use]
pub fn reduced_formula(amounts: &Amounts) -> Amounts {
    let divisor = amounts.values().copied().fold(0, greatest_common_divisor).max(1);
    amounts.iter().map(|(&e, &n)| (e, n / divisor)).collect()
}

/// Elements in the order of Hill's system, which CIF asks for: carbon, hydrogen, then by symbol; without carbon all by
/// symbol.
pub(crate) fn in_hill_order<T>(
    amounts: impl IntoIterator<Item = (Element, T)>,
) -> Vec<(Element, T)> {
    let mut amounts: Vec<(Element, T)> = amounts.into_iter().collect();
    let organic = amounts.iter().any(|(e, _)| e.atomic_number() == 6);
    let group = |e: Element| match e.atomic_number() {
        6 if organic => 0,
        1 if organic => 1,
        _ => 2,
    };
    amounts.sort_by_key(|(e, _)| (group(*e), e.to_string()));
    amounts
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Atoms up to the end or a closing bracket, which is left.
fn group(rest: &mut Peekable<Chars>, depth: usize) -> Result<Amounts, FormulaError> {
    let mut amounts = Amounts::new();
    while let Some(&c) = rest.peek() {
        let part = match c {
            c if c.is_whitespace() => {
                rest.next();
                continue;
            }
            ')' => break,
            '(' if depth == MOST_DEPTH => return Err(FormulaError::Bracket),
            '(' => {
                rest.next();
                let inner = group(rest, depth + 1)?;
                if rest.next() != Some(')') {
                    return Err(FormulaError::Bracket);
                }
                inner
            }
            c if c.is_ascii_uppercase() => Amounts::from([(element(rest)?, 1)]),
            c if c.is_ascii_lowercase() => {
                return Err(FormulaError::UnknownElement(c.to_string()));
            }
            other => return Err(FormulaError::Unexpected(other)),
        };
        let times = count(rest)?;
        add(&mut amounts, part, times)?;
    }
    Ok(amounts)
}

/// A capital letter with the small ones behind it.
fn element(rest: &mut Peekable<Chars>) -> Result<Element, FormulaError> {
    let mut symbol: String = rest.next().into_iter().collect();
    while let Some(c) = rest.next_if(char::is_ascii_lowercase) {
        symbol.push(c);
    }
    Element::from_symbol(&symbol).ok_or(FormulaError::UnknownElement(symbol))
}

/// The number behind a symbol or bracket; 1 where none stands.
fn count(rest: &mut Peekable<Chars>) -> Result<usize, FormulaError> {
    let mut digits = String::new();
    while let Some(c) = rest.next_if(char::is_ascii_digit) {
        digits.push(c);
    }
    if digits.is_empty() {
        return Ok(1);
    }
    let count = digits.parse().ok().filter(|n| (1..=MOST_ATOMS).contains(n));
    count.ok_or(FormulaError::Count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Vec<(&'static str, usize)> {
        parse_formula(text).unwrap().iter().map(|(e, n)| (e.symbol(), *n)).collect()
    }

    #[test]
    fn atoms_are_counted_through_brackets() {
        assert_eq!(counts("PbSe"), [("Se", 1), ("Pb", 1)]);
        assert_eq!(counts("TiO\u{2082}"), [("O", 2), ("Ti", 1)]);
        let gypsum = [("H", 4), ("O", 6), ("S", 1), ("Ca", 1)];
        for text in ["CaSO4\u{b7}2H2O", "CaSO4*2H2O", "Ca[SO4] \u{b7} 2 H2O"] {
            assert_eq!(counts(text), gypsum, "{text}");
        }
        assert_eq!(parse_formula("CaSO4*"), Err(FormulaError::Empty));
        assert_eq!(counts("Ca(OH)2"), [("H", 2), ("O", 2), ("Ca", 1)]);
        assert_eq!(counts(" Fe2 (S O4)3 "), [("O", 12), ("S", 3), ("Fe", 2)]);
        let reduced = reduced_formula(&parse_formula("Na4Cl4").unwrap());
        assert_eq!(reduced, parse_formula("NaCl").unwrap());
    }

    #[test]
    fn what_is_no_formula_is_named() {
        let wrong = |text: &str| parse_formula(text).unwrap_err();
        assert_eq!(wrong(" "), FormulaError::Empty);
        assert_eq!(wrong("PbXx"), FormulaError::UnknownElement("Xx".to_string()));
        assert_eq!(wrong("pbse"), FormulaError::UnknownElement("p".to_string()));
        assert_eq!(wrong("Fe0.5O"), FormulaError::Count);
        assert_eq!(wrong("FeO1.5"), FormulaError::Unexpected('.'));
        assert_eq!(wrong("Ca(OH"), FormulaError::Bracket);
        assert_eq!(wrong("CaOH)2"), FormulaError::Bracket);
        assert_eq!(wrong(&"(".repeat(100_000)), FormulaError::Bracket);
        assert_eq!(wrong("Fe99999999999999999999"), FormulaError::Count);
        assert_eq!(wrong("(Fe9999)9999"), FormulaError::Count);
    }
}
