//! What the network learns from: crystals changed at random, with patterns simulated for each.
//!
//! The pattern of any crystal is calculated in microseconds, so no example is seen twice: elements are
//! exchanged, cells strained, coordinates moved, and patterns get displacement, texture, width, noise,
//! shift and a laboratory's range.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use surrogate_crystal::Element;
use surrogate_crystal::diffraction::{Reflection, Texture, reflections};
use surrogate_crystal::pattern::maxima;
use surrogate_crystal::symmetry::SymmetricStructure;

use crate::peaks::{MOST_PEAKS, Peak, PeakFinder};
use crate::sequence::{AtomicVolumes, composition};
use crate::vocabulary::period_and_column;

/// Wavelength of copper's mean K alpha line in angstrom.
pub const WAVELENGTH: f64 = 1.54184;

/// How much examples differ from their crystals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Changes {
    /// Share of examples whose elements are exchanged.
    pub exchanged: f64,
    /// Standard deviation of the logarithm of a length.
    pub strain: f64,
    /// Standard deviation of a coordinate.
    pub shift: f64,
    /// Share of patterns that are not clean.
    pub disturbed: f64,
}

impl Default for Changes {
    fn default() -> Self {
        Self { exchanged: 0.5, strain: 0.015, shift: 0.008, disturbed: 0.3 }
    }
}

fn normal(rng: &mut impl Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// Elements of each column of the table, among those of the training crystals.
#[derive(Debug, Clone)]
pub struct Elements {
    by_column: Vec<Vec<Element>>,
    all: Vec<Element>,
}

impl Elements {
    /// Elements that occur in crystals.
    #[must_use]
    pub fn of<'a>(crystals: impl IntoIterator<Item = &'a SymmetricStructure>) -> Self {
        let mut all: Vec<Element> =
            crystals.into_iter().flat_map(|c| c.orbits.iter().map(|o| o.element)).collect();
        all.sort_unstable();
        all.dedup();
        let mut by_column = vec![Vec::new(); 40];
        for &element in &all {
            let (_, column) = period_and_column(usize::from(element.atomic_number()));
            by_column[column].push(element);
        }
        Self { by_column, all }
    }

    /// Another element: of the same column more often than not.
    fn other(&self, element: Element, rng: &mut impl Rng) -> Element {
        let (_, column) = period_and_column(usize::from(element.atomic_number()));
        let column = &self.by_column[column];
        let among = if column.len() > 1 && rng.random_bool(0.6) { column } else { &self.all };
        if among.is_empty() { element } else { among[rng.random_range(0..among.len())] }
    }
}

/// A crystal near another: other elements at their usual volumes, strained, with moved atoms; canonical.
pub fn changed(
    crystal: &SymmetricStructure,
    elements: &Elements,
    volumes: &AtomicVolumes,
    changes: Changes,
    rng: &mut impl Rng,
) -> SymmetricStructure {
    let mut next = crystal.clone();
    let lengths = next.cell_lengths();
    let mut common = changes.strain * normal(rng);
    if rng.random_bool(changes.exchanged) {
        let before = composition(crystal);
        let mut after: Vec<Element> = Vec::new();
        for (element, _) in &before {
            let mut chosen = elements.other(*element, rng);
            for _ in 0..20 {
                if !after.contains(&chosen) {
                    break;
                }
                chosen = elements.other(*element, rng);
            }
            if after.contains(&chosen) {
                return crystal.clone();
            }
            after.push(chosen);
        }
        for orbit in &mut next.orbits {
            if let Some(k) = before.iter().position(|(e, _)| *e == orbit.element) {
                orbit.element = after[k];
            }
        }
        let named: Vec<(Element, usize)> =
            after.iter().zip(&before).map(|(e, (_, n))| (*e, *n)).collect();
        common += (volumes.size(&named) / volumes.size(&before)).ln() + 0.02 * normal(rng);
    }
    for (k, value) in next.cell.iter_mut().enumerate() {
        if k < lengths {
            *value *= (common + changes.strain * normal(rng)).exp();
        } else {
            *value += 50.0 * changes.strain * normal(rng);
        }
    }
    for value in next.orbits.iter_mut().flat_map(|o| &mut o.parameters) {
        *value += changes.shift * normal(rng);
    }
    next.canonical()
}

/// Draws patterns as a laboratory measures them.
pub struct Laboratory {
    /// Finders of several widths, the clean one first.
    finders: Vec<PeakFinder>,
}

