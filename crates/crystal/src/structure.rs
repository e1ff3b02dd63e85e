//! Crystal structures as lists of atoms in one cell.

use std::collections::BTreeMap;
use std::fmt::Write;

use nalgebra::Vector3;

use crate::formula::in_hill_order;
use crate::{Element, Lattice};

/// An atom, or a share of one, in the cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Site {
    /// Its element.
    pub element: Element,
    /// Share of cells in which it is there, above 0 and at most 1.
    pub occupancy: f64,
    /// Fractional coordinates.
    pub position: Vector3<f64>,
    /// Isotropic displacement parameter B = 8 pi^2 U in square angstrom, where one is known.
    pub b_iso: Option<f64>,
}

impl Site {
    /// A full atom without a displacement parameter.
    #[must_use]
    pub const fn new(element: Element, position: Vector3<f64>) -> Self {
        Self { element, occupancy: 1.0, position, b_iso: None }
    }
}

/// A crystal: a lattice and every site of one cell. Elements that share a position are sites of
/// their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Structure {
    /// Basis vectors.
    pub lattice: Lattice,
    /// All sites of the cell.
    pub sites: Vec<Site>,
}

impl Structure {
    /// Amounts of the elements in the cell, occupancies counted.
    #[must_use]
    pub fn composition(&self) -> BTreeMap<Element, f64> {
        let mut amounts = BTreeMap::new();
        for site in &self.sites {
            *amounts.entry(site.element).or_insert(0.0) += site.occupancy;
        }
        amounts
    }

    /// Formula of the cell in the order of Hill's system, for example `O2 Ti`.
    #[must_use]
    pub fn formula(&self) -> String {
        let mut text = String::new();
        for (element, amount) in in_hill_order(self.composition()) {
            let gap = if text.is_empty() { "" } else { " " };
            let rounded = (amount * 1000.0).round() / 1000.0;
            let amount =
                if (rounded - 1.0).abs() < 1e-9 { String::new() } else { format!("{rounded}") };
            // writing to a string cannot fail
            let _ = write!(text, "{gap}{element}{amount}");
        }
        text
    }

    /// Whether every site is a full atom.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        self.sites.iter().all(|s| (s.occupancy - 1.0).abs() < 1e-6)
    }

    /// The same crystal with all lengths multiplied by `factor`, which is positive.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self { lattice: self.lattice.scaled(factor), sites: self.sites.clone() }
    }
}

/// Fractional coordinates moved into [0, 1).
#[must_use]
pub fn wrapped(position: Vector3<f64>) -> Vector3<f64> {
    position.map(|x| {
        let w = x - x.floor();
        if w >= 1.0 { 0.0 } else { w }
    })
}

/// Difference of fractional coordinates moved into [-1/2, 1/2].
#[must_use]
pub fn nearest(difference: Vector3<f64>) -> Vector3<f64> {
    difference.map(|x| x - x.round())
}
