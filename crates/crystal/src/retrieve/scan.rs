//! Ranking of prototypes by coarse patterns.
//!
//! Patterns are peaks on a grid of 0.02 1/angstrom up to Q = 6, convolved with a pseudo-Voigt of width
//! 0.12 (in the transform, where cosines are taken too). What does not depend on the elements, pair
//! factors of merged reflections, is kept with the prototype.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};

use super::library::{Label, Library, Prototype, orders};
use crate::Element;
use crate::diffraction::{DiffractionError, FormFactor, PowderModel};
use crate::symmetry::{SpaceGroup, SymmetricStructure};

/// Grid of the coarse patterns in 1/angstrom.
const STEP: f64 = 0.02;
const Q_MIN: f64 = 0.5;
const Q_MAX: f64 = 6.0;
const POINTS: usize = 300;
const WIDTH: f64 = 0.12;

/// Length of the transform: the range, and room for the tails.
const LENGTH: usize = 640;

/// Reflections of a prototype are kept up to this Q at its own size.
const PROTOTYPE_Q_MAX: f64 = 7.6;

/// Wavelength at which pair factors are made; they do not depend on it.
const ANY_WAVELENGTH: f64 = 0.5;

/// Steps of the logarithm of the scale, and how many to each side.
const SCALE_STEP: f64 = 0.0075;
const SCALE_STEPS: i32 = 13;

/// Proposals whose scale is looked at in fine steps.
const FINE: usize = 80;

/// Prototypes that a proposal keeps besides its own.
const ALTERNATIVES: usize = 4;

/// Fine steps of Q in tables of form factors.
const TABLE_STEP: f64 = 0.002;

/// Most pairs of elements.
const PAIRS: usize = Library::MOST_ELEMENTS * (Library::MOST_ELEMENTS + 1) / 2;

/// Merged reflections of a prototype.
#[derive(Debug, Clone, Default)]
pub(super) struct Geometry {
    q: Vec<f32>,
    /// Pair factors, reflection after reflection.
    factors: Vec<f32>,
    pairs: usize,
}

impl Geometry {
    /// Merges reflections of equal Q. None if the pattern cannot be calculated.
    pub(super) fn of(structure: &SymmetricStructure) -> Option<Self> {
        let model = PowderModel::new(structure, ANY_WAVELENGTH, PROTOTYPE_Q_MAX, 0.0).ok()?;
        let (q, columns) = model.pair_factors().ok()?;
        let mut order: Vec<usize> = (0..q.len()).collect();
        order.sort_by(|&i, &j| q[i].total_cmp(&q[j]));
        let pairs = columns.len();
        let mut geometry = Self { q: Vec::new(), factors: Vec::new(), pairs };
        let mut last = f64::NEG_INFINITY;
        for k in order {
            let strength: f64 = columns.iter().map(|c| c[k].abs()).sum();
            if strength < 1e-6 {
                continue;
            }
            if q[k] - last > 1e-3 {
                last = q[k];
                geometry.q.push(last as f32);
                geometry.factors.resize(geometry.factors.len() + pairs, 0.0);
            }
            let begin = geometry.factors.len() - pairs;
            for (sum, column) in geometry.factors[begin..].iter_mut().zip(&columns) {
                *sum += column[k] as f32;
            }
        }
        Some(geometry)
    }
}

/// A prototype with elements and size.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// Place of the prototype in the library.
    pub prototype: usize,
    /// Element of each slot.
    pub elements: Vec<Element>,
    /// Factor of all its lengths.
    pub scale: f64,
    /// Likeness of the coarse patterns, at most 1.
    pub cosine: f64,
    /// Other prototypes of the same group, elements and letters, that came behind this.
    pub alternatives: Vec<Proposal>,
}

/// What is known of a crystal: its pattern, what it is made of, and perhaps its symmetry.
#[derive(Debug, Clone)]
pub struct Query {
    /// Peaks `(q, intensity)`: reflections, or points of a measurement times their distance.
    pub peaks: Vec<(f64, f64)>,
    /// Range of Q in 1/angstrom over which the pattern is complete.
    pub q_range: [f64; 2],
    /// Wavelength in angstrom.
    pub wavelength: f64,
    /// Atoms of each element in the primitive cell.
    pub composition: BTreeMap<Element, usize>,
    /// Its symmetry where that is known. A scan does not look at it: libraries are restricted to it beforehand.
    pub symmetry: Option<KnownSymmetry>,
}

/// What is known of a crystal's symmetry.
#[derive(Debug, Clone)]
pub struct KnownSymmetry {
    /// Its space group.
    pub group: &'static SpaceGroup,
    /// Free parameters of its cell (angstrom, degrees), if that is known; several where axes may be named in
    /// several orders.
    pub cells: Vec<Vec<f64>>,
}

