//! What a block says of its contents besides the atoms: formula, number of formula units, volume.

use std::collections::{BTreeMap, BTreeSet};

use super::{Block, CifWarning};
use crate::{Element, Structure};

/// Shares within which amounts are those of a formula, of the amount and of a formula unit: formulae and occupancies
/// are rounded.
const SAME_AMOUNT: [f64; 2] = [0.03, 0.02];

/// Share within which volumes are the same.
const SAME_VOLUME: f64 = 0.01;

/// How well atoms agree with what is stated, the better the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Agreement {
    /// Other elements or proportions, or another number of formula units.
    Contradicts,
    /// Nothing is stated, or not how many formula units.
    Possible,
    /// The stated number of formula units, or one if none is stated.
    Exact,
}

/// What a block states.
pub(super) struct Stated {
    formula: Option<(String, BTreeMap<Element, f64>)>,
    units: Option<f64>,
    volume: Option<f64>,
}

impl Stated {
    pub(super) fn of(block: &Block<'_>) -> Self {
        let first = |tag: &str| block.values(tag).first().copied();
        let positive = |tag: &str| first(tag).and_then(|v| v.number()).filter(|n| *n > 0.0);
        let formula = first("_chemical_formula_sum");
        Self {
            formula: formula.and_then(|v| Some((v.text.trim().to_string(), amounts(v.text)?))),
            units: positive("_cell_formula_units_z"),
            volume: positive("_cell_volume"),
        }
    }

    /// Elements of the formula.
    pub(super) fn elements(&self) -> Option<BTreeSet<Element>> {
        self.formula.as_ref().map(|(_, amounts)| amounts.keys().copied().collect())
    }

    /// How well the atoms of a cell agree with the formula. Hydrogen may be missing.
    pub(super) fn agreement(&self, found: &BTreeMap<Element, f64>) -> Agreement {
        let Some((_, stated)) = &self.formula else { return Agreement::Possible };
        let heavy = |all: &BTreeMap<Element, f64>| -> f64 {
            all.iter().filter(|(e, _)| e.atomic_number() > 1).map(|(_, n)| n).sum()
        };
        let ratio = heavy(found) / heavy(stated);
        let holds = |units: f64| {
            let near = |(e, n): (&Element, &f64)| {
                let expected = units * n;
                let had = found.get(e).copied().unwrap_or(0.0);
                let most = SAME_AMOUNT[0] * expected + SAME_AMOUNT[1] * units;
                (had - expected).abs() <= most || e.atomic_number() == 1 && had < expected
            };
            stated.iter().all(near) && found.keys().all(|e| stated.contains_key(e))
        };
        let whole = ratio.round().max(1.0);
        match self.units {
            // a formula of hydrogen alone says nothing
            _ if !ratio.is_finite() => Agreement::Possible,
            Some(units) if holds(units) => Agreement::Exact,
            // the formula may be that of the cell
            Some(_) if holds(1.0) => Agreement::Possible,
            None if whole > 1.0 && holds(whole) => Agreement::Possible,
            None if holds(1.0) => Agreement::Exact,
            None if ratio > 1.0 && holds(ratio) => Agreement::Possible,
            _ => Agreement::Contradicts,
        }
    }

    /// What the structure contradicts.
    pub(super) fn warnings(&self, structure: &Structure) -> Vec<CifWarning> {
        let mut warnings = Vec::new();
        if let Some((text, _)) = &self.formula
            && self.agreement(&structure.composition()) == Agreement::Contradicts
        {
            let units = self.units.map_or(String::new(), |z| format!(" with Z = {z}"));
            let (found, stated) = (structure.formula(), format!("{text}{units}"));
            warnings.push(CifWarning::Formula { found, stated });
        }
        let found = structure.lattice.volume();
        if let Some(stated) = self.volume.filter(|v| (v - found).abs() > SAME_VOLUME * found) {
            warnings.push(CifWarning::Volume { found, stated });
        }
        warnings
    }
}

/// Amounts of a formula such as `C6 H12 O6` or `Al0.5Ga0.5 As`; deuterium is hydrogen. None where it is none.
fn amounts(formula: &str) -> Option<BTreeMap<Element, f64>> {
    let mut amounts = BTreeMap::new();
    let mut rest = formula.trim();
    while !rest.is_empty() {
        let behind = rest.char_indices().skip(1).find(|(_, c)| !c.is_ascii_lowercase());
        let letters = behind.map_or(rest.len(), |(n, _)| n);
        let element = Element::from_symbol(&rest[..letters])?;
        if !rest.starts_with(|c: char| c.is_ascii_uppercase()) {
            return None;
        }
        rest = &rest[letters..];
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let amount = if digits == 0 { 1.0 } else { rest[..digits].parse::<f64>().ok()? };
        rest = &rest[digits..];
        if let Some(uncertainty) = rest.strip_prefix('(') {
            rest = uncertainty.split_once(')')?.1;
        }
        rest = rest.trim_start();
        if amount > 0.0 {
            *amounts.entry(element).or_insert(0.0) += amount;
        }
    }
    (!amounts.is_empty()).then_some(amounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulae_are_read_and_other_texts_are_not() {
        let word = |text: &str| {
            let all = amounts(text)?;
            Some(all.iter().map(|(e, n)| format!("{e}{n}")).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(word("C6 H12O6").unwrap(), "H12 C6 O6");
        assert_eq!(word("Al0.5(1) Ga.5 As").unwrap(), "Al0.5 Ga0.5 As1");
        assert_eq!(word("D2 O").unwrap(), "H2 O1");
        for text in ["", "?", "x", "Ca(OH)2", "é", "Fe1.2.3", "2", "(", "Fe(", "Ö"] {
            assert_eq!(word(text), None, "{text}");
        }
    }

    #[test]
    fn atoms_agree_exactly_or_in_proportion_or_not() {
        let of = |formula: &str, units: Option<f64>| Stated {
            formula: Some((formula.to_string(), amounts(formula).unwrap())),
            units,
            volume: None,
        };
        let level = |s: &Stated, atoms: &str| s.agreement(&amounts(atoms).unwrap());
        assert_eq!(level(&of("Ti O2", Some(2.0)), "Ti2 O4"), Agreement::Exact);
        assert_eq!(level(&of("Ti O2", Some(2.0)), "Ti4 O8"), Agreement::Contradicts);
        assert_eq!(level(&of("Ti O2", None), "Ti4 O8"), Agreement::Possible);
        assert_eq!(level(&of("Ti O2", None), "Ti2 O3"), Agreement::Contradicts);
        assert_eq!(level(&of("C8", Some(8.0)), "C8"), Agreement::Possible);
        assert_eq!(level(&of("C8", Some(8.0)), "C16"), Agreement::Contradicts);
        assert_eq!(level(&of("Ca H2 O2", Some(1.0)), "Ca O2"), Agreement::Exact);
        assert_eq!(level(&of("Ca H2 O2", Some(1.0)), "Ca O2 H4"), Agreement::Contradicts);
        assert_eq!(
            level(&of("Al0.33 Ga0.67 As", Some(4.0)), "Al1.33 Ga2.67 As4"),
            Agreement::Exact
        );
    }
}