/// Range of clean patterns in 1/angstrom.
pub const CLEAN_RANGE: [f64; 2] = [0.5, 8.0];

/// Share of the highest peak that a peak of a clean pattern reaches at least.
pub const LEAST_HEIGHT: f64 = 0.004;

impl Laboratory {
    /// With peaks of the usual widths.
    #[must_use]
    pub fn new() -> Self {
        let finders = [0.05, 0.07, 0.1].into_iter().filter_map(|w| PeakFinder::new(w).ok());
        Self { finders: finders.collect() }
    }

    /// Peaks of a crystal's clean pattern; none if it cannot be calculated.
    pub fn clean(&mut self, crystal: &SymmetricStructure) -> Option<Vec<Peak>> {
        let all = simulated(crystal, CLEAN_RANGE)?;
        let points: Vec<(f64, f64)> = all.iter().map(|r| (r.q, r.intensity)).collect();
        let finder = self.finders.first_mut()?;
        let peaks = finder.peaks(&points, CLEAN_RANGE, LEAST_HEIGHT, MOST_PEAKS);
        (!peaks.is_empty()).then_some(peaks)
    }

    /// Peaks of a pattern with displacement, texture, width, noise, shift and a limited range drawn at
    /// random.
    pub fn disturbed(
        &mut self,
        crystal: &SymmetricStructure,
        rng: &mut impl Rng,
    ) -> Option<Vec<Peak>> {
        let q = |two_theta: f64| {
            4.0 * std::f64::consts::PI / WAVELENGTH * (two_theta / 2.0).to_radians().sin()
        };
        let range = [q(rng.random_range(5.0..22.0)), q(rng.random_range(70.0..130.0))];
        let all = simulated(crystal, [0.3, 8.05])?;
        let lattice = crystal.primitive_lattice().ok()?;
        let b_iso = rng.random_range(0.0..1.8);
        let texture = rng.random_bool(0.4).then(|| {
            let mut index = || rng.random_range(0..=1);
            let hkl = [index(), index(), index()];
            let hkl = if hkl == [0; 3] { [0, 0, 1] } else { hkl };
            Texture { hkl, ratio: rng.random_range(0.6..1.5) }
        });
        // a zero shift of up to 0.05 degrees
        let shift = 4.0 * std::f64::consts::PI / WAVELENGTH
            * 0.5
            * rng.random_range(-0.05_f64..0.05).to_radians();
        let points = all.iter().map(|r| {
            let s2 = (r.q / (4.0 * std::f64::consts::PI)).powi(2);
            let mut intensity = r.intensity * (-2.0 * b_iso * s2).exp();
            if let Some(texture) = &texture {
                intensity *= texture.factor(&lattice, r.hkl).0;
            }
            (r.q + shift, intensity)
        });
        let points: Vec<(f64, f64)> = points.collect();
        let width = rng.random_range(0..self.finders.len().max(1));
        let finder = self.finders.get_mut(width)?;
        let (drawn, [first, step]) = finder.draw(&points);
        let highest = drawn.iter().copied().fold(0.0, f64::max);
        let noise = highest * 10f64.powf(rng.random_range(-4.0..-2.3));
        let (slope, level) = (rng.random_range(-1.0..1.0), rng.random_range(0.0..0.02) * highest);
        let n = drawn.len() as f64;
        for (k, value) in drawn.iter_mut().enumerate() {
            *value += noise * normal(rng) + level * (1.0 + slope * (k as f64 / n - 0.5));
        }
        let least = (5.0 * noise + level) / highest.max(f64::MIN_POSITIVE) + LEAST_HEIGHT;
        let peaks = maxima(drawn, first, step, range, least, MOST_PEAKS);
        (!peaks.is_empty()).then_some(peaks)
    }
}

impl Default for Laboratory {
    fn default() -> Self {
        Self::new()
    }
}

/// Reflections of a crystal.
fn simulated(crystal: &SymmetricStructure, q_range: [f64; 2]) -> Option<Vec<Reflection>> {
    /// Largest volume of a primitive cell in cubic angstrom; larger ones take too long.
    const LARGEST: f64 = 3000.0;
    let primitive = crystal.primitive().ok()?;
    if primitive.lattice.volume() > LARGEST {
        return None;
    }
    reflections(&primitive, WAVELENGTH, q_range).ok()
}