impl Library {
    /// Every prototype with the query's numbers of atoms, with every assignment of its elements, at its
    /// best size, best first. Of proposals with the same group, elements and letters the best stands for
    /// the others, of which it keeps a few.
    ///
    /// # Errors
    ///
    /// Elements without form factors.
    pub fn scan(&self, query: &Query) -> Result<Vec<Proposal>, DiffractionError> {
        let mut known: Vec<(usize, Element)> =
            query.composition.iter().map(|(e, n)| (*n, *e)).collect();
        known.sort_unstable();
        let counts: Vec<usize> = known.iter().map(|(n, _)| *n).collect();
        let elements: Vec<Element> = known.iter().map(|(_, e)| *e).collect();
        // no prototype has more elements than the tables of pairs have room for
        if self.of_counts(&counts).next().is_none() {
            return Ok(Vec::new());
        }
        let mut scanner = Scanner::new(query)?;
        let assignments = orders(&elements, &counts);
        let mut proposals = Vec::new();
        for (place, prototype) in self.of_counts(&counts) {
            for assigned in &assignments {
                let middle = self.expected_scale(prototype, assigned);
                let table = scanner.table(assigned, &elements);
                let coarse = (-SCALE_STEPS..=SCALE_STEPS).step_by(2);
                let best = scanner.best(prototype.geometry(), &table, middle, coarse);
                proposals.push((best, place, assigned, middle));
            }
        }
        proposals.sort_by(|a, b| b.0.1.total_cmp(&a.0.1));
        for (best, place, assigned, middle) in proposals.iter_mut().take(FINE) {
            let table = scanner.table(assigned, &elements);
            let geometry = self.prototypes()[*place].geometry();
            let next = [best.0 - 1, best.0 + 1].into_iter();
            let finer = scanner.best(geometry, &table, *middle, next);
            if finer.1 > best.1 {
                *best = finer;
            }
        }
        proposals.sort_by(|a, b| b.0.1.total_cmp(&a.0.1));
        let mut places: HashMap<Label, usize> = HashMap::new();
        let mut ranked: Vec<Proposal> = Vec::new();
        for ((step, cosine), prototype, assigned, middle) in proposals {
            let structure = &self.prototypes()[prototype].structure;
            let slot = |e: Element| assigned[usize::from(e.atomic_number()) - 1];
            let mut label: Vec<(Element, char)> =
                structure.letters().into_iter().map(|(e, letter)| (slot(e), letter)).collect();
            label.sort_unstable();
            let scale = middle * (f64::from(step) * SCALE_STEP).exp();
            let elements = assigned.clone();
            let proposal =
                Proposal { prototype, elements, scale, cosine, alternatives: Vec::new() };
            match places.entry((structure.group.number, label)) {
                Entry::Vacant(entry) => {
                    entry.insert(ranked.len());
                    ranked.push(proposal);
                }
                Entry::Occupied(entry) => {
                    let kept = &mut ranked[*entry.get()].alternatives;
                    if kept.len() < ALTERNATIVES {
                        kept.push(proposal);
                    }
                }
            }
        }
        Ok(ranked)
    }

    /// Size of a prototype with other elements: the mean of what volumes of elements say of the change
    /// and of the whole.
    fn expected_scale(&self, prototype: &Prototype, elements: &[Element]) -> f64 {
        let wanted = self.volume(elements, &prototype.counts);
        let had = self.volume_of(prototype);
        (wanted / had * wanted / prototype.volume).powf(1.0 / 6.0)
    }
}

/// Products of form factors and the Lorentz-polarisation factor at each step of Q, for each pair of
/// slots.
struct Table {
    pairs: Vec<usize>,
}

/// Patterns of proposals against one query.
struct Scanner {
    /// For each step of Q, `f_a f_b` times Lorentz-polarisation for each pair of the query's elements.
    products: Vec<[f32; PAIRS]>,
    elements: usize,
    q_range: [f32; 2],
    forward: Arc<dyn RealToComplex<f32>>,
    buffer: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    /// Square of the profile's transform, with the weight of each term.
    kernel: Vec<f32>,
    /// The query's transform times the same, of norm 1.
    target: Vec<Complex32>,
}

impl Scanner {
    fn new(query: &Query) -> Result<Self, DiffractionError> {
        let mut known: Vec<(usize, Element)> =
            query.composition.iter().map(|(e, n)| (*n, *e)).collect();
        known.sort_unstable();
        let factor = |e: Element| FormFactor::of(e).ok_or(DiffractionError::NoFormFactor(e));
        let factors = known.iter().map(|(_, e)| factor(*e)).collect::<Result<Vec<_>, _>>()?;
        let mut scanner = Self {
            products: products(&factors, query.wavelength),
            elements: factors.len(),
            q_range: [query.q_range[0].max(Q_MIN) as f32, query.q_range[1].min(Q_MAX) as f32],
            forward: RealFftPlanner::new().plan_fft_forward(LENGTH),
            buffer: vec![0.0; LENGTH],
            spectrum: vec![Complex32::default(); LENGTH / 2 + 1],
            scratch: Vec::new(),
            kernel: Vec::new(),
            target: Vec::new(),
        };
        scanner.scratch = scanner.forward.make_scratch_vec();
        for (k, value) in scanner.buffer.iter_mut().enumerate() {
            let t = k.min(LENGTH - k) as f64 * STEP / WIDTH;
            let gauss = (-4.0 * std::f64::consts::LN_2 * t * t).exp();
            *value = (0.5 / (1.0 + 4.0 * t * t) + 0.5 * gauss) as f32;
        }
        scanner.transform();
        let ends = |k: usize| if k == 0 || k == LENGTH / 2 { 1.0 } else { 2.0 };
        scanner.kernel =
            scanner.spectrum.iter().enumerate().map(|(k, c)| c.norm_sqr() * ends(k)).collect();
        scanner.buffer.fill(0.0);
        let strongest = query.peaks.iter().map(|p| p.1).fold(f64::MIN_POSITIVE, f64::max);
        for &(q, intensity) in &query.peaks {
            scanner.deposit(q as f32, (intensity / strongest) as f32);
        }
        scanner.transform();
        let each = scanner.spectrum.iter().zip(&scanner.kernel);
        let norm: f32 = each.clone().map(|(c, k)| c.norm_sqr() * k).sum::<f32>().sqrt();
        scanner.target = each.map(|(c, k)| c * (k / norm.max(f32::MIN_POSITIVE))).collect();
        Ok(scanner)
    }

