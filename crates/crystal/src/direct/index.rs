//! Unit cells from the places of peaks.
//!
//! Q^2 of every reflection is linear in the reciprocal metric, so that its least and greatest value within a
//! box of metrics are known. A box in which more peaks have no reflection than may be missed holds no cell; others
//! are halved. What is left when reflections are known to the accuracy of the peaks is fitted by least squares.
//! The volume is known roughly, from the elements.
//!
//! Source: Boultif and Louer (1991), Indexing of powder diffraction patterns for low-symmetry lattices by the
//! successive dichotomy method.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use nalgebra::{DMatrix, DVector, Matrix3};

use super::lattices::{Bravais, LATTICES, MOST};
use crate::pattern::Maximum;
use crate::symmetry::CrystalSystem;

/// A cell that explains the peaks.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Its lattice.
    pub lattice: Bravais,
    /// Its reciprocal metric, times 4 pi^2.
    pub reciprocal: Matrix3<f64>,
    /// Logarithm of how much likelier the peaks are by its reflections than by chance, less what its numbers cost.
    pub score: f64,
}

/// What a number of the metric counts against a cell: so much likelier are peaks by the best of all its values, of
/// which about a hundred differ, than by one.
pub(super) const COST_OF_NUMBER: f64 = 4.6;

/// Peaks that a cell must explain, the first, and how many of them it may miss.
const USED: usize = 14;
const MISSED: usize = 2;

/// Peaks that cells are compared by.
pub(super) const COMPARED: usize = 30;

/// Error of a peak's place in 1/angstrom: where it stands for one reflection, and where it hides others.
const NEAR: f64 = 0.006;

/// Longest and shortest axis of a conventional cell in angstrom.
const AXES: [f64; 2] = [2.2, 45.0];

/// Metrics of a lattice that are fitted.
const FITTED: usize = 2000;

/// Cells kept of each lattice.
const KEPT: usize = 4;

/// Cells of a lattice that are fitted to all peaks.
const POLISHED: usize = 24;

/// Relative difference of metrics that stand for one cell.
const SAME: f64 = 4e-3;

/// Greatest indices of reflections; c is the longest axis of most cells.
const LIMIT: [i32; 3] = [9, 12, 20];

/// Cells whose primitive volume in cubic angstrom is within `volumes` and whose reflections explain the peaks, by ascending Q,
/// best first; of one crystal system, if that is known. At most `boxes` are looked at for each lattice.
#[must_use]
pub fn index(
    peaks: &[Maximum],
    volumes: [f64; 2],
    system: Option<CrystalSystem>,
    boxes: usize,
) -> Vec<Cell> {
    let mut cells = Vec::new();
    if peaks.len() < 3 {
        return cells;
    }
    for lattice in LATTICES.into_iter().filter(|l| system.is_none_or(|s| s == l.system)) {
        let mut found = Search::new(lattice, peaks, volumes).run(boxes);
        found.truncate(KEPT);
        cells.extend(found);
    }
    cells.sort_by(|a, b| b.score.total_cmp(&a.score));
    cells
}

struct Search<'a> {
    lattice: Bravais,
    peaks: &'a [Maximum],
    /// Q^2 of the peaks that must be explained, and how far a reflection may be away.
    squares: Vec<[f64; 2]>,
    missed: usize,
    /// Least and greatest determinant of the reciprocal metric.
    determinants: [f64; 2],
    coefficients: Vec<[f64; MOST]>,
    boxes: usize,
    /// Scores and metrics.
    found: Vec<(f64, [f64; MOST])>,
    known: Known,
}

/// Metrics that are known, good or bad, by the logarithm of their first number in units of [`SAME`].
#[derive(Default)]
struct Known {
    by_first: BTreeMap<i64, Vec<[f64; MOST]>>,
    count: usize,
}

impl Known {
    fn key(first: f64) -> i64 {
        (first.ln() / SAME).floor() as i64
    }

    fn insert(&mut self, metric: [f64; MOST]) {
        self.by_first.entry(Self::key(metric[0])).or_default().push(metric);
        self.count += 1;
    }

