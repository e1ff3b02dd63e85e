//! Reflections and peaks of a list of atoms.

use nalgebra::{Matrix3, Vector3};
use thiserror::Error;

use super::lorentz_polarisation;
use super::phases::{Complex, Phases};
use super::{FormFactor, Radiation};
use crate::{Element, Lattice, Structure};

/// Why a pattern cannot be calculated.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DiffractionError {
    /// An element without a form factor.
    #[error("there is no form factor for {0}: the table ends with californium")]
    NoFormFactor(Element),
    /// A range that is none.
    #[error("a pattern from {from} to {to} degrees: angles 2 theta ascend within 0 to 180")]
    Range {
        /// Where it begins, 2 theta in degrees.
        from: f64,
        /// Where it ends.
        to: f64,
    },
    /// More reflections than can be kept.
    #[error("the pattern has more than {limit} reflections: take a smaller range or cell")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

/// Most reflections of one half of the sphere.
const MAX_REFLECTIONS: usize = 4_000_000;

/// A reflection with its Friedel mate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reflection {
    /// Miller indices.
    pub hkl: [i32; 3],
    /// Q = 2 pi / d in 1/angstrom.
    pub q: f64,
    /// Intensity, both mates counted.
    pub intensity: f64,
}

/// A peak of a powder: all reflections at one angle.
#[derive(Debug, Clone, PartialEq)]
pub struct Peak {
    /// Angle in degrees.
    pub two_theta_deg: f64,
    /// Spacing of the planes in angstrom.
    pub d: f64,
    /// Intensity of all its reflections.
    pub intensity: f64,
    /// Their Miller indices, one of each Friedel pair.
    pub hkl: Vec<[i32; 3]>,
}

/// Reflections with `q_range[0] <= Q <= q_range[1]` in 1/angstrom, one of each Friedel pair, in no
/// order; intensities for one `wavelength` in angstrom, Q below its limit 4 pi / wavelength.
///
/// # Errors
///
/// Elements without form factor, a range beyond the limit, more than four million reflections.
pub fn reflections(
    structure: &Structure,
    wavelength: f64,
    q_range: [f64; 2],
) -> Result<Vec<Reflection>, DiffractionError> {
    let limit = 4.0 * std::f64::consts::PI / wavelength;
    let angle = |q: f64| 2.0 * (q / limit).min(1.0).asin().to_degrees();
    if !(q_range[0] >= 0.0 && q_range[0] < q_range[1] && q_range[1] < limit) {
        return Err(DiffractionError::Range { from: angle(q_range[0]), to: angle(q_range[1]) });
    }
    let indices = half_sphere(&structure.lattice, q_range)?;
    let scatterers = Scatterers::of(structure)?;
    Ok(scatterers.reflections(&structure.lattice, wavelength, &indices))
}

/// Indices of one of each Friedel pair between two values of Q: the first that is not zero is positive.
pub(super) fn half_sphere(
    lattice: &Lattice,
    q_range: [f64; 2],
) -> Result<Vec<[i32; 3]>, DiffractionError> {
    let too_many = DiffractionError::TooMany { limit: MAX_REFLECTIONS };
    let reciprocal = lattice.reciprocal();
    let metric = reciprocal.transpose() * reciprocal;
    let [low, high] = q_range.map(|q| (q / std::f64::consts::TAU).powi(2));
    let expected = lattice.volume() * high.powf(1.5) * 2.1;
    if expected > MAX_REFLECTIONS as f64 {
        return Err(too_many);
    }
    // |h| <= |G| |a|, as h = G . a
    let lengths = lattice.parameters().lengths;
    let bound = |axis: usize| (high.sqrt() * lengths[axis] + 1e-9).floor() as i32;
    let (h_max, k_max) = (bound(0), bound(1));
    let g = |i: usize, j: usize| metric[(i, j)];
    let mut found = Vec::with_capacity(expected as usize + 16);
    for h in 0..=h_max {
        for k in if h == 0 { 0..=k_max } else { -k_max..=k_max } {
            let (hf, kf) = (f64::from(h), f64::from(k));
            // |G|^2 = p l^2 + 2 q l + r between the roots of |G|^2 = high
            let (p, q) = (g(2, 2), hf * g(0, 2) + kf * g(1, 2));
            let r = hf * hf * g(0, 0) + 2.0 * hf * kf * g(0, 1) + kf * kf * g(1, 1);
            let inside = q * q - p * (r - high);
            if inside < 0.0 {
                continue;
            }
            let root = inside.sqrt();
            let first = ((-q - root) / p - 1e-9).ceil() as i32;
            let last = ((-q + root) / p + 1e-9).floor() as i32;
            let first = if h == 0 && k == 0 { first.max(1) } else { first };
            for l in first..=last {
                let lf = f64::from(l);
                let g2 = (p * lf + 2.0 * q) * lf + r;
                if g2 >= low && g2 <= high {
                    found.push([h, k, l]);
                }
            }
        }
    }
    if found.len() > MAX_REFLECTIONS { Err(too_many) } else { Ok(found) }
}