    fn transform(&mut self) {
        // lengths agree, so the transform cannot fail
        let _ = self.forward.process_with_scratch(
            &mut self.buffer,
            &mut self.spectrum,
            &mut self.scratch,
        );
    }

    /// Which product belongs to each pair of slots.
    fn table(&self, assigned: &[Element], elements: &[Element]) -> Table {
        let place = |e: &Element| elements.iter().position(|k| k == e).unwrap_or(0);
        let n = self.elements;
        let mut pairs = Vec::new();
        for a in 0..n {
            for b in a..n {
                let (i, j) = (place(&assigned[a]), place(&assigned[b]));
                pairs.push(pair_index(i.min(j), i.max(j), n));
            }
        }
        Table { pairs }
    }

    /// Best of some steps of the scale, with its cosine.
    fn best(
        &mut self,
        geometry: &Geometry,
        table: &Table,
        middle: f64,
        steps: impl Iterator<Item = i32>,
    ) -> (i32, f64) {
        let mut best = (0, f64::NEG_INFINITY);
        for step in steps {
            let scale = middle * (f64::from(step) * SCALE_STEP).exp();
            let cosine = self.cosine(geometry, table, scale as f32);
            if cosine > best.1 {
                best = (step, cosine);
            }
        }
        best
    }

    /// Shares a peak out to two points of the grid.
    fn deposit(&mut self, q: f32, intensity: f32) {
        let t = q / STEP as f32;
        let k = t as usize;
        if q >= self.q_range[0] && q <= self.q_range[1] && k + 1 < POINTS {
            let u = t - k as f32;
            self.buffer[k] += intensity * (1.0 - u);
            self.buffer[k + 1] += intensity * u;
        }
    }

    fn cosine(&mut self, geometry: &Geometry, table: &Table, scale: f32) -> f64 {
        self.buffer.fill(0.0);
        let factors = geometry.factors.chunks_exact(geometry.pairs.max(1));
        for (&q, factors) in geometry.q.iter().zip(factors) {
            let q = q / scale;
            if q >= self.q_range[1] {
                break;
            }
            let products = &self.products[(q / TABLE_STEP as f32) as usize];
            let mut intensity = 0.0;
            for (factor, &pair) in factors.iter().zip(&table.pairs) {
                intensity += factor * products[pair];
            }
            self.deposit(q, intensity);
        }
        self.transform();
        let (mut over, mut under) = (0.0_f32, 0.0_f32);
        for ((c, t), k) in self.spectrum.iter().zip(&self.target).zip(&self.kernel) {
            over += c.re * t.re + c.im * t.im;
            under += c.norm_sqr() * k;
        }
        f64::from(over / under.sqrt().max(f32::MIN_POSITIVE))
    }
}

/// Place of the pair `a <= b` among those of `n` elements.
fn pair_index(a: usize, b: usize, n: usize) -> usize {
    a * n - a * (a + 1) / 2 + b
}

/// Products of form factors and Lorentz-polarisation on the steps of Q.
fn products(factors: &[&FormFactor], wavelength: f64) -> Vec<[f32; PAIRS]> {
    let steps = (Q_MAX / TABLE_STEP) as usize + 2;
    let n = factors.len();
    let at = |k: usize| {
        let s = (k as f64 + 0.5) * TABLE_STEP / (4.0 * std::f64::consts::PI);
        let sin2 = (s * wavelength).powi(2).min(0.99);
        let double = 1.0 - 2.0 * sin2;
        let lp = (1.0 + double * double) / (sin2 * (1.0 - sin2).sqrt());
        let f: Vec<f64> = factors.iter().map(|f| f.at(s * s).0).collect();
        let mut row = [0.0; PAIRS];
        for a in 0..n {
            for b in a..n {
                // scaled so that f32 holds the sums
                row[pair_index(a, b, n)] = (f[a] * f[b] * lp * 1e-6) as f32;
            }
        }
        row
    };
    (0..steps).map(at).collect()
}