    /// Whether a region of `n` numbers is no larger than what one of them stands for.
    fn hold(&self, low: &[f64; MOST], high: &[f64; MOST], n: usize) -> bool {
        if high[0] > low[0] * (1.0 + 3.0 * SAME) {
            return false;
        }
        let scale = |k: usize, m: &[f64; MOST]| if k == 3 { (m[0] * m[2]).sqrt() } else { m[k] };
        let near = self.by_first.range(Self::key(low[0]) - 2..=Self::key(high[0]) + 2);
        near.flat_map(|(_, metrics)| metrics).any(|m| {
            (0..n).all(|k| {
                let reach = SAME * scale(k, m);
                low[k] > m[k] - reach && high[k] < m[k] + reach
            })
        })
    }
}

/// Ranges of the numbers of a metric, with the reflections that each peak may be.
struct Region {
    low: [f64; MOST],
    high: [f64; MOST],
    may_be: Vec<Vec<u16>>,
}

impl<'a> Search<'a> {
    fn new(lattice: Bravais, peaks: &'a [Maximum], volumes: [f64; 2]) -> Self {
        let used = &peaks[..peaks.len().min(USED)];
        let points = lattice.centring.points() as f64;
        let determinant = |v: f64| (TAU.powi(3) / (v * points)).powi(2);
        let mut coefficients: Vec<[i32; MOST]> =
            lattice.reflections(LIMIT).into_iter().map(|h| lattice.coefficients(h)).collect();
        coefficients.sort_unstable();
        coefficients.dedup();
        Self {
            lattice,
            peaks,
            squares: used.iter().map(|p| [p.q * p.q, 2.0 * p.q * NEAR]).collect(),
            missed: if used.len() < 8 { 0 } else { MISSED },
            determinants: [determinant(volumes[1]), determinant(volumes[0])],
            coefficients: coefficients.into_iter().map(|c| c.map(f64::from)).collect(),
            boxes: 0,
            found: Vec::new(),
            known: Known::default(),
        }
    }

    fn run(mut self, boxes: usize) -> Vec<Cell> {
        let [low, high] = [(TAU / AXES[1]).powi(2), (TAU / AXES[0]).powi(2)];
        let n = self.lattice.numbers();
        let (mut lows, mut highs) = ([0.0; MOST], [0.0; MOST]);
        lows[..n.min(3)].fill(low);
        highs[..n.min(3)].fill(high);
        if n == MOST {
            highs[3] = high;
        }
        let all = (0..self.coefficients.len() as u16).collect::<Vec<_>>();
        let whole = Region { low: lows, high: highs, may_be: vec![all; self.squares.len()] };
        let mut open = vec![whole];
        while let Some(region) = open.pop() {
            self.boxes += 1;
            if self.boxes > boxes || self.known.count > FITTED {
                break;
            }
            let Some((region, widest)) = self.narrowed(region) else { continue };
            if self.known.hold(&region.low, &region.high, n) {
                continue;
            }
            if widest < 1.0 {
                self.fit(&region);
                continue;
            }
            open.extend(self.halves(region));
        }
        self.best()
    }

    /// The region without the reflections that peaks cannot be, and the greatest width of any left in units of
    /// a peak's error; none if it holds no cell.
    fn narrowed(&self, region: Region) -> Option<(Region, f64)> {
        let Region { low, high, mut may_be } = region;
        if !self.in_order(&low, &high) {
            return None;
        }
        let [least, most] = self.lattice.determinant(&low, &high);
        if most < self.determinants[0] || least > self.determinants[1] {
            return None;
        }
        let mut missed = 0;
        let mut widest = 0.0_f64;
        for (places, [square, error]) in may_be.iter_mut().zip(&self.squares) {
            let mut narrowest = f64::INFINITY;
            places.retain(|&k| {
                let [from, to] = range(&self.coefficients[usize::from(k)], &low, &high);
                let fits = from <= square + error && to >= square - error;
                if fits {
                    narrowest = narrowest.min((to - from) / error);
                }
                fits
            });
            if places.is_empty() {
                missed += 1;
                if missed > self.missed {
                    return None;
                }
            } else {
                widest = widest.max(narrowest);
            }
        }
        Some((Region { low, high, may_be }, widest))
    }