/// Largest index along each axis.
pub(super) fn limits(indices: &[[i32; 3]]) -> [i32; 3] {
    let mut limits = [0; 3];
    for hkl in indices {
        for (limit, index) in limits.iter_mut().zip(hkl) {
            *limit = index.abs().max(*limit);
        }
    }
    limits
}

/// Atoms of one element and displacement.
struct Scatterer {
    factor: &'static FormFactor,
    b_iso: f64,
    atoms: std::ops::Range<usize>,
}

/// Atoms of a structure, sorted by what they scatter.
struct Scatterers {
    kinds: Vec<Scatterer>,
    positions: Vec<Vector3<f64>>,
    occupancies: Vec<f64>,
    full: bool,
}

impl Scatterers {
    fn of(structure: &Structure) -> Result<Self, DiffractionError> {
        let mut order: Vec<usize> = (0..structure.sites.len()).collect();
        let b_iso = |k: usize| structure.sites[k].b_iso.unwrap_or(0.0);
        let sites = &structure.sites;
        order.sort_by(|&i, &j| {
            sites[i].element.cmp(&sites[j].element).then(b_iso(i).total_cmp(&b_iso(j)))
        });
        let mut kinds: Vec<Scatterer> = Vec::new();
        let mut last = None;
        for (place, &k) in order.iter().enumerate() {
            let kind = (sites[k].element, b_iso(k));
            if last == Some(kind) {
                if let Some(open) = kinds.last_mut() {
                    open.atoms.end = place + 1;
                }
            } else {
                let factor =
                    FormFactor::of(kind.0).ok_or(DiffractionError::NoFormFactor(kind.0))?;
                kinds.push(Scatterer { factor, b_iso: kind.1, atoms: place..place + 1 });
                last = Some(kind);
            }
        }
        let occupancies: Vec<f64> = order.iter().map(|&k| sites[k].occupancy).collect();
        Ok(Self {
            kinds,
            positions: order.iter().map(|&k| sites[k].position).collect(),
            full: occupancies.iter().all(|&o| o == 1.0),
            occupancies,
        })
    }