    /// Whether a region holds metrics in the order that stands for all others: axes that may be exchanged by
    /// length, monoclinic ones reduced.
    fn in_order(&self, low: &[f64; MOST], high: &[f64; MOST]) -> bool {
        use super::lattices::Centring::Half;
        match (self.lattice.system, self.lattice.centring) {
            (CrystalSystem::Orthorhombic, Half([true, true, false])) => low[1] <= high[0],
            (CrystalSystem::Orthorhombic, _) => low[1] <= high[0] && low[2] <= high[1],
            (CrystalSystem::Monoclinic, centring) => {
                let ordered = centring == Half([true, true, false]) || low[2] <= high[0];
                ordered && low[3] <= high[0].min(high[2])
            }
            _ => true,
        }
    }

    /// Two halves across the range that is widest relative to its values.
    fn halves(&self, region: Region) -> [Region; 2] {
        let Region { low, high, may_be } = region;
        let n = self.lattice.numbers();
        let width = |k: usize| {
            if k == 3 {
                (high[3] - low[3]) / (high[0] * high[2]).sqrt()
            } else {
                (high[k] / low[k]).ln()
            }
        };
        let widest = (0..n).max_by(|&a, &b| width(a).total_cmp(&width(b))).unwrap_or(0);
        let middle = if widest == 3 {
            f64::midpoint(low[3], high[3])
        } else {
            (low[widest] * high[widest]).sqrt()
        };
        let (mut low_half, mut high_half) = (high, low);
        low_half[widest] = middle;
        high_half[widest] = middle;
        [
            Region { low, high: low_half, may_be: may_be.clone() },
            Region { low: high_half, high, may_be },
        ]
    }

    /// Fits the metric in the middle of a region to the peaks, and keeps it if it explains them.
    fn fit(&mut self, region: &Region) {
        let n = self.lattice.numbers();
        let mut metric = [0.0; MOST];
        for (value, (low, high)) in
            metric.iter_mut().zip(region.low.iter().zip(&region.high)).take(n)
        {
            *value = f64::midpoint(*low, *high);
        }
        let places =
            |k: usize| region.may_be[k].iter().map(|&c| &self.coefficients[usize::from(c)]);
        let Some(metric) =
            fitted(metric, n, self.squares.iter().enumerate().map(|(k, s)| (*s, places(k))))
        else {
            return;
        };
        if self.known.hold(&metric, &metric, n) {
            return;
        }
        self.known.insert(metric);
        let score = self.score(&metric);
        if score.is_finite() {
            self.found.push((score, metric));
        }
    }

    /// How well the reflections of a metric explain the peaks; minus infinity if its volume is out of range.
    fn score(&self, metric: &[f64; MOST]) -> f64 {
        let determinant = self.lattice.reciprocal(metric).determinant();
        if !(determinant > self.determinants[0] && determinant < self.determinants[1]) {
            return f64::NEG_INFINITY;
        }
        let last = self.peaks[self.peaks.len().min(COMPARED) - 1].q;
        let squares = self.coefficients.iter().map(|c| dot(c, metric));
        let mut lines: Vec<f64> =
            squares.filter(|s| *s > 0.0).map(f64::sqrt).filter(|q| *q < last + NEAR).collect();
        lines.sort_by(f64::total_cmp);
        likelihood(self.peaks, &lines) - COST_OF_NUMBER * self.lattice.numbers() as f64
    }

    /// The best cells, fitted to all peaks that are compared.
    fn best(mut self) -> Vec<Cell> {
        self.found.sort_by(|a, b| b.0.total_cmp(&a.0));
        self.found.truncate(POLISHED);
        self.known = Known::default();
        let mut best = Vec::new();
        for (score, metric) in std::mem::take(&mut self.found) {
            let compared = &self.peaks[..self.peaks.len().min(COMPARED)];
            let squares =
                compared.iter().map(|p| ([p.q * p.q, 2.0 * p.q * NEAR], self.coefficients.iter()));
            let polished = fitted(metric, self.lattice.numbers(), squares).unwrap_or(metric);
            let next = self.score(&polished);
            let (score, metric) = if next > score { (next, polished) } else { (score, metric) };
            if !self.known.hold(&metric, &metric, self.lattice.numbers()) {
                self.known.insert(metric);
                best.push(Cell {
                    lattice: self.lattice,
                    reciprocal: self.lattice.reciprocal(&metric),
                    score,
                });
            }
        }
        best.sort_by(|a, b| b.score.total_cmp(&a.score));
        best
    }
}

/// Metric with `n` numbers by least squares on Q^2 of peaks, each with its error and the reflections it may be, of
/// which the nearest counts if it is near. None if too few are.
fn fitted<'c, C: Iterator<Item = &'c [f64; MOST]>>(
    start: [f64; MOST],
    n: usize,
    peaks: impl Iterator<Item = ([f64; 2], C)> + Clone,
) -> Option<[f64; MOST]> {
    let mut metric = start;
    for _ in 0..3 {
        let mut normal = DMatrix::zeros(n, n);
        let mut right = DVector::zeros(n);
        let mut count = 0;
        for ([square, error], places) in peaks.clone() {
            let nearest = places
                .map(|c| (c, (dot(c, &metric) - square).abs()))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            let Some((c, _)) = nearest.filter(|(_, away)| *away < 2.0 * error) else { continue };
            let row = DVector::from_fn(n, |k, _| c[k] / error);
            normal += &row * row.transpose();
            right += row * (square / error);
            count += 1;
        }
        if count < n + 1 {
            return None;
        }
        metric[..n].copy_from_slice(normal.cholesky()?.solve(&right).as_slice());
    }
    Some(metric)
}

/// Least and greatest Q^2 of a reflection in a region.
fn range(c: &[f64; MOST], low: &[f64; MOST], high: &[f64; MOST]) -> [f64; 2] {
    let mut found = [0.0, 0.0];
    for k in 0..MOST {
        let (a, b) = if c[k] < 0.0 { (high[k], low[k]) } else { (low[k], high[k]) };
        found[0] += c[k] * a;
        found[1] += c[k] * b;
    }
    found
}

fn dot(c: &[f64; MOST], metric: &[f64; MOST]) -> f64 {
    c.iter().zip(metric).map(|(c, m)| c * m).sum()
}

/// Share of peaks that are taken to stand for no reflection of the right cell, or to be moved by neighbours.
const STRAY: f64 = 0.02;