    fn reflections(
        &self,
        lattice: &Lattice,
        wavelength: f64,
        indices: &[[i32; 3]],
    ) -> Vec<Reflection> {
        let reciprocal = lattice.reciprocal();
        let metric = reciprocal.transpose() * reciprocal;
        let phases = Phases::new(&self.positions, limits(indices));
        let interpolations: Vec<_> =
            self.kinds.iter().map(|kind| kind.factor.interpolation()).collect();
        let mut plane = vec![Complex::ZERO; self.positions.len()];
        let mut last = None;
        let mut found = Vec::with_capacity(indices.len());
        for &hkl in indices {
            if last != Some([hkl[0], hkl[1]]) {
                let (a, b) = (phases.axis(0, hkl[0]), phases.axis(1, hkl[1]));
                for ((p, a), b) in plane.iter_mut().zip(a).zip(b) {
                    *p = a.times(*b);
                }
                if !self.full {
                    for (p, &occupancy) in plane.iter_mut().zip(&self.occupancies) {
                        *p = p.scaled(occupancy);
                    }
                }
                last = Some([hkl[0], hkl[1]]);
            }
            let g2 = squared_length(&metric, hkl);
            let s2 = g2 / 4.0;
            let along = phases.axis(2, hkl[2]);
            let mut amplitude = Complex::ZERO;
            for (kind, interpolation) in self.kinds.iter().zip(&interpolations) {
                let mut sum = Complex::ZERO;
                for (p, c) in plane[kind.atoms.clone()].iter().zip(&along[kind.atoms.clone()]) {
                    sum = sum.plus(p.times(*c));
                }
                let mut f = interpolation.value(s2);
                if kind.b_iso != 0.0 {
                    f *= (-kind.b_iso * s2).exp();
                }
                amplitude = amplitude.plus(sum.scaled(f));
            }
            let (lp, _) = lorentz_polarisation(s2 * wavelength * wavelength);
            found.push(Reflection {
                hkl,
                q: std::f64::consts::TAU * g2.sqrt(),
                intensity: 2.0 * amplitude.norm2() * lp,
            });
        }
        found
    }
}

/// |G|^2 of integer indices.
fn squared_length(metric: &Matrix3<f64>, hkl: [i32; 3]) -> f64 {
    let h = Vector3::new(f64::from(hkl[0]), f64::from(hkl[1]), f64::from(hkl[2]));
    h.dot(&(metric * h))
}

/// Angles nearer than this are one peak, in degrees.
const SAME_ANGLE: f64 = 1e-5;

/// Peaks weaker than this share of the strongest are dropped.
const WEAKEST: f64 = 1e-5;

/// Peaks of a powder between two angles 2 theta in degrees, ascending, for the strongest line of the
/// radiation. Same rules as `XRDCalculator` of pymatgen: angles in one bin of 1e-5 degrees are one
/// peak at the first of them, peaks below 1e-5 of the strongest are dropped.
///
/// # Errors
///
/// Elements without form factor, a range beyond 0 to 180 degrees, too many reflections.
pub fn peaks(
    structure: &Structure,
    radiation: &Radiation,
    two_theta_deg: [f64; 2],
) -> Result<Vec<Peak>, DiffractionError> {
    let [from, to] = two_theta_deg;
    if !(from >= 0.0 && from < to && to < 180.0) {
        return Err(DiffractionError::Range { from, to });
    }
    let wavelength = radiation.wavelength();
    let limit = 4.0 * std::f64::consts::PI / wavelength;
    let q = |angle: f64| limit * (angle / 2.0).to_radians().sin();
    let mut all = reflections(structure, wavelength, [q(from), q(to)])?;
    all.sort_by(|a, b| a.q.total_cmp(&b.q));
    let mut found: Vec<(i64, Peak)> = Vec::new();
    for r in all {
        let angle = 2.0 * (r.q / limit).asin().to_degrees();
        let bin = (angle / SAME_ANGLE).round_ties_even() as i64;
        match found.last_mut() {
            Some((last, peak)) if *last == bin => {
                peak.intensity += r.intensity;
                peak.hkl.push(r.hkl);
            }
            _ => {
                let d = std::f64::consts::TAU / r.q;
                let (intensity, hkl) = (r.intensity, vec![r.hkl]);
                found.push((bin, Peak { two_theta_deg: angle, d, intensity, hkl }));
            }
        }
    }
    let strongest = found.iter().map(|(_, p)| p.intensity).fold(0.0, f64::max);
    let peaks = found.into_iter().map(|(_, p)| p);
    Ok(peaks.filter(|p| p.intensity > WEAKEST * strongest).collect())
}