/// Logarithm of how much likelier peaks are as reflections at the ascending places `lines` than by chance. Each
/// peak is near a line by chance the more often the denser the lines are.
pub(super) fn likelihood(peaks: &[Maximum], lines: &[f64]) -> f64 {
    let compared = &peaks[..peaks.len().min(COMPARED)];
    let Some(last) = compared.last() else { return 0.0 };
    let mut distinct = 0;
    let mut before = f64::NEG_INFINITY;
    for &q in lines {
        if q - before > 0.5 * NEAR && q <= last.q + NEAR {
            distinct += 1;
            before = q;
        }
    }
    let mut sum = 0.0;
    for peak in compared {
        let after = lines.partition_point(|q| *q < peak.q);
        let near = |k: usize| lines.get(k).map_or(f64::INFINITY, |q| (q - peak.q).abs());
        let away = near(after).min(after.checked_sub(1).map_or(f64::INFINITY, near));
        // lines of a volume grow in number with the cube of Q
        let density = 3.0 * f64::from(distinct) * peak.q.powi(2) / last.q.powi(3);
        let by_chance = 1.0 - (-2.0 * NEAR * density).exp();
        let found = if away < NEAR { 1.0 - STRAY } else { STRAY };
        let expected = if away < NEAR { by_chance } else { 1.0 - by_chance };
        sum += (found / expected.max(1e-3)).ln();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reflections of a metric up to the peaks that are compared, moved by at most `error`.
    fn peaks_of(lattice: Bravais, metric: &[f64; MOST], error: f64) -> Vec<Maximum> {
        let all = lattice.reflections(LIMIT);
        let square =
            |h: &[i32; 3]| -> f64 { dot(&lattice.coefficients(*h).map(f64::from), metric) };
        let mut places: Vec<f64> = all.iter().map(|h| square(h).sqrt()).collect();
        places.sort_by(f64::total_cmp);
        places.dedup_by(|a, b| (*a - *b).abs() < 0.02);
        let moved = |(k, q): (usize, &f64)| {
            let q = q + error * (7.3 * k as f64).sin();
            Maximum { q, height: 1.0 }
        };
        places.iter().take(COMPARED).enumerate().map(moved).collect()
    }

    #[test]
    fn every_lattice_is_found_from_the_places_of_its_reflections() {
        // axes of no special ratio, monoclinic ones with 104 degrees between a and c
        let squares: [f64; 3] = [4.31, 5.17, 7.03].map(|a: f64| (TAU / a).powi(2));
        for lattice in LATTICES {
            let mut metric = [0.0; MOST];
            match lattice.numbers() {
                1 => metric[0] = squares[1],
                2 => metric[..2].copy_from_slice(&[squares[0], squares[2]]),
                n => {
                    metric[..3].copy_from_slice(&squares);
                    if n == MOST {
                        let cosine = 76.0_f64.to_radians().cos();
                        metric[3] = 2.0 * (squares[0] * squares[2]).sqrt() * cosine;
                    }
                }
            }
            let determinant = lattice.reciprocal(&metric).determinant();
            let points = lattice.centring.points() as f64;
            let volume = TAU.powi(3) / determinant.sqrt() / points;
            let peaks = peaks_of(lattice, &metric, 0.001);
            let cells = index(&peaks, [0.9 * volume, 1.15 * volume], None, 800_000);
            let same = |cell: &Cell| {
                let ratio = cell.reciprocal.determinant() / determinant;
                cell.lattice.system == lattice.system && (ratio - 1.0).abs() < 0.01
            };
            let place = cells.iter().position(same);
            assert!(place.is_some_and(|k| k < 3), "{lattice:?}: {place:?}");
        }
    }

    #[test]
    fn peaks_at_random_places_have_no_symmetric_cell() {
        let mut q = 0.9;
        let mut peaks = Vec::new();
        for k in 0..COMPARED {
            q += 0.05 + 0.11 * (f64::from(k as u8) * 2.39).sin().abs();
            peaks.push(Maximum { q, height: 1.0 });
        }
        let cells = index(&peaks, [60.0, 90.0], None, 800_000);
        let symmetric = [CrystalSystem::Cubic, CrystalSystem::Hexagonal, CrystalSystem::Tetragonal];
        assert!(cells.iter().all(|c| !symmetric.contains(&c.lattice.system)));
        assert!(index(&peaks[..2], [60.0, 90.0], None, 1000).is_empty());
    }

    #[test]
    fn the_bounds_of_a_region_hold_for_what_lies_in_it() {
        for lattice in LATTICES {
            let (low, high) = ([0.4, 0.3, 0.5, 0.1], [0.6, 0.5, 0.8, 0.2]);
            let determinants = lattice.determinant(&low, &high);
            for k in 0..27 {
                let part = |i: u32| 0.5 * f64::from(k / 3_i32.pow(i) % 3);
                let shares = [part(0), part(1), part(2), part((k % 3) as u32)];
                let metric: [f64; MOST] =
                    std::array::from_fn(|i| low[i] + shares[i] * (high[i] - low[i]));
                let determinant = lattice.reciprocal(&metric).determinant();
                assert!(determinants[0] <= determinant * (1.0 + 1e-12));
                assert!(determinants[1] >= determinant * (1.0 - 1e-12));
                for h in [[1, 0, 2], [-3, 1, 2], [2, 2, 1]] {
                    let c = lattice.coefficients(h).map(f64::from);
                    let [from, to] = range(&c, &low, &high);
                    let square = dot(&c, &metric);
                    assert!(from <= square + 1e-12 && square <= to + 1e-12, "{lattice:?} {h:?}");
                }
            }
        }
    }
}
